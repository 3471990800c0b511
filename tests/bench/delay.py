"""A link with a delay between two network namespaces, for kernels without netem: two tun devices, and a loop that
carries packets from one to the other after a pause. Owns the devices; they go when the process does."""

import fcntl
import heapq
import itertools
import os
import select
import struct
import subprocess
import time

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000


def device(name, namespace, addresses, peer):
    """A tun device in `namespace`; its other end is the descriptor that is returned."""
    end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    # The descriptor stays with the device when it moves.
    subprocess.run(["ip", "link", "set", name, "netns", namespace], check=True)
    for command in (
        *(["addr", "add", address, "dev", name] for address in addresses),
        ["link", "set", name, "up", "mtu", "1400"],
        ["route", "add", peer, "dev", name],
    ):
        subprocess.run(["ip", "-n", namespace, *command], check=True)
    return end


def carry(near, far, one_way_seconds, stop):
    """Carries packets both ways until `stop` is readable."""
    waiting = []
    order = itertools.count()
    other = {near: far, far: near}
    while True:
        pause = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        ready, _, _ = select.select([near, far, stop], [], [], pause)
        if stop in ready:
            return
        due = time.monotonic() + one_way_seconds
        for end in ready:
            try:
                while True:
                    heapq.heappush(waiting, (due, next(order), other[end], os.read(end, 65536)))
            except BlockingIOError:
                pass
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, _, end, packet = heapq.heappop(waiting)
            try:
                os.write(end, packet)
            except OSError:
                # A packet may be lost, as on any network.
                pass

//! What the kernel says of the listener behind a socket file: who called `listen()` on it (`SO_PEERCRED`, unix(7)), and
//! which listening socket is bound to that very file (`sock_diag(7)`).

use std::fs::Metadata;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::unix::nlas::{Nla, Vfs};
use netlink_packet_sock_diag::unix::{ShowFlags, StateFlags, UnixRequest};
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::sockopt::PeerCredentials;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, UnixAddr, connect, getsockopt, recvfrom,
    sendto, socket,
};

use super::doubt::Doubt;

/// Bytes of one answer of the kernel; it sends at most 32 KiB at once.
const ANSWER: usize = 64 * 1024;
/// Answers that are read: some hundred sockets each.
const MAX_ANSWERS: usize = 4096;

/// The process that called `listen()` on the socket at `path`, as our process namespace numbers it; `None` when it is
/// in none that we see, or takes no connection at the moment. The connection is closed again at once.
///
/// The kernel keeps the process with the listening socket and copies it to each connection: it is its own word, and no
/// path, name or later holder of the socket can change it. A process that has handed its socket on stays named.
pub(super) fn peer(path: &Path) -> Result<Option<i32>, Doubt> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let credentials = || {
        let connection = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
        connect(connection.as_raw_fd(), &UnixAddr::new(path)?)?;
        getsockopt(&connection, PeerCredentials)
    };
    match credentials() {
        Ok(credentials) => Ok(Some(credentials.pid()).filter(|pid| *pid > 0)),
        // Its queue is full: a blocking connection would wait.
        Err(Errno::EAGAIN) => Ok(None),
        Err(Errno::EACCES | Errno::EPERM) => Err(Doubt::SocketClosed),
        Err(error) => Err(Doubt::NotConnected(error.into())),
    }
}

/// The inodes of the listening sockets that are bound to a file, in the network namespace of this process.
///
/// Errors: the kernel has no such list, or does not end it.
pub(super) fn bound_to(file: &Metadata) -> io::Result<Vec<u64>> {
    let bound = Nla::Vfs(kernels_name(file)?);
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let kernel = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkSockDiag)?;
    sendto(kernel.as_raw_fd(), &question(), &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
    let mut answer = vec![0; ANSWER];
    let mut inodes = Vec::new();
    for _ in 0..MAX_ANSWERS {
        for message in messages(receive(&kernel, &mut answer)?)? {
            match message.payload {
                NetlinkPayload::InnerMessage(SockDiagMessage::UnixResponse(socket)) => {
                    if socket.nlas.contains(&bound) {
                        inodes.push(u64::from(socket.header.inode));
                    }
                }
                NetlinkPayload::Done(_) => return Ok(inodes),
                NetlinkPayload::Error(error) => return Err(error.to_io()),
                _ => return Err(odd()),
            }
        }
    }
    Err(odd())
}

/// A file as the kernel's list names it: the lower half of its inode's number, and its device in the kernel's own
/// encoding, in which the minor number has the lower 20 bits (`net/unix/diag.c` `sk_diag_dump_vfs`, `kdev_t.h`).
fn kernels_name(file: &Metadata) -> io::Result<Vfs> {
    let [inode, device] = [file.ino() & u64::from(u32::MAX), kernels_device(file.dev())];
    // The fields of the type are closed; what the kernel would send is parsed instead.
    let sent: Vec<u8> =
        [inode, device].iter().filter_map(|n| u32::try_from(*n).ok()).flat_map(u32::to_ne_bytes).collect();
    Vfs::parse(&sent).map_err(|_| odd())
}

fn kernels_device(device: u64) -> u64 {
    u64::from(libc::major(device)) << 20 | u64::from(libc::minor(device))
}

/// Asks for every listening unix socket and the file it is bound to.
fn question() -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let request =
        UnixRequest { state_flags: StateFlags::LISTEN, inode: 0, show_flags: ShowFlags::VFS, cookie: [0xff; 8] };
    let mut message = NetlinkMessage::new(header, NetlinkPayload::from(SockDiagMessage::UnixRequest(request)));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// The next answer. The kernel writes a list's first part while it is asked and each further one while the last is
/// read, so that there is nothing to wait for.
fn receive<'a>(kernel: &OwnedFd, buffer: &'a mut [u8]) -> io::Result<&'a [u8]> {
    let (length, sender) = recvfrom::<NetlinkAddr>(kernel.as_raw_fd(), buffer)?;
    // A process that may administer the network could write to us, too.
    if sender.is_none_or(|sender| sender.pid() != 0) {
        return Err(odd());
    }
    buffer.get(..length).ok_or_else(odd)
}

fn messages(mut bytes: &[u8]) -> io::Result<Vec<NetlinkMessage<SockDiagMessage>>> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let message = NetlinkMessage::<SockDiagMessage>::deserialize(bytes).map_err(|_| odd())?;
        // Messages begin at multiples of four bytes.
        let length = usize::try_from(message.header.length).map_err(|_| odd())?.next_multiple_of(4);
        bytes = bytes.get(length.max(4)..).unwrap_or_default();
        messages.push(message);
    }
    Ok(messages)
}

fn odd() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the kernel's list of sockets is not understood")
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_device_is_encoded_as_the_kernel_does() {
        let check = |major: u32, minor: u32, want: u64| assert_eq!(kernels_device(libc::makedev(major, minor)), want);
        check(0, 25, 25);
        check(8, 1, 0x80_0001);
        check(254, 0, 0x0fe0_0000);
        check(259, 0xf_ffff, 0x103f_ffff);
    }

    #[test]
    fn a_socket_file_leads_to_the_socket_that_was_bound_to_it_and_to_no_other_of_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runtime.sock");
        let before = UnixListener::bind(&path).unwrap();
        std::fs::rename(&path, folder.path().join("old.sock")).unwrap();
        let now = UnixListener::bind(&path).unwrap();
        let inode = |listener: &UnixListener| {
            let target = std::fs::read_link(format!("/proc/self/fd/{}", listener.as_raw_fd())).unwrap();
            super::super::formats::parse_socket_link(target.to_str().unwrap()).unwrap()
        };
        assert_eq!(bound_to(&path.metadata().unwrap()).unwrap(), [inode(&now)]);
        assert_eq!(bound_to(&folder.path().join("old.sock").metadata().unwrap()).unwrap(), [inode(&before)]);
        assert!(bound_to(&folder.path().metadata().unwrap()).unwrap().is_empty());
        drop(now);
        assert!(bound_to(&path.metadata().unwrap()).unwrap().is_empty());
    }

    #[test]
    fn the_peer_is_who_listens_even_when_it_takes_no_connection() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runtime.sock");
        let listener = UnixListener::bind(&path).unwrap();
        assert_eq!(peer(&path).unwrap(), i32::try_from(std::process::id()).ok());
        drop(listener);
        assert!(peer(&path).unwrap_err().to_string().contains("Connection refused"));
        std::fs::remove_file(&path).unwrap();
        assert!(peer(&path).unwrap_err().to_string().contains("No such file"));
    }

    #[test]
    fn a_full_queue_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runtime.sock");
        let flags = SockFlag::SOCK_CLOEXEC;
        let listener = socket(AddressFamily::Unix, SockType::Stream, flags, None).unwrap();
        nix::sys::socket::bind(listener.as_raw_fd(), &UnixAddr::new(&path).unwrap()).unwrap();
        nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(1).unwrap()).unwrap();
        let connections: Vec<_> = (0..2).map(|_| std::os::unix::net::UnixStream::connect(&path).unwrap()).collect();
        assert_eq!(peer(&path).unwrap(), None);
        drop(connections);
    }

    #[test]
    fn what_is_no_list_is_an_error() {
        assert!(messages(&[]).unwrap().is_empty());
        for bytes in [&[0; 3][..], &[0; 16], &[0xff; 40], &[20, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]] {
            assert!(messages(bytes).is_err(), "{bytes:?}");
        }
    }
}

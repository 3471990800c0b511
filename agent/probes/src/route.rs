//! The way out of this node towards an address, as the kernel's routes have it. No packet is sent.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

/// Our own address towards `ip`, by connecting a datagram socket; nothing is sent.
pub(crate) fn source_towards(ip: IpAddr) -> Option<IpAddr> {
    let any = if ip.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { IpAddr::from(Ipv6Addr::UNSPECIFIED) };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((ip, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_reached_from_loopback() {
        let ip = Ipv4Addr::LOCALHOST.into();
        assert_eq!(source_towards(ip), Some(ip));
    }
}

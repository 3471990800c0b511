//! The order in which a host's addresses are dialled: RFC 6724, as far as Go follows it.

use std::cmp::Reverse;
use std::net::IpAddr;

/// Sorted by preference, each address once. `source` is our own address towards one; none if no route leads there.
///
/// Source: Go net/addrselect.go `sortByRFC6724`. Its rules are all comparisons of one property, so that they are one
/// key here; and they come to longest prefixes (for IPv6 only) between addresses of one family.
pub(super) fn sort_addresses(addresses: &[IpAddr], source: impl Fn(IpAddr) -> Option<IpAddr>) -> Vec<IpAddr> {
    let mut sorted = Vec::with_capacity(addresses.len());
    for ip in addresses {
        if !sorted.contains(ip) {
            sorted.push(*ip);
        }
    }
    sorted.sort_by_cached_key(|ip| {
        let source = source(*ip);
        let rules = source.map(|source| {
            (
                scope(*ip) != scope(source),
                label(*ip) != label(source),
                Reverse(precedence(*ip)),
                scope(*ip),
                Reverse(common_prefix(*ip, source)),
            )
        });
        (source.is_none(), rules)
    });
    sorted
}

/// RFC 6724 section 3.1.
fn scope(ip: IpAddr) -> u8 {
    const LINK_LOCAL: u8 = 0x2;
    const SITE_LOCAL: u8 = 0x5;
    const GLOBAL: u8 = 0xe;
    match ip {
        _ if ip.is_loopback() => LINK_LOCAL,
        IpAddr::V4(ip) if ip.is_link_local() => LINK_LOCAL,
        IpAddr::V6(ip) if ip.is_unicast_link_local() => LINK_LOCAL,
        IpAddr::V6(ip) if ip.is_multicast() => ip.octets()[1] & 0xf,
        IpAddr::V6(ip) if ip.segments()[0] & 0xffc0 == 0xfec0 => SITE_LOCAL,
        _ => GLOBAL,
    }
}

fn precedence(ip: IpAddr) -> u8 {
    policy(ip).0
}

fn label(ip: IpAddr) -> u8 {
    policy(ip).1
}

/// Precedence and label: RFC 6724 section 2.1.
fn policy(ip: IpAddr) -> (u8, u8) {
    let IpAddr::V6(ip) = ip else { return (35, 4) };
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => (50, 0),
        [0, 0, 0, 0, 0, 0, _, _] => (1, 3),
        [0x2001, 0, ..] => (5, 5),
        [0x2002, ..] => (30, 2),
        [0x3ffe, ..] => (1, 12),
        [first, ..] if first & 0xffc0 == 0xfec0 => (1, 11),
        [first, ..] if first & 0xfe00 == 0xfc00 => (3, 13),
        _ => (40, 1),
    }
}

/// How many leading bits of the network part two IPv6 addresses share.
fn common_prefix(a: IpAddr, b: IpAddr) -> u32 {
    let (IpAddr::V6(a), IpAddr::V6(b)) = (a, b) else { return 0 };
    ((a.to_bits() ^ b.to_bits()).leading_zeros()).min(64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Destinations and our address towards each, in the order they are given and as they should be dialled.
    #[track_caller]
    fn check(given: &[(&str, &str)], expected: &[&str]) {
        let parse = |text: &str| text.parse::<IpAddr>().ok();
        let addresses: Vec<_> = given.iter().filter_map(|(ip, _)| parse(ip)).collect();
        let source =
            |ip| given.iter().find(|(given, _)| parse(given) == Some(ip)).and_then(|(_, source)| parse(source));
        let sorted: Vec<_> = sort_addresses(&addresses, source).iter().map(ToString::to_string).collect();
        assert_eq!(sorted, expected);
    }

    #[test]
    fn go_sorts_these_alike() {
        // net/addrselect_test.go
        check(
            &[("2001:db8:1::1", "2001:db8:1::2"), ("198.51.100.121", "169.254.13.78")],
            &["2001:db8:1::1", "198.51.100.121"],
        );
        check(
            &[("2001:db8:1::1", "fe80::1"), ("198.51.100.121", "198.51.100.117")],
            &["198.51.100.121", "2001:db8:1::1"],
        );
        check(&[("2001:db8:1::1", "2001:db8:1::2"), ("10.1.2.3", "10.1.2.4")], &["2001:db8:1::1", "10.1.2.3"]);
        check(&[("2001:db8:1::1", "2001:db8:1::2"), ("fe80::1", "fe80::2")], &["fe80::1", "2001:db8:1::1"]);
    }

    #[test]
    fn an_unreachable_family_comes_last() {
        check(&[("2001:db8::1", ""), ("192.0.2.1", "192.0.2.9")], &["192.0.2.1", "2001:db8::1"]);
        check(&[("2001:db8::2", ""), ("2001:db8::1", "")], &["2001:db8::2", "2001:db8::1"]);
    }

    #[test]
    fn the_servers_order_of_ipv4_addresses_is_kept() {
        check(
            &[("192.0.2.200", "192.0.2.9"), ("10.0.0.1", "192.0.2.9"), ("192.0.2.8", "192.0.2.9")],
            &["192.0.2.200", "10.0.0.1", "192.0.2.8"],
        );
    }

    #[test]
    fn unique_local_addresses_yield_to_ipv4_unless_we_have_one() {
        check(&[("fd00::1", "2001:db8::9"), ("192.0.2.1", "192.0.2.9")], &["192.0.2.1", "fd00::1"]);
        check(&[("fd00::1", "fd00::9"), ("192.0.2.1", "192.0.2.9")], &["192.0.2.1", "fd00::1"]);
        check(&[("fd00::1", "fd00::9"), ("2001:db8::1", "fd00::9")], &["fd00::1", "2001:db8::1"]);
    }

    #[test]
    fn the_nearer_network_comes_first() {
        check(
            &[("2001:db8:2::1", "2001:db8:1::9"), ("2001:db8:1::1", "2001:db8:1::9")],
            &["2001:db8:1::1", "2001:db8:2::1"],
        );
    }

    #[test]
    fn an_address_is_dialled_once() {
        check(&[("192.0.2.1", "192.0.2.9"), ("192.0.2.1", "192.0.2.9")], &["192.0.2.1"]);
    }
}

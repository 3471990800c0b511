//! /etc/resolv.conf as Go reads it.
//!
//! Owns the parsing only: the file is read elsewhere, and what follows from it is `layer::dns`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the node's resolver asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resolver {
    /// The servers in order, at most three.
    pub servers: Vec<SocketAddr>,
    /// The search list, each name fully qualified (with its final dot).
    pub search: Vec<String>,
    /// Names with at least so many dots are asked as they are first.
    pub ndots: u8,
    /// How long one question to one server may take, in seconds.
    pub timeout_seconds: u32,
    /// How often the list of servers is gone through.
    pub attempts: u32,
    /// Every lookup begins with the next server.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rotate: bool,
    /// `A` and `AAAA` are asked one after the other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub single_request: bool,
    /// Questions go over TCP at once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub use_tcp: bool,
    /// Keywords and options that Go does not know. A binary with cgo asks libc because of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

/// The resolver that a resolv.conf describes; an absent or unreadable file is the empty text.
///
/// `host_name` is the node's: the domain in it is the search list of a file without one. `interface` gives the index
/// of a network interface, for servers like `fe80::1%eth0`; an unknown one leaves the address without a scope.
///
/// Source: Go `net/dnsconfig_unix.go` `dnsReadConfig`, net/dnsconfig.go.
pub fn parse_resolv_conf(text: &str, host_name: &str, interface: impl Fn(&str) -> Option<u32>) -> Resolver {
    let mut resolver = Resolver {
        servers: Vec::new(),
        search: Vec::new(),
        ndots: 1,
        timeout_seconds: 5,
        attempts: 2,
        rotate: false,
        single_request: false,
        use_tcp: false,
        unknown: Vec::new(),
    };
    for line in text.split('\n').filter(|line| !line.starts_with([';', '#'])) {
        let mut fields = line.split([' ', '\r', '\t']).filter(|field| !field.is_empty());
        match fields.next() {
            None | Some("lookup") => {}
            Some("nameserver") => {
                resolver.servers.extend(fields.next().and_then(|field| parse_server(field, &interface)));
            }
            Some("domain") => {
                if let Some(domain) = fields.next() {
                    resolver.search = vec![rooted(domain)];
                }
            }
            Some("search") => resolver.search = fields.map(rooted).filter(|name| name != ".").collect(),
            Some("options") => fields.for_each(|option| apply(&mut resolver, option)),
            Some(keyword) => resolver.unknown.push(keyword.to_owned()),
        }
    }
    resolver.servers.truncate(MAX_SERVERS);
    if resolver.servers.is_empty() {
        resolver.servers = vec![(Ipv4Addr::LOCALHOST, PORT).into(), (Ipv6Addr::LOCALHOST, PORT).into()];
    }
    if resolver.search.is_empty() {
        let domain = host_name.split_once('.').map(|(_, domain)| domain).filter(|domain| !domain.is_empty());
        resolver.search = domain.map(rooted).into_iter().collect();
    }
    resolver
}

const PORT: u16 = 53;
const MAX_SERVERS: usize = 3;
const MAX_NDOTS: u8 = 15;
/// Go's parser of numbers stops here.
const MAX_NUMBER: u32 = 0x00FF_FFFF;

fn apply(resolver: &mut Resolver, option: &str) {
    match option.split_once(':') {
        Some(("ndots", value)) => resolver.ndots = u8::try_from(number(value)).unwrap_or(MAX_NDOTS).min(MAX_NDOTS),
        Some(("timeout", value)) => resolver.timeout_seconds = number(value).max(1),
        Some(("attempts", value)) => resolver.attempts = number(value).max(1),
        _ => match option {
            "rotate" => resolver.rotate = true,
            "single-request" | "single-request-reopen" => resolver.single_request = true,
            "use-vc" | "usevc" | "tcp" => resolver.use_tcp = true,
            // Known, and nothing changes for one lookup: EDNS0 is always sent, the AD bit is never looked at.
            "trust-ad" | "edns0" | "no-reload" => {}
            _ => resolver.unknown.push(option.to_owned()),
        },
    }
}

/// The leading digits; what follows them does not matter, and no digits are zero.
fn number(text: &str) -> u32 {
    text.bytes()
        .map_while(|byte| char::from(byte).to_digit(10))
        .try_fold(0, |sum: u32, digit| Some(sum * 10 + digit).filter(|sum| *sum < MAX_NUMBER))
        .unwrap_or(MAX_NUMBER)
}

fn parse_server(field: &str, interface: impl Fn(&str) -> Option<u32>) -> Option<SocketAddr> {
    let Some((ip, zone)) = field.split_once('%') else {
        return Some(SocketAddr::new(field.parse::<IpAddr>().ok()?, PORT));
    };
    let ip: Ipv6Addr = ip.parse().ok()?;
    if zone.is_empty() || ip.to_ipv4_mapped().is_some() {
        return None;
    }
    let scope = interface(zone).unwrap_or_else(|| number(zone));
    Some(SocketAddrV6::new(ip, PORT, 0, scope).into())
}

fn rooted(name: &str) -> String {
    if name.ends_with('.') { name.to_owned() } else { format!("{name}.") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Resolver {
        parse_resolv_conf(text, "node-1.rack.example", |name| (name == "eth0").then_some(7))
    }

    #[track_caller]
    fn check_servers(text: &str, expected: &[&str]) {
        let servers: Vec<_> = parse(text).servers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, expected, "{text:?}");
    }

    #[track_caller]
    fn check_search(text: &str, expected: &[&str]) {
        assert_eq!(parse(text).search, expected, "{text:?}");
    }

    #[track_caller]
    fn check_numbers(options: &str, ndots: u8, timeout_seconds: u32, attempts: u32) {
        let resolver = parse(&format!("options {options}"));
        assert_eq!(
            (resolver.ndots, resolver.timeout_seconds, resolver.attempts),
            (ndots, timeout_seconds, attempts),
            "{options:?}"
        );
        assert_eq!(resolver.unknown, [""; 0], "{options:?}");
    }

    #[test]
    fn servers_are_addresses_and_at_most_three() {
        check_servers("nameserver 10.0.0.1\nnameserver\t10.0.0.2 \r\n", &["10.0.0.1:53", "10.0.0.2:53"]);
        check_servers(
            "nameserver 10.0.0.1\nnameserver dns.example\nnameserver 10.0.0.1:5353\nnameserver 010.0.0.1\nnameserver",
            &["10.0.0.1:53"],
        );
        check_servers(
            "nameserver ::1\nnameserver 1.1.1.1\nnameserver 1.0.0.1\nnameserver 9.9.9.9",
            &["[::1]:53", "1.1.1.1:53", "1.0.0.1:53"],
        );
    }

    #[test]
    fn a_zone_names_the_interface() {
        check_servers("nameserver fe80::1%eth0", &["[fe80::1%7]:53"]);
        check_servers("nameserver fe80::1%3", &["[fe80::1%3]:53"]);
        check_servers("nameserver fe80::1%gone", &["[fe80::1]:53"]);
        check_servers("nameserver fe80::1%\nnameserver 10.0.0.1%eth0\nnameserver ::1", &["[::1]:53"]);
    }

    #[test]
    fn without_a_server_the_node_itself_is_asked() {
        check_servers("", &["127.0.0.1:53", "[::1]:53"]);
        check_servers("# nameserver 10.0.0.1\n;nameserver 10.0.0.1\n nothing", &["127.0.0.1:53", "[::1]:53"]);
    }

    #[test]
    fn the_last_search_or_domain_line_counts() {
        check_search("search a.example b.example.", &["a.example.", "b.example."]);
        check_search("search a.example\ndomain b.example c.example", &["b.example."]);
        check_search("domain a.example\nsearch b.example\n domain", &["b.example."]);
    }

    #[test]
    fn without_a_search_list_the_host_names_domain_is_searched() {
        check_search("", &["rack.example."]);
        check_search("search .", &["rack.example."]);
        check_search("search a.example\nsearch", &["rack.example."]);
        for host_name in ["node-1", "node-1.", ""] {
            assert_eq!(parse_resolv_conf("", host_name, |_| None).search, [""; 0], "{host_name:?}");
        }
    }

    #[test]
    fn numbers_are_read_and_bounded_as_go_does() {
        check_numbers("", 1, 5, 2);
        check_numbers("ndots:5 timeout:1 attempts:3", 5, 1, 3);
        check_numbers("ndots:99 timeout:0 attempts:0", 15, 1, 1);
        check_numbers("ndots:-1 timeout:x attempts:", 0, 1, 1);
        check_numbers("ndots:300 timeout:3s attempts:99999999999999", 15, 3, MAX_NUMBER);
    }

    #[test]
    fn flags_are_known_by_every_name() {
        for option in ["single-request", "single-request-reopen"] {
            assert!(parse(&format!("options {option}")).single_request);
        }
        for option in ["use-vc", "usevc", "tcp"] {
            assert!(parse(&format!("options {option}")).use_tcp);
        }
        assert!(parse("options rotate").rotate);
    }

    #[test]
    fn what_go_does_not_know_is_kept() {
        let text = "sortlist 10.0.0.0\nlookup file bind\noptions inet6 edns0 trust-ad no-reload debug ndots";
        assert_eq!(parse(text).unknown, ["sortlist", "inet6", "debug", "ndots"]);
    }

    proptest! {
        #[test]
        fn any_text_gives_one_to_three_servers(text in r"((nameserver|options|search|domain|ndots:|[%:.;# \n\t0-9a-f]){1,3}){0,20}|\PC*") {
            let resolver = parse(&text);
            prop_assert!((1..=3).contains(&resolver.servers.len()));
            prop_assert!(resolver.search.iter().all(|name| name.ends_with('.')));
        }
    }
}

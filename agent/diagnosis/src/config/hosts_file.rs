//! /etc/hosts as Go reads it.
//!
//! Owns the parsing and the lookup; the file is read elsewhere.

use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

/// How much of a hosts file is looked at, in bytes: block lists of some hundred thousand names are in use.
pub const MAX_HOSTS_FILE: usize = 16 << 20;

/// The names in a hosts file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hosts {
    /// By lower-case name without its final dot.
    addresses: HashMap<String, Vec<IpAddr>>,
}

impl Hosts {
    /// The addresses of a name, in file order; none if the file does not know it.
    ///
    /// Source: Go net/hosts.go `lookupStaticHost`.
    pub fn lookup(&self, host: &str) -> &[IpAddr] {
        self.addresses.get(&key(host)).map_or(&[], Vec::as_slice)
    }
}

/// The names in a hosts file; lines that name no address or no host are skipped, as is what follows the first
/// [`MAX_HOSTS_FILE`] bytes. The zone of a link-local address is dropped: Go would dial it, we could not.
///
/// Source: Go net/hosts.go `readHosts`.
pub fn parse_hosts(text: &str) -> Hosts {
    let mut addresses: HashMap<String, Vec<IpAddr>> = HashMap::new();
    let text = match text.get(..text.floor_char_boundary(MAX_HOSTS_FILE)) {
        // The last line may be cut in the middle of a name.
        Some(cut) if cut.len() < text.len() => cut.rsplit_once('\n').map_or("", |(lines, _)| lines),
        _ => text,
    };
    for line in text.split('\n') {
        let line = line.split_once('#').map_or(line, |(line, _)| line);
        let mut fields = line.split([' ', '\r', '\t']).filter(|field| !field.is_empty());
        let Some(ip) = fields.next().and_then(parse_address) else { continue };
        for name in fields {
            addresses.entry(key(name)).or_default().push(ip);
        }
    }
    Hosts { addresses }
}

fn key(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

fn parse_address(field: &str) -> Option<IpAddr> {
    let ip: IpAddr = match field.split_once('%') {
        Some((_, "")) => return None,
        Some((ip, _)) => ip.parse::<Ipv6Addr>().ok()?.into(),
        None => field.parse().ok()?,
    };
    Some(ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, host: &str, expected: &[&str]) {
        let hosts = parse_hosts(text);
        let found: Vec<_> = hosts.lookup(host).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{host} in {text:?}");
    }

    #[test]
    fn a_name_has_every_address_in_file_order() {
        let text = "10.0.0.2 reg.example reg\n::1\tlocalhost\r\n10.0.0.1  reg.example\n2001:db8::1 reg.example";
        check(text, "reg.example", &["10.0.0.2", "10.0.0.1", "2001:db8::1"]);
        check(text, "reg", &["10.0.0.2"]);
        check(text, "localhost", &["::1"]);
        check(text, "example", &[]);
    }

    #[test]
    fn case_and_a_final_dot_do_not_matter() {
        check("10.0.0.1 Reg.Example.", "reg.example", &["10.0.0.1"]);
        check("10.0.0.1 reg.example", "REG.example.", &["10.0.0.1"]);
    }

    #[test]
    fn comments_and_bad_lines_are_skipped() {
        check("#10.0.0.1 reg\n10.0.0.2 #reg\n10.0.0.3 a#b reg", "reg", &[]);
        check("10.0.0.3 a#b reg", "a", &["10.0.0.3"]);
        check("reg 10.0.0.1\n10.0.0 reg\n10.0.0.256 reg\n10.0.0.01 reg\n10.0.0.9%eth0 reg\nfe80::1% reg", "reg", &[]);
        check("10.0.0.1", "10.0.0.1", &[]);
        check("", "", &[]);
    }

    #[test]
    fn addresses_are_written_in_the_usual_form() {
        check("fe80::1%eth0 reg\n::ffff:10.0.0.1 reg", "reg", &["fe80::1", "10.0.0.1"]);
    }

    #[test]
    fn a_file_without_end_is_cut_between_lines() {
        let mut text = "10.0.0.1 reg\n".repeat(MAX_HOSTS_FILE / 13);
        text.push_str("10.0.0.1 registry\n10.0.0.1 last\n");
        let hosts = parse_hosts(&text);
        assert_eq!(hosts.lookup("reg").len(), MAX_HOSTS_FILE / 13);
        assert_eq!(hosts.lookup("last"), [] as [IpAddr; 0]);
        assert_eq!(hosts.addresses.len(), 1);
    }
}

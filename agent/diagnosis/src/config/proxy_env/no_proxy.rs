//! The exceptions in `NO_PROXY`: which entry, if any, sends a host direct.
//!
//! Copied rules: golang.org/x/net http/httpproxy/proxy.go `init` and `match`; Go's net.SplitHostPort and net.ParseCIDR.

use std::borrow::Cow;
use std::net::IpAddr;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use crate::config::go_url::parse_ip;

/// The variable and its text, entries separated by commas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NoProxy {
    /// `NO_PROXY` or `no_proxy`, as spelled in the environment.
    pub variable: String,
    /// As written.
    pub value: String,
}

impl NoProxy {
    /// The entries, without surrounding blanks and without empty ones.
    pub fn entries(&self) -> impl Iterator<Item = &str> {
        self.value.split(',').map(str::trim).filter(|entry| !entry.is_empty())
    }

    /// The first entry that matches; a `*` anywhere wins, as it makes Go forget the others.
    pub(super) fn deciding_entry(&self, host: &str, ip: Option<IpAddr>, port: &str) -> Option<&str> {
        let host = lowercase(host.trim());
        let mut entries = self.entries();
        let star = self.entries().find(|entry| *entry == "*");
        star.or_else(|| entries.find(|entry| Entry::parse(entry).is_some_and(|entry| entry.matches(&host, ip, port))))
    }
}

enum Entry {
    Network4(Ipv4Net),
    Network6(Ipv6Net),
    Address {
        ip: IpAddr,
        port: String,
    },
    Domain {
        /// With a leading dot.
        suffix: String,
        /// Whether the name itself matches, not only what is below it.
        with_apex: bool,
        port: String,
    },
}

impl Entry {
    /// `None` for an entry without a host, such as `:443`.
    fn parse(text: &str) -> Option<Self> {
        let text = &lowercase(text);
        if let Some(network) = parse_cidr(text) {
            return Some(network);
        }
        let (host, port) = split_host_port(text).unwrap_or((text, ""));
        let port = port.to_owned();
        if let Some((ip, false)) = parse_ip(host) {
            return Some(Self::Address { ip: ip.to_canonical(), port });
        }
        if host.is_empty() {
            return None;
        }
        let host = host.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(host);
        let with_apex = !host.starts_with('.');
        let suffix = if with_apex { format!(".{host}") } else { host.to_owned() };
        Some(Self::Domain { suffix: ascii_host(&suffix).into_owned(), with_apex, port })
    }

    fn matches(&self, host: &str, host_ip: Option<IpAddr>, host_port: &str) -> bool {
        let (matches, port) = match (self, host_ip) {
            (Self::Network4(network), Some(IpAddr::V4(ip))) => return network.contains(&ip),
            (Self::Network6(network), Some(IpAddr::V6(ip))) => return network.contains(&ip),
            (Self::Address { ip, port }, Some(host_ip)) => (*ip == host_ip, port),
            (Self::Domain { suffix, with_apex, port }, None) => {
                (host.ends_with(suffix.as_str()) || (*with_apex && suffix.strip_prefix('.') == Some(host)), port)
            }
            _ => return false,
        };
        matches && (port.is_empty() || port == host_port)
    }
}

/// `net.ParseCIDR`. A network inside `::ffff:0:0/96` is one of IPv4 addresses, as `IPNet.Contains` has it.
fn parse_cidr(text: &str) -> Option<Entry> {
    let (address, length) = text.split_once('/')?;
    let (address, has_zone) = parse_ip(address)?;
    if has_zone || length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let length = length.parse::<u32>().ok().and_then(|length| u8::try_from(length).ok())?;
    match address {
        IpAddr::V4(address) => Ipv4Net::new(address, length).ok().map(Entry::Network4),
        IpAddr::V6(address) => {
            let network = Ipv6Net::new(address, length).ok()?;
            let Some(mapped) = network.network().to_ipv4_mapped() else { return Some(Entry::Network6(network)) };
            Ipv4Net::new(mapped, length.checked_sub(96)?).ok().map(Entry::Network4)
        }
    }
}

/// `net.SplitHostPort`: `None` where it fails, which includes a text without a port.
fn split_host_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    let (host, after) = match host.strip_prefix('[') {
        Some(host) => (host.strip_suffix(']')?, port),
        None if host.contains(':') => return None,
        None => (host, text),
    };
    // No brackets but the ones taken off.
    (!host.contains(['[', ']']) && !after.contains(['[', ']'])).then_some((host, port))
}

/// The punycode form that both sides are compared in (`idna.Lookup.ToASCII`); what has none stays as it is.
pub(super) fn ascii_host(host: &str) -> Cow<'_, str> {
    if host.is_ascii() {
        return host.into();
    }
    Uts46::new()
        .to_ascii(host.as_bytes(), AsciiDenyList::STD3, Hyphens::Check, DnsLength::Ignore)
        .unwrap_or(Cow::Borrowed(host))
}

/// Go's strings.ToLower: character by character, without the special cases of whole words.
fn lowercase(text: &str) -> String {
    text.chars().filter_map(|character| character.to_lowercase().next()).collect()
}

//! Go's walk over the search list and the servers: which names are asked, and how the lookup ends.
//!
//! Pure: asking is done elsewhere, all at once; this says what asking one after the other would have come to.

use std::net::{IpAddr, SocketAddr};

use super::{DnsAnswer, DnsOutcome, DnsQuery, Family, NameSource, ServerFault};
use crate::config::resolv_conf::Resolver;

/// How far the answers so far decide a lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Walk<'a> {
    /// No further answer can change the end.
    Ended {
        /// How the lookup ends. Addresses are in the order of the answers, `A` first.
        outcome: DnsOutcome,
        /// The name that decided; none if there was nothing to ask.
        name: Option<&'a str>,
    },
    /// It hangs on answers about this name, which may not have been asked yet.
    Waiting {
        /// Its place in the list of names.
        name: usize,
    },
}

/// How long the runtimes' dialers wait for lookup and connection together, in seconds (containerd
/// core/remotes/docker/config/hosts.go, containers/image pkg/tlsclientconfig: `net.Dialer{Timeout: 30s}`).
const DIAL_SECONDS: u32 = 30;

/// The longest name, with its final dot.
const MAX_NAME: usize = 254;

/// The fully qualified names under which a host is looked up, in order. None if it cannot be a domain name, or must
/// not be asked for (`.onion`, RFC 7686); Go says `no such host` without asking then.
///
/// Source: Go `net/dnsclient_unix.go` `nameList`, net/dnsclient.go `isDomainName`.
pub fn candidate_names(host: &str, resolver: &Resolver) -> Vec<String> {
    if !is_domain_name(host) {
        return Vec::new();
    }
    let mut names = if host.ends_with('.') {
        vec![host.to_owned()]
    } else {
        let itself = format!("{host}.");
        let suffixed = resolver.search.iter().map(|suffix| format!("{itself}{suffix}"));
        let mut names: Vec<_> = suffixed.filter(|name| name.len() <= MAX_NAME).collect();
        let dots = host.bytes().filter(|byte| *byte == b'.').count();
        let place = if dots >= usize::from(resolver.ndots) { 0 } else { names.len() };
        names.insert(place, itself);
        names
    };
    names.retain(|name| !is_onion(name));
    names
}

/// How Go's resolver ends a lookup of `host` under `names`, given what the servers said. A query that is absent, or
/// was not waited for, is one whose answer is not known yet.
///
/// For each name Go asks `A` and `AAAA` side by side. Either goes from server to server until one has records, or says
/// that there are none: that ends the question, the next server is not asked. The first name with an address wins.
/// With `rotate` any server may be the first; we take the order of the file.
///
/// Where several errors compete, Go reports the last one to arrive for the name itself, else the first of all. An
/// answer without records arrives before a failure, which takes Go through all servers and attempts, and silence comes
/// last. A walk that takes longer than the runtime's dialer allows ends in a timeout, whatever comes after.
///
/// Source: Go `net/dnsclient_unix.go` `goLookupIPCNAMEOrder`, `tryOneName`.
pub fn decide<'a>(host: &str, names: &'a [String], resolver: &Resolver, queries: &[DnsQuery]) -> Walk<'a> {
    let mut reported: Option<(Failure, &'a str)> = None;
    let mut seconds = 0_u32;
    for (index, name) in names.iter().enumerate() {
        let (Some(ipv4), Some(ipv6)) =
            (ask_in_order(name, Family::Ipv4, resolver, queries), ask_in_order(name, Family::Ipv6, resolver, queries))
        else {
            return Walk::Waiting { name: index };
        };
        seconds = seconds.saturating_add(if resolver.single_request {
            ipv4.seconds.saturating_add(ipv6.seconds)
        } else {
            ipv4.seconds.max(ipv6.seconds)
        });
        if seconds >= DIAL_SECONDS {
            return Walk::Ended { outcome: DnsOutcome::Timeout, name: Some(name) };
        }
        let found = [&ipv4.end, &ipv6.end].into_iter().filter_map(|end| end.as_ref().ok());
        let addresses: Vec<IpAddr> = found.flat_map(|addresses| addresses.iter().copied()).collect();
        if !addresses.is_empty() {
            let outcome = DnsOutcome::Ok { addresses, source: NameSource::Dns };
            return Walk::Ended { outcome, name: Some(name) };
        }
        let failures = [ipv4.end, ipv6.end].into_iter().filter_map(Result::err);
        let is_itself = name.strip_suffix('.') == Some(host.strip_suffix('.').unwrap_or(host));
        if is_itself {
            reported = failures.max_by_key(Failure::arrival).map(|last| (last, name.as_str()));
        } else if reported.is_none() {
            reported = failures.min_by_key(Failure::arrival).map(|first| (first, name.as_str()));
        }
    }
    let (outcome, name) = match reported {
        None => (DnsOutcome::NameNotFound, None),
        Some((Failure::NotFound, name)) => (DnsOutcome::NameNotFound, Some(name)),
        Some((Failure::Silence, name)) => (DnsOutcome::Timeout, Some(name)),
        Some((Failure::Fault(server, fault), name)) => (DnsOutcome::ServerFailure { server, fault }, Some(name)),
    };
    Walk::Ended { outcome, name }
}

/// The end of one question, all servers together.
struct Asked<'q> {
    end: Result<&'q [IpAddr], Failure>,
    /// What Go would have spent on silent servers.
    seconds: u32,
}

enum Failure {
    NotFound,
    Fault(SocketAddr, ServerFault),
    Silence,
}

impl Failure {
    /// The order in which errors reach the lookup.
    fn arrival(&self) -> u8 {
        match self {
            Self::NotFound => 0,
            Self::Fault(..) => 1,
            Self::Silence => 2,
        }
    }
}

/// `None` where an answer is missing that the end depends on.
fn ask_in_order<'q>(name: &str, family: Family, resolver: &Resolver, queries: &'q [DnsQuery]) -> Option<Asked<'q>> {
    let mut seconds = 0_u32;
    let mut last = Failure::NotFound;
    for server in &resolver.servers {
        let asked = |query: &&DnsQuery| query.server == *server && query.family == family && query.name == name;
        let fault = match &queries.iter().find(asked)?.answer {
            DnsAnswer::NotWaitedFor => return None,
            DnsAnswer::Ok { addresses } => return Some(Asked { end: Ok(addresses), seconds }),
            DnsAnswer::NoSuchName | DnsAnswer::NoAddress => {
                return Some(Asked { end: Err(Failure::NotFound), seconds });
            }
            DnsAnswer::Timeout => {
                seconds = seconds.saturating_add(resolver.timeout_seconds);
                last = Failure::Silence;
                continue;
            }
            DnsAnswer::ServFail => ServerFault::ServFail,
            DnsAnswer::Refused => ServerFault::Refused,
            DnsAnswer::Unusable { why } => ServerFault::Unusable { why: why.clone() },
            DnsAnswer::Unreachable { why } => ServerFault::Unreachable { why: why.clone() },
        };
        last = Failure::Fault(*server, fault);
    }
    // Every further attempt goes as the first.
    Some(Asked { end: Err(last), seconds: seconds.saturating_mul(resolver.attempts) })
}

/// Source: Go net/dnsclient.go `isDomainName`.
fn is_domain_name(name: &str) -> bool {
    if name == "." {
        return true;
    }
    let labels = name.strip_suffix('.').unwrap_or(name);
    labels.len() < MAX_NAME
        && labels.split('.').all(is_label)
        && labels.bytes().any(|byte| !matches!(byte, b'0'..=b'9' | b'.'))
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn is_onion(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).as_bytes();
    name.last_chunk::<6>().is_some_and(|end| end.eq_ignore_ascii_case(b".onion"))
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;

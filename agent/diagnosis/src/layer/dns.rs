//! Name resolution: what each server said, what Go's resolver makes of it, and which cause that is.

use std::net::{IpAddr, SocketAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod finding;
mod walk;
pub(crate) mod wordings;

pub use finding::{degraded, finding};
pub use walk::{Walk, candidate_names, decide};

/// What the runtime's resolver would have answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum DnsOutcome {
    /// The name has addresses.
    Ok {
        /// In the order in which they are dialled.
        addresses: Vec<IpAddr>,
        /// Where they came from.
        source: NameSource,
    },
    /// Every name of the search list is authoritatively absent, or has no address.
    NameNotFound,
    /// The last server asked failed.
    ServerFailure {
        /// The server whose failure Go would report.
        server: SocketAddr,
        /// What it said.
        #[serde(flatten)]
        fault: ServerFault,
    },
    /// No server answered in time.
    Timeout,
}

/// How a name server failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "answer", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ServerFault {
    /// `SERVFAIL`.
    ServFail,
    /// `REFUSED`.
    Refused,
    /// An answer that cannot be used.
    Unusable {
        /// Why not, in a few words.
        why: String,
    },
    /// Nothing listens there, or no route leads there.
    Unreachable {
        /// The system's word for it.
        why: String,
    },
}

/// Where addresses came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NameSource {
    /// The authority is an IP address.
    Literal,
    /// The node's hosts file.
    HostsFile,
    /// A name server.
    Dns,
}

/// What one server said to one question (one name, one address family).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum DnsAnswer {
    /// At least one address.
    Ok {
        /// As answered, `CNAME`s followed.
        addresses: Vec<IpAddr>,
    },
    /// `NXDOMAIN`.
    NoSuchName,
    /// `NOERROR` without an address of this family.
    NoAddress,
    /// `SERVFAIL`.
    ServFail,
    /// `REFUSED`.
    Refused,
    /// An answer that cannot be used: another response code, a lame referral, bytes that do not parse.
    Unusable {
        /// Which of these, in a few words.
        why: String,
    },
    /// Nothing listens there, or no route leads there.
    Unreachable {
        /// The system's word for it.
        why: String,
    },
    /// Silence until the deadline.
    Timeout,
    /// Still outstanding when the verdict no longer needed it.
    NotWaitedFor,
}

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// `A` records.
    Ipv4,
    /// `AAAA` records.
    Ipv6,
}

/// One question to one server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DnsQuery {
    /// The fully qualified name asked for.
    pub name: String,
    /// The server asked.
    pub server: SocketAddr,
    /// `A` or `AAAA`.
    pub family: Family,
    /// What it said.
    #[serde(flatten)]
    pub answer: DnsAnswer,
    /// Milliseconds until the answer, or until the question was given up.
    pub ms: u32,
    /// It was asked over TCP in the end, because the answer was too long for UDP or resolv.conf wants it so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tcp: bool,
}

/// One server over all questions: its worst answer, for the screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DnsServer {
    /// The server asked.
    pub server: SocketAddr,
    /// What it said, both families folded.
    #[serde(flatten)]
    pub answer: DnsAnswer,
    /// Milliseconds until its slowest answer.
    pub ms: u32,
}

/// Every server on its own, in the order of resolv.conf: its worst failure, or else the best it could say.
///
/// A server that failed one question of many is not well. One that has no address of one family, or under one name of
/// the search list, is.
pub fn fold_servers(servers: &[SocketAddr], queries: &[DnsQuery]) -> Vec<DnsServer> {
    let fold = |server: &SocketAddr| {
        let mut asked = queries.iter().filter(|query| query.server == *server);
        let first = asked.next()?;
        let mut folded = DnsServer { server: *server, answer: first.answer.clone(), ms: first.ms };
        for query in asked {
            folded.ms = folded.ms.max(query.ms);
            match (&mut folded.answer, &query.answer) {
                (DnsAnswer::Ok { addresses }, DnsAnswer::Ok { addresses: more }) => addresses.extend(more),
                (known, answer) if weight(answer) > weight(known) => *known = answer.clone(),
                _ => {}
            }
        }
        Some(folded)
    };
    servers.iter().filter_map(fold).collect()
}

fn weight(answer: &DnsAnswer) -> u8 {
    match answer {
        DnsAnswer::NotWaitedFor => 0,
        DnsAnswer::NoSuchName => 1,
        DnsAnswer::NoAddress => 2,
        DnsAnswer::Ok { .. } => 3,
        DnsAnswer::Unusable { .. } => 4,
        DnsAnswer::Refused => 5,
        DnsAnswer::ServFail => 6,
        DnsAnswer::Unreachable { .. } => 7,
        DnsAnswer::Timeout => 8,
    }
}

/// The resolution of one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DnsEvidence {
    /// As Go's resolver would have ended.
    #[serde(flatten)]
    pub outcome: DnsOutcome,
    /// Milliseconds until the outcome was known.
    pub ms: u32,
    /// The name of the search list that decided, where it is not the host as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Every server on its own, in the order of resolv.conf.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<DnsServer>,
    /// Every question asked, in the order of Go's walk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queries: Vec<DnsQuery>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(server: u8, answer: DnsAnswer, ms: u32) -> DnsQuery {
        let server = SocketAddr::from(([10, 0, 0, server], 53));
        DnsQuery { name: "reg.example.".to_owned(), server, family: Family::Ipv4, answer, ms, tcp: false }
    }

    fn ok(ip: &str) -> DnsAnswer {
        DnsAnswer::Ok { addresses: vec![ip.parse().unwrap()] }
    }

    #[track_caller]
    fn check_fold(answers: &[DnsAnswer], expected: &DnsAnswer) {
        let queries: Vec<_> = answers.iter().zip(1..).map(|(answer, ms)| query(1, answer.clone(), ms)).collect();
        let server = queries[0].server;
        let expected = DnsServer { server, answer: expected.clone(), ms: u32::try_from(answers.len()).unwrap() };
        assert_eq!(fold_servers(&[server], &queries), [expected]);
    }

    #[test]
    fn an_address_of_one_family_is_enough_for_a_server() {
        check_fold(&[ok("192.0.2.1"), DnsAnswer::NoAddress], &ok("192.0.2.1"));
        check_fold(&[DnsAnswer::NoSuchName, ok("192.0.2.1"), DnsAnswer::NotWaitedFor], &ok("192.0.2.1"));
    }

    #[test]
    fn one_failure_is_too_many_for_a_server() {
        check_fold(&[ok("192.0.2.1"), DnsAnswer::Timeout], &DnsAnswer::Timeout);
        check_fold(&[DnsAnswer::Refused, DnsAnswer::NoSuchName], &DnsAnswer::Refused);
    }

    #[test]
    fn both_families_addresses_are_a_servers_answer() {
        let both = DnsAnswer::Ok { addresses: vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()] };
        check_fold(&[ok("192.0.2.1"), ok("2001:db8::1")], &both);
    }

    #[test]
    fn a_server_that_was_not_asked_has_no_row() {
        let queries = [query(2, DnsAnswer::NoSuchName, 4)];
        let servers = [([10, 0, 0, 1], 53).into(), queries[0].server];
        assert_eq!(fold_servers(&servers, &queries).len(), 1);
    }

    #[test]
    fn evidence_survives_the_way_through_json() {
        let fault = ServerFault::Unreachable { why: "connection refused".to_owned() };
        let server = SocketAddr::from(([10, 0, 0, 1], 53));
        let evidence = DnsEvidence {
            outcome: DnsOutcome::ServerFailure { server, fault },
            ms: 3,
            name: None,
            servers: Vec::new(),
            queries: vec![query(1, DnsAnswer::Refused, 3)],
        };
        let text = serde_json::to_string(&evidence).unwrap();
        assert_eq!(
            text,
            r#"{"outcome":"serverFailure","server":"10.0.0.1:53","answer":"unreachable","why":"connection refused","#
                .to_owned()
                + r#""ms":3,"queries":[{"name":"reg.example.","server":"10.0.0.1:53","family":"ipv4","#
                + r#""outcome":"refused","ms":3}]}"#
        );
        assert_eq!(serde_json::from_str::<DnsEvidence>(&text).unwrap(), evidence);
    }
}

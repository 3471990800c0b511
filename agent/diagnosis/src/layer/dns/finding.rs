//! What a resolution means.

use super::{DnsAnswer, DnsOutcome, DnsServer, ServerFault};
use crate::authority::split_authority;
use crate::cause::{Code, Confidence};
use crate::evidence::Hop;
use crate::finding::Finding;
use crate::layer::proxy::with_other_way;

/// The cause that a failed resolution is; `None` while the name resolves or was not looked up.
pub fn finding(hop: &Hop) -> Option<Finding> {
    let dns = hop.dns.as_ref()?;
    let host = split_authority(&hop.host).0;
    let who = hop.name_without_port();
    let asked = list(&dns.servers);
    let finding = match &dns.outcome {
        DnsOutcome::Ok { .. } => return None,
        DnsOutcome::NameNotFound => {
            Finding::new(Code::DnsNameNotFound, format!("{who} does not exist: no such host{}", says(&asked)))
                .at(&hop.host)
                .run(
                    "check the spelling; if it is right, ask for the name on the node's name servers",
                    &["getent", "ahosts", host],
                )
        }
        DnsOutcome::ServerFailure { server, fault } => {
            let said = match fault {
                ServerFault::ServFail => "answers SERVFAIL".to_owned(),
                ServerFault::Refused => "answers REFUSED".to_owned(),
                ServerFault::Unusable { why } => format!("gives an unusable answer ({why})"),
                ServerFault::Unreachable { why } => format!("cannot be asked ({why})"),
            };
            Finding::new(
                Code::DnsServerFailure,
                format!("{who} cannot be resolved: name server {} {said}", server.ip()),
            )
            .at(&hop.host)
            .run(
                "mend the name server, or name another in the node's /etc/resolv.conf",
                &["dig", &format!("@{}", server.ip()), host],
            )
        }
        DnsOutcome::Timeout => {
            let at =
                if asked.is_empty() { "no name server answers".to_owned() } else { format!("no answer from {asked}") };
            Finding::new(
                Code::DnsTimeout,
                format!("{who} cannot be resolved: {at} in {:.1} s", f64::from(dns.ms) / 1000.0),
            )
            .at(&hop.host)
            .at_most(Confidence::Likely)
            .fix("let the node reach its name servers on port 53 over UDP and TCP, or name others in /etc/resolv.conf")
        }
    };
    Some(with_other_way(finding, hop))
}

/// A warning for each server that failed although the name was resolved.
pub fn degraded(hop: &Hop) -> Option<Finding> {
    let dns = hop.dns.as_ref().filter(|dns| matches!(dns.outcome, DnsOutcome::Ok { .. }))?;
    let bad: Vec<String> =
        dns.servers.iter().filter_map(|s| Some(format!("{} {}", s.server.ip(), trouble(&s.answer)?))).collect();
    if bad.is_empty() {
        return None;
    }
    let summary = format!("{} of {} name servers fail: {}", bad.len(), dns.servers.len(), bad.join(", "));
    Some(
        Finding::new(Code::DnsServerDegraded, summary)
            .fix("mend or remove the failing servers: each lookup waits for them"),
    )
}

/// What is wrong with a server's answer, for a person; `None` for an answer, good or bad news alike.
fn trouble(answer: &DnsAnswer) -> Option<&str> {
    match answer {
        DnsAnswer::Ok { .. } | DnsAnswer::NoSuchName | DnsAnswer::NoAddress | DnsAnswer::NotWaitedFor => None,
        DnsAnswer::ServFail => Some("answers SERVFAIL"),
        DnsAnswer::Refused => Some("answers REFUSED"),
        DnsAnswer::Unusable { .. } => Some("gives unusable answers"),
        DnsAnswer::Unreachable { .. } => Some("is unreachable"),
        DnsAnswer::Timeout => Some("is silent"),
    }
}

fn list(servers: &[DnsServer]) -> String {
    servers.iter().map(|s| s.server.ip().to_string()).collect::<Vec<_>>().join(", ")
}

fn says(asked: &str) -> String {
    match (asked.is_empty(), asked.contains(',')) {
        (true, _) => String::new(),
        (_, true) => format!(", say {asked}"),
        (_, false) => format!(", says {asked}"),
    }
}

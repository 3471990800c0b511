//! Resolving a host: every server is asked everything, and the outcome is what Go's resolver would have come to.
//!
//! Owns the asking. Which answer decides is `layer::dns` of the diagnosis; nothing here judges.

use std::net::{IpAddr, Ipv6Addr};

use pullagent_diagnosis::config::hosts_file::Hosts;
use pullagent_diagnosis::config::resolv_conf::Resolver;
use pullagent_diagnosis::layer::dns::{
    DnsAnswer, DnsEvidence, DnsOutcome, DnsQuery, Family, NameSource, Walk, candidate_names, decide, fold_servers,
};
use tokio::time::Instant;

use self::exchange::{Exchange, Schedule, ask};
use self::order::sort_addresses;
use crate::limits::{Limits, ms_since};
use crate::outstanding::Outstanding;
use crate::route::source_towards;

mod exchange;
mod message;
mod order;
#[cfg(test)]
mod tests;

/// How many names of a search list are asked for (the kubelet allows pods one less): each may leave four sockets open
/// to servers that do not decide.
const MAX_NAMES: usize = 33;

/// A host whose outcome is known, while servers that do not decide may still be asked.
#[derive(Debug)]
pub struct Resolution {
    evidence: DnsEvidence,
    questions: Questions,
}

impl Resolution {
    /// The addresses in dialling order; none if the resolution failed.
    pub fn addresses(&self) -> &[IpAddr] {
        match &self.evidence.outcome {
            DnsOutcome::Ok { addresses, .. } => addresses,
            _ => &[],
        }
    }

    /// How it ended.
    pub fn outcome(&self) -> &DnsOutcome {
        &self.evidence.outcome
    }

    /// Waits for the servers that did not decide, at most until then; what is missing then was not waited for.
    pub async fn finish(mut self, until: Instant) -> DnsEvidence {
        while self.questions.next_answer(until).await {}
        self.questions.close();
        self.evidence.servers = fold_servers(&self.questions.resolver.servers, &self.questions.queries);
        self.evidence.queries = self.questions.queries;
        self.evidence
    }
}

/// Resolves a host: an IP address stands for itself, then the hosts file is looked at, then the servers are asked.
///
/// Each name of the search list is asked of all servers at once, `A` and `AAAA`, in Go's order of names. The next one
/// follows as soon as Go would have gone on to it, or when this one has had its share of `limits.dns`, in which case
/// what is still unanswered counts as silence until the answer comes. An address ends the resolution at once; a failure
/// when nothing can change it any more, at `limits.dns` at the latest. `single-request` is not followed: its purpose,
/// that no two questions share a socket, holds anyway.
pub async fn resolve(host: &str, resolver: &Resolver, hosts: &Hosts, limits: &Limits) -> Resolution {
    let start = Instant::now();
    let mut questions = Questions::new(resolver, start + limits.dns);
    let (outcome, name) = if let Some(ip) = parse_literal(host) {
        (DnsOutcome::Ok { addresses: vec![ip], source: NameSource::Literal }, None)
    } else if let listed @ [_, ..] = hosts.lookup(host) {
        (DnsOutcome::Ok { addresses: listed.to_vec(), source: NameSource::HostsFile }, None)
    } else {
        ask_servers(host, &mut questions).await
    };
    let outcome = match outcome {
        DnsOutcome::Ok { addresses, source } => {
            DnsOutcome::Ok { addresses: sort_addresses(&addresses, source_towards), source }
        }
        failure => failure,
    };
    let evidence = DnsEvidence { outcome, ms: ms_since(start), name, servers: Vec::new(), queries: Vec::new() };
    Resolution { evidence, questions }
}

/// The outcome, and the name that decided where it is not the host as written.
async fn ask_servers(host: &str, questions: &mut Questions) -> (DnsOutcome, Option<String>) {
    let mut names = candidate_names(host, &questions.resolver);
    names.truncate(MAX_NAMES);
    // When the share of each name asked so far ends, and how many of them have had it.
    let mut shares: Vec<Instant> = Vec::with_capacity(names.len());
    let mut given_up = 0;
    loop {
        let known = questions.assuming_silence(&names[..given_up]);
        match decide(host, &names, &questions.resolver, &known) {
            Walk::Waiting { name } => {
                if let Some(share) = shares.get(name) {
                    if !questions.next_answer(*share).await {
                        given_up = name + 1;
                    }
                } else {
                    let now = Instant::now();
                    let left = questions.deadline.saturating_duration_since(now);
                    let share = if name + 1 == names.len() { left } else { left / 2 };
                    shares.push(now + share);
                    questions.ask(&names[name], now + share / 2);
                }
            }
            Walk::Ended { outcome, name } => {
                let found = matches!(outcome, DnsOutcome::Ok { .. });
                if !found && !questions.settled(host, &names) && questions.next_answer(questions.deadline).await {
                    continue;
                }
                let name = name.filter(|name| name.strip_suffix('.') != Some(host.strip_suffix('.').unwrap_or(host)));
                return (outcome, name.map(str::to_owned));
            }
        }
    }
}

/// Every question asked for one host, and what is known of the answers.
#[derive(Debug)]
struct Questions {
    resolver: Resolver,
    /// When the last question is given up.
    deadline: Instant,
    /// In the order of Go's walk. `NotWaitedFor` until there is an answer.
    queries: Vec<DnsQuery>,
    /// When each was asked.
    asked: Vec<Instant>,
    outstanding: Outstanding<(usize, Exchange)>,
}

impl Questions {
    fn new(resolver: &Resolver, deadline: Instant) -> Self {
        let resolver = resolver.clone();
        Self { resolver, deadline, queries: Vec::new(), asked: Vec::new(), outstanding: Outstanding::new() }
    }

    /// Asks all servers for both families.
    fn ask(&mut self, name: &str, again: Instant) {
        let (tcp, schedule) = (self.resolver.use_tcp, Schedule { again, deadline: self.deadline });
        for &server in &self.resolver.servers {
            for family in [Family::Ipv4, Family::Ipv6] {
                let index = self.queries.len();
                let name = name.to_owned();
                self.asked.push(Instant::now());
                let answer = DnsAnswer::NotWaitedFor;
                self.queries.push(DnsQuery { name: name.clone(), server, family, answer, ms: 0, tcp });
                self.outstanding.begin(async move { (index, ask(&name, family, server, tcp, schedule).await) });
            }
        }
    }

    /// Records an answer; false if there was none until then.
    async fn next_answer(&mut self, until: Instant) -> bool {
        let Some((index, exchange)) = self.outstanding.next(until).await else { return false };
        if let Some(query) = self.queries.get_mut(index) {
            query.answer = exchange.answer;
            query.tcp = exchange.tcp;
            query.ms = exchange.ms;
        }
        true
    }

    /// No answer that is missing can change the end.
    fn settled(&self, host: &str, names: &[String]) -> bool {
        matches!(decide(host, names, &self.resolver, &self.queries), Walk::Ended { .. })
    }

    /// What is known, with silence where these names are still without an answer.
    fn assuming_silence(&self, names: &[String]) -> Vec<DnsQuery> {
        let mut queries = self.queries.clone();
        for query in &mut queries {
            if query.answer == DnsAnswer::NotWaitedFor && names.contains(&query.name) {
                query.answer = DnsAnswer::Timeout;
            }
        }
        queries
    }

    /// Gives up what is still outstanding.
    fn close(&mut self) {
        let is_late = Instant::now() >= self.deadline;
        for (query, asked) in self.queries.iter_mut().zip(&self.asked) {
            if query.answer == DnsAnswer::NotWaitedFor {
                query.ms = ms_since(*asked);
                if is_late {
                    query.answer = DnsAnswer::Timeout;
                }
            }
        }
    }
}

/// An address as the host of a URL has it, IPv6 in brackets or not.
fn parse_literal(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse().ok(),
    }
}

//! A request to whoever runs the network or the registry, ready to paste: plain `Key: value` lines.

use super::{owner_in_words, phase, shown};
use crate::authority::{Scheme, split_authority};
use crate::cause::{Layer, Owner};
use crate::diagnosis::Diagnosis;
use crate::evidence::Hop;
use crate::finding::Cause;
use crate::layer::dns::DnsOutcome;

/// The request. Where the cause is no matter of network or registry, its first line says so.
pub(super) fn render(diagnosis: &Diagnosis) -> String {
    let mut ticket = Ticket::default();
    let cause = diagnosis.cause.as_ref();
    ticket.put("Request", request(diagnosis));
    ticket.put("Image", &diagnosis.target.image);
    ticket.put("Node", &diagnosis.node.name);
    let hop = concerned(diagnosis);
    ticket.put("Source address", source(diagnosis, hop));
    if let Some(hop) = hop {
        ticket.host(hop, cause);
    }
    ticket.put("Time", format!("{} (UTC)", diagnosis.started_at));
    if let Some(cause) = cause {
        ticket.put("Observed", format!("{}: {}", cause.code, cause.summary));
    }
    if let Some(broken) = hop.and_then(phase::broken) {
        ticket.put("Failed at", format!("{} ({}, {} ms)", broken.name, broken.word, broken.ms));
    }
    if let Some(hop) = hop {
        ticket.put("Ruled out", ruled_out(hop, diagnosis));
    }
    if let Some(remedy) = diagnosis.remedy.first() {
        ticket.put("Wanted", &remedy.text);
    }
    if let Some(owner) = cause.and_then(|c| c.owner) {
        ticket.put("To be done by", owner_in_words(owner));
    }
    ticket.put("Report", &diagnosis.id);
    ticket.lines.join("\n")
}

#[derive(Default)]
struct Ticket {
    lines: Vec<String>,
}

impl Ticket {
    /// One line; none without a value.
    fn put(&mut self, key: &str, value: impl AsRef<str>) {
        let value = shown(value.as_ref());
        if !value.is_empty() {
            self.lines.push(format!("{key}: {value}"));
        }
    }

    /// Where the packets go: the host itself, or what stands before it.
    fn host(&mut self, hop: &Hop, cause: Option<&Cause>) {
        self.put("Host", &hop.host);
        let at_proxy = hop.is_proxied();
        if at_proxy {
            self.put("Proxy", format!("{} (by {})", hop.via, hop.route));
        } else {
            self.put("Proxy", format!("none ({})", hop.route));
        }
        if cause.is_some_and(|c| c.layer == Some(Layer::Dns)) {
            let servers = hop.dns.iter().flat_map(|dns| &dns.servers);
            self.put("Name servers", join(servers.map(|s| s.server.ip().to_string())));
            self.put("Port", "53");
            self.put("Protocol", "DNS over UDP and TCP");
            return;
        }
        self.put(if at_proxy { "Addresses of the proxy" } else { "Addresses" }, addresses(hop));
        let scheme = if hop.url.starts_with("http://") { Scheme::Http } else { Scheme::Https };
        let own = split_authority(&hop.host).1.map_or_else(|| scheme.default_port().to_string(), str::to_owned);
        let dialled = hop.connect.as_ref().map(|connect| connect.port.to_string());
        match dialled.filter(|_| at_proxy) {
            Some(proxy) => self.put("Port", format!("{own} (through the proxy's port {proxy})")),
            None => self.put("Port", own),
        }
        self.put("Protocol", if scheme == Scheme::Http { "TCP, HTTP" } else { "TCP, HTTPS" });
    }
}

/// What is asked for, in one line.
fn request(diagnosis: &Diagnosis) -> String {
    let Some(cause) = &diagnosis.cause else { return "none: the image can be pulled".to_owned() };
    let host = cause.host.as_deref().unwrap_or("the registry");
    let of_registry = || format!("let {host} serve this image again");
    match (cause.layer, cause.owner) {
        (Some(Layer::Dns), _) => format!("let {host} be resolved on this node"),
        (Some(Layer::Transport), _) => format!("let this node connect to {host}"),
        (Some(Layer::Proxy), _) => format!("let this node reach {host} through its proxy"),
        (Some(Layer::Tls), Some(Owner::Registry)) => format!("correct TLS at {host}"),
        (Some(Layer::Tls), Some(Owner::Network)) => format!("let this node speak TLS with {host} undisturbed"),
        (_, Some(Owner::Network)) => format!("let this node use {host}"),
        (Some(Layer::Limits), _) => format!("let this node ask {host} more often"),
        (_, Some(Owner::Registry)) => of_registry(),
        _ => format!("none: {} is no matter of the network or the registry", cause.code),
    }
}

/// The hop that the cause is about: the broken one of its host, else any of its host, else the first broken one.
fn concerned(diagnosis: &Diagnosis) -> Option<&Hop> {
    let blamed = diagnosis.cause.as_ref().and_then(|cause| cause.host.as_deref());
    let is_blamed = |hop: &&Hop| Some(hop.host.as_str()) == blamed;
    let broken = |hop: &&Hop| phase::broken(hop).is_some();
    let hops = &diagnosis.hops;
    hops.iter()
        .find(|hop| is_blamed(hop) && broken(hop))
        .or_else(|| hops.iter().find(is_blamed))
        .or_else(|| hops.iter().find(broken))
        .or_else(|| hops.last())
}

/// Our address on that way, else on another way of the same examination.
fn source(diagnosis: &Diagnosis, hop: Option<&Hop>) -> String {
    let of = |hop: &Hop| hop.connect.as_ref().and_then(|connect| connect.source);
    if let Some(ip) = hop.and_then(of) {
        return ip.to_string();
    }
    let other = diagnosis.hops.iter().find_map(|hop| Some((hop, of(hop)?)));
    other.map_or_else(|| "not seen".to_owned(), |(hop, ip)| format!("{ip} (as seen on the way to {})", hop.host))
}

fn addresses(hop: &Hop) -> String {
    let dialled = hop.connect.iter().flat_map(|connect| &connect.addresses).map(|address| address.ip);
    let resolved = hop.dns.iter().flat_map(|dns| match &dns.outcome {
        DnsOutcome::Ok { addresses, .. } => addresses.as_slice(),
        _ => &[],
    });
    let mut all: Vec<String> = Vec::new();
    for ip in dialled.chain(resolved.copied()) {
        let ip = ip.to_string();
        if !all.contains(&ip) {
            all.push(ip);
        }
    }
    join(all.into_iter())
}

/// The phases that were well, and the other hosts that answered.
fn ruled_out(hop: &Hop, diagnosis: &Diagnosis) -> String {
    let well = phase::phases(hop).into_iter().filter(|phase| phase.state == phase::State::Well);
    let phases = well.map(|phase| format!("{} ({}, {} ms)", phase.name, phase.word, phase.ms));
    let others = diagnosis.hops.iter().filter(|other| other.host != hop.host && phase::is_well(other));
    let others = others.map(|other| format!("{} answers", other.name()));
    let all = join(phases.chain(others));
    if all.is_empty() { "nothing yet".to_owned() } else { all }
}

fn join(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

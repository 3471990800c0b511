//! What a connection, or the break of an open one, means.

use std::net::IpAddr;

use super::{ConnectEvidence, ConnectOutcome, StreamFailure};
use crate::authority::split_authority;
use crate::case::Node;
use crate::cause::{Code, Confidence};
use crate::evidence::Hop;
use crate::finding::Finding;
use crate::layer::proxy::with_other_way;

/// The cause that a failed connection is; `None` while there is one or none was tried.
pub fn finding(hop: &Hop) -> Option<Finding> {
    let connect = hop.connect.as_ref()?;
    let who = hop.name();
    let at = addresses(connect);
    // A port that stands in the host's name is not said again.
    let port =
        if split_authority(&hop.host).1.is_some() { String::new() } else { format!(" on port {}", connect.port) };
    let finding = match &connect.outcome {
        ConnectOutcome::Ok | ConnectOutcome::NotWaitedFor | ConnectOutcome::NotContacted { .. } => return None,
        ConnectOutcome::Refused => {
            Finding::new(Code::ConnectionRefused, format!("{who} refuses connections{port}{at}"))
                .run("start the service behind that port, or correct host and port", &["curl", "-sv", &hop.origin()])
        }
        ConnectOutcome::Timeout => Finding::new(
            Code::ConnectionTimeout,
            format!("{who} does not answer{port}{at} in {:.1} s", f64::from(connect.ms) / 1000.0),
        )
        .detail("connect")
        .at_most(Confidence::Likely)
        .fix(format!(
            "open the way from this node to {} port {}: firewall, security group, route or endpoint",
            hop.name_without_port(),
            connect.port
        )),
        ConnectOutcome::Unreachable { why } => {
            Finding::new(Code::NetworkUnreachable, format!("no route from this node to {who}{at}: {why}"))
                .fix("give the node a route to that address: routing table, gateway, VPN or address family")
        }
        ConnectOutcome::Reset => {
            Finding::new(Code::ConnectionReset, format!("the connection to {who} is reset as soon as it stands{at}"))
                .fix("look for a firewall or load balancer that resets connections to that port")
        }
        ConnectOutcome::Failed { why } => Finding::new(
            Code::NetworkUnreachable,
            format!("this node does not let a connection to {who} out{at}: {why}"),
        )
        .fix("look at the node's own firewall rules and limits"),
    };
    Some(with_other_way(finding.at(&hop.host), hop))
}

/// When an open stream broke.
#[derive(Clone, Copy, Debug)]
pub enum Moment<'a> {
    /// In the TLS handshake.
    Handshake,
    /// Before the answer to the request for this.
    Request(&'a str),
    /// In the middle of this.
    Body(&'a str),
}

/// The cause that the break of an open stream is.
pub fn broken(hop: &Hop, failure: &StreamFailure, moment: Moment<'_>) -> Finding {
    let who = hop.name();
    let during = match moment {
        Moment::Handshake => "in the TLS handshake".to_owned(),
        Moment::Request(what) => format!("before the answer to the request for {what}"),
        Moment::Body(what) => format!("in the middle of {what}"),
    };
    let reset = |summary: String| {
        Finding::new(Code::ConnectionReset, summary).fix(
            "look for a firewall, load balancer or proxy in between that ends the connection, and at the registry's \
             own log",
        )
    };
    match failure {
        StreamFailure::Reset => reset(format!("the connection to {who} is reset {during}")),
        StreamFailure::Closed => reset(format!("{who} closes the connection {during}")),
        StreamFailure::Failed { why } => reset(format!("the connection to {who} fails {during}: {why}")),
        StreamFailure::Timeout => stalled(&who, moment),
    }
    .at(&hop.host)
}

fn stalled(who: &str, moment: Moment<'_>) -> Finding {
    let summary = match moment {
        Moment::Handshake => format!("{who} begins the TLS handshake and stops"),
        Moment::Request(what) => format!("{who} takes the request for {what} and does not answer"),
        Moment::Body(what) => format!("{who} begins to send {what} and stops"),
    };
    Finding::new(Code::PullStalled, summary).at_most(Confidence::Likely).fix(
        "look at the registry's load, and for a proxy, firewall or path with a smaller MTU that holds answers back",
    )
}

/// A warning when one address family of a host does not work although the node has it.
pub fn family_broken(hop: &Hop, node: &Node) -> Option<Finding> {
    // `localhost` has two addresses everywhere, and few servers listen on both.
    let counts = |c: &&ConnectEvidence| c.outcome == ConnectOutcome::Ok && split_authority(&hop.host).0 != "localhost";
    let connect = hop.connect.as_ref().filter(counts)?;
    let broken = |of_family: fn(&IpAddr) -> bool| {
        let mut tried = connect.addresses.iter().filter(|a| of_family(&a.ip)).peekable();
        let is_open = |outcome: &ConnectOutcome| {
            matches!(outcome, ConnectOutcome::Ok | ConnectOutcome::NotWaitedFor | ConnectOutcome::NotContacted { .. })
        };
        tried.peek().is_some() && tried.all(|a| !is_open(&a.outcome))
    };
    let family = match (node.has_ipv4 && broken(IpAddr::is_ipv4), node.has_ipv6 && broken(IpAddr::is_ipv6)) {
        (true, _) => "IPv4",
        (_, true) => "IPv6",
        _ => return None,
    };
    let summary = format!(
        "{} cannot be reached over {family}, though this node has it; connections are slower for it",
        hop.name()
    );
    Some(
        Finding::new(Code::AddressFamilyBroken, summary)
            .at(&hop.host)
            .fix(format!("mend the node's {family} routing, or drop the address")),
    )
}

/// The addresses tried, for the sentence; empty when the host is an address itself.
fn addresses(connect: &ConnectEvidence) -> String {
    const SHOWN: usize = 3;
    let all = &connect.addresses;
    let shown: Vec<String> = all.iter().take(SHOWN).map(|a| a.ip.to_string()).collect();
    match (shown.is_empty(), all.len().checked_sub(SHOWN + 1)) {
        (true, _) => String::new(),
        (_, None) => format!(" ({})", shown.join(", ")),
        (_, Some(more)) => format!(" ({} and {} more)", shown.join(", "), more + 1),
    }
}

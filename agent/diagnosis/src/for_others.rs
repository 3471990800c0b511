//! A report as those may read it who are not root: without user names, without the keys of logins, without proxies.
//!
//! What is structured is emptied; in sentences the names that are known from the report itself are hidden.

mod sentence;

#[cfg(test)]
mod tests;

use crate::cause::Code;
use crate::diagnosis::Diagnosis;
use crate::evidence::{DIRECT, Hop};
use crate::finding::{Finding, Remedy};
use crate::layer::dns::DnsOutcome;
use crate::layer::proxy::{OtherWay, ProxyOutcome};
use crate::layer::transport::{ConnectEvidence, StreamFailure};

use sentence::Hidden;

/// Stands where something is not shown.
pub const HIDDEN: &str = "(hidden)";

/// What `route` says where nothing of the node's proxies is in it.
const OPEN_ROUTES: [&str; 4] = ["", "no proxy set", "loopback", "host not understood"];
/// The variables that name a proxy.
const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

/// Takes out of a report what only root may know: whose logins the node has and under which keys, and by which proxies and
/// exceptions it reaches others. Verdict, cause, hosts and outcomes stay.
pub fn redact_for_others(diagnosis: &mut Diagnosis) {
    let hidden = Hidden::of(diagnosis);
    for row in &mut diagnosis.credentials {
        row.user = None;
        row.key = None;
        hide(&hidden, &mut row.source);
    }
    diagnosis.hops.iter_mut().for_each(redact_hop);
    if let Some(cause) = &mut diagnosis.cause {
        cause.host = cause.host.take().filter(|host| !hidden.is_proxy(host));
        summary(&hidden, cause.code, &mut cause.summary);
    }
    remedies(&hidden, &mut diagnosis.remedy);
    for finding in &mut diagnosis.findings {
        redact_finding(&hidden, finding);
    }
    for unseen in &mut diagnosis.not_checked {
        hide(&hidden, &mut unseen.what);
        hide(&hidden, &mut unseen.why);
    }
    if let Some(message) = &mut diagnosis.pull.message {
        hide(&hidden, message);
    }
    if let Some(kubelet) = &mut diagnosis.kubelet {
        hide(&hidden, &mut kubelet.reason);
        hide(&hidden, &mut kubelet.message);
    }
    if let Some(limit) = &mut diagnosis.rate_limit {
        // Whose allowance it is: an address or an account.
        if limit.source.parse::<std::net::IpAddr>().is_err() {
            limit.source.clear();
        }
    }
}

fn redact_finding(hidden: &Hidden, finding: &mut Finding) {
    finding.host = finding.host.take().filter(|host| !hidden.is_proxy(host));
    summary(hidden, finding.code, &mut finding.summary);
    remedies(hidden, &mut finding.remedy);
}

fn summary(hidden: &Hidden, code: Code, summary: &mut String) {
    if code == Code::ProxyDrift {
        // Its whole point is the values of the variables.
        "the runtime runs with other proxies than its unit says now".clone_into(summary);
    }
    hide(hidden, summary);
}

fn remedies(hidden: &Hidden, remedies: &mut [Remedy]) {
    for remedy in remedies {
        hide(hidden, &mut remedy.text);
        // A command with a word taken out is another command.
        remedy.command = remedy.command.take().filter(|command| hidden.in_sentence(command) == *command);
    }
}

fn hide(hidden: &Hidden, text: &mut String) {
    *text = hidden.in_sentence(text);
}

fn redact_hop(hop: &mut Hop) {
    if hop.via != DIRECT {
        HIDDEN.clone_into(&mut hop.via);
        redact_connection(hop);
    }
    let is_open = OPEN_ROUTES.contains(&hop.route.as_str()) || VARIABLES.contains(&hop.route.as_str());
    if !is_open {
        HIDDEN.clone_into(&mut hop.route);
    }
    if let Some(way) = &mut hop.other_way {
        redact_other_way(way);
    }
}

/// The name, the addresses and the certificate of a hop behind a proxy are the proxy's.
fn redact_connection(hop: &mut Hop) {
    if let Some(dns) = &mut hop.dns {
        if let DnsOutcome::Ok { addresses, .. } = &mut dns.outcome {
            addresses.clear();
        }
        dns.name = None;
        dns.servers.clear();
        dns.queries.clear();
    }
    if let Some(ConnectEvidence { used, addresses, port, .. }) = &mut hop.connect {
        *used = None;
        *port = 0;
        addresses.clear();
    }
    if let Some(proxy) = &mut hop.proxy {
        // Its own words and its certificate name it.
        proxy.tls = None;
        match &mut proxy.outcome {
            ProxyOutcome::Denied { reason } => reason.clear(),
            ProxyOutcome::Broken { failure: StreamFailure::Failed { why } } => HIDDEN.clone_into(why),
            _ => {}
        }
    }
}

fn redact_other_way(way: &mut OtherWay) {
    if way.via != DIRECT {
        HIDDEN.clone_into(&mut way.via);
        way.entries.clear();
    }
}

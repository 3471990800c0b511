//! The service that runs the runtime, and the variables in which its process differs from it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Running, WORDS};
use crate::case::NodeConfig;
use crate::cause::Code;
use crate::config::proxy_env::ProxyUrl;
use crate::config::systemd_unit::{self, Variable};
use crate::finding::Finding;
use crate::runtime::Kind;
use crate::text::clean;

pub(super) use crate::config::systemd_unit::Service;

/// Compared one by one.
const PROXIES: [&str; 6] = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"];
/// What Go's `crypto/x509` reads besides the system's places.
const TRUST: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];
/// k3s and RKE2 hand their own environment on, and a variable with this in front without it
/// (k3s `pkg/agent/containerd/containerd.go`).
const HANDED_ON: &str = "CONTAINERD_";
/// As many entries of a list are named.
const MOST_ENTRIES: usize = 5;

/// The one service that runs the node's runtime. `None` where none is there, or several that could be.
pub(super) fn service(node: &NodeConfig, kind: Kind) -> Option<Service> {
    let endpoint = node.runtime.as_ref().map_or("", |runtime| runtime.endpoint.as_str());
    let names: &[&str] = match kind {
        Kind::Containerd if endpoint.contains("/k3s/") => &["k3s", "k3s-agent", "rke2-server", "rke2-agent"],
        Kind::Containerd if endpoint.contains("microk8s") => &["snap.microk8s.daemon-containerd"],
        Kind::Containerd if endpoint.contains("/k0s/") => &["k0scontroller", "k0sworker"],
        Kind::Containerd => &["containerd"],
        Kind::CriO => &["crio"],
        Kind::Docker => &["docker"],
        Kind::Other => &[],
    };
    let mut found = names.iter().filter_map(|name| systemd_unit::read_service(&node.files, name));
    let mut service = found.next()?;
    if found.next().is_some() {
        return None;
    }
    if endpoint.contains("/k3s/") {
        hand_on(&mut service.variables);
    }
    Some(service)
}

fn hand_on(variables: &mut BTreeMap<String, Variable>) {
    let special: Vec<_> =
        variables.iter().filter_map(|(name, value)| Some((name.strip_prefix(HANDED_ON)?, value))).collect();
    let special: Vec<_> = special.into_iter().map(|(name, value)| (name.to_owned(), value.clone())).collect();
    variables.extend(special);
}

/// What the files say otherwise than the running process.
pub(super) fn drifted(node: &NodeConfig, service: &Service, running: &Running) -> Vec<Finding> {
    // Somebody who started it by hand gave it an environment by hand.
    let is_told = |name: &&&str| running.is_managed || service.variables.contains_key(**name);
    let differences = |names: &[&str]| -> Vec<String> {
        let told = names.iter().filter(is_told);
        told.filter_map(|name| difference(name, service, node.environment.get(name))).collect()
    };
    let finding = |code: Code, of: &str, differences: &[String]| {
        let Running { called, unit, .. } = running;
        let summary = format!("{called} runs with other {of} than {unit}.service says now: {}", differences.join("; "));
        let reload = format!("if the files are right: `systemctl daemon-reload`, then restart {called}");
        let finding = Finding::new(code, summary).run(reload, &["systemctl", "restart", unit.as_str()]);
        finding.fix("if the process is right, correct the files before a restart makes them effective")
    };
    let found = [(Code::ProxyDrift, "proxies", &PROXIES[..]), (Code::TrustDrift, "certificates", &TRUST[..])];
    let found = found.into_iter().map(|(code, of, names)| (code, of, differences(names)));
    found.filter(|(.., some)| !some.is_empty()).map(|(code, of, some)| finding(code, of, &some)).collect()
}

/// In what one variable differs; nothing of a login is in it.
fn difference(name: &str, service: &Service, running: Option<&str>) -> Option<String> {
    let file = service.variables.get(name).filter(|variable| !variable.value.expose().is_empty());
    let set_in = file.map(|variable| clean(&variable.set_in, WORDS)).unwrap_or_default();
    match (file.map(|variable| variable.value.expose().as_str()), running) {
        (Some(file), Some(running)) if file == running => None,
        (None, None) => None,
        (Some(file), None) => Some(format!("{name} is {} in {set_in} and unset in the process", shown(name, file))),
        (None, Some(running)) => {
            Some(format!("{name} is {} in the process and is set in no file of the unit", shown(name, running)))
        }
        (Some(file), Some(running)) if name.eq_ignore_ascii_case("NO_PROXY") => {
            let [missing, surplus] = [entries_without(file, running), entries_without(running, file)];
            let missing = missing.map(|entries| format!("the process lacks {entries}"));
            let surplus = surplus.map(|entries| format!("the process alone has {entries}"));
            let told: Vec<String> = missing.into_iter().chain(surplus).collect();
            let told = if told.is_empty() { "the order differs".to_owned() } else { told.join(", ") };
            Some(format!("of {name} in {set_in} {told}"))
        }
        (Some(file), Some(running)) => {
            let [file, running] = [shown(name, file), shown(name, running)];
            let running = if file == running { "the same with another login".to_owned() } else { running };
            Some(format!("{name} is {file} in {set_in} and {running} in the process"))
        }
    }
}

/// A value as it may be shown.
fn shown(name: &str, value: &str) -> String {
    match name {
        "NO_PROXY" | "no_proxy" => some_of(value.split(',').map(str::trim).filter(|entry| !entry.is_empty())),
        "SSL_CERT_FILE" | "SSL_CERT_DIR" => clean(value, WORDS),
        _ => ProxyUrl::parse(value).map_or_else(|_| "no URL".to_owned(), |url| clean(&url.to_string(), WORDS)),
    }
}

/// The entries of one list that are not in the other.
fn entries_without(list: &str, other: &str) -> Option<String> {
    let others: Vec<&str> = other.split(',').map(str::trim).collect();
    let left: Vec<&str> = list.split(',').map(str::trim).filter(|e| !e.is_empty() && !others.contains(e)).collect();
    (!left.is_empty()).then(|| some_of(left.into_iter()))
}

/// The first entries of a list. One with an `@` may be a proxy's URL in the wrong place, and is not shown.
fn some_of<'a>(entries: impl Iterator<Item = &'a str>) -> String {
    let entries: Vec<&str> = entries.collect();
    let safe = |entry: &&str| if entry.contains('@') { "***".to_owned() } else { clean(entry, 80) };
    let mut told = entries.iter().take(MOST_ENTRIES).map(safe).collect::<Vec<_>>().join(",");
    if entries.len() > MOST_ENTRIES {
        // Writing to a String cannot fail.
        let _ = write!(told, ",… ({} entries)", entries.len());
    }
    told
}

//! Where the runtime's running process and the node's files have come apart: proxies, trusted certificates, config.toml.
//!
//! Says nothing unless the process was found beyond doubt: whatever else could be compared may be another's.

mod service;

#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};

use self::service::{Service, drifted, service};
use crate::case::{NodeConfig, NotChecked};
use crate::cause::Code;
use crate::config::containerd::config_toml::ContainerdConfig;
use crate::finding::Finding;
use crate::plan::sources::containerd::{config_file, version};
use crate::plan::sources::runtime_kind;
use crate::runtime::{Kind, RuntimeProcess};
use crate::text::clean;

/// By how much a file has to be younger than the process: the time of the boot, and with it that of a start, is told in
/// whole seconds.
const SLACK: SignedDuration = SignedDuration::from_secs(2);
/// Bytes of a path or value.
const WORDS: usize = 200;

/// What has come apart, and what could not be compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// What has come apart.
    pub findings: Vec<Finding>,
    /// What could not be compared.
    pub not_checked: Vec<NotChecked>,
}

/// Compares the running process with the files.
pub fn drift(node: &NodeConfig) -> Drift {
    let mut drift = Drift::default();
    let Some(kind) = runtime_kind(node).filter(|kind| *kind != Kind::Other) else { return drift };
    let process = node.runtime.as_ref().map(|runtime| &runtime.process);
    let Some(RuntimeProcess::Verified { started_at, unit: of, of_this_tree: true, .. }) = process else { return drift };
    let service = service(node, kind);
    let running = Running {
        called: called(kind),
        unit: unit(kind, service.as_ref()),
        started_at: *started_at,
        is_managed: of.is_some(),
    };
    if let Some(service) = service.filter(|_| node.environment.is_runtimes) {
        if service.unread.is_empty() {
            drift.findings.extend(drifted(node, &service, &running));
        } else {
            let why = clean(&service.unread.join("; "), 2 * WORDS);
            let what = format!("whether {} still runs with the environment of its unit", running.called);
            drift.not_checked.push(NotChecked::new(what, why));
        }
    }
    drift.findings.extend(trust(node, &running));
    if kind == Kind::Containerd {
        drift.findings.extend(not_reloaded(node, &running));
    }
    drift
}

/// The process, as it is called to a person.
struct Running {
    called: &'static str,
    /// What to restart.
    unit: String,
    started_at: Timestamp,
    /// Whether systemd started it, so that what no file sets came from a file once.
    is_managed: bool,
}

impl Running {
    /// Whether a file of this time was written after the process started.
    fn is_older_than(&self, modified: Timestamp) -> bool {
        modified.duration_since(self.started_at) > SLACK
    }

    fn restart(&self, finding: Finding, why: &str) -> Finding {
        finding.run(format!("restart {}{why}", self.called), &["systemctl", "restart", self.unit.as_str()])
    }
}

/// What a family of runtimes is called in a sentence.
pub(crate) fn called(kind: Kind) -> &'static str {
    match kind {
        Kind::Containerd => "containerd",
        Kind::CriO => "CRI-O",
        Kind::Docker => "Docker",
        Kind::Other => "the runtime",
    }
}

fn unit(kind: Kind, service: Option<&Service>) -> String {
    let name = service.map(|service| service.name.trim_end_matches(".service"));
    let usual = match kind {
        Kind::CriO => "crio",
        Kind::Docker => "docker",
        Kind::Containerd | Kind::Other => "containerd",
    };
    name.unwrap_or(usual).to_owned()
}

/// Go loads the system's certificates once a process (`crypto/x509` `initSystemRoots`).
fn trust(node: &NodeConfig, running: &Running) -> Option<Finding> {
    let is_younger = |modified: Option<Timestamp>| modified.is_some_and(|time| running.is_older_than(time));
    let sources = &node.network.trust.sources;
    let younger: Vec<_> = sources.iter().filter(|source| is_younger(source.modified)).collect();
    let first = younger.first()?;
    let more = match younger.len() - 1 {
        0 => String::new(),
        1 => " (and 1 file more)".to_owned(),
        more => format!(" (and {more} files more)"),
    };
    let path = clean(&first.path.display().to_string(), WORDS);
    let written = first.modified.map(|time| time.strftime("%F %T UTC").to_string()).unwrap_or_default();
    let Running { called, started_at, .. } = running;
    let summary = format!(
        "{path}{more} was written at {written}, after {called} started at {}: {called} trusts what was there at its \
         start",
        started_at.strftime("%F %T UTC")
    );
    Some(running.restart(Finding::new(Code::TrustDrift, summary), ", so that it loads the certificates anew"))
}

/// config.toml and what it imports are read at the start only; hosts.toml is read at each pull.
fn not_reloaded(node: &NodeConfig, running: &Running) -> Vec<Finding> {
    let config = ContainerdConfig::read(version(node), &node.files, config_file(node));
    let younger = config.loaded.iter().filter(|file| {
        let modified = node.files.modified(&file.path);
        modified.is_some_and(|time| running.is_older_than(time))
    });
    let finding = |path: &str| {
        let summary = format!(
            "{}: it was changed after {} started at {}, and is read at the start only",
            clean(path, WORDS),
            running.called,
            running.started_at.strftime("%F %T UTC")
        );
        let finding = Finding::new(Code::ConfigIgnored, summary).detail("notReloaded");
        running.restart(finding, "; without it the settings of before hold")
    };
    younger.map(|file| finding(&file.path)).collect()
}

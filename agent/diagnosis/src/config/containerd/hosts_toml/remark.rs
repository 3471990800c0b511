//! What in a hosts.toml is ignored by containerd, or read otherwise than it looks.
//!
//! Facts for a person; none of them changes which hosts are asked.

use super::super::ContainerdVersion;
use super::table::KEYS;
use crate::config::go_url::GoUrlError;
use crate::config::toml_document::{Document, Table};
use crate::text::clean;

/// One fact with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The file or directory.
    pub file: String,
    /// From 1, where it can be told.
    pub line: Option<u32>,
    /// What is the matter.
    pub kind: RemarkKind,
}

/// What containerd makes of a file, where that is not what one would think.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemarkKind {
    /// The whole file is ignored: certificates beside it are used and the registry itself is asked.
    Dropped(Dropped),
    /// A host without a `[host."…"]` header has no place in the order, and is ignored.
    Unordered {
        /// The key of the table.
        host: String,
    },
    /// The table of another host comes between two of this one, so it is asked twice.
    Repeated {
        /// The key of the table.
        host: String,
    },
    /// `server` behind a `[host."…"]` header belongs to that table, where it means nothing.
    ServerInHost {
        /// The key of the table.
        host: String,
    },
    /// `capabilities` at the root without a `server`: everything is allowed there nevertheless.
    RootCapabilities,
    /// `https://docker.io` is a web site; the registry is `https://registry-1.docker.io`.
    DockerHubWebSite,
    /// A name that begins with `http` without `://` is taken for a URL, and has no host then.
    NoHost {
        /// As written.
        name: String,
    },
    /// A key that this version does not know.
    UnknownKey {
        /// The key of the host's table; `None` at the root.
        host: Option<String>,
        /// As written.
        key: String,
    },
    /// The directory has files named like certificates, which are not looked for beside a hosts.toml.
    CertificatesUnused,
    /// A colon-separated list of directories, which the transfer service takes for the path of one.
    ColonPath,
}

/// Why a whole file is ignored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Dropped {
    /// It is no TOML.
    #[error("{why}")]
    Toml {
        /// One line; may name keys, never values.
        why: String,
    },
    /// A value of the wrong kind.
    #[error("`{key}` must be {expected}")]
    WrongType {
        /// Which key.
        key: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A word in `capabilities` that this version does not know.
    #[error("`{word}` is no capability")]
    UnknownCapability {
        /// As written.
        word: String,
    },
    /// `dial_timeout` is no duration, mostly for want of a unit.
    #[error("`dial_timeout` is no duration; write a number with a unit, like `10s`")]
    DialTimeout,
    /// A host or `server` is no URL.
    #[error("the URL cannot be parsed: {why}")]
    Url {
        /// What is wrong with it.
        why: GoUrlError,
    },
    /// containerd 1.x wants a `[host]` table in every file.
    #[error("containerd 1.x ignores a file without a `[host.\"…\"]` table")]
    NoHostTable,
}

impl Dropped {
    pub(super) const fn wrong_type(key: &'static str, expected: &'static str) -> Self {
        Self::WrongType { key, expected }
    }
}

/// What is to be said of the root of a file, with the line.
pub(super) fn on_root(document: &Document, server: (&str, u32)) -> Vec<(u32, RemarkKind)> {
    let mut remarks = unknown_keys(&document.root, None, &["server", "host"]);
    remarks.extend(on_name(server.0, server.1));
    if let Some(capabilities) = document.root.field("capabilities").filter(|_| server.0.is_empty()) {
        remarks.push((capabilities.line, RemarkKind::RootCapabilities));
    }
    let url = server.0.trim_end_matches('/');
    if matches!(url, "docker.io" | "https://docker.io" | "https://index.docker.io" | "https://hub.docker.com") {
        remarks.push((server.1, RemarkKind::DockerHubWebSite));
    }
    remarks
}

/// What is to be said of a host's table.
pub(super) fn on_host(host: &str, line: u32, table: &Table, version: ContainerdVersion) -> Vec<(u32, RemarkKind)> {
    let mut remarks = unknown_keys(table, Some(host), &["server"]);
    if let Some(server) = table.field("server") {
        remarks.push((server.line, RemarkKind::ServerInHost { host: shown(host) }));
    }
    if let Some(timeout) = table.field("dial_timeout").filter(|_| version < ContainerdVersion::V2_0) {
        let key = timeout.key.clone();
        remarks.push((timeout.line, RemarkKind::UnknownKey { host: Some(shown(host)), key }));
    }
    remarks.extend(on_name(host, line));
    remarks
}

/// What is to be said of the order: `ordered` has the hosts as they are asked.
pub(super) fn on_order(tables: &[(&str, u32)], ordered: &[(&str, u32)]) -> Vec<(u32, RemarkKind)> {
    let mut seen = std::collections::BTreeSet::new();
    let repeated = ordered.iter().filter(|(host, _)| !seen.insert(*host)).copied().collect::<Vec<_>>();
    let unordered = tables.iter().filter(|(host, _)| !seen.contains(host));
    let unordered = unordered.map(|(host, line)| (*line, RemarkKind::Unordered { host: shown(host) }));
    let repeated = repeated.into_iter().map(|(host, line)| (line, RemarkKind::Repeated { host: shown(host) }));
    unordered.chain(repeated).collect()
}

fn on_name(name: &str, line: u32) -> Option<(u32, RemarkKind)> {
    let is_mistaken = name.starts_with("http") && !name.contains("://");
    is_mistaken.then(|| (line, RemarkKind::NoHost { name: shown(name) }))
}

fn unknown_keys(table: &Table, host: Option<&str>, known: &[&str]) -> Vec<(u32, RemarkKind)> {
    let is_known = |key: &str| known.iter().chain(&KEYS).any(|known| known.eq_ignore_ascii_case(key));
    let unknown = table.entries().iter().filter(|entry| !is_known(&entry.key));
    let remark = |key: &str| RemarkKind::UnknownKey { host: host.map(shown), key: shown(key) };
    unknown.map(|entry| (entry.line, remark(&entry.key))).collect()
}

/// A name made safe to show; a login in a URL is cut out.
fn shown(name: &str) -> String {
    match name.rsplit_once('@') {
        Some((before, host)) => {
            let scheme = before.split_once("://").map_or("", |(scheme, _)| scheme);
            clean(&format!("{scheme}://***@{host}"), 120)
        }
        None => clean(name, 120),
    }
}

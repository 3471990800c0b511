//! Where containerd pulls from: config.toml, hosts.toml and the files beside it, as each version reads them.
//!
//! Everything is computed from a snapshot of files; nothing is looked at and nobody is asked.

pub mod config_toml;
pub mod engine;
mod error;
pub mod hosts;
pub mod hosts_toml;
mod mirrors;
mod tls_files;

use std::fmt;

use serde::{Deserialize, Serialize};

use self::config_toml::ContainerdConfig;
use self::engine::Engine;
use super::files::Files;
use super::go_duration::GoDuration;
use super::toml_document::Parser;
use crate::authority::Scheme;
use crate::secret::Secret;

pub use self::error::HostsError;
pub use self::hosts_toml::{Dropped, Remark, RemarkKind};
pub use super::pem::ClientPair;

/// What of a version decides how files are read: `1.7`, `2.1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ContainerdVersion {
    /// 1 or 2.
    pub major: u32,
    /// What follows the first dot.
    pub minor: u32,
}

impl ContainerdVersion {
    /// The first whose localhost may speak TLS without being configured.
    pub const V1_7: Self = Self { major: 1, minor: 7 };
    /// Another TOML parser, `dial_timeout`, and plugin settings of several files that are merged.
    pub const V2_0: Self = Self { major: 2, minor: 0 };
    /// The transfer service pulls.
    pub const V2_1: Self = Self { major: 2, minor: 1 };
    /// The capability `referrers`, and a default for `config_path`.
    pub const V2_2: Self = Self { major: 2, minor: 2 };

    fn toml_parser(self) -> Parser {
        if self < Self::V2_0 { Parser::GoToml1 } else { Parser::GoToml2 }
    }

    /// Reads `v1.7.13-k3s1` and the like; `None` without two numbers in front.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.trim().trim_start_matches('v').split(['.', '-', '+', '~']);
        let mut next = || numbers.next()?.parse().ok();
        Some(Self { major: next()?, minor: next()? })
    }
}

/// Who is asked for images of one registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistryHosts {
    /// The directory whose files were taken. `None`: there is none, and the defaults hold.
    pub dir: Option<String>,
    /// The hosts in order, the registry itself last. Empty if there is an `error`.
    pub hosts: Vec<RegistryHost>,
    /// What was ignored in the files, and what in them is likely not meant.
    pub remarks: Vec<Remark>,
    /// Why no pull from this registry gets as far as a connection.
    pub error: Option<HostsError>,
}

/// A host that is asked, with the rules for talking to it (`docker.RegistryHost`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct RegistryHost {
    /// `https` or `http`; anything, even nothing, if the file has a malformed URL.
    pub scheme: String,
    /// Host and port as configured; empty if the file has a malformed URL.
    pub host: String,
    /// What stands before `/<repository>/manifests/…`, mostly `/v2`.
    pub path: String,
    /// What it is used for.
    pub capabilities: Capabilities,
    /// Its certificate is not verified.
    pub skip_verify: bool,
    /// Files of certificates that are trusted besides the system's.
    pub ca: Vec<String>,
    /// Client certificates.
    pub client_pairs: Vec<ClientPair>,
    /// Sent with every request.
    pub headers: Vec<Header>,
    /// Plain HTTP is tried after a peer that does not speak TLS.
    pub http_fallback: bool,
    /// How long connecting may take.
    pub dial_timeout: GoDuration,
    /// `?ns=` with the image's registry is added to every request.
    pub ns_param: bool,
    /// It is the registry itself, or the `server` of the file, and no mirror.
    pub is_upstream: bool,
}

impl RegistryHost {
    /// The scheme as a value; `None` for a malformed URL, of which no request can be made.
    pub fn known_scheme(&self) -> Option<Scheme> {
        [Scheme::Https, Scheme::Http].into_iter().find(|scheme| scheme.word() == self.scheme)
    }

    /// Whether a tag is resolved here.
    pub fn used_for_tag(&self) -> bool {
        self.capabilities.contains(Capabilities::PULL.with(Capabilities::RESOLVE))
    }

    /// Whether a digest is resolved here. Content is asked for here in any case (`core/remotes/docker/fetcher.go`).
    pub fn used_for_digest(&self) -> bool {
        self.capabilities.contains(Capabilities::PULL)
    }
}

/// What a host can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities(u8);

impl Capabilities {
    /// Content can be fetched.
    pub const PULL: Self = Self(1);
    /// Tags can be resolved.
    pub const RESOLVE: Self = Self(2);
    /// Content can be uploaded.
    pub const PUSH: Self = Self(4);
    /// What refers to an image can be listed.
    pub const REFERRERS: Self = Self(8);

    const WORDS: [(Self, &'static str); 4] =
        [(Self::PULL, "pull"), (Self::RESOLVE, "resolve"), (Self::PUSH, "push"), (Self::REFERRERS, "referrers")];

    /// What a host can do of which the file says nothing.
    pub fn all(version: ContainerdVersion) -> Self {
        let all = Self::PULL.with(Self::RESOLVE).with(Self::PUSH);
        if version >= ContainerdVersion::V2_2 { all.with(Self::REFERRERS) } else { all }
    }

    /// Both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// All but the other's.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all of `other` is there.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The capability that a word stands for, in any case.
    pub fn from_word(word: &str, version: ContainerdVersion) -> Option<Self> {
        let known = Self::WORDS.iter().find(|(_, known)| word.to_lowercase() == *known)?.0;
        Self::all(version).contains(known).then_some(known)
    }

    /// The words in containerd's order.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        Self::WORDS.into_iter().filter(move |(capability, _)| self.contains(*capability)).map(|(_, word)| word)
    }
}

/// A header with its values, which may be credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// As typed.
    pub name: String,
    /// Each is sent in a line of its own.
    pub values: Vec<Secret<String>>,
}

/// The hosts that are asked for images of `host` (`docker.io`, `quay.io`, `localhost:5000`).
///
/// A configuration with which containerd would not start (`config.error`) counts as far as it was read: the running
/// daemon was started with another.
///
/// Sources: `internal/cri/server/images/image_pull.go` `registryHosts`, `registryEndpoints`, the transfer service's
/// core/transfer/registry/registry.go, and core/remotes/docker/config/hosts.go.
pub fn registry_hosts(
    version: ContainerdVersion,
    config: &ContainerdConfig,
    files: &Files,
    host: &str,
) -> RegistryHosts {
    let failed = |error| RegistryHosts { error: Some(error), ..RegistryHosts::default() };
    if config.cri_disabled.is_some() {
        return failed(HostsError::PluginDisabled);
    }
    if let Some(refusal) = &config.refusal {
        return failed(HostsError::PluginRefused(refusal.clone()));
    }
    let path = config.effective_config_path(version);
    let roots = roots(version, config);
    match engine::choose(version, config).engine {
        Engine::Local if path.is_empty() => mirrors::registry_hosts(version, config, files, host),
        Engine::Local => hosts::look_up(version, &roots, files, host),
        Engine::Transfer => {
            let mut result = hosts::look_up(version, &roots, files, host);
            result.remarks.extend(colon_path(version, config));
            result
        }
    }
}

/// That the transfer service takes a list of directories for the path of one, whatever the registry.
pub fn colon_path(version: ContainerdVersion, config: &ContainerdConfig) -> Option<Remark> {
    let path = config.effective_config_path(version);
    let is_taken_whole = engine::choose(version, config).engine == Engine::Transfer && path.contains(':');
    is_taken_whole.then(|| Remark {
        file: config.registry.config_path.as_ref().map_or(path, |path| &path.file).to_owned(),
        line: config.registry.config_path.as_ref().map(|path| path.line),
        kind: RemarkKind::ColonPath,
    })
}

/// The directories that are searched for a registry's own, in their order.
pub fn roots(version: ContainerdVersion, config: &ContainerdConfig) -> Vec<&str> {
    let path = config.effective_config_path(version);
    match engine::choose(version, config).engine {
        _ if path.is_empty() => Vec::new(),
        Engine::Local => path.split(':').collect(),
        Engine::Transfer => vec![path],
    }
}

/// The registry that a directory is for: `host_5000_` is how one spells `host:5000` where a colon would not do.
pub fn registry_of(directory: &str) -> String {
    let split = directory.strip_suffix('_').and_then(|rest| rest.rsplit_once('_'));
    let split = split.filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    split.map_or_else(|| directory.to_owned(), |(host, port)| format!("{host}:{port}"))
}

impl fmt::Display for ContainerdVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests;

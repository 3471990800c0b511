//! A host that can serve the image, with the rules for talking to it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::authority::{Scheme, split_authority};
use crate::evidence::Role;
use crate::reference::Reference;
use crate::runtime::RuntimeVersion;
use crate::secret::Secret;

/// A host that can serve the image, with the rules for talking to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// Mirror or registry.
    pub role: Role,
    /// `https` or `http`.
    pub scheme: Scheme,
    /// Host and port as configured; the port may be absent.
    pub authority: String,
    /// What stands before `/<repository>/manifests/…`: `/v2` unless configured otherwise.
    pub base_path: String,
    /// The repository there, where it is another than the image's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// True when its certificate is not verified.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_verify: bool,
    /// True when plain HTTP is tried after a peer that does not speak TLS.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub http_fallback: bool,
    /// False when the reference is not resolved here: only content is asked for, by digest.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub resolves: bool,
    /// The value of `?ns=` in every request, with which a mirror knows whose image is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Certificates that are trusted here besides the system's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorities: Vec<AuthorityFile>,
    /// Where a further authority for it belongs; `None` where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted_by: Option<TrustPlace>,
    /// Client certificates for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub client_pairs: Vec<ClientPair>,
    /// Sent with every request. They may hold a login.
    #[serde(skip)]
    pub headers: Vec<(String, Secret<String>)>,
    /// The file or directory that says all this; `None` for the defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_in: Option<String>,
}

fn yes() -> bool {
    true
}

/// A file of trusted certificates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorityFile {
    /// Its path on the node.
    pub path: String,
    /// What it holds, in PEM. Not part of a saved report.
    #[serde(skip)]
    pub pem: Arc<Vec<u8>>,
}

/// Where a certificate authority for one endpoint belongs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum TrustPlace {
    /// The key `ca` of a hosts.toml, which containerd reads at each pull.
    HostsToml {
        /// The file, which need not be there yet.
        file: String,
        /// The table that the key belongs to; `None` for the top of the file.
        table: Option<String>,
    },
    /// A file ending in `.crt` in a directory that is read at each pull.
    Directory {
        /// The directory, which need not be there yet.
        path: String,
    },
    /// The system's bundle, which a runtime reads once, when it starts.
    System {
        /// Which runtime that is.
        runtime: String,
    },
}

/// A client certificate with its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientPair {
    /// The path of the certificate's file.
    pub path: String,
    /// The chain in PEM, the own certificate first. Not part of a saved report.
    #[serde(skip)]
    pub chain: Arc<Vec<u8>>,
    /// The key in PEM.
    #[serde(skip)]
    pub key: Arc<Secret<Vec<u8>>>,
}

impl Endpoint {
    /// An endpoint without any rule of its own.
    pub fn plain(role: Role, scheme: Scheme, authority: String) -> Self {
        Self {
            role,
            scheme,
            authority,
            base_path: "/v2".to_owned(),
            repository: None,
            skip_verify: false,
            http_fallback: false,
            resolves: true,
            namespace: None,
            authorities: Vec::new(),
            trusted_by: None,
            client_pairs: Vec::new(),
            headers: Vec::new(),
            set_in: None,
        }
    }

    /// The registry that the image names, as containerd talks to it without any configuration
    /// (`core/remotes/docker/config/hosts.go`; 1.x: `pkg/cri/server/image_pull.go` `registryEndpoints`).
    ///
    /// Docker Hub is contacted at another name than its own. `localhost` and loopback addresses are spoken to in plain
    /// HTTP before 1.7; later versions do not verify them, and on a port that is neither 80 nor 443 they may also speak plain HTTP.
    pub(super) fn of_registry(reference: &Reference, runtime: Option<&RuntimeVersion>) -> Self {
        let registry = &reference.registry;
        let authority = if reference.is_docker_hub() { "registry-1.docker.io".to_owned() } else { registry.clone() };
        let (host, port) = split_authority(&authority);
        let local = is_localhost(host);
        let plain = local && (port == Some("80") || runtime.is_some_and(RuntimeVersion::is_containerd_before_1_7));
        let scheme = if plain { Scheme::Http } else { Scheme::Https };
        let http_fallback = local && !plain && port.is_some_and(|p| p != "443");
        Self { skip_verify: local && !plain, http_fallback, ..Self::plain(Role::Registry, scheme, authority) }
    }

    /// The host alone, without brackets.
    pub fn host(&self) -> &str {
        split_authority(&self.authority).0
    }

    /// Whether the image's name leads here, and not the node's configuration.
    ///
    /// A registry that a configuration puts on another host (`server` of a hosts.toml, `location` of a registries.conf)
    /// is as much the node's own as a mirror is.
    pub fn is_named_by(&self, reference: &Reference) -> bool {
        let is_its_host = self.host().eq_ignore_ascii_case(split_authority(&reference.registry).0);
        let is_hub = || reference.is_docker_hub() && self.host().ends_with("docker.io");
        self.role == Role::Registry && (is_its_host || is_hub())
    }

    /// The port that is dialled under `scheme`.
    pub fn port(&self, scheme: Scheme) -> u16 {
        split_authority(&self.authority).1.and_then(|p| p.parse().ok()).unwrap_or_else(|| scheme.default_port())
    }

    /// The repository that is asked for here.
    pub fn repository<'a>(&'a self, reference: &'a Reference) -> &'a str {
        self.repository.as_deref().unwrap_or(&reference.repository)
    }
}

impl Reference {
    /// Whether the registry that the image names is this machine, by the word or by an address of loopback.
    pub fn says_localhost(&self) -> bool {
        is_localhost(split_authority(&self.registry).0)
    }
}

/// Whether containerd takes a host for this machine (`core/remotes/docker/registry.go` `MatchLocalhost`).
fn is_localhost(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

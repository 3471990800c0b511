//! daemon.json: from whom the Docker daemon pulls, without the containerd image store.
//!
//! Certificates are `certs_directory`. Copied rules: moby registry/config.go `loadMirrors`, `loadInsecureRegistries`,
//! `isSecureIndex`, `registry/service_v2.go` `lookupV2Endpoints`.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;

use super::go_url::{GoUrl, parse_ip};
use crate::authority::{Scheme, split_authority};
use crate::secret::Secret;

/// The registry that serves Docker Hub.
const DOCKER_HUB_HOST: &str = "registry-1.docker.io";

/// What of daemon.json decides pulls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DockerDaemon {
    /// Mirrors of Docker Hub in order.
    pub mirrors: Vec<DockerMirror>,
    /// Registries whose certificates are not verified: `host` or `host:port` as in an image's name.
    pub insecure_hosts: Vec<String>,
    /// The same for addresses, those of this machine included.
    pub insecure_networks: Vec<IpNet>,
    /// The daemon's own proxies, which come before its environment. They may hold logins.
    pub proxies: Option<DockerProxies>,
    /// How many layers at once; 3.
    pub max_concurrent_downloads: Option<i64>,
    /// How often a layer is tried; 5.
    pub max_download_attempts: Option<i64>,
}

/// A mirror of Docker Hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerMirror {
    /// `https` or `http`.
    pub scheme: Scheme,
    /// Host and port.
    pub authority: String,
    /// Mostly empty; without a slash at its end.
    pub path: String,
}

/// `proxies`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DockerProxies {
    /// For `http` URLs.
    pub http: Secret<String>,
    /// For `https` URLs.
    pub https: Secret<String>,
    /// As in `NO_PROXY`.
    pub no_proxy: String,
}

/// Why the daemon would not start with the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DockerDaemonError {
    /// No JSON, or a value of the wrong kind.
    #[error("daemon.json is not valid (line {line})")]
    Json {
        /// From 1.
        line: usize,
    },
    /// An entry of `registry-mirrors` is no `http://` or `https://` URL, or has a login, query or fragment.
    #[error("registry-mirrors: entry {number} is no plain http:// or https:// URL")]
    Mirror {
        /// From 1.
        number: usize,
    },
    /// An entry of `insecure-registries` is neither host nor network.
    #[error("insecure-registries: entry {number} is neither a host nor a network")]
    Insecure {
        /// From 1.
        number: usize,
    },
}

/// A place that the daemon asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerEndpoint {
    /// `https` or `http`.
    pub scheme: Scheme,
    /// Host and port.
    pub authority: String,
    /// What stands before `/v2`; mostly empty.
    pub path: String,
    /// Its certificate is not verified.
    pub skip_verify: bool,
    /// It is a mirror, whose failures are passed over without a word.
    pub is_mirror: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Json {
    registry_mirrors: Vec<String>,
    insecure_registries: Vec<String>,
    proxies: Option<JsonProxies>,
    max_concurrent_downloads: Option<i64>,
    max_download_attempts: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct JsonProxies {
    #[serde(rename = "http-proxy")]
    http: String,
    #[serde(rename = "https-proxy")]
    https: String,
    #[serde(rename = "no-proxy")]
    none: String,
}

impl DockerDaemon {
    /// Reads the file; an absent one is the empty text.
    pub fn parse(content: &[u8]) -> Result<Self, DockerDaemonError> {
        let json = if content.trim_ascii().is_empty() {
            Json::default()
        } else {
            serde_json::from_slice(content).map_err(|error| DockerDaemonError::Json { line: error.line() })?
        };
        let mut daemon = Self {
            max_concurrent_downloads: json.max_concurrent_downloads,
            max_download_attempts: json.max_download_attempts,
            ..Self::default()
        };
        for (at, mirror) in json.registry_mirrors.iter().enumerate() {
            daemon.mirrors.push(parse_mirror(mirror).ok_or(DockerDaemonError::Mirror { number: at + 1 })?);
        }
        for (at, entry) in json.insecure_registries.iter().enumerate() {
            let refused = DockerDaemonError::Insecure { number: at + 1 };
            daemon.add_insecure(entry).ok_or(refused)?;
        }
        daemon.insecure_networks.extend(LOOPBACK.iter().filter_map(|network| network.parse::<IpNet>().ok()));
        daemon.proxies = json.proxies.map(|proxies| DockerProxies {
            http: proxies.http.into(),
            https: proxies.https.into(),
            no_proxy: proxies.none,
        });
        Ok(daemon)
    }

    fn add_insecure(&mut self, entry: &str) -> Option<()> {
        let scheme = entry
            .get(..8)
            .filter(|start| start.eq_ignore_ascii_case("https://"))
            .or_else(|| entry.get(..7).filter(|start| start.eq_ignore_ascii_case("http://")));
        let entry = scheme.map_or(entry, |scheme| &entry[scheme.len()..]);
        if let Ok(network) = entry.parse() {
            self.insecure_networks.push(network);
            return Some(());
        }
        let is_host = !entry.is_empty() && !entry.contains("://") && !entry.starts_with('-') && !entry.ends_with('-');
        is_host.then(|| self.insecure_hosts.push(entry.to_owned()))
    }

    /// The endpoints for images of a registry. Names are not resolved here, so a network in `insecure-registries` counts
    /// for literal addresses and `localhost` only.
    pub fn endpoints(&self, registry: &str) -> Vec<DockerEndpoint> {
        if registry == "docker.io" {
            let mirrors = self.mirrors.iter().map(|mirror| DockerEndpoint {
                scheme: mirror.scheme,
                skip_verify: self.is_insecure(&mirror.authority),
                authority: mirror.authority.clone(),
                path: mirror.path.clone(),
                is_mirror: true,
            });
            return mirrors.chain([upstream(Scheme::Https, DOCKER_HUB_HOST, false)]).collect();
        }
        let skip_verify = self.is_insecure(registry);
        let plain = skip_verify.then(|| upstream(Scheme::Http, registry, true));
        [upstream(Scheme::Https, registry, skip_verify)].into_iter().chain(plain).collect()
    }

    fn is_insecure(&self, authority: &str) -> bool {
        let name = split_authority(authority).0;
        let address = match name {
            "localhost" => Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)),
            name => parse_ip(name).map(|(ip, _)| ip.to_canonical()),
        };
        self.insecure_hosts.iter().any(|host| host == authority)
            || address.is_some_and(|ip| self.insecure_networks.iter().any(|network| network.contains(&ip)))
    }
}

/// Insecure without being named.
const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1/128"];

fn upstream(scheme: Scheme, authority: &str, skip_verify: bool) -> DockerEndpoint {
    DockerEndpoint { scheme, authority: authority.to_owned(), path: String::new(), skip_verify, is_mirror: false }
}

fn parse_mirror(text: &str) -> Option<DockerMirror> {
    let url = GoUrl::parse(text).ok()?;
    let scheme = match url.scheme() {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        _ => return None,
    };
    let is_plain = url.user().is_none() && !text.contains(['?', '#']) && !url.host().is_empty();
    let path = url.path().trim_end_matches('/').to_owned();
    is_plain.then(|| DockerMirror { scheme, authority: url.host().into_owned(), path })
}

#[cfg(test)]
mod tests;

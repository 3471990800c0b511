//! The words of a scenario for Debian's own servers, and how they are started: as child processes, on ports that were
//! free a moment before. Only a world with a network of its own can rely on these.

use std::io;
use std::net::SocketAddr;

use serde::Deserialize;

use super::scenario::{Certificate, Password, Repository};
use crate::ca::Identity;
use crate::dnsmasq::{self, DnsmasqHandle};
use crate::docker_registry::{self, DockerRegistryHandle};
use crate::squid::{self, SquidHandle};

/// Debian's docker-registry, over TLS.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DockerRegistry {
    /// The name it is known by.
    pub host: Option<String>,
    /// Its certificate; a good one for `host` if absent.
    #[serde(default)]
    pub certificate: Certificate,
    /// The one login that it takes; none asks for none.
    pub login: Option<Password>,
    /// What it holds.
    #[serde(default)]
    pub repository: Vec<Repository>,
}

/// Debian's squid.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Squid {
    /// The name it is known by.
    pub host: Option<String>,
    /// The hosts that it lets through.
    #[serde(default)]
    pub allow: Vec<String>,
}

/// Debian's dnsmasq: it knows the names of all servers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dnsmasq {
    /// The domains that it answers for alone; names elsewhere are refused.
    #[serde(default)]
    pub domains: Vec<String>,
}

impl DockerRegistry {
    pub(super) async fn start(&self, addr: SocketAddr, identity: &Identity) -> io::Result<DockerRegistryHandle> {
        let mut registry = docker_registry::DockerRegistry::default().tls(identity);
        for repository in &self.repository {
            for tag in repository.all_tags() {
                registry = registry.image(&repository.name, &tag, repository.image());
            }
        }
        if let Some(Password { username, password }) = &self.login {
            registry = registry.login(username, password);
        }
        registry.start_on(addr).await
    }
}

impl Squid {
    pub(super) async fn start(&self, addr: SocketAddr, names: &super::Names) -> io::Result<SquidHandle> {
        let mut proxy = squid::Squid::default();
        for (name, ip) in names.iter().flat_map(|(name, ips)| ips.iter().map(move |ip| (name, *ip))) {
            proxy = proxy.name(name, ip);
        }
        for host in &self.allow {
            proxy = proxy.allow(host);
        }
        proxy.start_on(addr).await
    }
}

impl Dnsmasq {
    pub(super) async fn start(&self, addr: SocketAddr, names: &super::Names) -> io::Result<DnsmasqHandle> {
        let mut server = dnsmasq::Dnsmasq::default();
        for (name, ip) in names.iter().flat_map(|(name, ips)| ips.iter().map(move |ip| (name, *ip))) {
            server = server.name(name, ip);
        }
        for domain in &self.domains {
            server = server.domain(domain);
        }
        server.start_on(addr).await
    }
}

//! A whole broken world made from a scenario file: servers, names, resolvers, a fake node root, and what must be found
//! out. Starts and holds; examines nothing.

mod debian;
mod parse;
mod placeholder;
mod root;
mod scenario;
mod serve;
mod start;

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr},
    path::Path,
};

use self::start::{Running, RunningResolver};
pub use self::{
    debian::{Dnsmasq, DockerRegistry, Squid},
    scenario::{
        AuthKind, Certificate, Expect, Login, Misdeed, Password, Place, Proxy, RawPeer, Registry, Repository, Resolver,
        Scenario,
    },
    serve::{Described, ServeError, serve},
};
use crate::{ca::Ca, dns::DnsHandle, proxy::ProxyHandle, registry::RegistryHandle};

/// Names and where they lead.
type Names = BTreeMap<String, Vec<IpAddr>>;

/// A scenario whose servers run; they stop when it is dropped.
pub struct World {
    scenario: Scenario,
    ca: Ca,
    stranger: Ca,
    servers: BTreeMap<String, Running>,
    resolvers: Vec<RunningResolver>,
}

/// Where the resolvers listen for which a scenario names no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DnsPorts {
    /// On free ports of 127.0.0.1, so that worlds can run at once.
    #[default]
    Free,
    /// On port 53 of 127.0.0.53, .54 and so on, where a resolv.conf can name them. Takes a network of the world's own.
    Standard,
}

/// Why a scenario file made no world.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("cannot read scenario `{file}`")]
    Read {
        /// The file.
        file: String,
        /// Why not.
        source: io::Error,
    },
    /// It is no TOML, or has a field that is unknown, missing or of the wrong type; the source names line and field.
    #[error("scenario `{file}`: {source}")]
    Syntax {
        /// The file.
        file: String,
        /// Where and what.
        source: Box<toml::de::Error>,
    },
    /// A field's value makes no sense.
    #[error("scenario `{file}`: `{field}`: {problem}")]
    Field {
        /// The file.
        file: String,
        /// The field with its tables.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A server does not start.
    #[error("scenario `{file}`: cannot start `{server}`")]
    Start {
        /// The file.
        file: String,
        /// The server's field.
        server: String,
        /// Why not.
        source: io::Error,
    },
}

impl World {
    /// Reads a scenario file and starts its servers.
    pub async fn load(path: &Path) -> Result<Self, ScenarioError> {
        Self::load_with(path, DnsPorts::Free).await
    }

    /// The same with the resolvers on these ports.
    pub async fn load_with(path: &Path, ports: DnsPorts) -> Result<Self, ScenarioError> {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => start::world(&file, &text, ports).await,
            Err(source) => Err(ScenarioError::Read { file, source }),
        }
    }

    /// Starts the servers of a scenario; `file` names it in errors.
    pub async fn from_toml(file: &str, text: &str) -> Result<Self, ScenarioError> {
        start::world(file, text, DnsPorts::Free).await
    }

    /// The image to be pulled.
    pub fn image(&self) -> &str {
        &self.scenario.image
    }

    /// The scenario with every placeholder filled.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// What must be found out.
    pub fn expect(&self) -> &Expect {
        &self.scenario.expect
    }

    /// The node's logins, in order.
    pub fn logins(&self) -> &[Login] {
        &self.scenario.login
    }

    /// The environment of the node's runtime.
    pub fn env(&self) -> &BTreeMap<String, String> {
        &self.scenario.env
    }

    /// How far the node's clock is ahead, in seconds.
    pub fn clock_ahead_seconds(&self) -> i64 {
        i64::from(self.scenario.clock_days) * 24 * 60 * 60
    }

    /// The node's hosts file: the servers' names too, unless the world has resolvers.
    pub fn hosts(&self) -> Vec<(IpAddr, String)> {
        let mut names = if self.resolvers.is_empty() { self.scenario.server_names() } else { BTreeMap::new() };
        for (name, addresses) in &self.scenario.hosts {
            // What the scenario says outright counts alone.
            names.insert(name.clone(), addresses.clone());
        }
        names.into_iter().flat_map(|(name, ips)| ips.into_iter().map(move |ip| (ip, name.clone()))).collect()
    }

    /// The node's DNS servers, in order.
    pub fn resolvers(&self) -> Vec<SocketAddr> {
        self.resolvers.iter().map(RunningResolver::addr).collect()
    }

    /// A DNS server of our own, by its place in the scenario.
    pub fn resolver(&self, number: usize) -> Option<&DnsHandle> {
        match self.resolvers.get(number)? {
            RunningResolver::Own(handle) => Some(handle),
            RunningResolver::Dnsmasq(_) => None,
        }
    }

    /// The node's trust bundle in PEM.
    pub fn ca_pem(&self) -> String {
        if self.scenario.trusts_ca { self.ca.pem() } else { self.stranger.pem() }
    }

    /// A registry's handle, by its id.
    pub fn registry(&self, id: &str) -> Option<&RegistryHandle> {
        match self.servers.get(id)? {
            Running::Registry(handle) => Some(handle),
            _ => None,
        }
    }

    /// A proxy's handle, by its id.
    pub fn proxy(&self, id: &str) -> Option<&ProxyHandle> {
        match self.servers.get(id)? {
            Running::Proxy(handle) => Some(handle),
            _ => None,
        }
    }

    /// The address of any server but a resolver, by its id.
    pub fn addr(&self, id: &str) -> Option<SocketAddr> {
        self.servers.get(id).map(Running::addr)
    }
}

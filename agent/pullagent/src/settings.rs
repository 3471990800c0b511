//! The settings: every one as a typed value with its default, and where they come from. Does nothing with them.
//!
//! A file comes before the environment, and that before the command line; each later one wins. A password has no place
//! here.

mod document;
mod environment;
mod keys;
mod load;
mod problem;
mod section;
mod values;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

/// Every setting.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    /// `node`.
    pub(crate) node: NodeSettings,
    /// `hostRoot`: where the node's root file system is mounted.
    pub(crate) host_root: PathBuf,
    /// `runtime`.
    pub(crate) runtime: Runtime,
    /// `kubernetes`.
    pub(crate) kubernetes: Kubernetes,
    /// `credentials`.
    pub(crate) credentials: Credentials,
    /// `watch`.
    pub(crate) watch: Watch,
    /// `checks`.
    pub(crate) checks: Checks,
    /// `examine`.
    pub(crate) examine: Examine,
    /// `events`.
    pub(crate) events: Events,
    /// `http`.
    pub(crate) http: Http,
    /// `metrics`.
    pub(crate) metrics: Metrics,
    /// `socket`.
    pub(crate) socket: Socket,
}

/// `node`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NodeSettings {
    /// `node.name`: the name that Kubernetes has for this node. Once loaded it is empty only if the node has no name.
    pub(crate) name: String,
}

/// `runtime`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Runtime {
    /// `runtime.endpoint`: the CRI socket as this process sees it, by path or URL; absent where it is looked for.
    pub(crate) endpoint: Option<String>,
}

/// `kubernetes`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kubernetes {
    /// `kubernetes.identity`.
    pub(crate) identity: IdentityChoice,
}

/// As whom the API server is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum IdentityChoice {
    /// In a pod as its service account, on a node as its kubelet.
    #[default]
    Auto,
    /// As the node's kubelet.
    Kubelet,
    /// As the service account of the pod that this process runs in.
    ServiceAccount,
    /// As whoever starts this process, by their own kubeconfig.
    Kubeconfig,
    /// Not at all.
    None,
}

/// `credentials`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// `credentials.plugins`.
    pub(crate) plugins: Plugins,
}

/// Whether the kubelet's credential provider plugins are run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Plugins {
    /// On a node yes, in a pod no.
    #[default]
    Auto,
    /// Wherever this process runs.
    Always,
    /// Nowhere.
    Never,
}

/// `watch`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Watch {
    /// `watch.pods`: whether this node's pods are watched for failing pulls.
    pub(crate) pods: bool,
    /// `watch.settle`: how long a pull has to fail before it is examined.
    pub(crate) settle: Duration,
    /// `watch.pull`.
    pub(crate) pull: WatchPull,
}

/// Whether the runtime may be asked to pull for a pod that fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum WatchPull {
    /// Where the kubelet has not said anything yet, and no login would be offered.
    #[default]
    Auto,
    /// At no time.
    Never,
}

/// `checks`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Checks {
    /// `checks.discover`.
    pub(crate) discover: Discover,
    /// `checks.every`: the time between two runs of a check that has none of its own.
    pub(crate) every: Duration,
    /// `checks.sample`: the share of nodes that asks a public registry each time, from 0 to 1.
    pub(crate) sample: f64,
    /// `checks.images`.
    pub(crate) images: Vec<ImageCheck>,
    /// `checks.registries`.
    pub(crate) registries: Vec<RegistryCheck>,
}

/// What is checked besides what the settings name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Discover {
    /// The registries that this node's pods use.
    #[default]
    Registries,
    /// Their images too.
    Images,
    /// Nothing.
    None,
}

/// One of `checks.images`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImageCheck {
    /// The image as a pod would name it.
    pub(crate) image: String,
    /// The time between two runs, where it has its own.
    pub(crate) every: Option<Duration>,
    /// The pull secret whose logins are offered.
    pub(crate) secret: Option<SecretName>,
}

/// Where a secret is, written `NAMESPACE/NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SecretName {
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
}

/// One of `checks.registries`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RegistryCheck {
    /// Its host, with the port if it is not the usual one.
    pub(crate) host: String,
    /// The time between two runs, where it has its own.
    pub(crate) every: Option<Duration>,
}

/// `examine`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Examine {
    /// `examine.denyAddresses`: never contacted for a host that a tenant can name, besides what is built in.
    pub(crate) deny_addresses: Vec<IpNet>,
}

/// `events`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Events {
    /// `events.pods`: whether failing pods get events.
    pub(crate) pods: bool,
    /// `events.node`: whether the node gets events for its checks.
    pub(crate) node: bool,
    /// `events.perMinute`: how many a node writes a minute.
    pub(crate) per_minute: u32,
    /// `events.burst`: how many it may write at once.
    pub(crate) burst: u32,
}

/// `http`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Http {
    /// `http.listen`: where it is listened; absent where it is not.
    pub(crate) listen: Option<SocketAddr>,
    /// `http.reports`: whether reports are shown there, on a loopback address only.
    pub(crate) reports: bool,
}

/// `metrics`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Metrics {
    /// `metrics.listen`: where a scraper on the network finds metrics and health; absent where it does not.
    pub(crate) listen: Option<SocketAddr>,
}

/// `socket`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Socket {
    /// `socket.path`: where the daemon's own socket is.
    pub(crate) path: PathBuf,
    /// `socket.group`: who may connect to it besides root.
    pub(crate) group: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            node: NodeSettings::default(),
            host_root: PathBuf::from("/"),
            runtime: Runtime::default(),
            kubernetes: Kubernetes::default(),
            credentials: Credentials::default(),
            watch: Watch { pods: true, settle: Duration::from_secs(20), pull: WatchPull::default() },
            checks: Checks {
                discover: Discover::default(),
                every: Duration::from_hours(1),
                sample: 1.0,
                images: Vec::new(),
                registries: Vec::new(),
            },
            examine: Examine::default(),
            events: Events { pods: true, node: true, per_minute: 6, burst: 20 },
            http: Http { listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 9477))), reports: false },
            metrics: Metrics::default(),
            socket: Socket { path: PathBuf::from("/run/pullagent/agent.sock"), group: "pullagent".to_owned() },
        }
    }
}

#[cfg(test)]
mod tests;

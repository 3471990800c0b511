//! What a person, a pod or a schedule asks: this image, as these identities, on this node.

#[cfg(test)]
pub(crate) mod fixtures;

use serde::{Deserialize, Serialize};

use crate::config::dockerconfigjson::ConfigEntry;
use crate::config::files::Files;
use crate::config::hosts_file::Hosts;
use crate::config::process_env::ProcessEnv;
use crate::config::proxy_env::ProxyEnv;
use crate::config::resolv_conf::Resolver;
use crate::config::trust::Trust;
use crate::platform::Platform;
use crate::plugin::PluginOutcome;
use crate::pod::{Container, KubeletWords, Pod, PullPolicy};
use crate::pull_secret::PullSecret;
use crate::runtime::Runtime;
use crate::secret::Secret;

pub use crate::not_checked::NotChecked;

/// One question to be answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Case {
    /// The image as written; for a check of a registry its host, as images' names begin with it.
    pub image: String,
    /// What it is asked for.
    #[serde(default, skip_serializing_if = "Purpose::is_pull")]
    pub purpose: Purpose,
    /// The platform to pull for, where it is not the node's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The credentials at hand, in the order in which they are offered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<GivenCredential>,
    /// True when nothing but an anonymous pull is meant, whatever the node would offer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub anonymous: bool,
    /// Logins that are not to be offered, whatever holds them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<Withheld>,
    /// The pod that it is for; absent where the image alone is asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<PodCase>,
}

/// What a case is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Purpose {
    /// Somebody pulls the image, or wants to.
    #[default]
    Pull,
    /// To know before anybody pulls it.
    CheckImage,
    /// To know whether its registry answers. Nothing is asked for in it, and nobody logs in.
    CheckRegistry,
}

impl Purpose {
    /// Whether it is [`Pull`](Self::Pull).
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
    fn is_pull(&self) -> bool {
        *self == Self::Pull
    }
}

/// A login that was refused before: offering it again and again may lock its account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Withheld {
    /// Where it comes from, as a report names it.
    pub source: String,
    /// The key it stands under, as a report shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// The container that an image is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodCase {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub name: String,
    /// The pod's uid.
    pub uid: String,
    /// The container's name, or the volume's.
    pub container: String,
    /// When the kubelet pulls it.
    pub policy: PullPolicy,
    /// What the kubelet said of its last attempt: this is the runtime's answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<KubeletWords>,
}

impl PodCase {
    /// One of `pod`'s containers or volumes, of which the kubelet said this.
    pub fn of(pod: &Pod, container: &Container, said: Option<KubeletWords>) -> Self {
        Self { container: container.name.clone(), policy: container.policy, ..Self::sandbox(pod, said) }
    }

    /// The sandbox of `pod`. The runtime pulls its image by itself: no login of the pod or the kubelet is offered for it.
    pub fn sandbox(pod: &Pod, said: Option<KubeletWords>) -> Self {
        let (namespace, name, uid) = (pod.namespace.clone(), pod.name.clone(), pod.uid.clone());
        Self { namespace, name, uid, container: "(sandbox)".to_owned(), policy: PullPolicy::default(), said }
    }
}

/// A credential as it was handed to us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum GivenCredential {
    /// A login that is meant for this image's registry.
    Login {
        /// Where it came from, for a person.
        source: String,
        /// The user.
        user: String,
        /// The password.
        #[serde(skip)]
        password: Secret<String>,
    },
    /// The text of a dockerconfigjson.
    DockerConfig {
        /// Where it came from, for a person.
        source: String,
        /// The text.
        #[serde(skip)]
        text: Secret<String>,
    },
    /// A pull secret that the pod names.
    Secret(PullSecret),
    /// The docker configuration that the node's kubelet has of its own.
    NodeFile {
        /// Where it is, as the node names it.
        path: String,
        /// Its logins.
        #[serde(skip)]
        logins: Vec<ConfigEntry>,
    },
    /// One of the kubelet's credential provider plugins. They are in the order of their configuration.
    Plugin {
        /// Its name.
        name: String,
        /// What became of it for this image.
        outcome: PluginOutcome,
    },
}

/// The node as it was read: pure data, so that a plan can be made and tested anywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeConfig {
    /// The node itself.
    pub node: Node,
    /// Its ways to others.
    pub network: Network,
    /// Its container runtime; absent where no socket of one was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<Runtime>,
    /// The files that the runtime's configuration consists of. Not part of a saved report.
    #[serde(skip)]
    pub files: Files,
    /// The environment that counts. Not part of a saved report: it may hold passwords.
    #[serde(skip)]
    pub environment: ProcessEnv,
    /// The kubelet's process; `None` where nobody looked for it. Not part of a saved report.
    #[serde(skip)]
    pub kubelet: Option<Kubelet>,
    /// Places from which the kubelet would offer credentials that this examination does not read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread_credentials: Vec<String>,
    /// What could not be seen of the node, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_checked: Vec<NotChecked>,
}

/// The node's kubelet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kubelet {
    /// Its process, found beyond doubt.
    Running {
        /// Its id, as the node numbers processes.
        pid: i32,
        /// Its command line.
        arguments: Vec<String>,
    },
    /// It was not found, or may be another's.
    NotSeen {
        /// Why.
        why: String,
    },
}

/// How this node reaches others: which way, by which names, and whom it trusts there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Network {
    /// The proxies of the environment that counts.
    pub proxy: ProxyEnv,
    /// How names are resolved.
    pub resolver: Resolver,
    /// The hosts file.
    pub hosts: Hosts,
    /// The authorities trusted.
    pub trust: Trust,
}

/// Which node this is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// Its name.
    pub name: String,
    /// What it runs.
    pub platform: Platform,
    /// True when it has an IPv4 address that is neither loopback nor link-local.
    pub has_ipv4: bool,
    /// True when it has an IPv6 address that is neither loopback nor link-local.
    pub has_ipv6: bool,
}

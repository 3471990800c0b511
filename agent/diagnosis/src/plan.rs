//! What will be asked, of whom and as whom: decided before anything is contacted.

mod credentials;
mod endpoint;
pub(crate) mod sources;

use serde::{Deserialize, Serialize};

use crate::authority::split_authority;
use crate::case::{Case, Network, Node, NodeConfig, NotChecked, Purpose};
use crate::drift::drift;
use crate::finding::Finding;
use crate::platform::Platform;
use crate::pod::PullPolicy;
use crate::reference::Reference;
use crate::runtime::{Runtime, RuntimeVersion};

use sources::Sources;

pub use credentials::{Credential, Offer};
pub use endpoint::{AuthorityFile, ClientPair, Endpoint, TrustPlace};

/// What stands for any image of a registry.
const ANY_IMAGE: &str = "image:latest";

/// The examination to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The node that asks.
    pub node: Node,
    /// The image as the kubelet names it to the runtime: as written, and with `:latest` where there is neither tag nor
    /// digest (`pkg/kubelet/images/image_manager.go` `applyDefaultImageTag`). Of a registry, its host.
    #[serde(default)]
    pub image: String,
    /// What the image's name stands for.
    pub target: Target,
    /// The platform that is pulled for.
    pub platform: Platform,
    /// The hosts that can serve the image, in the runtime's order; the registry itself is the last. None where nothing is
    /// pulled.
    pub endpoints: Vec<Endpoint>,
    /// Why the runtime fails before it asks any of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Finding>,
    /// What in the node's configuration is ignored, or read otherwise than it looks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// The credentials at hand, in the order in which they are offered.
    pub credentials: Vec<Credential>,
    /// The node's ways to them.
    pub network: Network,
    /// The runtime that pulls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<Runtime>,
    /// Places from which the kubelet would offer credentials that are not among `credentials`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread_credentials: Vec<String>,
    /// What is known not to be looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_checked: Vec<NotChecked>,
}

/// What the image's name stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Target {
    /// A reference.
    Image(Reference),
    /// A registry by itself. Only the host of the reference counts: what comes after it is made up, because the runtimes
    /// look up by whole names whom they ask.
    Registry(Reference),
    /// Nothing: the name cannot be parsed.
    Invalid {
        /// What is wrong with it.
        why: String,
    },
}

/// Decides what to ask. Total: what cannot be asked becomes part of the plan.
pub fn plan(case: &Case, node: &NodeConfig) -> Plan {
    if case.purpose == Purpose::CheckRegistry {
        return plan_registry(case, node);
    }
    let version = node.runtime.as_ref().and_then(Runtime::version);
    let target = match Reference::parse(&case.image).map(as_runtimes_read) {
        Ok(reference) => no_host(&reference)
            .or_else(|| refused_by(version, &reference))
            .map_or(Target::Image(reference), |why| Target::Invalid { why }),
        Err(error) => Target::Invalid { why: error.to_string() },
    };
    let image = with_default_tag(&case.image);
    let (sources, credentials) = match &target {
        Target::Image(reference) => (sources::of(node, &image, reference), credentials::offered(case, reference)),
        Target::Registry(_) | Target::Invalid { .. } => (Sources::default(), Vec::new()),
    };
    // The credentials are the kubelet's, and it knows nothing of the runtime's short names.
    let target = sources.reference.map_or(target, Target::Image);
    let pulls = case.pod.as_ref().is_none_or(|pod| pod.policy != PullPolicy::Never);
    let drift = drift(node);
    let withheld = credentials.iter().filter(|credential| credential.offer == Offer::Withheld);
    let withheld =
        withheld.map(|credential| format!("the login of {} (refused before: not offered again)", credential.source));
    let unread = || node.unread_credentials.iter().cloned().chain(credentials::unread(case)).chain(withheld).collect();
    let unread_credentials = if case.anonymous { Vec::new() } else { unread() };
    Plan {
        node: node.node.clone(),
        image,
        target,
        platform: case.platform.clone().unwrap_or_else(|| node.node.platform.clone()),
        endpoints: if pulls { sources.endpoints } else { Vec::new() },
        refusal: sources.refusal,
        findings: sources.findings.into_iter().chain(drift.findings).collect(),
        credentials,
        network: node.network.clone(),
        runtime: node.runtime.clone(),
        unread_credentials,
        not_checked: node.not_checked.iter().cloned().chain(drift.not_checked).collect(),
    }
}

/// The plan for a registry by itself: whom the runtime asks for any image of it, and nothing that may be a login.
fn plan_registry(case: &Case, node: &NodeConfig) -> Plan {
    let version = node.runtime.as_ref().and_then(Runtime::version);
    let host = &case.image;
    let named = format!("{host}/{ANY_IMAGE}");
    let target = match Reference::parse(&named) {
        Ok(reference) if reference.registry == *host => no_host(&reference)
            .or_else(|| refused_by(version, &reference))
            .map_or(Target::Registry(reference), |why| Target::Invalid { why }),
        Ok(_) => {
            Target::Invalid { why: "it is not the host of a registry, as an image's name begins with it".to_owned() }
        }
        Err(error) => Target::Invalid { why: error.to_string() },
    };
    let mut sources = match &target {
        Target::Registry(reference) => sources::of(node, &named, reference),
        Target::Image(_) | Target::Invalid { .. } => Sources::default(),
    };
    for endpoint in &mut sources.endpoints {
        endpoint.headers.clear();
    }
    let drift = drift(node);
    Plan {
        node: node.node.clone(),
        image: host.clone(),
        target,
        platform: node.node.platform.clone(),
        endpoints: sources.endpoints,
        refusal: sources.refusal,
        findings: sources.findings.into_iter().chain(drift.findings).collect(),
        credentials: Vec::new(),
        network: node.network.clone(),
        runtime: node.runtime.clone(),
        unread_credentials: Vec::new(),
        not_checked: node.not_checked.iter().cloned().chain(drift.not_checked).collect(),
    }
}

/// The kubelet's text of an image for the runtime.
fn with_default_tag(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or_default();
    if last.contains([':', '@']) { image.to_owned() } else { format!("{image}:latest") }
}

/// A reference whose first part is no host to the kubelet's grammar, though a runtime takes it for one and asks for its
/// address: `foo_bar.com/x`. Its repository stays what the keyring sees.
fn as_runtimes_read(mut reference: Reference) -> Reference {
    if reference.registry.is_empty()
        && let Some((host, repository)) = reference.repository.split_once('/')
    {
        (reference.registry, reference.repository) = (host.to_owned(), repository.to_owned());
    }
    reference
}

/// Why the registry of a well-formed reference can be no host: the grammar lets through what no URL can have.
fn no_host(reference: &Reference) -> Option<String> {
    let port = split_authority(&reference.registry).1?;
    let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
    (!is_port).then(|| format!("`{}` is not a port; ports go from 1 to 65535", crate::text::clean(port, 20)))
}

/// Why this runtime refuses a reference that the kubelet passes on: containerd 1.6 reads it with a grammar that knows no
/// IPv6 literals (`distribution/reference` before v0.5).
fn refused_by(version: Option<&RuntimeVersion>, reference: &Reference) -> Option<String> {
    let version = version.filter(|version| version.is_containerd_before_1_7())?;
    let literal = reference.registry.starts_with('[');
    literal.then(|| format!("{version} takes no IPv6 address for a registry; give the registry a name"))
}

impl Plan {
    /// The reference, where there is one.
    pub fn reference(&self) -> Option<&Reference> {
        match &self.target {
            Target::Image(reference) => Some(reference),
            Target::Registry(_) | Target::Invalid { .. } => None,
        }
    }

    /// The name by which hosts are looked up: the reference, or what stands for any image of a registry.
    pub fn name(&self) -> Option<&Reference> {
        match &self.target {
            Target::Image(reference) | Target::Registry(reference) => Some(reference),
            Target::Invalid { .. } => None,
        }
    }

    /// Whether a registry is asked about, and no image.
    pub fn is_of_registry(&self) -> bool {
        matches!(self.target, Target::Registry(_))
    }

    /// The credentials that would be offered, with their index in `credentials`.
    pub fn logins(&self) -> impl Iterator<Item = (usize, &Credential)> {
        self.credentials.iter().enumerate().filter(|(_, c)| c.offer == Offer::Yes)
    }

    /// Whether everything that the kubelet would offer is among `credentials`.
    pub fn knows_every_credential(&self) -> bool {
        self.unread_credentials.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::fixtures::node;

    const HOSTS: &str =
        "[host.\"https://mirror.test\"]\n[host.\"https://mirror.test\".header]\nauthorization = \"x\"\n";
    const CONFIG: &str =
        "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".registry]\nconfig_path = \"/etc/certs.d\"\n";

    #[track_caller]
    fn planned(registry: &str, purpose: Purpose) -> Plan {
        let files = [("/etc/containerd/config.toml", CONFIG), ("/etc/certs.d/registry.test/hosts.toml", HOSTS)];
        plan(&Case { image: registry.to_owned(), purpose, ..Case::default() }, &node(&[], &files))
    }

    #[test]
    fn a_registry_is_asked_where_its_images_are_and_gets_no_header_that_may_be_a_login() {
        let of_image = planned("registry.test/team/api", Purpose::CheckImage);
        let of_registry = planned("registry.test", Purpose::CheckRegistry);
        let hosts = |plan: &Plan| plan.endpoints.iter().map(|e| e.authority.clone()).collect::<Vec<_>>();
        assert_eq!(hosts(&of_registry), ["mirror.test", "registry.test"]);
        assert_eq!(hosts(&of_registry), hosts(&of_image));
        let headers = |plan: &Plan| plan.endpoints.iter().map(|e| e.headers.len()).sum::<usize>();
        assert_eq!((headers(&of_image), headers(&of_registry)), (1, 0));
        assert_eq!((of_registry.reference(), of_registry.is_of_registry()), (None, true));
    }

    #[test]
    fn what_is_no_host_of_a_registry_is_not_asked() {
        for invalid in
            ["", "team", "registry.test/team", "registry.test:0", "https://registry.test", "a b.test", "x@y.z"]
        {
            let plan = planned(invalid, Purpose::CheckRegistry);
            assert!(matches!(plan.target, Target::Invalid { .. }), "{invalid}: {:?}", plan.target);
            assert!(plan.endpoints.is_empty(), "{invalid}");
        }
        for host in ["docker.io", "localhost", "localhost:5000", "[::1]:5000", "Registry.test"] {
            assert!(planned(host, Purpose::CheckRegistry).is_of_registry(), "{host}");
        }
    }

    #[test]
    fn only_an_image_without_tag_and_digest_gets_the_default_tag() {
        let check = |image: &str, want: &str| assert_eq!(with_default_tag(image), want);
        check("busybox", "busybox:latest");
        check("localhost:5000/busybox", "localhost:5000/busybox:latest");
        check("[::1]:5000/busybox", "[::1]:5000/busybox:latest");
        check("r.test/busybox:1", "r.test/busybox:1");
        check("example.com:5000", "example.com:5000");
        check("r.test/busybox@sha256:00", "r.test/busybox@sha256:00");
    }
}

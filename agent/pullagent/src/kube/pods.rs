//! Pods of the API server as the diagnosis knows them. Leaves out all that has nothing to do with images.

use std::net::IpAddr;

use k8s_openapi::api::core::v1 as core;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use pullagent_diagnosis::pod::{Container, ContainerKind, ContainerState, Pod, PullPolicy};
use pullagent_diagnosis::reference::Reference;

use super::client::Cluster;
use super::error::{KubeError, Rule};

/// The annotation of a pod that stands for one from a file on the node (`pkg/kubelet/types/pod_update.go`).
const MIRROR: &str = "kubernetes.io/config.mirror";

/// Objects of one page.
pub(super) const PAGE: u32 = 500;
/// Pages of one list; whoever has more is told so by the length.
pub(super) const MOST_PAGES: usize = 40;

/// Where a pod is, seen from a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Whereabouts {
    /// On this node.
    Here,
    /// On this other one.
    Elsewhere(String),
    /// On none yet.
    Nowhere,
}

/// One pod.
pub(crate) async fn get_pod(cluster: &Cluster, namespace: &str, name: &str) -> Result<Pod, KubeError> {
    let rule =
        Rule { verb: "get", resource: "pods", name: Some(name.to_owned()), namespace: Some(namespace.to_owned()) };
    let found =
        cluster.ask(&rule, async |client| Api::<core::Pod>::namespaced(client, namespace).get(name).await).await?;
    Ok(pod_from(&found))
}

/// The pods of a namespace, at most 20,000.
pub(crate) async fn list_pods(cluster: &Cluster, namespace: &str) -> Result<Vec<Pod>, KubeError> {
    let rule = Rule { verb: "list", resource: "pods", name: None, namespace: Some(namespace.to_owned()) };
    let mut pods = Vec::new();
    let mut params = ListParams::default().limit(PAGE);
    for _ in 0..MOST_PAGES {
        let request = &params;
        let page = cluster
            .ask(&rule, async |client| Api::<core::Pod>::namespaced(client, namespace).list(request).await)
            .await?;
        pods.extend(page.items.iter().map(pod_from));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => break,
        }
    }
    Ok(pods)
}

/// Where a pod is, seen from the node of this name and with these addresses: a host name need not be what Kubernetes
/// calls a node.
pub(crate) fn whereabouts(pod: &Pod, node: &str, addresses: &[IpAddr]) -> Whereabouts {
    let is_ours = |address: &IpAddr| !address.is_loopback() && addresses.contains(address);
    match &pod.node {
        None => Whereabouts::Nowhere,
        Some(name) if name == node || pod.node_addresses.iter().any(is_ours) => Whereabouts::Here,
        Some(name) => Whereabouts::Elsewhere(name.clone()),
    }
}

/// A pod as the diagnosis knows it.
pub(crate) fn pod_from(pod: &core::Pod) -> Pod {
    let spec = pod.spec.as_ref();
    let status = pod.status.as_ref();
    let secrets = spec.and_then(|spec| spec.image_pull_secrets.as_deref()).unwrap_or_default();
    let account = spec.and_then(|spec| spec.service_account_name.clone().or_else(|| spec.service_account.clone()));
    Pod {
        namespace: pod.namespace().unwrap_or_default(),
        name: pod.name_any(),
        uid: pod.uid().unwrap_or_default(),
        node: spec.and_then(|spec| spec.node_name.clone()).filter(|name| !name.is_empty()),
        service_account: account.unwrap_or_default(),
        node_addresses: status.map(node_addresses).unwrap_or_default(),
        pull_secrets: secrets.iter().map(|secret| secret.name.clone()).filter(|name| !name.is_empty()).collect(),
        is_static: pod.annotations().contains_key(MIRROR),
        is_deleted: pod.metadata.deletion_timestamp.is_some(),
        created: pod.creation_timestamp().map(|time| time.0),
        containers: spec.map(|spec| containers(spec, status)).unwrap_or_default(),
    }
}

/// Where the kubelet says that its node is.
fn node_addresses(status: &core::PodStatus) -> Vec<IpAddr> {
    let more = status.host_ips.iter().flatten().map(|host| host.ip.as_str());
    let mut all: Vec<IpAddr> =
        status.host_ip.as_deref().into_iter().chain(more).filter_map(|ip| ip.parse().ok()).collect();
    all.dedup();
    all
}

fn containers(spec: &core::PodSpec, status: Option<&core::PodStatus>) -> Vec<Container> {
    let mut all = Vec::new();
    let told = |list: fn(&core::PodStatus) -> &Option<Vec<core::ContainerStatus>>| {
        status.and_then(|status| list(status).as_deref()).unwrap_or_default()
    };
    let ofs = |container: &core::Container| {
        (container.name.clone(), container.image.clone(), container.image_pull_policy.clone())
    };
    let init = told(|status| &status.init_container_statuses);
    for of in spec.init_containers.iter().flatten().map(ofs) {
        all.push(container(ContainerKind::Init, of, init));
    }
    let regular = told(|status| &status.container_statuses);
    for of in spec.containers.iter().map(ofs) {
        all.push(container(ContainerKind::Regular, of, regular));
    }
    let ephemeral = told(|status| &status.ephemeral_container_statuses);
    for debug in spec.ephemeral_containers.iter().flatten() {
        let of = (debug.name.clone(), debug.image.clone(), debug.image_pull_policy.clone());
        all.push(container(ContainerKind::Ephemeral, of, ephemeral));
    }
    for volume in spec.volumes.iter().flatten() {
        if let Some(image) = &volume.image {
            let of = (volume.name.clone(), image.reference.clone(), image.pull_policy.clone());
            all.push(container(ContainerKind::Volume, of, &[]));
        }
    }
    all
}

/// Name, image and pull policy of what is run or mounted.
type Of = (String, Option<String>, Option<String>);

fn container(kind: ContainerKind, (name, image, policy): Of, statuses: &[core::ContainerStatus]) -> Container {
    let image = image.unwrap_or_default();
    let status = statuses.iter().find(|status| status.name == name);
    let policy = match policy.as_deref() {
        Some("Always") => PullPolicy::Always,
        Some("Never") => PullPolicy::Never,
        Some("IfNotPresent") => PullPolicy::IfNotPresent,
        _ => default_policy(&image),
    };
    let state = status.and_then(|status| status.state.as_ref()).map(state).unwrap_or_default();
    Container { name, kind, image, policy, state }
}

/// The policy of an image whose pod names none (`pkg/apis/core/v1/defaults.go` `SetDefaults_Container`).
fn default_policy(image: &str) -> PullPolicy {
    match Reference::parse(image) {
        Ok(reference) if reference.tag.as_deref() == Some("latest") => PullPolicy::Always,
        _ => PullPolicy::IfNotPresent,
    }
}

fn state(state: &core::ContainerState) -> ContainerState {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    if let Some(waiting) = &state.waiting {
        ContainerState::Waiting { reason: text(&waiting.reason), message: text(&waiting.message) }
    } else if state.running.is_some() {
        ContainerState::Running
    } else if let Some(ended) = &state.terminated {
        ContainerState::Ended { reason: text(&ended.reason) }
    } else {
        ContainerState::Unknown
    }
}

#[cfg(test)]
mod tests;

//! Nodes: the names and labels of all of them, and more of the one that this process is on. No status of others is read.

use std::collections::BTreeMap;

use http::HeaderValue;
use jiff::Timestamp;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PartialObjectMeta;
use kube::{Api, ResourceExt};
use pullagent_diagnosis::fingerprint::release;

use super::client::Cluster;
use super::error::{KubeError, Rule};
use super::paged::{Listing, PAGE_BYTES, list};

/// The label for a node's operating system, in Go's words.
const OS: &str = "kubernetes.io/os";
/// The same before Kubernetes 1.14.
const OLD_OS: &str = "beta.kubernetes.io/os";

/// A node, as far as a list of all of them says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListedNode {
    /// Its name.
    pub(crate) name: String,
    /// Its uid.
    pub(crate) uid: String,
    /// Its labels.
    pub(crate) labels: BTreeMap<String, String>,
    /// When it joined.
    pub(crate) created: Option<Timestamp>,
}

impl ListedNode {
    /// Whether it runs Windows, which has no agent.
    pub(crate) fn is_windows(&self) -> bool {
        let os = self.labels.get(OS).or_else(|| self.labels.get(OLD_OS));
        os.is_some_and(|os| os == "windows")
    }

    fn of(metadata: ObjectMeta) -> Self {
        Self {
            name: metadata.name.unwrap_or_default(),
            uid: metadata.uid.unwrap_or_default(),
            created: metadata.creation_timestamp.map(|time| time.0),
            labels: metadata.labels.unwrap_or_default(),
        }
    }
}

/// What a node's object says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OwnNode {
    /// Its name, uid and labels.
    pub(crate) listed: ListedNode,
    /// The kubelet's version, as it tells it: `v1.33.1`, `v1.32.3-eks-473151a`. Empty before it has told.
    pub(crate) kubelet: String,
}

/// All nodes, of each its metadata only.
pub(crate) async fn list_nodes(cluster: &Cluster) -> Result<Vec<ListedNode>, KubeError> {
    let rule = Rule { verb: "list", resource: "nodes", name: None, namespace: None };
    let accept = HeaderValue::from_static("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1");
    let listing = Listing { rule: &rule, path: "/api/v1/nodes", accept, page_bytes: PAGE_BYTES };
    list(cluster, &listing, |node: PartialObjectMeta<core::Node>| ListedNode::of(node.metadata)).await
}

/// The release of this node's kubelet as major and minor version; nothing where that is not told.
pub(crate) async fn kubelet_release(cluster: &Cluster, node: &str) -> Option<(u32, u32)> {
    release(&get_node(cluster, node).await.ok()?.kubelet)
}

/// The node of this name.
pub(crate) async fn get_node(cluster: &Cluster, name: &str) -> Result<OwnNode, KubeError> {
    let rule = Rule { verb: "get", resource: "nodes", name: Some(name.to_owned()), namespace: None };
    let node = cluster.ask(&rule, async |client| Api::<core::Node>::all(client).get(name).await).await?;
    let info = node.status.as_ref().and_then(|status| status.node_info.as_ref());
    let kubelet = info.map(|info| info.kubelet_version.clone()).unwrap_or_default();
    Ok(OwnNode { kubelet, listed: ListedNode { name: node.name_any(), ..ListedNode::of(node.metadata) } })
}

//! The Leases that hold the summaries of nodes: all of a namespace, and the one of this node. Knows nothing of what a
//! summary says.

use std::collections::BTreeMap;

use http::HeaderValue;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, OwnerReference};
use kube::Api;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use serde::Deserialize;
use serde_json::json;

use super::client::Cluster;
use super::error::{KubeError, Rule};
use super::identity::How;
use super::paged::{Listing, PAGE_BYTES, escaped, list};

/// Bytes of an annotation that are kept: more than any summary has, so that one that is too long is seen to be.
const LONGEST: usize = 32 << 10;

/// A node's Lease.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NodeLease {
    /// Its name, which is the node's.
    pub(crate) name: String,
    /// The text of the annotation that was asked for, cut after 32 KiB; absent where there is none.
    pub(crate) summary: Option<String>,
    /// When it was renewed for the last time, by the node's clock.
    pub(crate) renewed: Option<Timestamp>,
}

/// A node's Lease, as its agent writes it.
#[derive(Clone, Debug)]
pub(crate) struct LeaseToWrite<'a> {
    /// The namespace.
    pub(crate) namespace: &'a str,
    /// The node's name, and so the Lease's.
    pub(crate) node: &'a str,
    /// The node's uid, where it is known: with the node goes its Lease.
    pub(crate) uid: Option<&'a str>,
    /// The annotation's name.
    pub(crate) annotation: &'a str,
    /// Its value.
    pub(crate) text: &'a str,
    /// Now.
    pub(crate) at: Timestamp,
}

/// Where summaries are kept when nothing says so: the namespace that pullagent is installed into.
const NAMESPACE: &str = "pullagent";

/// What is read of a Lease.
#[derive(Deserialize)]
struct Wire {
    metadata: WireMetadata,
    #[serde(default)]
    spec: WireSpec,
}

#[derive(Deserialize)]
struct WireMetadata {
    #[serde(default)]
    name: String,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSpec {
    #[serde(default)]
    renew_time: Option<Timestamp>,
}

/// All Leases of `namespace`, with their annotation of this name.
pub(crate) async fn list_leases(
    cluster: &Cluster,
    namespace: &str,
    annotation: &str,
) -> Result<Vec<NodeLease>, KubeError> {
    let rule = Rule { verb: "list", resource: "leases", name: None, namespace: Some(namespace.to_owned()) };
    let path = format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", escaped(namespace));
    let accept = HeaderValue::from_static("application/json");
    let listing = Listing { rule: &rule, path: &path, accept, page_bytes: PAGE_BYTES };
    list(cluster, &listing, |mut lease: Wire| {
        let mut summary = lease.metadata.annotations.remove(annotation);
        if let Some(text) = &mut summary {
            text.truncate(text.floor_char_boundary(LONGEST));
        }
        NodeLease { name: lease.metadata.name, summary, renewed: lease.spec.renew_time }
    })
    .await
}

/// Whether the one who is asked as can have a Lease of this kind: a kubelet may only write its own in `kube-node-lease`,
/// which is not for others (`plugin/pkg/auth/authorizer/node/node_authorizer.go` `authorizeLease`).
pub(crate) fn may_have_lease(cluster: &Cluster) -> bool {
    !matches!(cluster.identity().how, How::Kubelet(_))
}

/// The namespace of the agents' Leases: the pod's own, as its variable `POD_NAMESPACE` or its service account says, else
/// `pullagent`.
pub(crate) async fn namespace_of_leases(cluster: &Cluster, variable: Option<String>) -> String {
    match (variable.filter(|name| !name.is_empty()), &cluster.identity().how) {
        (Some(namespace), _) => namespace,
        (None, How::ServiceAccount(_)) => cluster.default_namespace().await,
        (None, _) => NAMESPACE.to_owned(),
    }
}

/// The annotation of the Lease of this name; `None` where there is none.
pub(crate) async fn get_lease(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    annotation: &str,
) -> Result<Option<String>, KubeError> {
    let rule = rule("get", namespace, Some(name));
    let found = cluster.ask(&rule, async |client| Api::<Lease>::namespaced(client, namespace).get(name).await).await;
    match found {
        Ok(lease) => Ok(lease.metadata.annotations.and_then(|mut all| all.remove(annotation))),
        Err(KubeError::Absent { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes the Lease: changes the one that is there, or else creates it.
pub(crate) async fn write_lease(cluster: &Cluster, lease: &LeaseToWrite<'_>) -> Result<(), KubeError> {
    let LeaseToWrite { namespace, node, annotation, text, at, .. } = *lease;
    let mut change = json!({
        "metadata": { "annotations": { annotation: text } },
        "spec": { "holderIdentity": node, "renewTime": MicroTime(at) },
    });
    if let Some(owner) = lease.owner() {
        change["metadata"]["ownerReferences"] = json!([owner]);
    }
    let (patch_rule, params, change) =
        (rule("patch", namespace, Some(node)), PatchParams::default(), Patch::Merge(change));
    let changed = cluster
        .ask(&patch_rule, async |client| {
            Api::<Lease>::namespaced(client, namespace).patch(node, &params, &change).await
        })
        .await;
    match changed {
        Err(KubeError::Absent { .. }) => {}
        other => return other.map(drop),
    }
    let object = Lease {
        metadata: ObjectMeta {
            name: Some(node.to_owned()),
            namespace: Some(namespace.to_owned()),
            annotations: Some([(annotation.to_owned(), text.to_owned())].into()),
            owner_references: lease.owner().map(|owner| vec![owner]),
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: Some(node.to_owned()),
            renew_time: Some(MicroTime(at)),
            ..LeaseSpec::default()
        }),
    };
    let (rule, params) = (rule("create", namespace, None), PostParams::default());
    let created = cluster
        .ask(&rule, async |client| Api::<Lease>::namespaced(client, namespace).create(&params, &object).await)
        .await;
    created.map(drop)
}

impl LeaseToWrite<'_> {
    fn owner(&self) -> Option<OwnerReference> {
        self.uid.map(|uid| OwnerReference {
            api_version: "v1".to_owned(),
            kind: "Node".to_owned(),
            name: self.node.to_owned(),
            uid: uid.to_owned(),
            ..OwnerReference::default()
        })
    }
}

fn rule(verb: &'static str, namespace: &str, name: Option<&str>) -> Rule {
    Rule { verb, resource: "leases", name: name.map(str::to_owned), namespace: Some(namespace.to_owned()) }
}

//! The Leases that hold the summaries of nodes: all of a namespace, and the one of this node. Knows nothing of what a
//! summary says.

use std::collections::BTreeMap;

use http::HeaderValue;
use jiff::Timestamp;
use serde::Deserialize;

use super::client::Cluster;
use super::error::{KubeError, Rule};
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
#[cfg_attr(not(test), expect(dead_code, reason = "the command that looks at the whole fleet asks"))]
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

//! Where the summary is kept: read there at the start, so that a restart forgets no change, and written there.

use std::time::Duration;

use jiff::Timestamp;
use pullagent_diagnosis::summary::{ANNOTATION, NodeSummary};

use super::gather::in_words;
use crate::kube::{
    Cluster, KubeError, LeaseToWrite, NodeEvent, get_lease, get_node_event, may_have_lease, namespace_of_leases,
    write_lease, write_node_event,
};

/// A Lease stays; the fleet takes one that is older than two of these for silent.
const LEASE: Duration = Duration::from_hours(1);
/// An event is gone after an hour.
const EVENT: Duration = Duration::from_mins(30);

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The Lease of the node's name in this namespace.
    Lease(String),
    /// An event about the node.
    Event,
}

impl Place {
    /// The one that is open to whoever the API server is asked as.
    pub(super) async fn of(cluster: &Cluster) -> Self {
        if may_have_lease(cluster) {
            Self::Lease(namespace_of_leases(cluster, std::env::var("POD_NAMESPACE").ok()).await)
        } else {
            Self::Event
        }
    }

    /// How long what was written is good for.
    pub(super) fn refresh(&self) -> Duration {
        match self {
            Self::Lease(_) => LEASE,
            Self::Event => EVENT,
        }
    }

    /// What was written there before, if anything was.
    pub(super) async fn read(&self, cluster: &Cluster, node: &str) -> Result<Option<String>, KubeError> {
        match self {
            Self::Lease(namespace) => get_lease(cluster, namespace, node, ANNOTATION).await,
            Self::Event => get_node_event(cluster, node, ANNOTATION).await,
        }
    }

    /// Writes `summary` there, in place of what there is. `uid` is the node's.
    pub(super) async fn write(
        &self,
        cluster: &Cluster,
        summary: &NodeSummary,
        uid: Option<&str>,
    ) -> Result<(), KubeError> {
        let (node, text, at) = (summary.node.as_str(), &summary.to_json(), Timestamp::now());
        match self {
            Self::Lease(namespace) => {
                write_lease(cluster, &LeaseToWrite { namespace, node, uid, annotation: ANNOTATION, text, at }).await
            }
            Self::Event => {
                let message = &in_words(summary);
                write_node_event(cluster, &NodeEvent { node, message, annotation: ANNOTATION, text, at }).await
            }
        }
    }
}

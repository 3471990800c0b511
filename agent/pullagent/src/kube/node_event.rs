//! The event about this node that carries its summary, for a kubelet, which may write events and no Lease of others. An
//! event lives for an hour, and each change lets it live for another one.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Api;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::client::Cluster;
use super::error::{KubeError, Rule};

/// Who writes.
const COMPONENT: &str = "pullagent";
/// Where the events of what is in no namespace are, as kubelets write them.
const NAMESPACE: &str = "default";
/// The event's reason.
const REASON: &str = "ChecksSummary";
/// Ends the event's name, which begins with the node's.
const SUFFIX: &str = ".pullagent-summary";
/// Bytes of a name.
const LONGEST_NAME: usize = 253;

/// The event, as the agent writes it.
#[derive(Clone, Debug)]
pub(crate) struct NodeEvent<'a> {
    /// The node's name.
    pub(crate) node: &'a str,
    /// For a person.
    pub(crate) message: &'a str,
    /// The annotation's name.
    pub(crate) annotation: &'a str,
    /// Its value.
    pub(crate) text: &'a str,
    /// Now.
    pub(crate) at: Timestamp,
}

/// The annotation of the event of this node; `None` where there is no event. An empty patch changes nothing and returns
/// what is stored: so it can be seen without the right to read.
pub(crate) async fn get_node_event(
    cluster: &Cluster,
    node: &str,
    annotation: &str,
) -> Result<Option<String>, KubeError> {
    match patch(cluster, node, &json!({})).await {
        Ok(event) => Ok(event.metadata.annotations.and_then(|mut all| all.remove(annotation))),
        Err(KubeError::Absent { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes the event: counts the one that is there once more, or else creates it.
pub(crate) async fn write_node_event(cluster: &Cluster, event: &NodeEvent<'_>) -> Result<(), KubeError> {
    match patch(cluster, event.node, &json!({})).await {
        Ok(stored) => {
            let count = stored.count.unwrap_or(1).max(1).saturating_add(1);
            let change = json!({
                "metadata": { "annotations": { event.annotation: event.text } },
                "message": event.message, "count": count, "lastTimestamp": Time(event.at),
            });
            patch(cluster, event.node, &change).await.map(drop)
        }
        Err(KubeError::Absent { .. }) => create(cluster, event).await,
        Err(error) => Err(error),
    }
}

async fn create(cluster: &Cluster, event: &NodeEvent<'_>) -> Result<(), KubeError> {
    let rule = Rule { verb: "create", resource: "events", name: None, namespace: Some(NAMESPACE.to_owned()) };
    let (object, params) = (event.object(), PostParams::default());
    let created = cluster
        .ask(&rule, async |client| Api::<Event>::namespaced(client, NAMESPACE).create(&params, &object).await)
        .await;
    created.map(drop)
}

impl NodeEvent<'_> {
    fn object(&self) -> Event {
        Event {
            metadata: ObjectMeta {
                name: Some(name(self.node)),
                namespace: Some(NAMESPACE.to_owned()),
                annotations: Some([(self.annotation.to_owned(), self.text.to_owned())].into()),
                ..ObjectMeta::default()
            },
            // A node's events bear its name for its uid (`pkg/kubelet/kubelet.go` `NewMainKubelet`).
            involved_object: ObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Node".to_owned()),
                name: Some(self.node.to_owned()),
                uid: Some(self.node.to_owned()),
                ..ObjectReference::default()
            },
            type_: Some("Normal".to_owned()),
            reason: Some(REASON.to_owned()),
            message: Some(self.message.to_owned()),
            source: Some(EventSource { component: Some(COMPONENT.to_owned()), host: Some(self.node.to_owned()) }),
            reporting_component: Some(COMPONENT.to_owned()),
            reporting_instance: Some(self.node.to_owned()),
            first_timestamp: Some(Time(self.at)),
            last_timestamp: Some(Time(self.at)),
            count: Some(1),
            ..Event::default()
        }
    }
}

/// The same for the same node, so that a restarted agent finds what it has written.
fn name(node: &str) -> String {
    let room = node.floor_char_boundary(LONGEST_NAME - SUFFIX.len());
    format!("{}{SUFFIX}", node.get(..room).unwrap_or_default().trim_end_matches(['.', '-']))
}

async fn patch(cluster: &Cluster, node: &str, change: &Value) -> Result<Event, KubeError> {
    let name = name(node);
    let rule =
        Rule { verb: "patch", resource: "events", name: Some(name.clone()), namespace: Some(NAMESPACE.to_owned()) };
    let (params, change) = (PatchParams::default(), Patch::Merge(change));
    cluster
        .ask(&rule, async |client| Api::<Event>::namespaced(client, NAMESPACE).patch(&name, &params, &change).await)
        .await
}

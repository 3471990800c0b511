//! An event as the API server has it, and how it is written: created, or counted once more where it is there already.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Api;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::super::client::Cluster;
use super::super::error::{KubeError, Rule};
use super::{About, EventToWrite};

/// Who writes.
const COMPONENT: &str = "pullagent";
/// Where the events of what is in no namespace are, as kubelets write them.
const OF_NODES: &str = "default";
/// How old the same words are when they are told again. A minute less than the half hour after which a warning is
/// refreshed: times are stored in whole seconds, and clocks are set.
const FRESH: SignedDuration = SignedDuration::from_mins(29);
/// How far a stored time may lie ahead of ours; more than that is the time of a wrong clock and says nothing.
const AHEAD: SignedDuration = SignedDuration::from_mins(1);

impl EventToWrite {
    /// The namespace of the event.
    pub(super) fn namespace(&self) -> &str {
        match &self.about {
            About::Pod { namespace, .. } => namespace,
            About::Node => OF_NODES,
        }
    }

    /// The event as it is created. Its `eventTime` is unset: `kubectl describe` sorts by the older times, which a kubelet
    /// writes as well (`staging/src/k8s.io/client-go/tools/record/event.go` `makeEvent`).
    fn object(&self, node: &str, at: Timestamp) -> Event {
        Event {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                namespace: Some(self.namespace().to_owned()),
                labels: Some(self.labels()),
                ..ObjectMeta::default()
            },
            involved_object: self.involved(node),
            type_: Some(self.event.kind.word().to_owned()),
            reason: Some(self.event.reason.clone()),
            message: Some(self.event.note.clone()),
            source: Some(EventSource { component: Some(COMPONENT.to_owned()), host: Some(node.to_owned()) }),
            reporting_component: Some(COMPONENT.to_owned()),
            reporting_instance: Some(node.to_owned()),
            first_timestamp: Some(Time(at)),
            last_timestamp: Some(Time(at)),
            count: Some(1),
            ..Event::default()
        }
    }

    fn labels(&self) -> BTreeMap<String, String> {
        self.event.labels.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
    }

    fn involved(&self, node: &str) -> ObjectReference {
        let (kind, namespace, name, uid) = match &self.about {
            About::Pod { namespace, name, uid } => ("Pod", Some(namespace.clone()), name.as_str(), uid.as_str()),
            // A node's events bear its name for its uid (`pkg/kubelet/kubelet.go` `NewMainKubelet`).
            About::Node => ("Node", None, node, node),
        };
        ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some(kind.to_owned()),
            namespace,
            name: Some(name.to_owned()),
            uid: Some(uid.to_owned()),
            field_path: self.event.field_path.clone(),
            resource_version: None,
        }
    }

    /// What is to be changed of the event that is there; `None` if it says the same and is recent.
    fn change(&self, stored: &Event, at: Timestamp) -> Option<Value> {
        let says_the_same = stored.message.as_deref() == Some(&self.event.note);
        let is_recent = stored.last_timestamp.as_ref().is_some_and(|last| {
            let age = last.0.duration_until(at);
            -AHEAD < age && age < FRESH
        });
        if says_the_same && is_recent {
            return None;
        }
        let count = stored.count.unwrap_or(1).max(1).saturating_add(1);
        let mut change = json!({ "count": count, "lastTimestamp": Time(at) });
        if !says_the_same {
            change["message"] = json!(self.event.note);
            if !self.event.labels.is_empty() {
                change["metadata"] = json!({ "labels": self.labels() });
            }
        }
        Some(change)
    }
}

/// Writes an event that tells of this time, unless the API server has it already and it is recent; returns whether it was
/// written.
///
/// An empty patch changes nothing and returns what is stored: so it can be seen without the right to read.
pub(super) async fn write(
    cluster: &Cluster,
    node: &str,
    event: &EventToWrite,
    at: Timestamp,
) -> Result<bool, KubeError> {
    match create(cluster, node, event, at).await {
        Err(KubeError::Refused { status: 409, .. }) => {}
        other => return other.map(|()| true),
    }
    let stored = match patch(cluster, event, &json!({})).await {
        // It has just expired.
        Err(KubeError::Absent { .. }) => return create(cluster, node, event, at).await.map(|()| true),
        other => other?,
    };
    match event.change(&stored, at) {
        Some(change) => patch(cluster, event, &change).await.map(|_| true),
        None => Ok(false),
    }
}

async fn create(cluster: &Cluster, node: &str, event: &EventToWrite, at: Timestamp) -> Result<(), KubeError> {
    let namespace = event.namespace();
    let rule = Rule { verb: "create", resource: "events", name: None, namespace: Some(namespace.to_owned()) };
    let object = event.object(node, at);
    let params = PostParams::default();
    let created = cluster
        .ask(&rule, async |client| Api::<Event>::namespaced(client, namespace).create(&params, &object).await)
        .await;
    created.map(drop)
}

async fn patch(cluster: &Cluster, event: &EventToWrite, change: &Value) -> Result<Event, KubeError> {
    let (namespace, name) = (event.namespace(), event.name.as_str());
    let rule =
        Rule { verb: "patch", resource: "events", name: Some(name.to_owned()), namespace: Some(namespace.to_owned()) };
    let (params, change) = (PatchParams::default(), Patch::Merge(change));
    cluster
        .ask(&rule, async |client| Api::<Event>::namespaced(client, namespace).patch(name, &params, &change).await)
        .await
}

#[cfg(test)]
mod tests {
    use pullagent_diagnosis::report::event::pull_recovered;

    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap()
    }

    #[track_caller]
    fn check(message: &str, last: Option<i64>, want: Option<&Value>) {
        let about = About::Pod { namespace: "prod".to_owned(), name: "web".to_owned(), uid: "u".to_owned() };
        let event = EventToWrite { about, name: "web.0".to_owned(), event: pull_recovered(None) };
        let last_timestamp = last.map(|minute| Time(at(minute)));
        let stored = Event { message: Some(message.to_owned()), last_timestamp, count: Some(3), ..Event::default() };
        assert_eq!(event.change(&stored, at(60)).as_ref(), want);
    }

    #[test]
    fn what_is_told_already_is_counted_again_once_it_is_old_or_says_something_else() {
        let same = "the kubelet has pulled the image";
        let counted = json!({ "count": 4, "lastTimestamp": "2027-01-15T09:00:00Z" });
        check(same, Some(32), None);
        check(same, Some(31), Some(&counted));
        check(same, None, Some(&counted));
        // A clock that was slightly ahead, and one that was wrong.
        check(same, Some(60), None);
        check(same, Some(90), Some(&counted));
        let mut other = counted.clone();
        other["message"] = json!(same);
        check("something else", Some(59), Some(&other));
    }
}

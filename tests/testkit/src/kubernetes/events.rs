//! Events of core/v1 as a kubelet records them: named after the pod and the time, counted when they repeat.

use std::io;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::user::User;

/// What a kubelet says of a pod or a container of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    kind: &'static str,
    reason: String,
    message: String,
}

impl Event {
    /// Of type `Normal`.
    pub fn normal(reason: &str, message: impl Into<String>) -> Self {
        Self { kind: "Normal", reason: reason.to_owned(), message: message.into() }
    }

    /// Of type `Warning`.
    pub fn warning(reason: &str, message: impl Into<String>) -> Self {
        Self { kind: "Warning", reason: reason.to_owned(), message: message.into() }
    }

    /// Records it about a stored pod, or about the field of it: the kubelet writes, the admin looks whether it has written
    /// the same before, for a kubelet may not read events.
    // Rule: staging/src/k8s.io/client-go/tools/record/events_cache.go, without its rate limits.
    pub(super) async fn record(
        &self,
        admin: &User,
        kubelet: &User,
        pod: &Value,
        field: Option<&str>,
    ) -> io::Result<Value> {
        let metadata = &pod["metadata"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let events = format!("/api/v1/namespaces/{}/events", text(&metadata["namespace"]));
        let selector = format!("{events}?fieldSelector=involvedObject.uid%3D{}", text(&metadata["uid"]));
        let known = admin.get(&selector).await?.success()?;
        let is_same = |one: &&Value| {
            one["type"] == self.kind
                && one["reason"] == self.reason.as_str()
                && one["message"] == self.message.as_str()
                && one["involvedObject"]["fieldPath"].as_str() == field
        };
        if let Some(same) = known["items"].as_array().into_iter().flatten().find(is_same) {
            let change = json!({ "count": same["count"].as_u64().unwrap_or(0) + 1, "lastTimestamp": now() });
            let path = format!("{events}/{}", text(&same["metadata"]["name"]));
            return kubelet.patch(&path, &change).await?.success();
        }
        let node = &pod["spec"]["nodeName"];
        let mut event = json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": format!("{}.{:x}", text(&metadata["name"]), Timestamp::now().as_nanosecond()),
                "namespace": metadata["namespace"],
            },
            "involvedObject": {
                "apiVersion": "v1",
                "kind": "Pod",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
                "resourceVersion": metadata["resourceVersion"],
            },
            "type": self.kind,
            "reason": self.reason,
            "message": self.message,
            "source": { "component": "kubelet", "host": node },
            "firstTimestamp": now(),
            "lastTimestamp": now(),
            "count": 1,
            "reportingComponent": "kubelet",
            "reportingInstance": node,
        });
        if let Some(field) = field {
            event["involvedObject"]["fieldPath"] = json!(field);
        }
        kubelet.post(&events, &event).await?.success()
    }
}

/// This moment as Kubernetes writes it: in whole seconds.
pub(super) fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

//! What a kubelet tells the API server while it pulls, written with its certificate and in its words.

use std::io;

use serde_json::{Value, json};

use super::KubeApi;
use super::events::{Event, now};
use super::pod::Pod;

/// Why a container waits, as its status says.
#[derive(Debug, Clone)]
pub struct Waiting {
    container: String,
    reason: String,
    message: Option<String>,
}

impl Waiting {
    /// This reason, and the message beside it.
    pub fn new(container: &str, reason: &str, message: &str) -> Self {
        Self { container: container.to_owned(), reason: reason.to_owned(), message: Some(message.to_owned()) }
    }

    /// `ErrImagePull` with what the runtime said.
    pub fn pull_failed(container: &str, message: &str) -> Self {
        Self::new(container, "ErrImagePull", message)
    }

    /// `ImagePullBackOff` for this image.
    pub fn backs_off(container: &str, image: &str) -> Self {
        Self::new(container, "ImagePullBackOff", &format!("Back-off pulling image \"{image}\""))
    }

    /// `ContainerCreating`: its first pull goes on.
    pub fn creating(container: &str) -> Self {
        Self { container: container.to_owned(), reason: "ContainerCreating".to_owned(), message: None }
    }

    fn state(&self) -> Value {
        let mut state = json!({ "reason": self.reason });
        if let Some(message) = &self.message {
            state["message"] = json!(message);
        }
        state
    }

    /// What the kubelet says beside the status.
    // Rule: pkg/kubelet/images/image_manager.go and pkg/kubelet/kuberuntime/kuberuntime_container.go.
    fn events(&self, image: &str) -> Vec<Event> {
        let message = self.message.clone().unwrap_or_default();
        let mut events = match self.reason.as_str() {
            "ContainerCreating" | "PodInitializing" => {
                return vec![Event::normal("Pulling", format!("Pulling image \"{image}\""))];
            }
            "ImagePullBackOff" => vec![Event::normal("BackOff", format!("Back-off pulling image \"{image}\""))],
            "InvalidImageName" | "ImageInspectError" => vec![Event::warning("InspectFailed", message)],
            "ErrImageNeverPull" => vec![Event::warning("ErrImageNeverPull", message)],
            _ => vec![
                Event::normal("Pulling", format!("Pulling image \"{image}\"")),
                Event::warning("Failed", format!("Failed to pull image \"{image}\": {message}")),
            ],
        };
        events.push(Event::warning("Failed", format!("Error: {}", self.reason)));
        events
    }
}

impl KubeApi {
    /// Changes the status of a pod, as the kubelet of its node with a strategic merge patch: `{"phase": "Running"}`.
    /// Lists of containers are replaced, conditions are merged by type.
    pub async fn patch_pod_status(&self, pod: &Pod, status: &Value) -> io::Result<Value> {
        let path = format!("{}/status", pod.path());
        self.node(&pod.node).patch(&path, &json!({ "status": status })).await?.success()
    }

    /// The kubelet reports that containers of a pod wait: the events that go with each reason, then the status of them all.
    /// The containers that are not named wait as well, for their first pull.
    pub async fn pod_waiting(&self, pod: &Pod, waiting: &[Waiting]) -> io::Result<()> {
        for one in waiting {
            for event in one.events(pod.image(&one.container)?.0) {
                self.event(pod, Some(&one.container), &event).await?;
            }
        }
        let stored = self.get(&pod.path()).await?;
        let began = stored["status"]["startTime"].as_str().map_or_else(now, str::to_owned);
        let first = if pod.init_containers.is_empty() { "ContainerCreating" } else { "PodInitializing" };
        let status = json!({
            "phase": "Pending",
            "hostIP": "127.0.0.1",
            "startTime": began,
            "conditions": conditions(pod, &began),
            "containerStatuses": statuses(&pod.containers, waiting, first),
            "initContainerStatuses": statuses(&pod.init_containers, waiting, "PodInitializing"),
        });
        self.patch_pod_status(pod, &status).await.map(drop)
    }

    /// The kubelet records an event about a pod, or about one of its containers. One that it recorded before is counted
    /// once more; returns it as it is stored.
    pub async fn event(&self, pod: &Pod, container: Option<&str>, event: &Event) -> io::Result<Value> {
        let stored = self.get(&pod.path()).await?;
        let field = container.map(|name| pod.image(name)).transpose()?.map(|(_, field)| field);
        event.record(&self.admin, &self.node(&pod.node), &stored, field.as_deref()).await
    }
}

/// The conditions of a pod of which no container has started, all since `began`.
// Rule: pkg/kubelet/status/generate.go.
fn conditions(pod: &Pod, began: &str) -> Value {
    let names = |containers: &[(String, String)]| {
        containers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(" ")
    };
    let is_true = |kind: &str| json!({ "type": kind, "status": "True", "lastTransitionTime": began });
    let is_false = |kind: &str, reason: &str, message: &str| {
        let mut condition = json!({ "type": kind, "status": "False", "lastTransitionTime": began });
        condition["reason"] = json!(reason);
        condition["message"] = json!(message);
        condition
    };
    let unready = format!("containers with unready status: [{}]", names(&pod.containers));
    let incomplete = format!("containers with incomplete status: [{}]", names(&pod.init_containers));
    json!([
        if pod.init_containers.is_empty() {
            is_true("Initialized")
        } else {
            is_false("Initialized", "ContainersNotInitialized", &incomplete)
        },
        is_false("Ready", "ContainersNotReady", &unready),
        is_false("ContainersReady", "ContainersNotReady", &unready),
        is_true("PodScheduled"),
    ])
}

/// The statuses of one kind of containers, of which none has started; those that are not named wait for the reason
/// `before`.
fn statuses(containers: &[(String, String)], waiting: &[Waiting], before: &str) -> Vec<Value> {
    let status = |(name, image): &(String, String)| {
        let state = waiting.iter().find(|one| one.container == *name);
        let state = state.map_or_else(|| json!({ "reason": before }), Waiting::state);
        json!({
            "name": name,
            "image": image,
            "imageID": "",
            "ready": false,
            "started": false,
            "restartCount": 0,
            "lastState": {},
            "state": { "waiting": state },
        })
    };
    containers.iter().map(status).collect()
}

//! Pods of one's own: bound to a node without a scheduler, and in the states that a kubelet writes while it pulls.

use std::io;

use serde_json::{Value, json};

use super::KubeApi;
use super::events::{Event, now};

/// A pod to be created on a node. It mounts no token, for there is nobody who would make one.
#[derive(Debug, Clone)]
pub struct Pod {
    pub(super) node: String,
    pub(super) namespace: String,
    pub(super) name: String,
    containers: Vec<(String, String)>,
    init_containers: Vec<(String, String)>,
    pull_secrets: Vec<String>,
    service_account: String,
    pull_policy: String,
}

/// Why a container waits, as its status says.
#[derive(Debug, Clone)]
pub struct Waiting {
    container: String,
    reason: String,
    message: Option<String>,
}

impl Pod {
    /// A pod without containers yet.
    pub fn new(node: &str, namespace: &str, name: &str) -> Self {
        Self {
            node: node.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            containers: Vec::new(),
            init_containers: Vec::new(),
            pull_secrets: Vec::new(),
            service_account: "default".to_owned(),
            pull_policy: "IfNotPresent".to_owned(),
        }
    }

    /// With a container of this name and image.
    #[must_use]
    pub fn container(mut self, name: &str, image: &str) -> Self {
        self.containers.push((name.to_owned(), image.to_owned()));
        self
    }

    /// With an init container of this name and image.
    #[must_use]
    pub fn init_container(mut self, name: &str, image: &str) -> Self {
        self.init_containers.push((name.to_owned(), image.to_owned()));
        self
    }

    /// With a reference to a secret, which need not exist.
    #[must_use]
    pub fn pull_secret(mut self, name: &str) -> Self {
        self.pull_secrets.push(name.to_owned());
        self
    }

    /// As this service account, which must exist; its pull secrets are added where the pod names none.
    #[must_use]
    pub fn service_account(mut self, name: &str) -> Self {
        name.clone_into(&mut self.service_account);
        self
    }

    /// With `Always` or `Never` in place of `IfNotPresent`.
    #[must_use]
    pub fn pull_policy(mut self, policy: &str) -> Self {
        policy.clone_into(&mut self.pull_policy);
        self
    }

    /// Its path at the API server.
    pub fn path(&self) -> String {
        format!("/api/v1/namespaces/{}/pods/{}", self.namespace, self.name)
    }

    /// The manifest that it is created from.
    pub fn manifest(&self) -> Value {
        let container = |(name, image): &(String, String)| json!({ "name": name, "image": image, "imagePullPolicy": self.pull_policy });
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": { "name": self.name, "namespace": self.namespace },
            "spec": {
                "nodeName": self.node,
                "serviceAccountName": self.service_account,
                "automountServiceAccountToken": false,
                "containers": self.containers.iter().map(container).collect::<Vec<_>>(),
                "initContainers": self.init_containers.iter().map(container).collect::<Vec<_>>(),
                "imagePullSecrets": self.pull_secrets.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
            },
        })
    }

    /// The statuses of one kind of containers, all not started; a first pull gives no other reason than `before`.
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

    /// The image of a container, and the path of its field as events name it.
    fn image(&self, container: &str) -> io::Result<(&str, String)> {
        for (kind, containers) in [("containers", &self.containers), ("initContainers", &self.init_containers)] {
            if let Some((name, image)) = containers.iter().find(|(name, _)| name == container) {
                return Ok((image, format!("spec.{kind}{{{name}}}")));
            }
        }
        Err(io::Error::other(format!("the pod {} has no container {container}", self.name)))
    }
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

    /// `ContainerCreating`: its first pull goes on, or has not begun.
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
    /// Creates a pod, bound to its node from the beginning; returns it as it is stored.
    pub async fn create_pod(&self, pod: &Pod) -> io::Result<Value> {
        let path = format!("/api/v1/namespaces/{}/pods", pod.namespace);
        self.admin.post(&path, &pod.manifest()).await?.success()
    }

    /// Changes the status of a pod, as the kubelet of its node with a strategic merge patch: `{"phase": "Running"}`.
    /// Lists of containers are replaced, conditions are merged by type.
    pub async fn patch_pod_status(&self, pod: &Pod, status: &Value) -> io::Result<Value> {
        let path = format!("{}/status", pod.path());
        self.node(&pod.node).patch(&path, &json!({ "status": status })).await?.success()
    }

    /// The kubelet reports that containers of a pod wait: their status, then the events that go with each reason. The
    /// containers that are not named wait as well, for their first pull.
    pub async fn pod_waiting(&self, pod: &Pod, waiting: &[Waiting]) -> io::Result<()> {
        for one in waiting {
            for event in one.events(pod.image(&one.container)?.0) {
                self.event(pod, Some(&one.container), &event).await?;
            }
        }
        let condition = |kind: &str, is: bool| {
            let mut condition = json!({
                "type": kind,
                "status": if is { "True" } else { "False" },
                "lastProbeTime": null,
                "lastTransitionTime": now(),
            });
            if !is {
                condition["reason"] =
                    json!(if kind == "Initialized" { "ContainersNotInitialized" } else { "ContainersNotReady" });
            }
            condition
        };
        let first = if pod.init_containers.is_empty() { "ContainerCreating" } else { "PodInitializing" };
        let status = json!({
            "phase": "Pending",
            "hostIP": "127.0.0.1",
            "startTime": now(),
            "conditions": [
                condition("Initialized", pod.init_containers.is_empty()),
                condition("Ready", false),
                condition("ContainersReady", false),
                condition("PodScheduled", true),
            ],
            "containerStatuses": Pod::statuses(&pod.containers, waiting, first),
            "initContainerStatuses": Pod::statuses(&pod.init_containers, waiting, "PodInitializing"),
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

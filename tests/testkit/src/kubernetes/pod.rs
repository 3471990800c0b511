//! Pods that are bound to a node from the beginning, for there is no scheduler. What becomes of them is the kubelet's.

use std::io;

use serde_json::{Value, json};

use super::KubeApi;

/// A pod to be created on a node. It mounts no token, for there is nobody who would make one.
#[derive(Debug, Clone)]
pub struct Pod {
    pub(super) node: String,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) containers: Vec<(String, String)>,
    pub(super) init_containers: Vec<(String, String)>,
    pull_secrets: Vec<String>,
    service_account: String,
    pull_policy: String,
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

    /// The image of a container, and the path of its field as events name it.
    pub(super) fn image(&self, container: &str) -> io::Result<(&str, String)> {
        for (kind, containers) in [("containers", &self.containers), ("initContainers", &self.init_containers)] {
            if let Some((name, image)) = containers.iter().find(|(name, _)| name == container) {
                return Ok((image, format!("spec.{kind}{{{name}}}")));
            }
        }
        Err(io::Error::other(format!("the pod {} has no container {container}", self.name)))
    }
}

impl KubeApi {
    /// Creates a pod, bound to its node from the beginning; returns it as it is stored.
    pub async fn create_pod(&self, pod: &Pod) -> io::Result<Value> {
        let path = format!("/api/v1/namespaces/{}/pods", pod.namespace);
        self.admin.post(&path, &pod.manifest()).await?.success()
    }
}

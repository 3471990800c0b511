//! A pod as far as the pulls of its images go: what it asks for, and what its kubelet says of each container.
//!
//! Where it was read is not known here. Judges no pull.

mod outlook;
mod pulls;

use std::net::IpAddr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use outlook::{Outlook, Waiting, outlook};
pub use pulls::{
    PullState, SandboxFailure, is_error_text, is_image_failure, pull_states, sandbox_failure, tells_no_cause,
};

/// A pod as the API server has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid: a pod that is created anew under the same name is another one.
    pub uid: String,
    /// The node that it is bound to; absent where none was chosen yet.
    pub node: Option<String>,
    /// The addresses of that node, as its kubelet tells them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub node_addresses: Vec<IpAddr>,
    /// Its service account; empty where it has none.
    pub service_account: String,
    /// The names of its pull secrets as the kubelet goes through them, empty ones left out.
    pub pull_secrets: Vec<String>,
    /// Whether it is the API server's picture of a pod from a file on the node, which can name no secrets.
    pub is_static: bool,
    /// Whether it is being deleted.
    pub is_deleted: bool,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// What it runs, in the order of its specification: init containers, containers, ephemeral ones, image volumes.
    pub containers: Vec<Container>,
}

/// One image of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// Its name; of a volume the volume's.
    pub name: String,
    /// What of the pod it is.
    pub kind: ContainerKind,
    /// The image as written.
    pub image: String,
    /// When the kubelet pulls it.
    pub policy: PullPolicy,
    /// What the kubelet says of it. A volume has no state of its own: it is that of a container that mounts it.
    pub state: ContainerState,
}

/// What of a pod an image is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ContainerKind {
    /// One that runs before the others.
    Init,
    /// An ordinary one.
    Regular,
    /// One that was added for debugging.
    Ephemeral,
    /// A volume that is an image.
    Volume,
}

/// When the kubelet asks the runtime to pull.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PullPolicy {
    /// At every start.
    Always,
    /// Where it is not on the node.
    #[default]
    IfNotPresent,
    /// At no time.
    Never,
}

/// What the kubelet says of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ContainerState {
    /// Nothing yet.
    #[default]
    Unknown,
    /// It does not run.
    Waiting {
        /// The kubelet's reason: a word, or the text of an error.
        reason: String,
        /// Its message.
        message: String,
    },
    /// It runs.
    Running,
    /// It has run.
    Ended {
        /// The kubelet's reason.
        reason: String,
    },
}

impl Container {
    /// The place in the pod that events of this container name; a volume has none
    /// (`pkg/kubelet/container/ref.go` `fieldPath`).
    pub fn field_path(&self) -> Option<String> {
        let list = match self.kind {
            ContainerKind::Init => "initContainers",
            ContainerKind::Regular => "containers",
            ContainerKind::Ephemeral => "ephemeralContainers",
            ContainerKind::Volume => return None,
        };
        Some(format!("spec.{list}{{{}}}", self.name))
    }
}

/// What the kubelet says of a pull that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KubeletWords {
    /// The reason of the waiting container: a word, or the text of an error.
    pub reason: String,
    /// The error of the last attempt; empty where it was told nowhere.
    pub message: String,
    /// Since when it fails, as far as the kubelet's events go back; else since the pod was created.
    pub since: Timestamp,
    /// When the kubelet tries again at the latest. The exact time is in its memory only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_by: Option<Timestamp>,
}

/// One event that a kubelet wrote about a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodEvent {
    /// Its reason.
    pub reason: String,
    /// Its message.
    pub message: String,
    /// The place in the pod that it is about.
    pub field_path: Option<String>,
    /// When it was first written.
    pub first: Option<Timestamp>,
    /// When it was last written.
    pub last: Option<Timestamp>,
    /// How often it was written.
    pub count: u32,
}

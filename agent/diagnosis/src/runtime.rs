//! The node's container runtime as it was met: its socket, its name and version, its process, its image store.
//!
//! Facts and the habits that follow from a version; what they mean for a pull is said in `layer/node`.

mod habits;
mod version;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::not_checked::NotChecked;

pub use habits::{CONNECTS_FOR, Schema1, gives_up_after, requests_of_a_429, schema_1};
pub use version::{Kind, RuntimeVersion};

/// What was found out about the node's container runtime.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Runtime {
    /// Its socket as a URL: `unix:///run/containerd/containerd.sock`.
    pub endpoint: String,
    /// Who names that socket, for a person; `None` when it was found where runtimes put theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named_by: Option<String>,
    /// What came of asking there.
    pub answer: RuntimeAnswer,
    /// The process that listens there.
    pub process: RuntimeProcess,
    /// The configuration file that the process was started with; absent where it was given none, or was not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_file: Option<String>,
}

/// What came of asking a runtime for its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum RuntimeAnswer {
    /// It told.
    Version(RuntimeVersion),
    /// The kubelet would get no answer either.
    Broken(SocketFailure),
    /// We may not ask it; the kubelet may.
    NotAsked {
        /// Why not.
        why: String,
    },
}

/// Why a socket is of no use to the kubelet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum SocketFailure {
    /// There is no such file.
    Absent,
    /// The file is something else.
    NotASocket {
        /// What it is: `a directory`.
        kind: String,
    },
    /// Nobody listens.
    Refused,
    /// It was connected to and did not answer.
    Silent,
    /// What answers does not speak gRPC.
    NotGrpc {
        /// What it did.
        why: String,
    },
    /// It speaks gRPC and does not offer the CRI: its plugin is off or did not load.
    NoCri {
        /// Its words.
        why: String,
    },
    /// It speaks the CRI and refused, or broke off.
    Failed {
        /// Its words.
        why: String,
    },
}

/// The process behind a runtime's socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum RuntimeProcess {
    /// It was found, and is the runtime beyond doubt.
    Verified {
        /// Its id, as the node numbers processes.
        pid: i32,
        /// When it started, by this node's clock.
        started_at: Timestamp,
        /// The systemd service that it belongs to by its cgroup: `containerd.service`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unit: Option<String>,
        /// Whether the file tree that is read is its node's: a mere copy of one has no processes of its own, and its files
        /// say nothing of when that one's were changed.
        of_this_tree: bool,
    },
    /// It was not found, or may be another's.
    NotSeen {
        /// Why.
        why: String,
    },
}

/// What the runtime's image store says of an image, and where it keeps images.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Store {
    /// What it holds under the reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<HeldImage>,
    /// True when the runtime did not say what it holds, which is not the same as nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held_unknown: bool,
    /// The filesystem that images are written to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filesystem: Option<ImageFilesystem>,
    /// What it was asked in vain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_checked: Vec<NotChecked>,
}

/// An image that the runtime holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldImage {
    /// Its id: the digest of its configuration.
    pub id: String,
    /// Its names with a tag.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Its names with a digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digests: Vec<String>,
    /// Its size on the node, in bytes.
    pub bytes: u64,
}

impl HeldImage {
    /// Whether it is what a registry serves at `digest`.
    pub fn is_served_at(&self, digest: &str) -> bool {
        self.digests.iter().any(|name| name.ends_with(&format!("@{digest}")))
    }

    /// The digest of its first name with one.
    pub fn digest(&self) -> Option<&str> {
        self.digests.first().and_then(|name| Some(name.split_once('@')?.1))
    }
}

/// The filesystem that images are written to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageFilesystem {
    /// Where the runtime says that it is.
    pub path: String,
    /// Bytes that root can still write; `None` when it could not be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_bytes: Option<u64>,
    /// Files that can still be made; `None` when it could not be asked, or has no such limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_inodes: Option<u64>,
}

impl Runtime {
    /// Its name and version, if it told.
    pub fn version(&self) -> Option<&RuntimeVersion> {
        match &self.answer {
            RuntimeAnswer::Version(version) => Some(version),
            RuntimeAnswer::Broken(_) | RuntimeAnswer::NotAsked { .. } => None,
        }
    }

    /// What it is called in a sentence: its name and version, or `the runtime`.
    pub fn called(&self) -> String {
        self.version().map_or_else(|| "the runtime".to_owned(), ToString::to_string)
    }
}

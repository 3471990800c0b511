//! The kubelet's notes on the images that it pulls and has pulled, and what it makes of them: whether a pod may use an
//! image that is on the node already. Reading the files is for others.
//!
//! Copied rules: Kubernetes 1.36 `pkg/kubelet/images/pullmanager/fs_pullrecords.go`, types `ImagePullIntent` and
//! `ImagePulledRecord` of `kubelet.config.k8s.io`.

mod access;
mod credential_hash;
mod verification;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::secret::Secret;

pub use access::{Access, Wish, access};
pub use credential_hash::credential_hash;
pub use verification::{VerificationPolicy, VerificationSettings};

/// The folder below the kubelet's root directory in which it keeps its records.
pub const FOLDER: &str = "image_manager";

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PullRecord {
    /// A pull that was begun; it is taken away when that ends.
    Intent {
        /// The image as the kubelet named it to the runtime: as written, with `:latest` where it has neither tag nor
        /// digest.
        image: String,
    },
    /// A pull that succeeded.
    Pulled(PulledRecord),
}

/// Who has shown that he may have an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PulledRecord {
    /// The image's id, as the runtime tells it.
    pub image_ref: String,
    /// What was proven, by the name that the image was pulled under: registry and repository in full, without tag and
    /// digest.
    pub credential_mapping: BTreeMap<String, ProvenCredentials>,
}

/// The credentials with which an image was pulled under one name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProvenCredentials {
    /// Whether every pod of the node may use it: it was pulled anonymously, or with logins of the node's own.
    pub node_pods_accessible: bool,
    /// The pull secrets.
    #[serde(deserialize_with = "or_default")]
    pub kubernetes_secrets: Vec<ProvenSecret>,
    /// The service accounts for which a credential provider plugin gave a login.
    #[serde(deserialize_with = "or_default")]
    pub kubernetes_service_accounts: Vec<ObjectIdentity>,
}

/// A pull secret with which an image was pulled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProvenSecret {
    /// Which one.
    #[serde(flatten)]
    pub secret: ObjectIdentity,
    /// The kubelet's [`credential_hash`] of the login that it held then; empty where that failed. A short password can be
    /// found from it by trying, so it is kept like one.
    #[serde(deserialize_with = "secret", skip_serializing)]
    pub credential_hash: Secret<String>,
}

/// An object of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectIdentity {
    /// Its uid: one that is created anew under the same name is another one. Empty where it is not known.
    pub uid: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// What the kubelet has written down of one image on the node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PullRecords {
    /// Whether the kubelet keeps such records. It makes the folder when it starts, if it is to verify anything.
    pub kept: bool,
    /// Whether a pull of the image was begun and is not known to have ended.
    pub intent: bool,
    /// Its record of the image's id.
    pub pulled: Option<PulledRecord>,
    /// Why one of the two cannot be read, where that is so.
    pub unreadable: Option<String>,
}

/// Why a text is no record. It quotes nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedRecord {
    /// It is not JSON, or a field is of another type.
    #[error("is no record of a pull (line {line}, column {column})")]
    NotARecord {
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in bytes.
        column: usize,
    },
    /// It names no image.
    #[error("names no image")]
    NoImage,
}

/// Either record: an intent has the first field, the other kind the others.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    image: Option<String>,
    image_ref: Option<String>,
    credential_mapping: Option<BTreeMap<String, ProvenCredentials>>,
}

/// Reads one record. Fields that are not known belong to newer kubelets and are passed over.
pub fn parse_pull_record(text: &[u8]) -> Result<PullRecord, MalformedRecord> {
    let malformed =
        |error: serde_json::Error| MalformedRecord::NotARecord { line: error.line(), column: error.column() };
    let fields: Fields = serde_json::from_slice(text).map_err(malformed)?;
    let is_told = |name: &String| !name.is_empty();
    if let Some(image) = fields.image.filter(is_told) {
        return Ok(PullRecord::Intent { image });
    }
    let image_ref = fields.image_ref.filter(is_told).ok_or(MalformedRecord::NoImage)?;
    Ok(PullRecord::Pulled(PulledRecord {
        image_ref,
        credential_mapping: fields.credential_mapping.unwrap_or_default(),
    }))
}

/// The name of the file that is about `name`: an image as it is named to the runtime, or an image's id
/// (`cacheFilename`).
pub fn record_file(name: &str) -> String {
    format!("sha256-{}", sha256(name))
}

/// The SHA-256 of a text in hexadecimal.
fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A value whose `null` means that there is nothing, as in Go.
fn or_default<'de, D: serde::Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

fn secret<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Secret<String>, D::Error> {
    Option::<String>::deserialize(from).map(|text| Secret::from(text.unwrap_or_default()))
}

#[cfg(test)]
mod tests;

//! The certificate authorities that a Go process on this node trusts.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A set of trusted certificates and where they came from. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trust {
    /// The certificates in DER form, without repetition. Not part of a saved report.
    #[serde(skip)]
    pub roots: Arc<Vec<Vec<u8>>>,
    /// The files that were read.
    pub sources: Vec<TrustSource>,
    /// The files that exist and could not be used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<UnreadableTrust>,
}

/// A file that certificates came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrustSource {
    /// Its path as the runtime would name it.
    pub path: PathBuf,
    /// How many certificates it holds.
    pub certificates: usize,
    /// When it was last written, by the node's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<Timestamp>,
}

/// A file that should hold certificates and could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnreadableTrust {
    /// Its path as the runtime would name it.
    pub path: PathBuf,
    /// What went wrong.
    pub why: String,
}

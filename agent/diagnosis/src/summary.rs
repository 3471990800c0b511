//! What one node says of itself to the whole fleet: how its checks stand, which pods fail, and what it pulls with.
//!
//! It is small and versioned. Whoever reads one treats it as foreign text: [`parse`] takes in only what it has checked.

mod bound;
mod changes;
mod fit;
mod parse;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::cause::Code;
use crate::diagnosis::Verdict;

pub use changes::Changes;
pub use parse::{SummaryError, parse, parse_of};

/// The version of the form that is written.
pub const VERSION: u32 = 1;
/// The annotation of a node's Lease that holds it.
pub const ANNOTATION: &str = "pullagent.dev/summary";
/// The longest one that is written, in bytes.
pub const LONGEST: usize = 8 << 10;
/// As many changes of the fingerprint are kept, the latest ones.
pub const MOST_CHANGES: usize = 20;

/// A node's summary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeSummary {
    /// The version of this form.
    pub version: u32,
    /// The agent's own version.
    pub agent: String,
    /// The node's name.
    pub node: String,
    /// When it was written, by the node's clock.
    pub at: Timestamp,
    /// How each check stands, those of the settings first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckSummary>,
    /// The pods that fail now, one entry a code and host.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failing: Vec<FailingPods>,
    /// What the node pulls with, by attribute: see [`attribute`].
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fingerprint: BTreeMap<String, String>,
    /// The latest changes of the fingerprint, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// How much was left out because it did not fit.
    #[serde(skip_serializing_if = "is_zero")]
    pub left_out: u32,
}

/// How a check stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckSummary {
    /// What is checked: an image, or a registry's host.
    pub name: String,
    /// The registry's host, as an image's name begins with it.
    pub registry: String,
    /// What came of the last run.
    pub verdict: Verdict,
    /// Its cause; `Unknown` stands for a code of another version too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// The host that failed, where it is not the registry: a mirror, a token service, the storage, a proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Since when it stands so.
    pub since: Timestamp,
    /// When it was last run.
    pub at: Timestamp,
    /// How long that took, in milliseconds.
    pub ms: u32,
    /// The digest that the registry serves for the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The registry's allowance, where it told one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headroom: Option<Headroom>,
    /// When the registry's certificate ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_ends: Option<Timestamp>,
}

/// What is left of a registry's allowance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Headroom {
    /// How many pulls there are in a window.
    pub limit: u64,
    /// How many are left.
    pub remaining: u64,
    /// Whose allowance it is, as the registry says: the address the node is seen with, or an account. It may be empty.
    pub source: String,
}

/// Pods that fail for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FailingPods {
    /// Why.
    pub code: Code,
    /// The host concerned; empty where there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// How many pods.
    pub pods: u32,
    /// Their namespaces; of many, the first ones.
    pub namespaces: Vec<String>,
    /// Since when the first of them fails.
    pub since: Timestamp,
}

/// An attribute of the fingerprint took another value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// When it was seen, by the node's clock.
    pub at: Timestamp,
    /// Which attribute.
    pub attribute: String,
    /// What it was; empty where it was not there.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// What it is; empty where it is gone.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub to: String,
}

/// The names of the fingerprint's attributes. Their values are short texts or hashes without anything secret.
pub mod attribute {
    /// The container runtime's name.
    pub const RUNTIME: &str = "runtime";
    /// Its version.
    pub const RUNTIME_VERSION: &str = "runtimeVersion";
    /// What of it pulls.
    pub const ENGINE: &str = "engine";
    /// A hash of the whole registry configuration.
    pub const REGISTRIES: &str = "registries";
    /// Begins the name of an attribute for one part of it: `registries/registry.corp.io`, with that part's hash.
    pub const REGISTRY: &str = "registries/";
    /// The name servers in order, separated by blanks.
    pub const RESOLVERS: &str = "resolvers";
    /// The proxies, without logins.
    pub const PROXY: &str = "proxy";
    /// A hash of the trusted authorities.
    pub const TRUST: &str = "trust";
    /// The kubelet's version.
    pub const KUBELET: &str = "kubelet";
    /// The kernel's version.
    pub const KERNEL: &str = "kernel";
    /// The operating system's image.
    pub const OS_IMAGE: &str = "osImage";
    /// The node's zone.
    pub const ZONE: &str = "zone";
    /// The node's pool.
    pub const POOL: &str = "pool";
    /// The families of addresses that it has: `IPv4`, `IPv4 IPv6`.
    pub const ADDRESSES: &str = "addresses";
}

/// For serde, which hands a reference.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

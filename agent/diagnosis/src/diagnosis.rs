//! The answer to a case. Its JSON form is the report `pullagent.dev/report/v1`.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::case::NotChecked;
use crate::evidence::Hop;
use crate::finding::{Cause, Finding, Remedy};
use crate::layer::credentials::CredentialOutcome;
use crate::layer::registry::RateLimit;
use crate::platform::Platform;
use crate::pod::KubeletWords;

/// The name and version of the JSON form.
pub const SCHEMA: &str = "pullagent.dev/report/v1";

/// The name and version of the JSON form of several reports.
pub const REPORTS_SCHEMA: &str = "pullagent.dev/reports/v1";

/// The last reports of a node, as its agent serves them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "pullagent.dev/reports/v1")]
pub struct Reports {
    /// The name and version of this form.
    pub schema: String,
    /// The reports, newest first.
    pub items: Vec<Diagnosis>,
}

/// What is known of one image on one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "pullagent.dev/report/v1")]
pub struct Diagnosis {
    /// The name and version of this form.
    pub schema: String,
    /// Names this examination.
    pub id: String,
    /// Names the trouble: equal on every node and at every time for the same code, host and repository.
    pub fingerprint: String,
    /// Who looked.
    pub examined_by: ExaminedBy,
    /// Whether the image can be pulled.
    pub verdict: Verdict,
    /// Why not; null unless failing or inconclusive.
    pub cause: Option<Cause>,
    /// What to do about the cause, most likely first.
    pub remedy: Vec<Remedy>,
    /// Everything worth knowing, the cause first.
    pub findings: Vec<Finding>,
    /// What was asked for.
    pub target: TargetReport,
    /// Where it was asked.
    pub node: NodeReport,
    /// The pod that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<PodReport>,
    /// What its kubelet says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubelet: Option<KubeletWords>,
    /// The hosts met, in order.
    pub hops: Vec<Hop>,
    /// The credentials, in the order in which they are offered, and the anonymous pull.
    pub credentials: Vec<CredentialReport>,
    /// The image, once its manifest was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageReport>,
    /// The runtime's own pull.
    pub pull: PullReport,
    /// The registry's allowance, where it told one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
    /// What was not looked at, and why.
    pub not_checked: Vec<NotChecked>,
    /// When the examination began, by this node's clock.
    pub started_at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u32,
}

/// Whether an image can be pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It can.
    Pullable,
    /// It can, though something is wrong.
    Degraded,
    /// It cannot.
    Failing,
    /// What was seen does not decide.
    Inconclusive,
}

impl Verdict {
    /// The word for JSON and for scripts.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pullable => "pullable",
            Self::Degraded => "degraded",
            Self::Failing => "failing",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// Who looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExaminedBy {
    /// The process that reports.
    #[serde(rename = "self")]
    Myself,
    /// The agent on the node, asked by it.
    Agent,
}

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetReport {
    /// The image as written.
    pub image: String,
    /// Its full name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The registry that it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    /// The repository there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The platform that it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

/// Where it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeReport {
    /// The node's name.
    pub name: String,
    /// Its operating system, in Go's words.
    pub os: String,
    /// Its architecture, in Go's words.
    pub arch: String,
    /// Its container runtime, where one answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<RuntimeReport>,
}

/// The container that an image is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodReport {
    /// The pod's namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// The container's name, or the volume's.
    pub container: String,
}

/// A container runtime.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuntimeReport {
    /// What it is called.
    pub name: String,
    /// Its version, as it tells it.
    pub version: String,
    /// Its socket as a URL.
    pub endpoint: String,
}

/// One credential and what the registry said to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CredentialReport {
    /// Where it came from, or `anonymous`.
    pub source: String,
    /// The key it stands under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What the registry said.
    pub outcome: CredentialOutcome,
    /// When it expires, where it says so itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// What is served under the reference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageReport {
    /// Its digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Its media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The platforms that it is for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<Platform>,
    /// What a pull brings, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// What the node already holds under the reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_node: Option<OnNodeReport>,
}

/// An image on the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnNodeReport {
    /// The digest under which it was pulled; its id where it was imported without one.
    pub digest: String,
    /// Its size there, in bytes.
    pub bytes: u64,
}

/// The runtime's own pull.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PullReport {
    /// Whether the runtime was asked.
    pub attempted: bool,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<PullVerdict>,
    /// The runtime's words when it failed, cleaned and bounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How long it took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<u32>,
    /// Whether the examination came to the same result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agrees: Option<bool>,
    /// Whether the image that it brought is still on the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<bool>,
}

/// What came of the runtime's own pull.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PullVerdict {
    /// The image was pulled.
    Ok,
    /// The runtime refused.
    Failed,
    /// It was still at it when the time was over.
    Cancelled,
}

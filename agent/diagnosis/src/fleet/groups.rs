//! Nodes on which one registry is in the same trouble: by verdict, code and host.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::apart::Apart;
use crate::cause::{Code, Layer, Owner};
use crate::diagnosis::Verdict;

/// Nodes in the same trouble.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// What came of the checks.
    pub verdict: Verdict,
    /// Their cause.
    pub code: Code,
    /// The host that failed, where it is not the registry itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The layer of the cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<Layer>,
    /// Who can mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// What to do, most likely first.
    pub remedy: Vec<String>,
    /// The nodes, by name.
    pub nodes: Vec<String>,
    /// The checks that say so, by name; of many, the first ones.
    pub checks: Vec<String>,
    /// Since when the first of them stands so.
    pub since: Timestamp,
    /// What these nodes have in common.
    pub apart: Apart,
}

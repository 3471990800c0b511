//! Something that was not looked at: a value of its own, never the same as "no".

use serde::{Deserialize, Serialize};

/// Something that was not looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotChecked {
    /// What.
    pub what: String,
    /// Why.
    pub why: String,
}

impl NotChecked {
    /// `what` was not looked at, because of `why`.
    pub fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), why: why.into() }
    }
}

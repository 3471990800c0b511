//! Who asks.

use serde::{Deserialize, Serialize};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Identity {
    /// Nobody.
    Anonymous,
    /// The login of the plan's credential at this index.
    Credential(usize),
}

//! What the fleet is put together from: the nodes that there are, and what was found where each says how it stands.

use jiff::Timestamp;

use crate::summary::NodeSummary;

/// What the cluster knows of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeFacts {
    /// Its name.
    pub name: String,
    /// Its zone, by its labels.
    pub zone: Option<String>,
    /// Its pool, by its labels.
    pub pool: Option<String>,
    /// Whether it runs Windows, where no agent does.
    pub is_windows: bool,
    /// When it joined.
    pub created: Option<Timestamp>,
}

/// What was found of a node's summary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// When it was last written, by the node's clock; absent where that is known from the summary alone.
    pub renewed: Option<Timestamp>,
    /// The summary; absent where the place for it is empty.
    pub summary: Option<Result<NodeSummary, Unreadable>>,
}

/// Why a summary is of no use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It has a newer form than is known here.
    Newer(String),
    /// It is something else.
    Malformed(String),
}

//! The whole fleet from what its nodes say of themselves: which registry fails on which nodes, what these have in common,
//! and which pods wait. It is computed from values; where they come from is not known here.
//!
//! The result does not depend on the order of what is given, and no summary makes it fail: each is one node's word.

mod age;
mod apart;
mod blocks;
mod coverage;
mod fisher;
mod given;
mod groups;
mod incidents;
mod registries;
mod shared;
mod traits;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::diagnosis::Verdict;
use crate::report::schema_of;

pub use apart::{Apart, Attribute, Changed, Common, Outcome};
pub use blocks::{Block, Cell};
pub use coverage::{NodeNote, Nodes};
pub use given::{NodeFacts, Told, Unreadable};
pub use groups::Group;
pub use incidents::{Incident, Incidents, incidents, incidents_schema};
pub use registries::RegistryRow;
pub use shared::{CertificateRow, DigestNodes, DigestRow, HeadroomRow};

/// The `schema` of the JSON.
pub const SCHEMA: &str = "pullagent.dev/fleet/v1";
/// A summary is written at least this often.
pub const WRITTEN_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// The fleet as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Fleet {
    /// `pullagent.dev/fleet/v1`.
    pub schema: String,
    /// When it was put together.
    pub at: Timestamp,
    /// How many nodes there are, and how many of them tell how they stand.
    pub nodes: Nodes,
    /// Every registry that is checked anywhere, the worst first.
    pub registries: Vec<RegistryRow>,
    /// The nodes by pool and zone, as the cells of a registry count them. Of very many the smallest are taken together.
    pub blocks: Vec<Block>,
    /// Nodes that have told nothing for two hours, though written is at least every hour.
    pub silent: Vec<NodeNote>,
    /// Nodes whose summary cannot be read.
    pub unreadable: Vec<NodeNote>,
    /// Nodes whose agent writes a newer form than this program reads.
    pub newer: Vec<NodeNote>,
    /// Nodes without an agent that tells anything.
    pub not_covered: Vec<NodeNote>,
    /// Images whose tag stands for different digests on different nodes.
    pub digests: Vec<DigestRow>,
    /// What registries still allow, by the address or account that they count; the least first.
    pub headroom: Vec<HeadroomRow>,
    /// The registries' certificates, the first to end first.
    pub certificates: Vec<CertificateRow>,
}

/// What alone is wanted of the fleet. Comparisons are with all nodes nevertheless.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Focus {
    /// This node's part only.
    pub node: Option<String>,
    /// This registry only.
    pub registry: Option<String>,
}

/// The fleet as of `now`.
///
/// A node that is given twice counts once. What is told of a node that does not exist is not looked at.
pub fn fleet(
    nodes: &[NodeFacts],
    told: &std::collections::BTreeMap<String, Told>,
    focus: &Focus,
    now: Timestamp,
) -> Fleet {
    let members = coverage::members(nodes, told, now);
    let blocks = blocks::Blocks::of(&members);
    let mut registries = registries::rows(&members.reporting, &blocks, focus);
    if let Some(registry) = &focus.registry {
        registries.retain(|row| row.registry == *registry);
    }
    let is_wanted = |registry: &str| focus.registry.as_ref().is_none_or(|wanted| wanted == registry);
    let mine: Vec<coverage::Member<'_>> =
        members.reporting.iter().filter(|m| focus.has(m.facts.name.as_str())).copied().collect();
    let wanted = |all: Vec<NodeNote>| all.into_iter().filter(|note| focus.has(&note.node)).collect::<Vec<_>>();
    Fleet {
        schema: SCHEMA.to_owned(),
        at: now,
        nodes: members.counts(),
        registries,
        blocks: blocks.counted(&members),
        digests: shared::digests(&members.reporting, focus),
        headroom: shared::headroom(&mine, is_wanted),
        certificates: shared::certificates(&mine, is_wanted),
        silent: wanted(members.silent),
        unreadable: wanted(members.unreadable),
        newer: wanted(members.newer),
        not_covered: wanted(members.not_covered),
    }
}

impl Focus {
    /// Whether this node is wanted.
    fn has(&self, node: &str) -> bool {
        self.node.as_ref().is_none_or(|wanted| wanted == node)
    }
}

impl Fleet {
    /// The exit status: 1 if a check fails, 3 if no node tells how it stands, else 0.
    pub fn exit_code(&self) -> u8 {
        let fails = |row: &RegistryRow| row.groups.iter().any(|group| group.verdict == Verdict::Failing);
        if self.registries.iter().any(fails) {
            1
        } else if self.nodes.reporting == 0 {
            3
        } else {
            0
        }
    }
}

/// The JSON schema of a fleet.
pub fn schema() -> Value {
    schema_of::<Fleet>()
}

#[cfg(test)]
mod tests;

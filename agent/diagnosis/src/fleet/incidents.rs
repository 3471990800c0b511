//! The pods of the whole fleet that wait for an image now: one line a code and host.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::coverage::{self, Nodes};
use super::{NodeFacts, Told};
use crate::cause::{Code, Layer, Owner};
use crate::report::schema_of;
use crate::text::clean;

/// The `schema` of the JSON.
const SCHEMA: &str = "pullagent.dev/incidents/v1";
/// Namespaces that an incident names.
const MOST_NAMESPACES: usize = 20;
/// Bytes of a name.
const NAME: usize = 253;

/// What pods wait for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Incidents {
    /// `pullagent.dev/incidents/v1`.
    pub schema: String,
    /// When it was put together.
    pub at: Timestamp,
    /// How many nodes there are, and how many of them tell how they stand.
    pub nodes: Nodes,
    /// The incidents, the one with the most pods first.
    pub incidents: Vec<Incident>,
    /// Nodes that had to leave something out of their summary: there may be more of everything.
    pub cut: usize,
}

/// Pods that fail for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Incident {
    /// Why.
    pub code: Code,
    /// The host concerned, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The layer of the cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<Layer>,
    /// Who can mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// How many pods.
    pub pods: u64,
    /// On how many nodes.
    pub nodes: usize,
    /// In how many namespaces; at least so many, where `atLeast` is true.
    pub namespaces: usize,
    /// Whether a node named only some of its namespaces.
    pub at_least: bool,
    /// The namespaces by name; of many, the first ones.
    pub names: Vec<String>,
    /// Since when the first of them fails.
    pub since: Timestamp,
}

struct Found<'a> {
    pods: u64,
    nodes: usize,
    namespaces: BTreeSet<&'a str>,
    at_least: bool,
    since: Timestamp,
}

/// The incidents as of `now`.
pub fn incidents(nodes: &[NodeFacts], told: &BTreeMap<String, Told>, now: Timestamp) -> Incidents {
    let members = coverage::members(nodes, told, now);
    let mut found: BTreeMap<(Code, &str), Found<'_>> = BTreeMap::new();
    let mut cut = 0;
    for member in &members.reporting {
        let was_cut = member.summary.left_out > 0;
        cut += usize::from(was_cut);
        let mut counted = BTreeSet::new();
        for pods in &member.summary.failing {
            let key = (pods.code, pods.host.as_str());
            let one = found.entry(key).or_insert(Found {
                pods: 0,
                nodes: 0,
                namespaces: BTreeSet::new(),
                at_least: false,
                since: pods.since,
            });
            one.pods = one.pods.saturating_add(u64::from(pods.pods));
            one.nodes += usize::from(counted.insert(key));
            one.namespaces.extend(pods.namespaces.iter().map(String::as_str));
            one.at_least |= was_cut;
            one.since = one.since.min(pods.since);
        }
    }
    let incident = |((code, host), one): ((Code, &str), Found<'_>)| Incident {
        code,
        host: Some(clean(host, NAME)).filter(|host| !host.is_empty()),
        layer: code.row().layer,
        owner: code.owner(None),
        pods: one.pods,
        nodes: one.nodes,
        namespaces: one.namespaces.len(),
        at_least: one.at_least,
        names: one.namespaces.iter().take(MOST_NAMESPACES).map(|name| clean(name, NAME)).collect(),
        since: one.since,
    };
    let mut incidents: Vec<Incident> = found.into_iter().map(incident).collect();
    incidents.sort_by_key(|one| std::cmp::Reverse((one.pods, one.nodes)));
    Incidents { schema: SCHEMA.to_owned(), at: now, nodes: members.counts(), incidents, cut }
}

impl Incidents {
    /// The exit status: 1 if a pod waits for an image that cannot be pulled, 3 if no node tells how it stands, else 0.
    pub fn exit_code(&self) -> u8 {
        match (self.incidents.is_empty(), self.nodes.reporting) {
            (false, _) => 1,
            (true, 0) => 3,
            (true, _) => 0,
        }
    }
}

/// The JSON schema of incidents.
pub fn incidents_schema() -> Value {
    schema_of::<Incidents>()
}

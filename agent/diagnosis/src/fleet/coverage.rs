//! Which nodes tell how they stand, and what is to be said of the others.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::given::{NodeFacts, Told, Unreadable};
use crate::diagnosis::Verdict;
use crate::summary::{NodeSummary, attribute};
use crate::text::{clean, duration_in_words};

/// Bytes of a reason.
const MAX_TEXT: usize = 200;

/// How many nodes there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Nodes {
    /// All that the cluster has.
    pub total: usize,
    /// Those that tell how they stand.
    pub reporting: usize,
    /// Those of them on which a check fails.
    pub failing: usize,
    /// Those that have told nothing for two hours.
    pub silent: usize,
    /// Those whose summary cannot be read.
    pub unreadable: usize,
    /// Those whose summary has a newer form.
    pub newer: usize,
    /// Those that never told anything.
    pub not_covered: usize,
}

/// A node and why nothing is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeNote {
    /// The node.
    pub node: String,
    /// Why.
    pub why: String,
    /// When it last told anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
}

/// A node that tells how it stands.
#[derive(Clone, Copy)]
pub(super) struct Member<'a> {
    pub(super) facts: &'a NodeFacts,
    pub(super) summary: &'a NodeSummary,
}

impl<'a> Member<'a> {
    /// Its zone, by its labels, else by its own word.
    pub(super) fn zone(self) -> Option<&'a str> {
        self.facts.zone.as_deref().or_else(|| self.own(attribute::ZONE))
    }

    /// Its pool, by its labels, else by its own word.
    pub(super) fn pool(self) -> Option<&'a str> {
        self.facts.pool.as_deref().or_else(|| self.own(attribute::POOL))
    }

    fn own(self, attribute: &str) -> Option<&'a str> {
        self.summary.fingerprint.get(attribute).map(String::as_str)
    }
}

/// The nodes, each in one of these, by name.
pub(super) struct Members<'a> {
    /// Every node.
    pub(super) known: Vec<&'a NodeFacts>,
    pub(super) reporting: Vec<Member<'a>>,
    pub(super) silent: Vec<NodeNote>,
    pub(super) unreadable: Vec<NodeNote>,
    pub(super) newer: Vec<NodeNote>,
    pub(super) not_covered: Vec<NodeNote>,
}

/// Sorts the nodes into those that tell how they stand, and the others.
pub(super) fn members<'a>(nodes: &'a [NodeFacts], told: &'a BTreeMap<String, Told>, now: Timestamp) -> Members<'a> {
    let mut by_name: BTreeMap<&str, &NodeFacts> = BTreeMap::new();
    for facts in nodes {
        // Of one that is given twice always the same counts, in whatever order they come.
        by_name.entry(&facts.name).and_modify(|kept| *kept = facts.min(*kept)).or_insert(facts);
    }
    let mut members = Members {
        known: by_name.values().copied().collect(),
        reporting: Vec::new(),
        silent: Vec::new(),
        unreadable: Vec::new(),
        newer: Vec::new(),
        not_covered: Vec::new(),
    };
    for (name, facts) in by_name {
        let note = |why: &str, last| NodeNote { node: name.to_owned(), why: clean(why, MAX_TEXT), last };
        let Some(told) = told.get(name) else {
            let why = if facts.is_windows {
                "Windows: no agent runs there"
            } else {
                "no summary: no agent runs there, or it may not write one"
            };
            members.not_covered.push(note(why, None));
            continue;
        };
        match &told.summary {
            None => members.silent.push(note("its agent has written no summary yet", told.renewed)),
            Some(Err(Unreadable::Newer(why))) => members.newer.push(note(why, told.renewed)),
            Some(Err(Unreadable::Malformed(why))) => members.unreadable.push(note(why, told.renewed)),
            Some(Ok(summary)) => {
                let last = told.renewed.map_or(summary.at, |renewed| renewed.max(summary.at));
                let age = now.duration_since(last);
                if age > super::WRITTEN_EVERY * 2 {
                    let age = duration_in_words(u64::try_from(age.as_secs()).unwrap_or(0));
                    members.silent.push(note(&format!("it has told nothing for {age}"), Some(last)));
                } else {
                    members.reporting.push(Member { facts, summary });
                }
            }
        }
    }
    members
}

impl Members<'_> {
    /// How many of each kind.
    pub(super) fn counts(&self) -> Nodes {
        let fails = |m: &&Member<'_>| m.summary.checks.iter().any(|check| check.verdict == Verdict::Failing);
        Nodes {
            total: self.known.len(),
            reporting: self.reporting.len(),
            failing: self.reporting.iter().filter(fails).count(),
            silent: self.silent.len(),
            unreadable: self.unreadable.len(),
            newer: self.newer.len(),
            not_covered: self.not_covered.len(),
        }
    }
}

//! Tables and properties of the fleet.

mod apart;
mod folding;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::cause::Code;
use crate::summary::{Change, CheckSummary, NodeSummary, VERSION};

pub(super) fn now() -> Timestamp {
    "2026-07-01T03:00:00Z".parse().unwrap()
}

pub(super) fn at(time: &str) -> Timestamp {
    format!("2026-07-01T{time}:00Z").parse().unwrap()
}

/// A fleet to be told about.
#[derive(Default)]
pub(super) struct World {
    pub(super) nodes: Vec<NodeFacts>,
    pub(super) told: BTreeMap<String, Told>,
}

impl World {
    /// A node that tells that all is well at `registry.corp.io`, with this fingerprint.
    pub(super) fn node(&mut self, name: &str, fingerprint: &[(&str, &str)]) -> &mut NodeSummary {
        self.nodes.push(NodeFacts { name: name.to_owned(), ..NodeFacts::default() });
        let summary = NodeSummary {
            version: VERSION,
            agent: "0.1.0".to_owned(),
            node: name.to_owned(),
            at: now(),
            checks: vec![check("registry.corp.io", None)],
            failing: Vec::new(),
            fingerprint: fingerprint.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            changes: Vec::new(),
            left_out: 0,
        };
        let told = Told { renewed: Some(now()), summary: Some(Ok(summary)) };
        self.told.insert(name.to_owned(), told);
        self.summary(name)
    }

    pub(super) fn summary(&mut self, name: &str) -> &mut NodeSummary {
        self.told.get_mut(name).unwrap().summary.as_mut().unwrap().as_mut().unwrap()
    }

    /// The nodes of this name fail.
    pub(super) fn fail(&mut self, name: &str, code: Code) {
        self.summary(name).checks = vec![check("registry.corp.io", Some(code))];
    }

    pub(super) fn fleet(&self) -> Fleet {
        fleet(&self.nodes, &self.told, &Focus::default(), now())
    }
}

/// A check that fails with this code since 02:41, or is well.
pub(super) fn check(registry: &str, code: Option<Code>) -> CheckSummary {
    CheckSummary {
        name: registry.to_owned(),
        registry: registry.to_owned(),
        verdict: if code.is_some() { Verdict::Failing } else { Verdict::Pullable },
        code,
        host: None,
        since: at("02:41"),
        at: now() - SignedDuration::from_mins(5),
        ms: 12,
        digest: None,
        headroom: None,
        certificate_ends: None,
    }
}

/// The name servers became these.
pub(super) fn resolvers_changed(time: &str, from: &str, to: &str) -> Change {
    Change { at: at(time), attribute: "resolvers".to_owned(), from: from.to_owned(), to: to.to_owned() }
}

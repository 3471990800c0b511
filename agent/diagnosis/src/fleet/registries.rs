//! Every registry over all nodes: how many are well, and those that are not in groups.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::Focus;
use super::apart::{Apart, Comparison, Outcome};
use super::blocks::{Blocks, Cell};
use super::coverage::Member;
use super::groups::Group;
use crate::cause::Code;
use crate::diagnosis::Verdict;
use crate::summary::CheckSummary;
use crate::text::clean;

/// Groups whose nodes are compared, the largest ones.
const MOST_COMPARED: usize = 60;
/// Checks that a group names.
const MOST_CHECKS: usize = 10;
/// Bytes of a host or of the name of a check.
const NAME: usize = 253;

/// How one registry stands over all nodes.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegistryRow {
    /// The registry's host.
    pub registry: String,
    /// On how many nodes it stands how, the worst of its checks deciding.
    pub nodes: Cell,
    /// Nodes in the same trouble, failing ones first, then the largest. One node may be in several.
    pub groups: Vec<Group>,
    /// The same numbers for each of the fleet's blocks, in their order.
    pub cells: Vec<Cell>,
}

/// How good a verdict is: the least decides.
fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Failing => 0,
        Verdict::Inconclusive => 1,
        Verdict::Degraded => 2,
        Verdict::Pullable => 3,
    }
}

impl Cell {
    fn add(&mut self, verdict: Verdict) {
        *match verdict {
            Verdict::Failing => &mut self.failing,
            Verdict::Inconclusive => &mut self.inconclusive,
            Verdict::Degraded => &mut self.degraded,
            Verdict::Pullable => &mut self.ok,
        } += 1;
    }

    /// How many nodes check it.
    pub fn total(&self) -> usize {
        self.ok + self.degraded + self.failing + self.inconclusive
    }
}

/// Verdict, code and host; the verdict as its rank.
type Trouble<'a> = (u8, Code, Option<&'a str>);

#[derive(Default)]
struct Registry<'a> {
    /// The worst verdict of each node.
    verdicts: BTreeMap<usize, Verdict>,
    troubles: BTreeMap<Trouble<'a>, InTrouble<'a>>,
}

#[derive(Default)]
struct InTrouble<'a> {
    nodes: BTreeSet<usize>,
    checks: BTreeSet<&'a str>,
    since: Option<Timestamp>,
}

/// The registries, the worst first.
pub(super) fn rows(members: &[Member<'_>], blocks: &Blocks, focus: &Focus) -> Vec<RegistryRow> {
    let registries = fold(members);
    let comparison = Comparison::of(members);
    let compared = largest(&registries);
    let wanted = |node: usize| members.get(node).is_some_and(|member| focus.has(&member.facts.name));
    let mut rows = Vec::new();
    for (name, registry) in &registries {
        if focus.registry.as_ref().is_some_and(|wanted| wanted != name) {
            continue;
        }
        let mut nodes = Cell::default();
        let mut cells = vec![Cell::default(); blocks.len()];
        for (node, verdict) in registry.verdicts.iter().filter(|(node, _)| wanted(**node)) {
            nodes.add(*verdict);
            let block = members.get(*node).and_then(|member| blocks.of_node(&member.facts.name));
            if let Some(cell) = block.and_then(|block| cells.get_mut(block)) {
                cell.add(*verdict);
            }
        }
        let mut groups: Vec<Group> = registry
            .troubles
            .iter()
            .filter(|(_, trouble)| trouble.nodes.iter().any(|node| wanted(*node)))
            .map(|(key, trouble)| {
                let apart = compared.contains(&(*name, *key)).then(|| registry.compare(&comparison, key.0, trouble));
                group(members, key, trouble, apart)
            })
            .collect();
        groups.sort_by_key(|group| (rank(group.verdict), std::cmp::Reverse(group.nodes.len()), group.code));
        if nodes.total() > 0 {
            rows.push(RegistryRow { registry: clean(name, NAME), nodes, groups, cells });
        }
    }
    rows.sort_by_key(|row| std::cmp::Reverse((row.nodes.failing, row.nodes.inconclusive, row.nodes.degraded)));
    rows
}

fn fold<'a>(members: &[Member<'a>]) -> BTreeMap<&'a str, Registry<'a>> {
    let mut registries: BTreeMap<&str, Registry<'_>> = BTreeMap::new();
    for (node, member) in members.iter().enumerate() {
        for check in &member.summary.checks {
            let registry = registries.entry(&check.registry).or_default();
            let verdict = registry.verdicts.entry(node).or_insert(check.verdict);
            if rank(check.verdict) < rank(*verdict) {
                *verdict = check.verdict;
            }
            if check.verdict != Verdict::Pullable {
                let trouble = registry.troubles.entry(key(check)).or_default();
                trouble.nodes.insert(node);
                trouble.checks.insert(&check.name);
                trouble.since = Some(trouble.since.map_or(check.since, |since| since.min(check.since)));
            }
        }
    }
    registries
}

fn key(check: &CheckSummary) -> Trouble<'_> {
    (rank(check.verdict), check.code.unwrap_or(Code::Unknown), check.host.as_deref())
}

/// The troubles with the most nodes: comparing costs.
fn largest<'a>(registries: &BTreeMap<&'a str, Registry<'a>>) -> BTreeSet<(&'a str, Trouble<'a>)> {
    let inconclusive = rank(Verdict::Inconclusive);
    let mut all: Vec<_> = registries
        .iter()
        .flat_map(|(name, registry)| registry.troubles.iter().map(move |(key, one)| (one.nodes.len(), *name, *key)))
        .filter(|(_, _, key)| key.0 != inconclusive)
        .collect();
    all.sort_by_key(|(size, name, key)| (key.0, std::cmp::Reverse(*size), *name, *key));
    all.into_iter().take(MOST_COMPARED).map(|(_, name, key)| (name, key)).collect()
}

impl Registry<'_> {
    /// Compares the nodes in trouble with those on which it works better.
    fn compare(&self, comparison: &Comparison<'_>, rank_of: u8, trouble: &InTrouble<'_>) -> Apart {
        let failing: Vec<usize> = trouble.nodes.iter().copied().collect();
        let is_well = |verdict: Verdict| rank(verdict) > rank_of && verdict != Verdict::Inconclusive;
        let healthy: Vec<usize> =
            self.verdicts.iter().filter(|(_, verdict)| is_well(**verdict)).map(|(node, _)| *node).collect();
        let since = trouble.since.unwrap_or(Timestamp::MAX);
        comparison.apart(&failing, &healthy, since)
    }
}

fn group(members: &[Member<'_>], key: &Trouble<'_>, trouble: &InTrouble<'_>, apart: Option<Apart>) -> Group {
    let (rank_of, code, host) = key;
    let verdicts = [Verdict::Failing, Verdict::Inconclusive, Verdict::Degraded];
    let nodes = trouble.nodes.iter().filter_map(|node| members.get(*node));
    let not_compared =
        || Apart { outcome: Outcome::NotCompared, failing: trouble.nodes.len(), healthy: 0, common: Vec::new() };
    Group {
        verdict: verdicts.into_iter().find(|verdict| rank(*verdict) == *rank_of).unwrap_or(Verdict::Inconclusive),
        code: *code,
        host: host.map(|host| clean(host, NAME)),
        layer: code.row().layer,
        owner: code.owner(None),
        remedy: code.row().remedy.iter().map(|text| (*text).to_owned()).collect(),
        nodes: nodes.map(|member| clean(&member.facts.name, NAME)).collect(),
        checks: trouble.checks.iter().take(MOST_CHECKS).map(|name| clean(name, NAME)).collect(),
        since: trouble.since.unwrap_or_default(),
        apart: apart.unwrap_or_else(not_compared),
    }
}

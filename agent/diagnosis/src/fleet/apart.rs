//! What sets the nodes that fail apart from those that do not.
//!
//! Each trait makes a table of two by two. Fisher's exact test says how likely its numbers are by chance; since many traits
//! are tried, that is multiplied by the number of attributes and of the values that the attribute takes, so that one with a
//! value of its own on each node proves nothing. What is left is ranked by how well it tells the two apart.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use super::age::{self, Joined};
use super::coverage::Member;
use super::fisher::{Factorials, Table, number};
use super::traits::{AGE, RESOLVER, Trait, Traits};
use crate::summary::{Change, attribute};
use crate::text::clean;

/// What is more likely than this by chance is not told.
const CHANCE: f64 = 0.05;
/// What tells the two apart worse than this is not told.
const STRENGTH: f64 = 0.25;
/// Traits that are compared node by node.
const MOST_CANDIDATES: usize = 64;
/// Sets of traits that are told, and traits of one of them.
const MOST_COMMON: usize = 3;
const MOST_ATTRIBUTES: usize = 6;
/// A change is seen by an agent up to this long after it took effect.
const SEEN_LATER: SignedDuration = SignedDuration::from_hours(1);
/// Bytes of a value.
const VALUE: usize = 120;

/// What came of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// The failing nodes have something in common that the others lack.
    Apart,
    /// Nothing that is known of them sets them apart.
    Nothing,
    /// There are too few nodes to tell it from chance; what is in common is only a hint.
    TooFew,
    /// There is no node to compare with on which it works.
    NoneHealthy,
    /// It was not compared.
    NotCompared,
}

/// What the nodes of a group have in common.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Apart {
    /// What came of it.
    pub outcome: Outcome,
    /// How many nodes are in the group.
    pub failing: usize,
    /// How many nodes there are on which it works.
    pub healthy: usize,
    /// What sets them apart, the best first.
    pub common: Vec<Common>,
}

/// One or several attributes that hold on exactly the same nodes, so that nothing tells which of them it is.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Common {
    /// The attributes.
    pub attributes: Vec<Attribute>,
    /// How many further attributes hold on the same nodes.
    #[serde(skip_serializing_if = "is_zero")]
    pub further: usize,
    /// On how many failing nodes they hold.
    pub failing: usize,
    /// On how many of the others.
    pub healthy: usize,
    /// The phi coefficient: 1 where they hold on all failing nodes and on no other.
    pub strength: f64,
    /// At most how likely that is by chance, with regard to all that was tried.
    pub chance: f64,
    /// When it became so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<Changed>,
}

/// An attribute and its value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attribute {
    /// The attribute: one of the fingerprint, `resolver` for one name server alone, or `age`.
    pub name: String,
    /// The value; empty for the attribute as a whole.
    pub value: String,
    /// Whether the nodes are without it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub without: bool,
}

/// When failing nodes took the value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    /// The first time, by the node's clock.
    pub at: Timestamp,
    /// On how many of the failing nodes such a change was seen.
    pub nodes: usize,
}

/// For serde, which hands a reference.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Compares groups of nodes, by what is known of all of them.
pub(super) struct Comparison<'a> {
    members: &'a [Member<'a>],
    traits: Traits<'a>,
    factorials: Factorials,
}

/// What may set nodes apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Feature {
    Has(usize),
    Lacks(usize),
    Joined(Joined),
}

struct Candidate {
    feature: Feature,
    table: Table,
    chance: f64,
}

impl<'a> Comparison<'a> {
    pub(super) fn of(members: &'a [Member<'a>]) -> Self {
        Self { members, traits: Traits::of(members), factorials: Factorials::up_to(members.len()) }
    }

    /// What sets the nodes `failing` apart from `healthy`, each by its place among the members; they fail since `since`.
    pub(super) fn apart(&self, failing: &[usize], healthy: &[usize], since: Timestamp) -> Apart {
        let nothing = |outcome| Apart { outcome, failing: failing.len(), healthy: healthy.len(), common: Vec::new() };
        if failing.is_empty() || healthy.is_empty() {
            return nothing(Outcome::NoneHealthy);
        }
        // It differs from any number of others in too much.
        if failing.len() < 2 {
            return nothing(Outcome::TooFew);
        }
        let best =
            Table { failing_with: failing.len(), failing: failing.len(), healthy_with: 0, healthy: healthy.len() };
        // Even the best trait, of an attribute with two values, would be told from chance by no test.
        let too_few = self.factorials.chance(best) * number(self.traits.attributes * 2) > CHANCE;
        let is_telling = |candidate: &Candidate| {
            if too_few {
                candidate.table.is_perfect()
            } else {
                candidate.chance <= CHANCE && candidate.table.strength() >= STRENGTH
            }
        };
        let mut candidates = self.candidates(failing, healthy);
        candidates.retain(is_telling);
        candidates.sort_by(|a, b| {
            let strengths = b.table.strength().total_cmp(&a.table.strength());
            strengths.then(a.chance.total_cmp(&b.chance)).then(a.feature.cmp(&b.feature))
        });
        candidates.truncate(MOST_CANDIDATES);
        let common = self.common(&candidates, failing, healthy, since);
        let outcome = match (too_few, common.is_empty()) {
            (true, _) => Outcome::TooFew,
            (false, true) => Outcome::Nothing,
            (false, false) => Outcome::Apart,
        };
        Apart { common, ..nothing(outcome) }
    }

    /// Every feature that more of the failing nodes have.
    fn candidates(&self, failing: &[usize], healthy: &[usize]) -> Vec<Candidate> {
        let count = |nodes: &[usize]| {
            let mut counts = vec![0_usize; self.traits.all.len()];
            for one in nodes.iter().flat_map(|node| self.traits.of_node(*node)) {
                counts[*one] += 1;
            }
            counts
        };
        let (with, healthy_with) = (count(failing), count(healthy));
        let knowing = |nodes: &[usize]| nodes.iter().filter(|node| self.traits.knows(**node)).count();
        let (knowing, healthy_knowing) = (knowing(failing), knowing(healthy));
        let table = |failing_with, healthy_with| Table {
            failing_with,
            failing: failing.len(),
            healthy_with,
            healthy: healthy.len(),
        };
        let mut candidates = Vec::new();
        let mut consider = |feature, table: Table, values: usize| {
            if table.failing_with * table.healthy > table.healthy_with * table.failing {
                let tried = number(self.traits.attributes) * number(values.max(2));
                let chance = (self.factorials.chance(table) * tried).min(1.0);
                candidates.push(Candidate { feature, table, chance });
            }
        };
        for (place, one) in self.traits.all.iter().enumerate() {
            let (a, b) = (with[place], healthy_with[place]);
            let values = self.traits.values[place];
            if one.value.is_some() {
                consider(Feature::Has(place), table(a, b), values);
            }
            // Of other attributes the lack of one value says no more than that there is another.
            if one.value.is_none() || one.attribute == RESOLVER {
                let lacks = table(knowing.saturating_sub(a), healthy_knowing.saturating_sub(b));
                consider(Feature::Lacks(place), lacks, values);
            }
        }
        if let Some((spans, values)) = age::spans(self.members, failing, healthy) {
            for span in spans {
                let holding =
                    |nodes: &[usize]| nodes.iter().filter(|node| self.holds(Feature::Joined(span), **node)).count();
                consider(Feature::Joined(span), table(holding(failing), holding(healthy)), values);
            }
        }
        candidates
    }

    fn holds(&self, feature: Feature, node: usize) -> bool {
        match feature {
            Feature::Has(one) => self.traits.has(node, one),
            Feature::Lacks(one) => self.traits.knows(node) && !self.traits.has(node, one),
            Feature::Joined(span) => self.members.get(node).is_some_and(|member| span.holds(*member)),
        }
    }

    /// The candidates, those that hold on the same nodes taken together. Beside a perfect one no lesser one is told.
    fn common(&self, candidates: &[Candidate], failing: &[usize], healthy: &[usize], since: Timestamp) -> Vec<Common> {
        let mut sets: Vec<(Vec<usize>, Vec<&Candidate>)> = Vec::new();
        for candidate in candidates {
            let nodes = failing.iter().chain(healthy).copied();
            let held: Vec<usize> = nodes.filter(|node| self.holds(candidate.feature, *node)).collect();
            match sets.iter_mut().find(|(nodes, _)| *nodes == held) {
                Some((_, same)) => same.push(candidate),
                None => sets.push((held, vec![candidate])),
            }
        }
        if let Some(perfect) = sets.iter().position(|(_, same)| same.iter().any(|one| one.table.is_perfect())) {
            sets = vec![sets.swap_remove(perfect)];
        }
        sets.truncate(MOST_COMMON);
        sets.iter().filter_map(|(held, same)| self.one_common(held, same, failing, since)).collect()
    }

    fn one_common(&self, held: &[usize], same: &[&Candidate], failing: &[usize], since: Timestamp) -> Option<Common> {
        let first = same.first()?;
        let mut features: Vec<(Attribute, Feature)> =
            same.iter().map(|candidate| (self.attribute(candidate.feature), candidate.feature)).collect();
        drop_wholes(&mut features);
        let holders = || failing.iter().filter(|node| held.contains(node)).filter_map(|node| self.members.get(*node));
        let changed =
            features.iter().filter_map(|(attribute, _)| changed(attribute, holders(), since)).min_by_key(|c| c.at);
        let further = features.len().saturating_sub(MOST_ATTRIBUTES);
        features.truncate(MOST_ATTRIBUTES);
        Some(Common {
            attributes: features.into_iter().map(|(attribute, _)| attribute).collect(),
            further,
            failing: first.table.failing_with,
            healthy: first.table.healthy_with,
            strength: (first.table.strength() * 100.0).round() / 100.0,
            chance: same.iter().map(|candidate| candidate.chance).fold(1.0, f64::min),
            changed,
        })
    }

    fn attribute(&self, feature: Feature) -> Attribute {
        let of = |place: usize, without| {
            let one = self.traits.all.get(place).copied().unwrap_or(Trait { attribute: "", value: None });
            let value = clean(one.value.unwrap_or_default(), VALUE);
            Attribute { name: clean(one.attribute, VALUE), value, without }
        };
        match feature {
            Feature::Has(place) => of(place, false),
            Feature::Lacks(place) => of(place, true),
            Feature::Joined(span) => Attribute { name: AGE.to_owned(), value: span.in_words(), without: false },
        }
    }
}

/// Leaves out what a part says better: the list of name servers and the hash of the whole registry configuration beside
/// one of theirs, and the lack of a name server beside another one in its place.
fn drop_wholes(features: &mut Vec<(Attribute, Feature)>) {
    let has = |test: fn(&Attribute) -> bool| features.iter().any(|(attribute, _)| test(attribute));
    let resolver = has(|own| own.name == RESOLVER);
    let replaced = has(|own| own.name == RESOLVER && !own.without);
    let registry = has(|own| own.name.starts_with(attribute::REGISTRY));
    features.retain(|(own, _)| match own.name.as_str() {
        attribute::RESOLVERS => !resolver,
        attribute::REGISTRIES => !registry,
        RESOLVER => !(own.without && replaced),
        _ => true,
    });
    features.sort();
}

/// When these nodes took on the attribute, if that was before they failed.
fn changed<'a>(own: &Attribute, nodes: impl Iterator<Item = &'a Member<'a>>, since: Timestamp) -> Option<Changed> {
    let latest = |member: &Member<'a>| {
        let mut changes: Vec<&Change> = member.summary.changes.iter().filter(|change| makes(change, own)).collect();
        changes.sort_by_key(|change| change.at);
        changes.last().map(|change| change.at).filter(|at| since.duration_since(*at) >= -SEEN_LATER)
    };
    let times: Vec<Timestamp> = nodes.filter_map(latest).collect();
    times.iter().min().map(|at| Changed { at: *at, nodes: times.len() })
}

/// Whether a change brought what the attribute says.
fn makes(change: &Change, own: &Attribute) -> bool {
    let has = |list: &str| list.split_whitespace().any(|server| server == own.value);
    match (own.name.as_str(), own.without) {
        (RESOLVER, without) => {
            change.attribute == attribute::RESOLVERS && has(&change.to) != without && has(&change.from) == without
        }
        (name, true) => change.attribute == name && change.to.is_empty(),
        (name, false) => change.attribute == name && clean(&change.to, VALUE) == own.value,
    }
}

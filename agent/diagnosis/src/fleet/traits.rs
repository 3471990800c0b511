//! What can be said of each node in the form "this attribute has this value": its fingerprint, its zone, its pool.
//!
//! Every name server is also a trait of its own, since a list of them differs as soon as one does.

use std::collections::BTreeMap;

use super::coverage::Member;
use crate::summary::attribute;

/// The attribute of one name server alone.
pub(super) const RESOLVER: &str = "resolver";
/// The attribute of when a node joined.
pub(super) const AGE: &str = "age";
/// Name servers of one node that are looked at.
const MOST_RESOLVERS: usize = 16;

/// A trait that a node may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Trait<'a> {
    /// The attribute.
    pub(super) attribute: &'a str,
    /// Its value; absent for the trait of having the attribute at all.
    pub(super) value: Option<&'a str>,
}

/// The traits of all nodes.
pub(super) struct Traits<'a> {
    /// Every trait that any node has, in order.
    pub(super) all: Vec<Trait<'a>>,
    /// How many values the attribute of each trait has, in the same order.
    pub(super) values: Vec<usize>,
    /// How many attributes there are, with the age.
    pub(super) attributes: usize,
    of_node: Vec<Vec<usize>>,
    /// Whether a node told a fingerprint: only then what it lacks is known.
    knows: Vec<bool>,
}

impl<'a> Traits<'a> {
    /// The traits of these nodes, in their order.
    pub(super) fn of(members: &[Member<'a>]) -> Self {
        let of_node: Vec<Vec<Trait<'a>>> = members.iter().map(|member| of_member(*member)).collect();
        let mut index: BTreeMap<Trait<'a>, usize> = of_node.iter().flatten().map(|one| (*one, 0)).collect();
        for (place, value) in index.values_mut().enumerate() {
            *value = place;
        }
        let all: Vec<Trait<'a>> = index.keys().copied().collect();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for one in all.iter().filter(|one| one.value.is_some()) {
            *counts.entry(one.attribute).or_default() += 1;
        }
        Self {
            values: all.iter().map(|one| counts.get(one.attribute).copied().unwrap_or(1).max(1)).collect(),
            attributes: counts.len() + 1,
            of_node: of_node.iter().map(|own| own.iter().filter_map(|one| index.get(one).copied()).collect()).collect(),
            knows: members.iter().map(|member| !member.summary.fingerprint.is_empty()).collect(),
            all,
        }
    }

    /// The traits of a node, by their places in [`Traits::all`], each once.
    pub(super) fn of_node(&self, node: usize) -> &[usize] {
        self.of_node.get(node).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether it is known what this node lacks.
    pub(super) fn knows(&self, node: usize) -> bool {
        self.knows.get(node).copied().unwrap_or_default()
    }

    /// Whether a node has this trait.
    pub(super) fn has(&self, node: usize, one: usize) -> bool {
        self.of_node(node).contains(&one)
    }
}

fn of_member(member: Member<'_>) -> Vec<Trait<'_>> {
    let mut own = Vec::new();
    for (attribute, value) in &member.summary.fingerprint {
        // The labels are the better source.
        if [attribute::ZONE, attribute::POOL].contains(&attribute.as_str()) {
            continue;
        }
        own.push(Trait { attribute, value: None });
        own.push(Trait { attribute, value: Some(value) });
        if attribute == attribute::RESOLVERS {
            let servers = value.split_whitespace().take(MOST_RESOLVERS);
            own.extend(servers.map(|server| Trait { attribute: RESOLVER, value: Some(server) }));
        }
    }
    for (attribute, value) in [(attribute::ZONE, member.zone()), (attribute::POOL, member.pool())] {
        own.extend(value.map(|value| Trait { attribute, value: Some(value) }));
    }
    own.sort_unstable();
    own.dedup();
    own
}

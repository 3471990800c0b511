//! The nodes folded by pool and zone: the columns of what a person looks at, of a bounded number.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::coverage::Members;
use crate::text::clean;

/// Columns that a person still takes in.
const MOST: usize = 24;
/// Bytes of a zone's or a pool's name.
const NAME: usize = 63;

/// Nodes of one pool and zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Block {
    /// The pool; empty where it is not known.
    pub pool: String,
    /// The zone; empty where it is not known, or where those of the pool are taken together.
    pub zone: String,
    /// Whether it is what is left of smaller ones.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub others: bool,
    /// How many nodes.
    pub nodes: usize,
    /// How many of them tell how they stand.
    pub reporting: usize,
}

/// How one registry stands on the nodes of one block. Nodes that do not check it are in none of the numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cell {
    /// Nodes on which all is well.
    pub ok: usize,
    /// Nodes on which pulls work less well than they should.
    pub degraded: usize,
    /// Nodes on which a pull would fail.
    pub failing: usize,
    /// Nodes that cannot tell.
    pub inconclusive: usize,
}

/// Pool and zone.
type Place = (String, String);

/// The blocks, and which one each node is in.
pub(super) struct Blocks {
    places: Vec<Option<Place>>,
    of_node: BTreeMap<String, usize>,
}

impl Blocks {
    /// Folds by pool and zone, by pool alone where that makes too many, and the smallest pools into one if need be.
    pub(super) fn of(members: &Members<'_>) -> Self {
        let name = |text: Option<&str>| clean(text.unwrap_or_default(), NAME);
        let mut of_node: BTreeMap<&str, Place> = BTreeMap::new();
        for facts in &members.known {
            of_node.insert(&facts.name, (name(facts.pool.as_deref()), name(facts.zone.as_deref())));
        }
        for member in &members.reporting {
            of_node.insert(&member.facts.name, (name(member.pool()), name(member.zone())));
        }
        let mut sizes = sizes(&of_node);
        if sizes.len() > MOST {
            for place in of_node.values_mut() {
                place.1.clear();
            }
            sizes = self::sizes(&of_node);
        }
        let mut largest: Vec<(Reverse<usize>, Place)> =
            sizes.into_iter().map(|(place, size)| (Reverse(size), place)).collect();
        largest.sort();
        let has_others = largest.len() > MOST;
        if has_others {
            largest.truncate(MOST - 1);
        }
        let mut places: Vec<Place> = largest.into_iter().map(|(_, place)| place).collect();
        places.sort();
        let index = |place: &Place| places.binary_search(place).unwrap_or(places.len());
        let of_node = of_node.iter().map(|(node, place)| ((*node).to_owned(), index(place))).collect();
        let mut places: Vec<Option<Place>> = places.into_iter().map(Some).collect();
        if has_others {
            places.push(None);
        }
        Self { places, of_node }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Which one a node is in.
    pub(super) fn of_node(&self, node: &str) -> Option<usize> {
        self.of_node.get(node).copied()
    }

    /// The blocks with the numbers of their nodes.
    pub(super) fn counted(&self, members: &Members<'_>) -> Vec<Block> {
        let block = |place: &Option<Place>| {
            let (pool, zone) = place.clone().unwrap_or_default();
            Block { pool, zone, others: place.is_none(), nodes: 0, reporting: 0 }
        };
        let mut blocks: Vec<Block> = self.places.iter().map(block).collect();
        for index in self.of_node.values() {
            if let Some(block) = blocks.get_mut(*index) {
                block.nodes += 1;
            }
        }
        for index in members.reporting.iter().filter_map(|member| self.of_node(&member.facts.name)) {
            if let Some(block) = blocks.get_mut(index) {
                block.reporting += 1;
            }
        }
        blocks
    }
}

fn sizes(of_node: &BTreeMap<&str, Place>) -> BTreeMap<Place, usize> {
    let mut sizes = BTreeMap::new();
    for place in of_node.values() {
        *sizes.entry(place.clone()).or_default() += 1;
    }
    sizes
}

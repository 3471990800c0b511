//! What nodes have from the same registries: digests of one tag, allowances by egress address, certificates.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::Focus;
use super::coverage::Member;
use crate::text::clean;

/// Bytes of a name.
const NAME: usize = 253;
/// Nodes that a digest names.
const MOST_NAMES: usize = 20;

/// An image whose tag stands for different digests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DigestRow {
    /// The image, as the checks name it.
    pub image: String,
    /// The digests, the most frequent first.
    pub digests: Vec<DigestNodes>,
}

/// Nodes that are served one digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DigestNodes {
    /// The digest.
    pub digest: String,
    /// How many nodes are served it.
    pub count: usize,
    /// Their names; of many, the first ones.
    pub nodes: Vec<String>,
    /// When one of them last asked: a tag that was moved shows an older time at its old digest.
    pub last: Timestamp,
}

/// What a registry still allows whom it counts as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeadroomRow {
    /// The registry.
    pub registry: String,
    /// Whom it counts: the address that the nodes are seen with, or an account. Empty where it does not say.
    pub source: String,
    /// The least that is left.
    pub remaining: u64,
    /// How many pulls there are in a window.
    pub limit: u64,
    /// How many nodes share it; where the registry does not say whom it counts, how many were told a number.
    pub nodes: usize,
}

/// When a registry's certificate ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateRow {
    /// The registry.
    pub registry: String,
    /// The end.
    pub ends: Timestamp,
    /// How many nodes see a certificate that ends then.
    pub nodes: usize,
}

/// The images that are served with different digests.
pub(super) fn digests(members: &[Member<'_>], focus: &Focus) -> Vec<DigestRow> {
    let mut images: BTreeMap<&str, BTreeMap<&str, (BTreeSet<&str>, Timestamp)>> = BTreeMap::new();
    for member in members {
        for check in &member.summary.checks {
            let Some(digest) = &check.digest else { continue };
            if focus.registry.as_ref().is_some_and(|wanted| *wanted != check.registry) {
                continue;
            }
            let (nodes, last) =
                images.entry(&check.name).or_default().entry(digest).or_insert((BTreeSet::new(), check.at));
            nodes.insert(&member.facts.name);
            *last = check.at.max(*last);
        }
    }
    let is_wanted = |digests: &BTreeMap<&str, (BTreeSet<&str>, Timestamp)>| {
        let concerns = |node: &String| digests.values().any(|(nodes, _)| nodes.contains(node.as_str()));
        digests.len() > 1 && focus.node.as_ref().is_none_or(concerns)
    };
    let mut rows: Vec<DigestRow> = images
        .into_iter()
        .filter(|(_, digests)| is_wanted(digests))
        .map(|(image, digests)| {
            let row = |(digest, (nodes, last)): (&str, (BTreeSet<&str>, Timestamp))| DigestNodes {
                digest: clean(digest, NAME),
                count: nodes.len(),
                nodes: nodes.iter().take(MOST_NAMES).map(|node| clean(node, NAME)).collect(),
                last,
            };
            let mut digests: Vec<DigestNodes> = digests.into_iter().map(row).collect();
            digests.sort_by_key(|row| std::cmp::Reverse(row.count));
            DigestRow { image: clean(image, NAME), digests }
        })
        .collect();
    rows.sort_by(|a, b| a.image.cmp(&b.image));
    rows
}

/// The allowances, the smallest share first.
pub(super) fn headroom(members: &[Member<'_>], is_wanted: impl Fn(&str) -> bool) -> Vec<HeadroomRow> {
    let mut rows: BTreeMap<(&str, &str), (u64, u64, BTreeSet<&str>)> = BTreeMap::new();
    for member in members {
        for check in member.summary.checks.iter().filter(|check| is_wanted(&check.registry)) {
            let Some(headroom) = &check.headroom else { continue };
            let (remaining, limit, nodes) = rows.entry((&check.registry, &headroom.source)).or_insert((
                headroom.remaining,
                headroom.limit,
                BTreeSet::new(),
            ));
            // The limit that goes with the least that is left.
            if (headroom.remaining, headroom.limit) < (*remaining, *limit) {
                (*remaining, *limit) = (headroom.remaining, headroom.limit);
            }
            nodes.insert(&member.facts.name);
        }
    }
    let mut rows: Vec<HeadroomRow> = rows
        .into_iter()
        .map(|((registry, source), (remaining, limit, nodes))| HeadroomRow {
            registry: clean(registry, NAME),
            source: clean(source, NAME),
            remaining,
            limit,
            nodes: nodes.len(),
        })
        .collect();
    rows.sort_by_key(|row| u128::from(row.remaining) * 1_000_000 / u128::from(row.limit.max(1)));
    rows
}

/// The ends of certificates, the first one first.
pub(super) fn certificates(members: &[Member<'_>], is_wanted: impl Fn(&str) -> bool) -> Vec<CertificateRow> {
    let mut rows: BTreeMap<(Timestamp, &str), BTreeSet<&str>> = BTreeMap::new();
    for member in members {
        for check in member.summary.checks.iter().filter(|check| is_wanted(&check.registry)) {
            if let Some(ends) = check.certificate_ends {
                rows.entry((ends, &check.registry)).or_default().insert(&member.facts.name);
            }
        }
    }
    let row = |((ends, registry), nodes): ((Timestamp, &str), BTreeSet<&str>)| CertificateRow {
        registry: clean(registry, NAME),
        ends,
        nodes: nodes.len(),
    };
    rows.into_iter().map(row).collect()
}

//! How many examinations were begun within the last hour, on the node and for each namespace.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::after;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// The examinations of the last hour. Holds no more than the node may make.
#[derive(Debug)]
pub(crate) struct Budget {
    per_namespace: usize,
    per_node: usize,
    node: VecDeque<Timestamp>,
    namespaces: BTreeMap<String, VecDeque<Timestamp>>,
}

/// Whose budget is used up, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spent {
    /// The namespace's, or what stands for one.
    Namespace(Timestamp),
    /// The whole node's.
    Node(Timestamp),
}

impl Budget {
    /// So many within an hour, for each namespace and together.
    pub(crate) fn new(per_namespace: usize, per_node: usize) -> Self {
        Self { per_namespace, per_node, node: VecDeque::new(), namespaces: BTreeMap::new() }
    }

    /// Drops what is older than an hour.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        let prune = |begun: &mut VecDeque<Timestamp>| {
            while begun.front().is_some_and(|at| after(*at, HOUR) <= now) {
                begun.pop_front();
            }
        };
        prune(&mut self.node);
        self.namespaces.retain(|_, begun| {
            prune(begun);
            !begun.is_empty()
        });
    }

    /// Whether one more may begin. A repeat leaves a third to failures that nobody has examined yet.
    pub(crate) fn admits(&self, namespace: &str, is_repeat: bool) -> Result<(), Spent> {
        let of = |limit: usize| if is_repeat { limit * 2 / 3 } else { limit };
        if let Some(until) = spent(&self.node, of(self.per_node)) {
            return Err(Spent::Node(until));
        }
        let begun = self.namespaces.get(namespace);
        match begun.and_then(|begun| spent(begun, of(self.per_namespace))) {
            Some(until) => Err(Spent::Namespace(until)),
            None => Ok(()),
        }
    }

    /// One more begins.
    pub(crate) fn begin(&mut self, namespace: &str, now: Timestamp) {
        self.node.push_back(now);
        self.namespaces.entry(namespace.to_owned()).or_default().push_back(now);
    }
}

/// When fewer than `limit` will be left; `None` if it is so already.
fn spent(begun: &VecDeque<Timestamp>, limit: usize) -> Option<Timestamp> {
    let last_in_the_way = begun.get(begun.len().checked_sub(limit)?)?;
    Some(after(*last_in_the_way, HOUR))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn an_hour_is_a_sliding_one_and_repeats_leave_a_third() {
        let mut budget = Budget::new(3, 4);
        budget.begin("a", at(0));
        budget.begin("a", at(10));
        assert_eq!(budget.admits("a", true), Err(Spent::Node(at(3600))));
        assert_eq!(budget.admits("a", false), Ok(()));
        budget.begin("a", at(20));
        assert_eq!(budget.admits("a", false), Err(Spent::Namespace(at(3600))));
        assert_eq!(budget.admits("b", false), Ok(()));
        budget.begin("b", at(30));
        assert_eq!(budget.admits("c", false), Err(Spent::Node(at(3600))));
        budget.advance(at(3600));
        assert_eq!(budget.admits("a", false), Ok(()));
        assert_eq!(budget.admits("a", true), Err(Spent::Node(at(3620))));
        budget.advance(at(9000));
        assert!(budget.node.is_empty() && budget.namespaces.is_empty());
    }
}

//! Which secret is looked at next, and when. Knows no clock and reads nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::Name;

/// The time between two looks at a secret of a pod that has just begun to fail: somebody may be mending it.
const SOON: Duration = Duration::from_secs(15);
/// How long it has just begun.
const NEW: Duration = Duration::from_mins(2);
/// The time between two looks later.
const LATER: Duration = Duration::from_mins(1);
/// The time between two looks at any: what a node asks the API server for stays little, however many pods fail.
const BETWEEN: Duration = Duration::from_millis(500);
/// Secrets that are looked at; of more, as many of each namespace as there is room for.
const MOST: usize = 512;

/// See the module.
#[derive(Debug)]
pub(super) struct Rounds {
    /// By namespace and name; no namespace without one.
    namespaces: BTreeMap<String, BTreeMap<String, Turn>>,
    /// Whose turn it was.
    last: String,
    /// Nothing is looked at before.
    free: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Turn {
    since: Instant,
    due: Instant,
}

impl Rounds {
    /// With nothing to look at.
    pub(super) fn new(now: Instant) -> Self {
        Self { namespaces: BTreeMap::new(), last: String::new(), free: now }
    }

    /// From now on these are looked at, and no others.
    pub(super) fn follow(&mut self, names: &BTreeSet<Name>, now: Instant) {
        let kept = fair(names);
        let mut before = std::mem::take(&mut self.namespaces);
        for (namespace, name) in kept {
            let known = before.get_mut(namespace).and_then(|turns| turns.remove(name));
            let turn = known.unwrap_or(Turn { since: now, due: now });
            self.namespaces.entry(namespace.clone()).or_default().insert(name.clone(), turn);
        }
    }

    /// Whether it is looked at.
    pub(super) fn has(&self, (namespace, name): &Name) -> bool {
        self.namespaces.get(namespace).is_some_and(|turns| turns.contains_key(name))
    }

    /// The look that comes next: of those that are due then, one of the namespace whose turn it is.
    pub(super) fn next(&self) -> Option<(Instant, Name)> {
        let firsts = || {
            let first =
                |turns: &BTreeMap<String, Turn>| turns.iter().map(|(name, turn)| (turn.due, name.clone())).min();
            self.namespaces.iter().filter_map(move |(namespace, turns)| Some((namespace, first(turns)?)))
        };
        let at = firsts().map(|(_, (due, _))| due).min()?.max(self.free);
        let are_due = || firsts().filter(|(_, (due, _))| *due <= at);
        let turn = are_due().find(|(namespace, _)| **namespace > self.last).or_else(|| are_due().next())?;
        Some((at, (turn.0.clone(), turn.1.1)))
    }

    /// It was looked at.
    pub(super) fn taken(&mut self, (namespace, name): &Name, now: Instant) {
        self.free = now + BETWEEN;
        self.last.clone_from(namespace);
        if let Some(turn) = self.namespaces.get_mut(namespace).and_then(|turns| turns.get_mut(name)) {
            turn.due = now + if now < turn.since + NEW { SOON } else { LATER };
        }
    }
}

/// As many as there is room for, of each namespace alike.
fn fair(names: &BTreeSet<Name>) -> Vec<(&String, &String)> {
    let mut namespaces: BTreeMap<&String, usize> = BTreeMap::new();
    let ranked = names.iter().map(|(namespace, name)| {
        let rank = namespaces.entry(namespace).or_default();
        *rank += 1;
        (*rank, namespace, name)
    });
    let mut ranked: Vec<_> = ranked.collect();
    ranked.sort_unstable();
    ranked.truncate(MOST);
    ranked.into_iter().map(|(_, namespace, name)| (namespace, name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(namespace: &str, count: usize) -> BTreeSet<Name> {
        (0..count).map(|number| (namespace.to_owned(), format!("{number:04}"))).collect()
    }

    /// Everything that is looked at within that time, in milliseconds, when these are followed.
    fn looks(names: &BTreeSet<Name>, within: Duration) -> Vec<(u128, String)> {
        let begin = Instant::now();
        let mut rounds = Rounds::new(begin);
        rounds.follow(names, begin);
        let mut looks = Vec::new();
        while let Some((at, name)) = rounds.next().filter(|(at, _)| *at < begin + within) {
            rounds.taken(&name, at);
            looks.push(((at - begin).as_millis(), name.0));
        }
        looks
    }

    #[test]
    fn a_secret_is_looked_at_often_at_first_and_then_once_a_minute() {
        let looks = looks(&names("a", 1), Duration::from_secs(250));
        let seconds: Vec<u128> = looks.into_iter().map(|(at, _)| at / 1000).collect();
        assert_eq!(seconds, [0, 15, 30, 45, 60, 75, 90, 105, 120, 180, 240]);
    }

    #[test]
    fn many_secrets_cost_no_more_than_two_looks_a_second() {
        let looks = looks(&names("a", 5000), Duration::from_mins(10));
        assert_eq!(looks.len(), 1200);
    }

    #[test]
    fn a_namespace_with_many_secrets_leaves_every_other_look_to_the_others() {
        let all: BTreeSet<Name> = names("a", 600).union(&names("b", 3)).cloned().collect();
        let looks = looks(&all, Duration::from_secs(15));
        let order: String = looks.iter().take(8).map(|(_, namespace)| namespace.as_str()).collect();
        assert_eq!(order, "abababaa");
        let mut rounds = Rounds::new(Instant::now());
        rounds.follow(&all, Instant::now());
        let kept: Vec<usize> = rounds.namespaces.values().map(BTreeMap::len).collect();
        assert_eq!(kept, [MOST - 3, 3]);
    }

    #[test]
    fn what_is_followed_still_keeps_its_turn() {
        let begin = Instant::now();
        let mut rounds = Rounds::new(begin);
        rounds.follow(&names("a", 1), begin);
        let (_, name) = rounds.next().unwrap();
        rounds.taken(&name, begin);
        rounds.follow(&names("a", 2), begin + Duration::from_secs(1));
        assert_eq!(rounds.next().unwrap(), (begin + Duration::from_secs(1), ("a".to_owned(), "0001".to_owned())));
        rounds.follow(&names("a", 1), begin + Duration::from_secs(2));
        assert_eq!(rounds.next().unwrap(), (begin + SOON, name));
        rounds.follow(&BTreeSet::new(), begin);
        assert_eq!(rounds.next(), None);
    }
}

//! When which attribute of the fingerprint took another value.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

use super::attribute::{REGISTRIES, REGISTRY};
use super::{Change, MOST_CHANGES, NodeSummary};

/// The fingerprint as it is known, and its latest changes. What is absent from a fingerprint was not told this time, and
/// stays as it was: a runtime that is being restarted has not lost its version. Only the parts of the registry
/// configuration come and go, since whoever tells of it tells of all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    known: BTreeMap<String, String>,
    /// Newest first.
    latest: VecDeque<Change>,
}

impl Changes {
    /// Goes on where an earlier summary of the same node ended.
    pub fn resume(summary: NodeSummary) -> Self {
        let mut latest = VecDeque::from(summary.changes);
        latest.truncate(MOST_CHANGES);
        Self { known: summary.fingerprint, latest }
    }

    /// Takes note of a fingerprint that was seen at `now`; whether anything in it has changed. What was never known is
    /// learned, and is no change.
    pub fn observe(&mut self, now: Timestamp, new: BTreeMap<String, String>) -> bool {
        let has_parts = new.contains_key(REGISTRIES);
        let knew_parts = self.known.contains_key(REGISTRIES);
        let mut changes = Vec::new();
        let change = |attribute: &str, from: &str, to: &str| Change {
            at: now,
            attribute: attribute.to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
        };
        if has_parts {
            let gone = |name: &String| name.starts_with(REGISTRY) && !new.contains_key(name);
            changes.extend(self.known.iter().filter(|(name, _)| gone(name)).map(|(name, from)| change(name, from, "")));
            self.known.retain(|name, _| !gone(name));
        }
        for (name, to) in new {
            match self.known.get(&name) {
                Some(from) if *from == to => continue,
                Some(from) => changes.push(change(&name, from, &to)),
                None if knew_parts && name.starts_with(REGISTRY) => changes.push(change(&name, "", &to)),
                None => {}
            }
            self.known.insert(name, to);
        }
        let has_changed = !changes.is_empty();
        for change in changes {
            self.latest.push_front(change);
        }
        self.latest.truncate(MOST_CHANGES);
        has_changed
    }

    /// The fingerprint as it is known.
    pub fn fingerprint(&self) -> &BTreeMap<String, String> {
        &self.known
    }

    /// The latest changes, newest first.
    pub fn latest(&self) -> impl Iterator<Item = &Change> {
        self.latest.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn of(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// What is told of each fingerprint in turn.
    #[track_caller]
    fn check(seen: &[&[(&str, &str)]], want: &[&str]) -> Changes {
        let mut changes = Changes::default();
        for (second, pairs) in (0..).zip(seen) {
            changes.observe(at(second), of(pairs));
        }
        let told = |change: &Change| {
            format!("{}: {} `{}` `{}`", change.at.as_second(), change.attribute, change.from, change.to)
        };
        assert_eq!(changes.latest().map(told).collect::<Vec<_>>(), want);
        changes
    }

    #[test]
    fn a_change_has_its_time_and_the_newest_is_first() {
        let seen: [&[(&str, &str)]; 3] =
            [&[("resolvers", "a"), ("proxy", "none")], &[("resolvers", "b"), ("proxy", "none")], &[("proxy", "p")]];
        check(&seen, &["2: proxy `none` `p`", "1: resolvers `a` `b`"]);
    }

    #[test]
    fn what_is_not_told_this_time_stays() {
        let changes = check(&[&[("zone", "z")], &[], &[("zone", "z"), ("pool", "p")]], &[]);
        assert_eq!(*changes.fingerprint(), of(&[("zone", "z"), ("pool", "p")]));
    }

    #[test]
    fn parts_of_the_registry_configuration_come_and_go() {
        let with = [("registries", "2"), ("registries/r.io", "x")];
        let seen: [&[(&str, &str)]; 4] = [&[("registries", "1")], &with, &[], &[("registries", "1")]];
        check(
            &seen,
            &[
                "3: registries `2` `1`",
                "3: registries/r.io `x` ``",
                "1: registries/r.io `` `x`",
                "1: registries `1` `2`",
            ],
        );
    }

    #[test]
    fn twenty_are_kept_also_over_a_restart() {
        let mut changes = Changes::default();
        for second in 0..30 {
            let has_changed = changes.observe(at(second), of(&[("resolvers", &second.to_string())]));
            assert_eq!(has_changed, second > 0);
        }
        assert_eq!(changes.latest().count(), MOST_CHANGES);
        let text = r#"{ "version": 1, "node": "n", "at": "2026-07-01T12:00:00Z", "fingerprint": { "resolvers": "29" },
            "changes": [{ "at": "2026-07-01T11:00:00Z", "attribute": "resolvers", "from": "28", "to": "29" }] }"#;
        let mut resumed = Changes::resume(super::super::parse(text).unwrap());
        assert!(!resumed.observe(at(40), of(&[("resolvers", "29")])));
        assert!(resumed.observe(at(41), of(&[("resolvers", "30")])), "it changed while nobody looked");
        let from: Vec<&str> = resumed.latest().map(|change| change.from.as_str()).collect();
        assert_eq!(from, ["29", "28"]);
    }
}

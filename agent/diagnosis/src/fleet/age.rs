//! When nodes joined, as what may tell those that fail from the others: all that joined since then, or until then.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::coverage::Member;

/// A span of time in which nodes joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Joined {
    /// At this time or later.
    Since(Timestamp),
    /// At this time or earlier.
    Until(Timestamp),
}

impl Joined {
    /// Whether a node joined in it.
    pub(super) fn holds(self, member: Member<'_>) -> bool {
        let Some(created) = member.facts.created else { return false };
        match self {
            Self::Since(first) => created >= first,
            Self::Until(last) => created <= last,
        }
    }

    /// For a person: `joined since 2026-07-01 12:00`.
    pub(super) fn in_words(self) -> String {
        let time = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M UTC").to_string();
        match self {
            Self::Since(first) => format!("since {}", time(first)),
            Self::Until(last) => format!("until {}", time(last)),
        }
    }
}

/// The two narrowest spans that hold all failing nodes, and how many could have been chosen; none where it is not known of
/// all of them when they joined.
pub(super) fn spans(members: &[Member<'_>], failing: &[usize], healthy: &[usize]) -> Option<([Joined; 2], usize)> {
    let created = |node: &usize| members.get(*node).and_then(|member| member.facts.created);
    let times: Vec<Timestamp> = failing.iter().map(created).collect::<Option<_>>()?;
    let all: BTreeSet<Timestamp> = failing.iter().chain(healthy).filter_map(created).collect();
    Some(([Joined::Since(*times.iter().min()?), Joined::Until(*times.iter().max()?)], all.len()))
}

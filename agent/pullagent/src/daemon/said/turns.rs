//! Whose events are read next, and when. Knows no clock and reads nothing.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::{Unclear, What};
use crate::kube::FORBIDDEN;

/// The pause between two reads of one pod at first.
const SOON: Duration = Duration::from_secs(30);
/// The pause once it was read [`OFTEN`] times.
const LATER: Duration = Duration::from_mins(2);
/// Reads of one pod with short pauses.
const OFTEN: u32 = 5;
/// Reads of all pods within [`SOON`]; the others wait for their turn.
const MOST: usize = 32;

/// See the module.
#[derive(Debug)]
pub(super) struct Turns {
    /// How long a pod may be without its sandbox.
    patience: Duration,
    pods: BTreeMap<String, Turn>,
    /// The last reads, oldest first.
    taken: VecDeque<Instant>,
    /// Namespaces whose events may not be read, and until when that is believed.
    refused: BTreeMap<String, Instant>,
}

#[derive(Debug)]
struct Turn {
    unclear: Unclear,
    due: Instant,
    reads: u32,
}

/// The read that comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Next {
    /// When.
    pub(super) at: Instant,
    /// Of which pod.
    pub(super) uid: String,
    /// Its namespace.
    pub(super) namespace: String,
}

impl Turns {
    /// With no pods yet. `patience` is how long a pod may be without its sandbox.
    pub(super) fn new(patience: Duration) -> Self {
        Self { patience, pods: BTreeMap::new(), taken: VecDeque::new(), refused: BTreeMap::new() }
    }

    /// From now on these pods have turns, and no others. One that is unclear in another way begins anew.
    pub(super) fn follow(&mut self, unclear: &BTreeMap<String, Unclear>, now: Instant) {
        self.pods.retain(|uid, turn| unclear.get(uid) == Some(&turn.unclear));
        self.refused.retain(|_, until| *until > now);
        for (uid, unclear) in unclear {
            let due = match unclear.what {
                What::Pull => now,
                What::Sandbox => now + self.patience,
            };
            self.pods.entry(uid.clone()).or_insert_with(|| Turn { unclear: unclear.clone(), due, reads: 0 });
        }
    }

    /// What comes next: of those that are due the ones that were read least, and of these the one that waits longest.
    pub(super) fn next(&self) -> Option<Next> {
        let due =
            |turn: &Turn| self.refused.get(&turn.unclear.namespace).map_or(turn.due, |until| turn.due.max(*until));
        let first = self.pods.values().map(due).min()?;
        let oldest = self.taken.front().filter(|_| self.taken.len() >= MOST);
        let at = oldest.map_or(first, |oldest| first.max(*oldest + SOON));
        let are_due = self.pods.iter().filter(|(_, turn)| due(turn) <= at);
        let (uid, turn) = are_due.min_by_key(|(_, turn)| (turn.reads, due(turn)))?;
        Some(Next { at, uid: uid.clone(), namespace: turn.unclear.namespace.clone() })
    }

    /// A pod has had its turn.
    pub(super) fn taken(&mut self, uid: &str, now: Instant) {
        if self.taken.len() >= MOST {
            self.taken.pop_front();
        }
        self.taken.push_back(now);
        if let Some(turn) = self.pods.get_mut(uid) {
            turn.reads = turn.reads.saturating_add(1);
            turn.due = now + if turn.reads < OFTEN { SOON } else { LATER };
        }
    }

    /// The events of this namespace may not be read; whether any others may be, as far as is known.
    pub(super) fn refused(&mut self, namespace: String, now: Instant) -> bool {
        let is_first = self.refused.is_empty();
        self.refused.insert(namespace, now + FORBIDDEN);
        is_first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is unclear: pods as `NAMESPACE/NAME`, those without a sandbox behind a `-`.
    fn unclear(pods: &str) -> BTreeMap<String, Unclear> {
        let one = |pod: &str| {
            let what = if pod.starts_with('-') { What::Sandbox } else { What::Pull };
            let pod = pod.trim_start_matches('-');
            let namespace = pod.split_once('/').unwrap().0.to_owned();
            (pod.to_owned(), Unclear { namespace, what })
        };
        pods.split_whitespace().map(one).collect()
    }

    /// Takes the turns up to a second, with the steps `SECOND: PODS` in between, and says who had theirs when.
    #[track_caller]
    fn check(steps: &[(u64, &str)], until: u64, forbidden: &str, want: &str) {
        let begin = Instant::now();
        let mut turns = Turns::new(Duration::from_secs(20));
        let mut told = Vec::new();
        for (step, (second, pods)) in steps.iter().enumerate() {
            turns.follow(&unclear(pods), begin + Duration::from_secs(*second));
            let end = steps.get(step + 1).map_or(until, |next| next.0);
            while let Some(next) = turns.next().filter(|next| next.at < begin + Duration::from_secs(end)) {
                let now = next.at;
                told.push(format!("{}:{}", (now - begin).as_secs(), next.uid));
                turns.taken(&next.uid, now);
                if next.namespace == forbidden {
                    turns.refused(next.namespace, now);
                }
            }
        }
        assert_eq!(told.join(" "), want);
    }

    #[test]
    fn a_pod_is_read_at_once_then_soon_then_seldom() {
        check(&[(0, "a/web")], 400, "", "0:a/web 30:a/web 60:a/web 90:a/web 120:a/web 240:a/web 360:a/web");
    }

    #[test]
    fn a_pod_without_a_sandbox_is_let_be_at_first() {
        check(&[(0, "-a/web")], 60, "", "20:a/web 50:a/web");
        check(&[(0, "-a/web"), (10, "")], 60, "", "");
        check(&[(0, "-a/web"), (10, "-a/web b/db")], 30, "", "10:b/db 20:a/web");
        // It has got its sandbox, and fails.
        check(&[(0, "-a/web"), (22, "a/web")], 60, "", "20:a/web 22:a/web 52:a/web");
    }

    #[test]
    fn what_may_not_be_read_is_not_asked_for_five_minutes() {
        let want = "0:a/web 0:b/db 30:b/db 60:b/db 90:b/db 120:b/db 240:b/db 300:a/new";
        check(&[(0, "a/web b/db"), (10, "a/web a/new b/db")], 301, "a", want);
    }

    #[test]
    fn many_pods_take_turns() {
        let many: Vec<String> = (0..40).map(|number| format!("a/{number:02}")).collect();
        let first = many.iter().take(MOST).map(|pod| format!("0:{pod}"));
        let others = many.iter().skip(MOST).map(|pod| format!("30:{pod}"));
        let again = many.iter().take(MOST - 8).map(|pod| format!("30:{pod}"));
        let want: Vec<String> = first.chain(others).chain(again).collect();
        let many = many.join(" ");
        check(&[(0, &many)], 31, "", &want.join(" "));
    }
}

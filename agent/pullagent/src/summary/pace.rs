//! When a summary is written. Only thinks; the time is how long the agent has been running.
//!
//! What fails for a whole region changes on all of its nodes in the same minute. With 5,000 of them and a delay of up to
//! 20 s there are 250 writes a second at most, half of what the same kubelets cost with the Leases that they renew every
//! 10 s, and for 20 s only. Whoever goes on changing waits twice as long each time, up to 5 minutes and up to half as long
//! again: 5,000 nodes that never come to rest make 13 writes a second. At rest they make 1.5.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// The delay of the first write: rollouts start many agents at once.
const FIRST: Duration = Duration::from_secs(10);
/// The longest delay of a change.
const DELAY: Duration = Duration::from_secs(20);
/// The shortest pause between two writes.
const SHORTEST: Duration = Duration::from_secs(10);
/// The longest pause before a change is written.
const LONGEST: Duration = Duration::from_mins(5);

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    /// What makes this node's delays its own.
    node: u64,
    /// The time after which it is written without a change.
    refresh: Duration,
    /// How many attempts there were: each has a delay of its own.
    attempts: u64,
    written: Option<Duration>,
    changed: Option<Duration>,
    pause: Duration,
    /// The attempts that failed since the last one that did not, and when the last one did.
    failed: Option<(u32, Duration)>,
}

impl Pace {
    /// Of the node of this name. Without a change it is written after `refresh`, or up to a tenth earlier.
    pub(super) fn new(node: &str, refresh: Duration) -> Self {
        let mut hasher = DefaultHasher::new();
        node.hash(&mut hasher);
        let node = hasher.finish();
        Self { node, refresh, attempts: 0, written: None, changed: None, pause: SHORTEST, failed: None }
    }

    /// There is, or is not, something that was not written yet.
    pub(super) fn differs(&mut self, differs: bool, now: Duration) {
        self.changed = differs.then(|| self.changed.unwrap_or(now));
    }

    /// When the summary is to be written.
    pub(super) fn due(&self) -> Duration {
        let due = match (self.written, self.changed) {
            (None, _) => self.part_of(FIRST),
            (Some(written), Some(changed)) => {
                (changed + self.part_of(DELAY)).max(written + self.pause + self.part_of(self.pause / 2))
            }
            (Some(written), None) => (written + self.refresh).saturating_sub(self.part_of(self.refresh / 10)),
        };
        match self.failed {
            None => due,
            Some((times, at)) => {
                let pause = SHORTEST.saturating_mul(1 << times.min(8)).min(LONGEST);
                due.max(at + pause + self.part_of(pause))
            }
        }
    }

    /// It was written.
    pub(super) fn written(&mut self, now: Duration) {
        let has_rested = self.written.is_none_or(|before| now.saturating_sub(before) > 3 * self.pause);
        self.pause = if has_rested { SHORTEST } else { (2 * self.pause).min(LONGEST) };
        self.attempts += 1;
        self.written = Some(now);
        self.changed = None;
        self.failed = None;
    }

    /// It could not be written.
    pub(super) fn failed(&mut self, now: Duration) {
        self.attempts += 1;
        self.failed = Some((self.failed.map_or(0, |(times, _)| times.saturating_add(1)), now));
    }

    /// Some part of `whole`, spread evenly over nodes and attempts.
    fn part_of(&self, whole: Duration) -> Duration {
        let mut hasher = DefaultHasher::new();
        (self.node, self.attempts).hash(&mut hasher);
        let thousandth = u32::try_from(hasher.finish() % 1000).unwrap_or(0);
        whole * thousandth / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    /// The seconds of all writes of this many nodes until `end`; `differs` says whether a node has news at a second, by
    /// the second of its last write.
    fn writes(nodes: u32, end: u64, differs: impl Fn(u64, u64) -> bool) -> Vec<u64> {
        let mut all = Vec::new();
        for node in 0..nodes {
            let (mut pace, mut last) = (Pace::new(&format!("node-{node}"), HOUR), 0);
            for second in 0..end {
                pace.differs(differs(second, last), seconds(second));
                if pace.due() <= seconds(second) {
                    pace.written(seconds(second));
                    last = second;
                    all.push(second);
                }
            }
        }
        all
    }

    /// The most in any second of this range.
    fn most(writes: &[u64], range: std::ops::Range<u64>) -> usize {
        let mut of_second = std::collections::HashMap::<u64, usize>::new();
        writes
            .iter()
            .filter(|second| range.contains(second))
            .for_each(|second| *of_second.entry(*second).or_default() += 1);
        of_second.into_values().max().unwrap_or(0)
    }

    #[test]
    fn a_regional_outage_is_told_within_twenty_seconds_and_spread_over_them() {
        let outage = 1000;
        let writes = writes(5000, 1100, |second, last| second >= outage && last < outage);
        let told: Vec<u64> = writes.iter().copied().filter(|second| *second >= outage).collect();
        assert_eq!(told.len(), 5000);
        assert!(told.iter().all(|second| *second <= outage + 20));
        assert!(most(&writes, outage..1100) <= 320, "{}", most(&writes, outage..1100));
    }

    #[test]
    fn a_fleet_that_never_rests_writes_ever_more_rarely() {
        let writes = writes(500, 3600, |_, _| true);
        let late = writes.iter().filter(|second| **second >= 1800).count();
        // One in five to seven and a half minutes.
        assert!((500 * 4..=500 * 6).contains(&late), "{late}");
        assert!(most(&writes, 1800..3600) <= 20, "{}", most(&writes, 1800..3600));
    }

    #[test]
    fn at_rest_it_is_written_within_the_hour_and_never_in_step() {
        let writes = writes(500, 3 * 3600, |_, _| false);
        assert!((500 * 3..=500 * 4).contains(&writes.len()), "{}", writes.len());
        assert!(most(&writes, 60..3 * 3600) <= 10, "{}", most(&writes, 60..3 * 3600));
    }

    #[test]
    fn what_has_rested_is_told_soon_again() {
        let mut pace = Pace::new("n", HOUR);
        for now in [0, 10, 30, 70] {
            pace.written(seconds(now));
        }
        pace.differs(true, seconds(71));
        assert!(pace.due() >= seconds(70 + 80), "{:?}", pace.due());
        pace.differs(false, seconds(72));
        assert!(pace.due() > seconds(3000), "it is as it was written");
        pace.written(seconds(3400));
        pace.differs(true, seconds(4000));
        assert!(pace.due() <= seconds(4020), "{:?}", pace.due());
    }

    #[test]
    fn what_fails_is_tried_with_growing_pauses() {
        let (mut pace, mut now) = (Pace::new("n", HOUR), seconds(0));
        let mut pauses = Vec::new();
        for _ in 0..12 {
            pace.failed(now);
            let due = pace.due();
            pauses.push(due.saturating_sub(now));
            now = due;
        }
        assert!(pauses[0] >= SHORTEST && pauses[0] <= 2 * SHORTEST, "{pauses:?}");
        assert!(pauses.iter().all(|pause| *pause <= 2 * LONGEST), "{pauses:?}");
        assert!(pauses[11] >= LONGEST, "{pauses:?}");
        pace.written(now);
        pace.differs(true, now);
        assert!(pace.due() <= now + DELAY);
    }
}

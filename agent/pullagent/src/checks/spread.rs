//! Where a node's checks lie in time, so that a fleet never goes in step. Knows no clock and no other node: every place
//! follows from the node's name and the check's.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

/// What a number is for, so that two of them have nothing to do with one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The place within the interval.
    Phase,
    /// The delay of a run that many nodes may have a reason for at once.
    Jitter,
    /// The place in the rotation of those that ask a public registry.
    Rotation,
}

/// A number from the whole range that is always the same for a check on a node.
pub(super) fn number(node: &str, check: &str, purpose: Purpose) -> u64 {
    let word = match purpose {
        Purpose::Phase => "phase",
        Purpose::Jitter => "jitter",
        Purpose::Rotation => "rotation",
    };
    let mut hash = Sha256::new();
    for part in [word, node, check] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// A time span below `span`.
pub(super) fn below(span: SignedDuration, number: u64) -> SignedDuration {
    let span = millis(span);
    // Less than `span`, which is no negative number.
    SignedDuration::from_millis(i64::try_from(number % span.unsigned_abs()).unwrap_or(0))
}

/// The regular times of one check: one in each interval since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    every: SignedDuration,
    phase: SignedDuration,
}

impl Grid {
    /// The times of a check on a node.
    pub(super) fn new(node: &str, check: &str, every: SignedDuration) -> Self {
        Self { every, phase: below(every, number(node, check, Purpose::Phase)) }
    }

    /// The interval that a time belongs to, counted from 1970.
    pub(super) fn interval(&self, at: Timestamp) -> i64 {
        at.as_millisecond().saturating_sub(millis(self.phase)).div_euclid(millis(self.every))
    }

    /// The first regular time after `at`.
    pub(super) fn after(&self, at: Timestamp) -> Timestamp {
        let next = self.interval(at).saturating_add(1).saturating_mul(millis(self.every));
        Timestamp::from_millisecond(next.saturating_add(millis(self.phase))).unwrap_or(Timestamp::MAX)
    }
}

/// A share of the fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share(u64);

impl Share {
    const WHOLE: u64 = 1 << 32;
    const WHOLE_AS_FLOAT: f64 = 4_294_967_296.0;

    /// This part of all, from 0 to 1.
    pub(super) fn new(part: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and WHOLE")]
        Self((part.clamp(0.0, 1.0) * Self::WHOLE_AS_FLOAT).round() as u64)
    }

    /// Whether it is the node's turn in an interval.
    ///
    /// Every node has a place on a ring, moves on by the share with each interval, and asks when it comes past the end of
    /// the ring. So a share of all nodes asks each time, others the next time, and each of them at least once in as many
    /// intervals as shares make a whole, rounded up. To draw anew each time would leave some out for long.
    pub(super) fn has_turn(self, place: u64, interval: i64) -> bool {
        let place = u128::from(place % Self::WHOLE);
        let rounds = |interval: u64| (place + u128::from(interval) * u128::from(self.0)) / u128::from(Self::WHOLE);
        let interval = u64::try_from(interval).unwrap_or(0);
        rounds(interval.saturating_add(1)) > rounds(interval)
    }
}

/// Milliseconds of a span; 1 for what is shorter.
fn millis(span: SignedDuration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    #[test]
    fn a_check_has_one_time_in_each_interval() {
        let grid = Grid::new("node-1", "r.io", HOUR);
        let first = grid.after(Timestamp::from_second(1_800_000_000).unwrap());
        let second = grid.after(first);
        assert_eq!(first.duration_until(second), HOUR);
        assert_eq!(grid.interval(second), grid.interval(first) + 1);
        let just_before = second.checked_sub(SignedDuration::from_millis(1)).unwrap();
        assert_eq!((grid.interval(just_before), grid.after(just_before)), (grid.interval(first), second));
        assert_eq!(grid.after(Timestamp::MAX), Timestamp::MAX);
        assert_ne!(grid, Grid::new("node-2", "r.io", HOUR));
        assert_ne!(grid, Grid::new("node-1", "s.io", HOUR));
    }

    #[track_caller]
    fn check(part: f64, within: i64) {
        let share = Share::new(part);
        let places: Vec<u64> =
            (0..2000).map(|node| number(&format!("node-{node}"), "docker.io", Purpose::Rotation)).collect();
        let begin = 496_000;
        for interval in begin..begin + 20 {
            let asking = places.iter().filter(|place| share.has_turn(**place, interval)).count();
            let wanted = part * 2000.0;
            #[expect(clippy::cast_precision_loss, reason = "a small number")]
            let off = (asking as f64 - wanted).abs();
            // Five times the spread of as many independent draws.
            assert!(off <= 5.0 * (wanted * (1.0 - part)).sqrt(), "{part}: {asking} of 2000");
        }
        for place in places {
            assert!((begin..begin + within).any(|interval| share.has_turn(place, interval)), "{part}: {place}");
        }
    }

    #[test]
    fn each_time_a_share_of_the_nodes_asks_and_in_turn_all_do() {
        check(1.0, 1);
        check(0.5, 2);
        check(0.3, 4);
        check(0.1, 10);
        check(0.01, 100);
        assert!((0..10_000).all(|interval| !Share::new(0.0).has_turn(u64::MAX, interval)));
    }
}

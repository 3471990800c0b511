//! A token bucket as one point in time: when it would be full again. Knows no clock.

use jiff::{SignedDuration, Timestamp};

use crate::schedule::after;

/// How fast tokens return, and how many there are at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// The time in which one returns; `None` if none ever does, and none is there.
    every: Option<SignedDuration>,
    burst: u32,
}

impl Rate {
    /// So many an hour, and so many at once.
    pub(crate) fn new(per_hour: u32, burst: u32) -> Self {
        let every = (per_hour > 0 && burst > 0).then(|| SignedDuration::from_millis(3_600_000 / i64::from(per_hour)));
        Self { every, burst }
    }

    /// When a token is there, of a bucket that is full again at `full`.
    pub(crate) fn available(self, full: Timestamp) -> Timestamp {
        let Some(every) = self.every else { return Timestamp::MAX };
        let spare = every.saturating_mul(i32::try_from(self.burst - 1).unwrap_or(i32::MAX));
        full.checked_sub(spare).unwrap_or(Timestamp::MIN)
    }

    /// The bucket with one token less.
    pub(crate) fn take(self, full: Timestamp, now: Timestamp) -> Timestamp {
        self.every.map_or(Timestamp::MAX, |every| after(full.max(now), every))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_followed_by_one_at_a_time() {
        let rate = Rate::new(360, 3);
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut full = Timestamp::MIN;
        let mut taken = Vec::new();
        for second in 1000..1031 {
            while rate.available(full) <= at(second) {
                full = rate.take(full, at(second));
                taken.push(second - 1000);
            }
        }
        assert_eq!(taken, [0, 0, 0, 10, 20, 30]);
        assert_eq!(Rate::new(0, 5).available(Timestamp::MIN), Timestamp::MAX);
        assert_eq!(Rate::new(5, 0).available(Timestamp::MIN), Timestamp::MAX);
    }
}

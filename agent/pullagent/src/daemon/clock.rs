//! The time by which is counted: it begins with the time of day and then goes on evenly, whatever is done to the system's
//! clock. A clock that is set back by an hour must not keep the daemon silent for one.

use jiff::Timestamp;
use tokio::time::Instant;

use crate::schedule::after;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    began: Instant,
    at: Timestamp,
}

impl Clock {
    /// A clock that shows the time of day now.
    pub(super) fn start() -> Self {
        Self { began: Instant::now(), at: Timestamp::now() }
    }

    /// What it shows now.
    pub(super) fn now(&self) -> Timestamp {
        after(self.at, self.began.elapsed().try_into().unwrap_or(jiff::SignedDuration::MAX))
    }
}

//! How long and how much: every wait and every buffer of an examination has its bound here.

use std::time::Duration;

use tokio::time::Instant;

/// The deadlines of one examination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The resolution of one host, all names and servers together.
    pub dns: Duration,
    /// The connection to one host, all addresses together.
    pub connect: Duration,
    /// One TLS handshake, or one answer to CONNECT.
    pub handshake: Duration,
    /// The end of an examination in which nothing outstanding has reached HTTP.
    pub unreached: Duration,
    /// The end of an examination in any case: what `--timeout` sets.
    pub total: Duration,
    /// How long questions that do not decide may hold the verdict.
    pub aside: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            dns: Duration::from_secs(2),
            connect: Duration::from_millis(3500),
            handshake: Duration::from_secs(3),
            unreached: Duration::from_secs(6),
            total: Duration::from_secs(10),
            aside: Duration::from_secs(1),
        }
    }
}

impl Limits {
    /// The same limits, none of which reaches beyond `deadline`.
    pub(crate) fn until(&self, deadline: Instant) -> Self {
        let left = deadline.saturating_duration_since(Instant::now());
        Self { dns: self.dns.min(left), connect: self.connect.min(left), handshake: self.handshake.min(left), ..*self }
    }
}

/// Whole milliseconds since then.
pub(crate) fn ms_since(start: Instant) -> u32 {
    u32::try_from(start.elapsed().as_millis()).unwrap_or(u32::MAX)
}

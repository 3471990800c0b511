//! What of the checks is told on the node as events, within budgets.

use jiff::Timestamp;
use pullagent_diagnosis::report::event::{PullEvent, event_name};

use super::Checks;
use crate::episodes::Rate;

/// Events of the checks: so many at once, and so many an hour. When everything fails at once, ten of its checks say enough
/// of a node; those that wait are told in turn while they fail.
const BURST: u32 = 10;
const PER_HOUR: u32 = 60;

/// An event about the node, to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct News {
    /// Its name: the same for the same news of the same check, also after a restart.
    pub(crate) name: String,
    /// What it says.
    pub(crate) event: PullEvent,
}

pub(super) fn rate() -> Rate {
    Rate::new(PER_HOUR, BURST)
}

impl Checks {
    /// What is to be written now. `token` gives one of the node's tokens, which pods have a share in, or the time when there
    /// is one.
    pub(crate) fn publish(&mut self, now: Timestamp, mut token: impl FnMut() -> Result<(), Timestamp>) -> Vec<News> {
        let mut news = Vec::new();
        let mut waits_for = None;
        let node = &self.node;
        for entry in &mut self.entries {
            let Some(event) = entry.standing.news(now) else { continue };
            let own = self.object.available(self.object_full);
            let token = if own > now { Err(own) } else { waits_for.map_or_else(&mut token, Err) };
            if let Err(until) = token {
                waits_for = Some(until);
                if !std::mem::replace(&mut entry.is_counted, true) {
                    self.held_back += 1;
                }
                continue;
            }
            self.object_full = self.object.take(self.object_full, now);
            entry.is_counted = false;
            // Checks that fail for the same cause are told apart.
            let name = event_name(node, node, &entry.wanted.name, event);
            news.push(News { name, event: event.clone() });
            entry.standing.told(now);
        }
        let next = self.entries.iter().filter_map(|entry| entry.standing.news_at());
        self.news_wake = next.map(|at| waits_for.map_or(at, |until| at.max(until))).min();
        news
    }

    /// When there is something to be written at the latest, as of the last time that this was asked for.
    pub(crate) fn news_at(&self) -> Option<Timestamp> {
        self.news_wake
    }

    /// News that had to wait for their turn so far.
    pub(crate) fn held_back(&self) -> u64 {
        self.held_back
    }
}

//! What is told to a supervisor that speaks systemd's protocol; nothing at all where there is none.

use std::future::pending;
use std::time::Duration;

use pullagent_diagnosis::text::clean;
use sd_notify::NotifyState;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tracing::warn;

/// Bytes of a status line.
const MAX_STATUS: usize = 256;

/// Whoever has started this process.
pub(crate) struct Supervisor {
    send: fn(&[NotifyState<'_>]) -> std::io::Result<()>,
    watchdog: Option<Interval>,
    told_of_trouble: bool,
}

impl Supervisor {
    /// The one that the environment tells of. Needs the runtime's clock.
    pub(crate) fn from_environment() -> Self {
        // Half the time: one message may be late without the process being taken for dead.
        Self::new(sd_notify::notify, sd_notify::watchdog_enabled().map(|most| most / 2))
    }

    fn new(send: fn(&[NotifyState<'_>]) -> std::io::Result<()>, every: Option<Duration>) -> Self {
        let watchdog = every.filter(|every| !every.is_zero()).map(|every| {
            let mut interval = interval(every);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        });
        Self { send, watchdog, told_of_trouble: false }
    }

    /// The daemon does its work now; also after a reload.
    pub(crate) fn ready(&mut self, status: &str) {
        self.tell(&[NotifyState::Ready, NotifyState::Status(&clean(status, MAX_STATUS))]);
    }

    /// It reads its settings again.
    pub(crate) fn reloading(&mut self) {
        // A supervisor that waits for the end of a reload wants to know when it began.
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.tell(&[NotifyState::Reloading, now]),
            Err(_) => self.tell(&[NotifyState::Reloading]),
        }
    }

    /// It ends.
    pub(crate) fn stopping(&mut self) {
        self.tell(&[NotifyState::Stopping]);
    }

    /// What it does, in one line.
    pub(crate) fn status(&mut self, status: &str) {
        self.tell(&[NotifyState::Status(&clean(status, MAX_STATUS))]);
    }

    /// Waits until a sign of life is due; for ever where none is wanted. The daemon's own loop calls this and then
    /// [`Self::alive`], so that one that hangs is found out.
    pub(crate) async fn sign_of_life_due(&mut self) {
        match &mut self.watchdog {
            Some(watchdog) => drop(watchdog.tick().await),
            None => pending().await,
        }
    }

    /// The daemon's loop goes round.
    pub(crate) fn alive(&mut self) {
        self.tell(&[NotifyState::Watchdog]);
    }

    fn tell(&mut self, states: &[NotifyState<'_>]) {
        if let Err(error) = (self.send)(states)
            && !std::mem::replace(&mut self.told_of_trouble, true)
        {
            warn!(%error, "the supervisor cannot be told anything");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    thread_local! {
        static TOLD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    #[expect(clippy::unnecessary_wraps, reason = "it stands in for what can fail")]
    fn remember(states: &[NotifyState<'_>]) -> std::io::Result<()> {
        TOLD.with_borrow_mut(|told| told.extend(states.iter().map(ToString::to_string)));
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn the_supervisor_hears_of_every_turn() {
        let mut supervisor = Supervisor::new(remember, Some(Duration::from_secs(15)));
        supervisor.ready("2 checks\nEXTEND_TIMEOUT_USEC=1");
        supervisor.reloading();
        supervisor.status("examining");
        supervisor.stopping();
        let told = TOLD.take();
        assert!(told[3].starts_with("MONOTONIC_USEC="), "{told:?}");
        let others: Vec<&str> = told.iter().map(String::as_str).filter(|line| !line.starts_with("MONO")).collect();
        assert_eq!(
            others,
            ["READY=1", "STATUS=2 checks EXTEND_TIMEOUT_USEC=1", "RELOADING=1", "STATUS=examining", "STOPPING=1"]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_sign_of_life_is_due_at_once_and_then_at_each_interval() {
        let mut supervisor = Supervisor::new(remember, Some(Duration::from_secs(15)));
        let start = tokio::time::Instant::now();
        for seconds in [0, 15, 30] {
            supervisor.sign_of_life_due().await;
            supervisor.alive();
            assert_eq!(start.elapsed().as_secs(), seconds);
        }
        assert_eq!(TOLD.take(), ["WATCHDOG=1"; 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_watchdog_none_is_ever_due() {
        let mut supervisor = Supervisor::new(remember, None);
        let due = tokio::time::timeout(Duration::from_hours(1), supervisor.sign_of_life_due());
        assert!(due.await.is_err());
    }
}

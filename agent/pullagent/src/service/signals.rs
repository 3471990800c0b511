//! Signals as wishes: to stop, or to read the settings again.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What somebody wants of the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// End in good order (SIGTERM).
    Stop,
    /// End in good order, since a person at the keyboard wants it (SIGINT).
    Interrupt,
    /// Read the settings again (SIGHUP).
    Reload,
}

/// The signals that are listened for. While it exists none of them ends the process by itself.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Listens from now on. An error is the system's: it has no room for another handler.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// The next wish; stopping comes before anything else that was wished at the same time.
    pub(crate) async fn next(&mut self) -> Wish {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Wish::Stop,
            _ = self.interrupt.recv() => Wish::Interrupt,
            _ = self.hang_up.recv() => Wish::Reload,
        }
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::{Signal, raise};

    use super::*;

    #[tokio::test]
    async fn each_signal_is_a_wish_and_ends_nothing() {
        let mut signals = Signals::listen().unwrap();
        for (signal, wish) in
            [(Signal::SIGHUP, Wish::Reload), (Signal::SIGINT, Wish::Interrupt), (Signal::SIGTERM, Wish::Stop)]
        {
            raise(signal).unwrap();
            assert_eq!(signals.next().await, wish);
        }
    }
}

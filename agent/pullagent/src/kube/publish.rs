//! Writes events of core/v1, one after the other, from a queue that is fair between namespaces. Decides nothing of what
//! is told, and reads nothing but what a patch returns: a kubelet may write events and not read them.

mod object;
mod queue;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use kube::runtime::utils::Backoff as _;
use kube::runtime::watcher::DefaultBackoff;
use pullagent_diagnosis::report::event::PullEvent;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tracing::{debug, warn};

use super::FORBIDDEN;
use super::client::Cluster;
use super::error::KubeError;
use object::write;
use queue::{Added, Queue, Waiting};

/// How long an event is tried before it is given up.
const TRIED: Duration = Duration::from_mins(10);
/// Namespaces whose refusal is kept in mind.
const MOST_REFUSING: usize = 1024;

/// Whom an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// A pod.
    Pod {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Its uid.
        uid: String,
    },
    /// The node that the publisher runs on.
    Node,
}

/// An event to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EventToWrite {
    /// Whom it is about.
    pub(crate) about: About,
    /// Its name: the same for the same news, also after a restart.
    pub(crate) name: String,
    /// What it says.
    pub(crate) event: PullEvent,
}

/// What has become of events so far. One that the API server has and that is recent counts nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct EventResults {
    /// Written, for the first time or once more.
    pub(crate) sent: u64,
    /// There was no room for them in the queue.
    pub(crate) held_back: u64,
    /// The API server did not take them.
    pub(crate) failed: u64,
}

/// Writes events in the background, until it is dropped.
#[derive(Debug)]
pub(crate) struct Publisher {
    shared: Arc<Shared>,
    outcome: watch::Receiver<Outcome>,
    writing: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    added: Notify,
    outcome: watch::Sender<Outcome>,
}

#[derive(Debug, Default)]
struct Outcome {
    results: EventResults,
    trouble: Option<String>,
}

impl Publisher {
    /// Begins to write for the node of this name. Must be called within the event loop.
    pub(crate) fn start(cluster: Arc<Cluster>, node: String) -> Self {
        let shared = Arc::new(Shared::default());
        let writer = Writer {
            cluster,
            node,
            shared: Arc::clone(&shared),
            refusing: BTreeMap::new(),
            pauses: DefaultBackoff::default(),
        };
        let outcome = shared.outcome.subscribe();
        Self { shared, outcome, writing: tokio::spawn(writer.run()) }
    }

    /// Has an event written, at some time. Where too many wait, one of the namespace that has the most is dropped.
    pub(crate) fn publish(&self, event: EventToWrite) {
        let waiting = Waiting { event, at: Timestamp::now(), since: Instant::now() };
        let added = self.shared.queue().add(waiting);
        if added == Added::DroppedOne {
            self.shared.outcome.send_modify(|outcome| outcome.results.held_back += 1);
        }
        self.shared.added.notify_one();
    }

    /// What has become of them so far.
    pub(crate) fn results(&self) -> EventResults {
        self.shared.outcome.borrow().results
    }

    /// Waits until something has become of one since this was waited for the last time.
    pub(crate) async fn progress(&mut self) {
        if self.outcome.changed().await.is_err() {
            // Nobody writes any more.
            std::future::pending::<()>().await;
        }
    }

    /// Why the last one was not written; `None` once one was.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.shared.outcome.borrow().trouble.clone()
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.writing.abort();
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task in the background.
struct Writer {
    cluster: Arc<Cluster>,
    node: String,
    shared: Arc<Shared>,
    /// The namespaces that refuse events, and until when they are not asked again.
    refusing: BTreeMap<String, Instant>,
    pauses: DefaultBackoff,
}

impl Writer {
    async fn run(mut self) {
        loop {
            // The lock must not be held while it is written.
            let next = self.shared.queue().next();
            match next {
                Some(waiting) => self.one(waiting).await,
                None => self.shared.added.notified().await,
            }
        }
    }

    async fn one(&mut self, waiting: Waiting) {
        let now = Instant::now();
        self.refusing.retain(|_, until| *until > now);
        if self.refusing.contains_key(waiting.event.namespace()) {
            self.shared.outcome.send_modify(|outcome| outcome.results.failed += 1);
            return;
        }
        match write(&self.cluster, &self.node, &waiting.event, waiting.at).await {
            Ok(was_written) => {
                self.pauses.reset();
                self.shared.outcome.send_modify(|outcome| {
                    outcome.results.sent += u64::from(was_written);
                    outcome.trouble = None;
                });
            }
            Err(error) if passes(&error) && waiting.since.elapsed() < TRIED => {
                debug!(%error, "an event is written later");
                let added = self.shared.queue().add_again(waiting);
                self.shared.outcome.send_modify(|outcome| {
                    outcome.results.failed += u64::from(added == Added::DroppedOne);
                    outcome.trouble = Some(error.to_string());
                });
                // All go to the same server: none of them would fare better now.
                sleep(self.pauses.next().unwrap_or(TRIED)).await;
            }
            Err(error) => {
                warn!(%error, "an event was not written");
                if matches!(error, KubeError::Forbidden { .. }) && self.refusing.len() < MOST_REFUSING {
                    self.refusing.insert(waiting.event.namespace().to_owned(), now + FORBIDDEN);
                }
                self.shared.outcome.send_modify(|outcome| {
                    outcome.results.failed += 1;
                    outcome.trouble = Some(error.to_string());
                });
            }
        }
    }
}

/// Whether the same request may succeed later.
pub(crate) fn passes(error: &KubeError) -> bool {
    match error {
        KubeError::Refused { status, .. } => *status == 409 || *status == 429 || *status >= 500,
        KubeError::Unauthorized { .. } | KubeError::Unreachable { .. } | KubeError::TimedOut { .. } => true,
        KubeError::Nobody { .. }
        | KubeError::Kubeconfig { .. }
        | KubeError::Absent { .. }
        | KubeError::Forbidden { .. } => false,
    }
}

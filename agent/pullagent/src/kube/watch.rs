//! Watches what happens to this node's pods, and says whether the API server tells of it. Keeps no pod: of each object
//! only what concerns images is taken, and handed on.

mod objects;
#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use kube::Api;
use kube::runtime::watcher::{self, DefaultBackoff, watcher};
use pullagent_diagnosis::pod::Pod;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{info, warn};

use super::FORBIDDEN;
use super::client::Cluster;
use super::error::{Asker, KubeError, Rule, from_client};
use objects::{Part, PodsOfNode, Trimmed};

/// How long the API server may take to say what there is.
const BEGIN: Duration = Duration::from_secs(30);
/// Changes that wait to be taken; the API server is read no further until there is room.
const MOST_WAITING: usize = 32;

/// What has happened to the pods of the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PodChange {
    /// The watch has begun, or begun again: these are all that there are.
    Restarted(Vec<Pod>),
    /// One came, or is another now.
    Applied(Pod),
    /// One is gone.
    Deleted {
        /// Its uid.
        uid: String,
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
}

/// Whether the API server tells what happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Connection {
    /// It was not asked before.
    Connecting,
    /// It does.
    Connected,
    /// It does not, and is asked again.
    Lost {
        /// Why.
        why: String,
    },
}

/// A watch that goes on in the background, until it is dropped.
#[derive(Debug)]
pub(crate) struct Watch<C> {
    changes: mpsc::Receiver<C>,
    connection: watch::Receiver<Connection>,
    watching: JoinHandle<()>,
}

impl<C> Watch<C> {
    /// What happens next. Can be dropped and called again without loss; `None` if there will be nothing any more.
    pub(crate) async fn next(&mut self) -> Option<C> {
        self.changes.recv().await
    }

    /// Whether the API server tells what happens, now and in future.
    pub(crate) fn connection(&self) -> watch::Receiver<Connection> {
        self.connection.clone()
    }
}

impl<C> Drop for Watch<C> {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

/// Watches the pods that are bound to the node of this name. Must be called within the event loop.
pub(crate) fn watch_pods(cluster: Arc<Cluster>, node: &str) -> Watch<PodChange> {
    start(cluster, PodsOfNode::new(node))
}

fn start<S: Sight>(cluster: Arc<Cluster>, sight: S) -> Watch<S::Change> {
    let (sender, changes) = mpsc::channel(MOST_WAITING);
    let (told, connection) = watch::channel(Connection::Connecting);
    let watcher = Watcher { cluster, sight, changes: sender, connection: told, is_streaming: true };
    Watch { changes, connection, watching: tokio::spawn(watcher.run()) }
}

/// What is watched, and what is told of it.
trait Sight: Send + 'static {
    /// What is kept of an object.
    type Part: Part;
    /// What is told.
    type Change: Debug + Send + 'static;

    /// The rule that allows it.
    fn rule(&self) -> Rule;
    /// Which objects.
    fn config(&self) -> watcher::Config;
    /// What there is to be told.
    fn change(&mut self, event: watcher::Event<Trimmed<Self::Part>>) -> Option<Self::Change>;
}

/// The task in the background.
struct Watcher<S: Sight> {
    cluster: Arc<Cluster>,
    sight: S,
    changes: mpsc::Sender<S::Change>,
    connection: watch::Sender<Connection>,
    /// Whether the API server may be able to tell what there is as the beginning of a watch.
    is_streaming: bool,
}

/// Why a watch has ended.
enum Ended {
    /// Nobody listens.
    Unheard,
    /// The API server is too old to begin like this.
    NoStreaming,
    Failed(KubeError),
}

impl<S: Sight> Watcher<S> {
    async fn run(mut self) {
        let mut pauses = DefaultBackoff::default();
        loop {
            let error = match self.follow().await {
                Ended::Unheard => return,
                Ended::NoStreaming => {
                    self.is_streaming = false;
                    continue;
                }
                Ended::Failed(error) => error,
            };
            let why = error.to_string();
            let is_new = self.connection.send_if_modified(|connection| {
                let lost = Connection::Lost { why: why.clone() };
                let is_new = *connection != lost;
                *connection = lost;
                is_new
            });
            if is_new {
                warn!("{why}");
            }
            let pause = pauses.next().unwrap_or(FORBIDDEN);
            let is_forbidden = matches!(error, KubeError::Forbidden { .. });
            sleep(if is_forbidden { FORBIDDEN + pause } else { pause }).await;
        }
    }

    /// Watches until something goes wrong, with a client of this moment: that is how a new certificate comes into use.
    ///
    /// It does not go on from where it broke off, for then nothing would tell that it goes on.
    async fn follow(&mut self) -> Ended {
        let (client, asker) = self.cluster.client().await;
        let config = self.sight.config();
        let config = if self.is_streaming { config.streaming_lists() } else { config };
        let mut events = pin!(watcher(Api::<Trimmed<S::Part>>::all(client), config));
        let begun_by = Instant::now() + BEGIN;
        let mut has_begun = false;
        loop {
            let next = if has_begun { Ok(events.next().await) } else { timeout_at(begun_by, events.next()).await };
            let event = match next {
                Ok(Some(Ok(event))) => event,
                Ok(Some(Err(error))) => return self.ended(error, has_begun, &asker),
                // Servers before 1.19 pass over what they do not know, and never say that this was all.
                Err(_) if self.is_streaming => return Ended::NoStreaming,
                Ok(None) | Err(_) => return Ended::Failed(self.timed_out(asker)),
            };
            if matches!(event, watcher::Event::InitDone) {
                has_begun = true;
                if self.connection.send_replace(Connection::Connected) != Connection::Connected {
                    info!("connected: {}", self.sight.rule().in_words());
                }
            }
            let Some(change) = self.sight.change(event) else { continue };
            if self.changes.send(change).await.is_err() {
                return Ended::Unheard;
            }
        }
    }

    fn ended(&self, error: watcher::Error, has_begun: bool, asker: &Asker) -> Ended {
        let rule = self.sight.rule();
        let error = match error {
            watcher::Error::WatchStartFailed(kube::Error::Api(status))
                if self.is_streaming && !has_begun && matches!(status.code, 400 | 422) =>
            {
                return Ended::NoStreaming;
            }
            watcher::Error::InitialListFailed(error)
            | watcher::Error::WatchStartFailed(error)
            | watcher::Error::WatchFailed(error) => from_client(&error, &rule, asker),
            watcher::Error::WatchError(status) => from_client(&kube::Error::Api(status), &rule, asker),
            watcher::Error::NoResourceVersion => {
                let text = "without the version of what it tells".to_owned();
                KubeError::Refused { attempted: rule.in_words(), status: 200, text }
            }
        };
        Ended::Failed(error)
    }

    fn timed_out(&self, asker: Asker) -> KubeError {
        let attempted = self.sight.rule().in_words();
        KubeError::TimedOut { attempted, server: asker.server, seconds: BEGIN.as_secs() }
    }
}

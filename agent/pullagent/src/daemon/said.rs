//! What kubelets tell in events only, read for the few pods whose status does not tell why they wait. A watch would bring
//! every node the events of all nodes. Judges no event.

mod turns;

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use pullagent_diagnosis::pod::{Pod, PodEvent};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, info};

use crate::kube::{Cluster, KubeError, pod_events, unread_events};
use crate::schedule::{Subject, awaits_sandbox};
use turns::Turns;

/// What was read that waits to be taken.
const MOST_WAITING: usize = 8;
/// A pod's sandbox is there sooner than this, unless something is wrong.
const SANDBOX: Duration = Duration::from_secs(20);

/// A pod whose status does not tell why it waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unclear {
    /// Its namespace.
    namespace: String,
    /// What is not known.
    what: What,
}

/// What is not known of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// Why a container's image was not pulled.
    Pull,
    /// Why it has no sandbox, if it should have one by now.
    Sandbox,
}

impl Unclear {
    /// Of a pod; `None` where its status says what there is to say.
    pub(super) fn of(pod: &Pod) -> Option<Self> {
        let what = if pod.containers.iter().any(Subject::is_unclear) {
            What::Pull
        } else if awaits_sandbox(pod) {
            What::Sandbox
        } else {
            return None;
        };
        Some(Self { namespace: pod.namespace.clone(), what })
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Said {
    unclear: watch::Sender<BTreeMap<String, Unclear>>,
    heard: mpsc::Receiver<(String, Vec<PodEvent>)>,
    reading: Option<JoinHandle<()>>,
}

impl Drop for Said {
    fn drop(&mut self) {
        if let Some(reading) = &self.reading {
            reading.abort();
        }
    }
}

impl Said {
    /// Begins, with nothing to read yet. A pod without a sandbox is let be for `settle`. Must be called within the event
    /// loop.
    pub(super) fn start(cluster: Option<Arc<Cluster>>, settle: Duration) -> Self {
        let (unclear, wanted) = watch::channel(BTreeMap::new());
        let (teller, heard) = mpsc::channel(MOST_WAITING);
        let never = cluster.as_deref().and_then(unread_events);
        if let Some(unread) = &never {
            info!("not read: {}: {}", unread.what, unread.why);
        }
        let turns = Turns::new(settle.max(SANDBOX));
        let cluster = cluster.filter(|_| never.is_none());
        let reading = cluster.map(|cluster| tokio::spawn(read(cluster, turns, wanted, teller)));
        Self { unclear, heard, reading }
    }

    /// From now on the events of these are read, by their uids, and of no others.
    pub(super) fn read(&self, pods: BTreeMap<String, Unclear>) {
        self.unclear.send_if_modified(|unclear| {
            let is_new = *unclear != pods;
            *unclear = pods;
            is_new
        });
    }

    /// A pod's uid and what the kubelet tells of it; waits until something was read. Can be dropped and called again
    /// without loss.
    pub(super) async fn next(&mut self) -> (String, Vec<PodEvent>) {
        match self.heard.recv().await {
            Some(heard) => heard,
            None => pending().await,
        }
    }
}

/// Reads in turn until nobody listens.
async fn read(
    cluster: Arc<Cluster>,
    mut turns: Turns,
    mut unclear: watch::Receiver<BTreeMap<String, Unclear>>,
    heard: mpsc::Sender<(String, Vec<PodEvent>)>,
) {
    loop {
        turns.follow(&unclear.borrow_and_update(), Instant::now());
        let next = turns.next();
        let due = async {
            match &next {
                Some(next) => sleep_until(next.at).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = due => {}
            changed = unclear.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
        }
        let Some(next) = next else { continue };
        turns.taken(&next.uid, Instant::now());
        match pod_events(&cluster, &next.namespace, &next.uid).await {
            Ok(events) => {
                if heard.send((next.uid, events)).await.is_err() {
                    return;
                }
            }
            Err(error @ KubeError::Forbidden { .. }) => {
                if turns.refused(next.namespace, Instant::now()) {
                    info!("not read: what the kubelet tells in events: {error}");
                }
            }
            Err(error) => debug!("{error}"),
        }
    }
}

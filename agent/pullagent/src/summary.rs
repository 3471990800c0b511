//! Keeps the summary that this node gives of itself, and writes it for the fleet: into the Lease of the node's name in the
//! agents' namespace, or, for a kubelet, into an event about its node. Judges nothing.

mod details;
mod gather;
mod pace;
mod place;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use pullagent_diagnosis::fingerprint::{Facts, fingerprint};
use pullagent_diagnosis::summary::{Changes, NodeSummary, parse_of};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};

use crate::daemon::{Look, Looks, Opened};
use crate::kube::{Cluster, OwnNode, get_node, passes, pauses};
use crate::memory::Memory;
use crate::settings::Settings;
use gather::{essence, gather};
use pace::Pace;
use place::Place;

pub(crate) use details::CheckDetails;

/// The longest time between two looks at whether there is something new.
const AGAIN: Duration = Duration::from_secs(5);
/// The time between two looks at the node's own object.
const NODE: Duration = Duration::from_hours(1);
/// The pause once the growing ones are used up, which they are not.
const LONGEST: Duration = Duration::from_secs(30);

/// Keeps the summary and writes it, from when the API server can be asked and the node was looked at.
pub(crate) async fn keep_summary(
    settings: watch::Receiver<Arc<Settings>>,
    mut opened: Opened,
    mut looks: Looks,
    memory: Memory,
) {
    let Ok(Some(cluster)) = opened.wait_for(Option::is_some).await.map(|opened| opened.clone()) else { return };
    let node = settings.borrow().node.name.clone();
    let place = Place::of(&cluster).await;
    let changes = changes_of(&cluster, &place, &node).await;
    if looks.wait_for(Option::is_some).await.is_err() {
        return;
    }
    looks.mark_changed();
    let keeper = Keeper {
        pace: Pace::new(&node, place.refresh()),
        cluster,
        place,
        node,
        memory,
        changes,
        own: None,
        own_read: None,
        written: None,
        trouble: String::new(),
        begun: Instant::now(),
    };
    keeper.run(settings, looks).await;
}

/// The changes that an earlier agent of this node has told. As long as that cannot be found out nothing is written: it
/// would be forgotten.
async fn changes_of(cluster: &Cluster, place: &Place, node: &str) -> Changes {
    let mut growing = pauses();
    loop {
        match place.read(cluster, node).await {
            Ok(text) => {
                let stored = text.map(|text| parse_of(&text, node, Timestamp::now()));
                return stored.and_then(Result::ok).map(Changes::resume).unwrap_or_default();
            }
            Err(error) if passes(&error) => debug!(%error, "the last summary is read later"),
            Err(error) => {
                debug!(%error, "the last summary is not read");
                return Changes::default();
            }
        }
        sleep(growing.next().unwrap_or(LONGEST)).await;
    }
}

/// What the task goes by.
struct Keeper {
    cluster: Arc<Cluster>,
    place: Place,
    node: String,
    memory: Memory,
    changes: Changes,
    /// The node's object, as it was read last.
    own: Option<OwnNode>,
    own_read: Option<Instant>,
    /// What of the summary was written that counts.
    written: Option<NodeSummary>,
    /// Why it was not written the last time; empty after it was.
    trouble: String,
    pace: Pace,
    begun: Instant,
}

impl Keeper {
    async fn run(mut self, settings: watch::Receiver<Arc<Settings>>, mut looks: Looks) {
        loop {
            let is_new = looks.has_changed().unwrap_or(false);
            if self.read_own_node().await || is_new {
                let look = looks.borrow_and_update().clone();
                if let Some(look) = look {
                    self.observe(&look);
                }
            }
            // The event is one about the node, which an operator may not want.
            if self.place != Place::Event || settings.borrow().events.node {
                self.write_if_due().await;
            }
            let left = self.pace.due().saturating_sub(self.begun.elapsed());
            tokio::select! {
                () = sleep(left.clamp(Duration::from_millis(100), AGAIN)) => {}
                changed = looks.changed() => match changed {
                    Ok(()) => looks.mark_changed(),
                    Err(_) => return,
                },
            }
        }
    }

    /// Reads the node's object where that is due; whether it was.
    async fn read_own_node(&mut self) -> bool {
        if self.own_read.is_some_and(|read| read.elapsed() < NODE) {
            return false;
        }
        let is_first = self.own_read.is_none();
        self.own_read = Some(Instant::now());
        match get_node(&self.cluster, &self.node).await {
            Ok(own) => {
                self.own = Some(own);
                true
            }
            Err(error) => {
                if is_first {
                    info!("not read: the node's zone, pool and kubelet version: {error}");
                }
                false
            }
        }
    }

    fn observe(&mut self, look: &Look) {
        let own = self.own.clone().unwrap_or_default();
        let facts = Facts { kubelet: own.kubelet, labels: own.listed.labels, ..look.facts.clone() };
        let has_changed = self.changes.observe(Timestamp::now(), fingerprint(&look.configuration, &facts));
        if has_changed && let Some(change) = self.changes.latest().next() {
            info!(attribute = change.attribute, from = change.from, to = change.to, "the node has changed");
        }
    }

    async fn write_if_due(&mut self) {
        let summary = gather(&self.node, &self.memory, &self.changes, Timestamp::now());
        let counts = essence(&summary);
        let now = self.begun.elapsed();
        self.pace.differs(self.written.as_ref() != Some(&counts), now);
        if self.pace.due() > now {
            return;
        }
        let uid = self.own.as_ref().map(|own| own.listed.uid.as_str()).filter(|uid| !uid.is_empty());
        match self.place.write(&self.cluster, &summary, uid).await {
            Ok(()) => {
                self.pace.written(self.begun.elapsed());
                self.written = Some(counts);
                if !std::mem::take(&mut self.trouble).is_empty() {
                    info!("the node's summary is written again");
                }
            }
            Err(error) => {
                self.pace.failed(self.begun.elapsed());
                let why = error.to_string();
                debug!("the node's summary is tried again later");
                // Once for each obstacle: the same one may last for days.
                if why != self.trouble {
                    warn!("the node's summary is not written: {why}");
                    self.trouble = why;
                }
            }
        }
    }
}

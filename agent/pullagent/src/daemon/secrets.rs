//! Whether the pull secrets of failing pods have changed: each is read again from time to time, and compared by a hash that
//! nobody can turn back. A kubelet may watch no secrets but one by one, and a service account often none.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use pullagent_diagnosis::pull_secret::SecretFound;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::kube::{Cluster, look_up_secret};

/// The time between two looks at a secret.
const AGAIN: Duration = Duration::from_secs(15);
/// The time between two looks at secrets that are known: what a node asks the API server for stays little.
const BETWEEN: Duration = Duration::from_millis(500);
/// Secrets that are looked at; with more, the first ones.
const MOST: usize = 512;
/// Changes that wait to be taken.
const MOST_WAITING: usize = 16;

/// A secret by its namespace and name.
type Name = (String, String);

/// See the module.
#[derive(Debug)]
pub(super) struct Secrets {
    watched: watch::Sender<BTreeSet<Name>>,
    changes: mpsc::Receiver<Name>,
    looking: Option<JoinHandle<()>>,
}

impl Drop for Secrets {
    fn drop(&mut self) {
        if let Some(looking) = &self.looking {
            looking.abort();
        }
    }
}

impl Secrets {
    /// Begins to look, at nothing yet. Must be called within the event loop.
    pub(super) fn start(cluster: Option<Arc<Cluster>>) -> Self {
        let (watched, names) = watch::channel(BTreeSet::new());
        let (teller, changes) = mpsc::channel(MOST_WAITING);
        let looking = cluster.map(|cluster| tokio::spawn(look(cluster, names, teller)));
        Self { watched, changes, looking }
    }

    /// From now on these are looked at, and no others.
    pub(super) fn watch(&self, names: BTreeSet<Name>) {
        self.watched.send_if_modified(|watched| {
            let is_new = *watched != names;
            *watched = names;
            is_new
        });
    }

    /// Those that have changed; waits until there is one.
    pub(super) async fn next(&mut self) -> Vec<Name> {
        let mut changed = Vec::new();
        if self.changes.recv_many(&mut changed, MOST_WAITING).await == 0 {
            std::future::pending::<()>().await;
        }
        changed
    }
}

/// When a secret was looked at, and what was seen.
#[derive(Debug)]
struct Seen {
    at: Instant,
    fingerprint: Option<u64>,
}

/// Looks at what is watched until nobody listens: first at what was never seen, then at what was seen longest ago.
async fn look(cluster: Arc<Cluster>, mut watched: watch::Receiver<BTreeSet<Name>>, changed: mpsc::Sender<Name>) {
    let salt = RandomState::new();
    let mut seen: BTreeMap<Name, Seen> = BTreeMap::new();
    let mut last = Instant::now();
    loop {
        let names: BTreeSet<Name> = watched.borrow_and_update().iter().take(MOST).cloned().collect();
        seen.retain(|name, _| names.contains(name));
        let next = names.into_iter().min_by_key(|name| seen.get(name).map(|seen| seen.at));
        let Some(name) = next else {
            if watched.changed().await.is_err() {
                return;
            }
            continue;
        };
        let before = seen.get(&name);
        let due = before.map_or(last, |before| (before.at + AGAIN).max(last + BETWEEN));
        tokio::select! {
            () = sleep_until(due) => {}
            heard = watched.changed() => {
                if heard.is_err() {
                    return;
                }
                continue;
            }
        }
        let before = before.and_then(|before| before.fingerprint);
        // What could not be read this time is compared when it is read the next time.
        let fingerprint = fingerprint(&salt, &look_up_secret(&cluster, &name.0, &name.1).await);
        last = Instant::now();
        seen.insert(name.clone(), Seen { at: last, fingerprint: fingerprint.or(before) });
        let has_changed = before.zip(fingerprint).is_some_and(|(before, now)| before != now);
        if has_changed && changed.send(name).await.is_err() {
            return;
        }
    }
}

/// Equal for equal contents; `None` where it was not read, which is no change.
fn fingerprint(salt: &RandomState, found: &SecretFound) -> Option<u64> {
    match found {
        SecretFound::Secret { uid, kind, dockerconfigjson, dockercfg } => {
            let data = [dockerconfigjson, dockercfg].map(|data| data.as_ref().map(|data| data.expose().as_slice()));
            Some(salt.hash_one((uid, kind, data)))
        }
        SecretFound::Absent { .. } => Some(0),
        SecretFound::NotRead { .. } => None,
    }
}

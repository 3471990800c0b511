//! Whether the pull secrets of failing pods have changed: each is read again from time to time, and compared by a hash that
//! nobody can turn back. A kubelet may watch no secrets but one by one, and a service account often none.

mod rounds;

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use pullagent_diagnosis::pull_secret::SecretFound;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::kube::{Cluster, look_up_secret};
use rounds::Rounds;

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

/// Looks at what is watched until nobody listens.
async fn look(cluster: Arc<Cluster>, mut watched: watch::Receiver<BTreeSet<Name>>, changed: mpsc::Sender<Name>) {
    let salt = RandomState::new();
    let mut seen: BTreeMap<Name, u64> = BTreeMap::new();
    let mut rounds = Rounds::new(Instant::now());
    loop {
        let next = rounds.next();
        let due = async {
            match &next {
                Some((at, _)) => sleep_until(*at).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = due => {}
            heard = watched.changed() => {
                if heard.is_err() {
                    return;
                }
                rounds.follow(&watched.borrow_and_update(), Instant::now());
                seen.retain(|name, _| rounds.has(name));
                continue;
            }
        }
        let Some((_, name)) = next else { continue };
        let found = look_up_secret(&cluster, &name.0, &name.1).await;
        rounds.taken(&name, Instant::now());
        // What could not be read this time is compared when it is read the next time.
        let Some(now) = fingerprint(&salt, &found) else { continue };
        let has_changed = seen.insert(name.clone(), now).is_some_and(|before| before != now);
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

//! Whether the pull secrets of failing pods have changed: each is read again from time to time, and compared by a hash that
//! nobody can turn back. A kubelet may watch no secrets but one by one, and a service account often none.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pullagent_diagnosis::pull_secret::{PullSecret, SecretFound};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::kube::{Cluster, read_secret};

/// The time between two looks at a secret.
const AGAIN: Duration = Duration::from_secs(30);
/// Secrets that are looked at; with more, the first ones.
const MOST: usize = 64;

/// A secret by its namespace and name.
type Name = (String, String);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    watched: BTreeSet<Name>,
    looking: Option<Looking>,
    seen: Arc<Mutex<BTreeMap<Name, u64>>>,
    salt: RandomState,
}

#[derive(Debug)]
struct Looking {
    changes: mpsc::Receiver<Name>,
    task: JoinHandle<()>,
}

impl Drop for Looking {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Secrets {
    /// From now on these are looked at, and no others.
    pub(super) fn watch(&mut self, cluster: Option<&Arc<Cluster>>, names: BTreeSet<Name>) {
        let Some(cluster) = cluster.filter(|_| names != self.watched) else { return };
        self.watched.clone_from(&names);
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).retain(|name, _| names.contains(name));
        self.looking = (!names.is_empty()).then(|| {
            let (teller, changes) = mpsc::channel(MOST);
            let names = names.into_iter().take(MOST).collect();
            let (seen, salt) = (self.seen.clone(), self.salt.clone());
            let task = tokio::spawn(look(cluster.clone(), names, (seen, salt), teller));
            Looking { changes, task }
        });
    }

    /// Those that have changed; waits until there is one.
    pub(super) async fn next(&mut self) -> Vec<Name> {
        let Some(looking) = &mut self.looking else { return std::future::pending().await };
        let mut changed = Vec::new();
        if looking.changes.recv_many(&mut changed, MOST).await == 0 {
            self.looking = None;
        }
        changed
    }
}

/// What was seen of each secret, and what the hashes of it are salted with.
type Seen = (Arc<Mutex<BTreeMap<Name, u64>>>, RandomState);

async fn look(cluster: Arc<Cluster>, names: Vec<Name>, (seen, salt): Seen, changed: mpsc::Sender<Name>) {
    let mut clock = interval(AGAIN);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        for name in &names {
            let secret = read_secret(&cluster, &name.0, &name.1).await;
            let Some(now) = fingerprint(&salt, &secret) else { continue };
            let before = seen.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), now);
            if before.is_some_and(|before| before != now) && changed.send(name.clone()).await.is_err() {
                return;
            }
        }
    }
}

/// Equal for equal contents; `None` where it was not read, which is no change.
fn fingerprint(salt: &RandomState, secret: &PullSecret) -> Option<u64> {
    match &secret.found {
        SecretFound::Secret { uid, kind, dockerconfigjson, dockercfg } => {
            let data = [dockerconfigjson, dockercfg].map(|data| data.as_ref().map(|data| data.expose().as_slice()));
            Some(salt.hash_one((uid, kind, data)))
        }
        SecretFound::Absent { .. } => Some(0),
        SecretFound::NotRead { .. } => None,
    }
}

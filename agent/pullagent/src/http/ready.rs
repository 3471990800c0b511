//! What the daemon still waits for before it can do its work, in words.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use pullagent_diagnosis::text::clean;

/// Bytes of the words on why something is not ready.
const MAX_WHY: usize = 512;

/// A handle on what is waited for; clones share it. Without anything it is ready.
#[derive(Clone, Debug, Default)]
pub(crate) struct Readiness(Arc<Mutex<BTreeMap<&'static str, String>>>);

impl Readiness {
    /// `what` is waited for, because of `why`.
    pub(crate) fn wait_for(&self, what: &'static str, why: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(what, clean(why, MAX_WHY));
    }

    /// `what` is there.
    pub(crate) fn is_there(&self, what: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(what);
    }

    /// What is waited for, and why.
    pub(crate) fn waits_for(&self) -> Vec<(&'static str, String)> {
        let waits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waits.iter().map(|(what, why)| (*what, why.clone())).collect()
    }
}

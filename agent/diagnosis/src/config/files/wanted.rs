//! The paths that a snapshot was asked for and does not have.

use std::collections::BTreeSet;
use std::mem::take;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A set that grows while the snapshot is only looked at. It is no part of what a snapshot is equal to.
#[derive(Default)]
pub(super) struct Wanted(Mutex<BTreeSet<String>>);

impl Wanted {
    pub(super) fn add(&self, path: &str) {
        self.paths().insert(path.to_owned());
    }

    pub(super) fn take(&self) -> Vec<String> {
        take(&mut *self.paths()).into_iter().collect()
    }

    fn paths(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clone for Wanted {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Wanted {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Wanted {}

//! Who is being answered: a few at once, and each user once, so that nobody keeps the others out.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tonic::Status;

/// Examinations at once.
const AT_ONCE: usize = 4;

/// The users who are being answered; clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Callers(Arc<Mutex<BTreeSet<u32>>>);

/// A user's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    callers: Callers,
    uid: u32,
}

impl Callers {
    /// A place for this user.
    ///
    /// Errors: `RESOURCE_EXHAUSTED`, with what is in the way.
    pub(super) fn admit(&self, uid: u32) -> Result<Place, Status> {
        let mut users = self.lock();
        if users.contains(&uid) {
            return Err(Status::resource_exhausted("it still works for you: one question a user at a time"));
        }
        if users.len() >= AT_ONCE {
            return Err(Status::resource_exhausted(format!(
                "it works for {AT_ONCE} others: ask again in some seconds"
            )));
        }
        users.insert(uid);
        drop(users);
        Ok(Place { callers: self.clone(), uid })
    }

    /// What is held is whole between any two statements, so a panic elsewhere spoils nothing.
    fn lock(&self) -> MutexGuard<'_, BTreeSet<u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.callers.lock().remove(&self.uid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_user_has_one_place_and_there_are_four() {
        let callers = Callers::default();
        let mut places: Vec<Place> = (1..=4).map(|uid| callers.admit(uid).unwrap()).collect();
        let refused = |uid| callers.admit(uid).map(drop).unwrap_err();
        assert_eq!(refused(1).message(), "it still works for you: one question a user at a time");
        assert_eq!(refused(5).message(), "it works for 4 others: ask again in some seconds");
        assert_eq!(refused(5).code(), tonic::Code::ResourceExhausted);
        places.remove(0);
        assert!(callers.admit(5).is_ok() && callers.admit(1).is_ok());
    }
}

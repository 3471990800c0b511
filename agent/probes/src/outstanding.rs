//! What was begun and need not be waited for: questions and connections whose results are worth having, but not time.

use std::future::Future;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// Tasks that go on in the background, and are stopped when this is dropped. Each must end by a deadline of its own.
#[derive(Debug)]
pub(crate) struct Outstanding<T>(JoinSet<T>);

impl<T: Send + 'static> Outstanding<T> {
    pub(crate) fn new() -> Self {
        Self(JoinSet::new())
    }

    pub(crate) fn begin(&mut self, task: impl Future<Output = T> + Send + 'static) {
        self.0.spawn(task);
    }

    /// The next result; `None` if there is none until then, or nothing is outstanding.
    pub(crate) async fn next(&mut self, until: Instant) -> Option<T> {
        loop {
            match timeout_at(until, self.0.join_next()).await {
                Ok(Some(Ok(result))) => return Some(result),
                // It panicked. Its place in the evidence stays empty.
                Ok(Some(Err(_))) => {}
                Ok(None) | Err(_) => return None,
            }
        }
    }
}

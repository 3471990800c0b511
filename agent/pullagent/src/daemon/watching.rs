//! The watch of this node's pods, as long as there is one: whether the API server tells what happens is counted, and part
//! of being ready.

use std::future::pending;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::http::Served;
use crate::kube::{Cluster, Connection, PodChange, Watch, watch_pods};

/// What is not ready before the pods are listed.
pub(crate) const PODS: &str = "the pods of this node";

/// See the module. Without a watch nothing ever happens.
#[derive(Debug, Default)]
pub(super) struct Watching {
    pods: Option<Watch<PodChange>>,
    /// Ends with it.
    _following: JoinSet<()>,
}

impl Watching {
    /// Watches the pods of this node. Must be called within the event loop.
    pub(super) fn start(cluster: Arc<Cluster>, node: &str, served: Served) -> Self {
        let pods = watch_pods(cluster, node);
        let mut following = JoinSet::new();
        following.spawn(follow(pods.connection(), served));
        Self { pods: Some(pods), _following: following }
    }

    /// Whether there is a watch.
    pub(super) fn is_on(&self) -> bool {
        self.pods.is_some()
    }

    /// What happens next. Can be dropped and called again without loss.
    pub(super) async fn next(&mut self) -> PodChange {
        match &mut self.pods {
            Some(pods) => match pods.next().await {
                Some(change) => change,
                None => pending().await,
            },
            None => pending().await,
        }
    }
}

async fn follow(mut connection: watch::Receiver<Connection>, served: Served) {
    loop {
        let now = connection.borrow_and_update().clone();
        served.metrics.connected(now == Connection::Connected);
        match now {
            Connection::Connecting => served.readiness.wait_for(PODS, "they are not listed yet"),
            Connection::Connected => served.readiness.is_there(PODS),
            Connection::Lost { why } => served.readiness.wait_for(PODS, &why),
        }
        if connection.changed().await.is_err() {
            return;
        }
    }
}

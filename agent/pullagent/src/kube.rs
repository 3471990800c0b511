//! The Kubernetes API: as whom it is asked, what is read and watched there, and the events that are written. Judges no
//! pull.
//!
//! Every request has a deadline, and every obstacle becomes words that name what was attempted and on what.

mod accounts;
mod client;
mod error;
mod events;
mod identity;
mod kubeconfig;
mod leases;
mod node_event;
mod nodes;
mod paged;
mod pem;
mod pods;
mod publish;
mod secrets;
mod watch;

use std::time::Duration;

use ::kube::runtime::watcher::DefaultBackoff;
use anyhow::Context;

use crate::cli::kube::KubeArguments;
use crate::settings::Settings;

pub(crate) use accounts::list_accounts;
pub(crate) use client::Cluster;
pub(crate) use error::KubeError;
pub(crate) use events::{pod_events, unread_events};
pub(crate) use identity::Asked;
use identity::{Surroundings, choose};
pub(crate) use leases::{
    LeaseToWrite, NodeLease, get_lease, list_leases, may_have_lease, namespace_of_leases, write_lease,
};
pub(crate) use node_event::{NodeEvent, get_node_event, write_node_event};
pub(crate) use nodes::{ListedNode, OwnNode, get_node, kubelet_release, list_nodes};
pub(crate) use pods::{Whereabouts, get_pod, list_pods, whereabouts};
pub(crate) use publish::{About, EventResults, EventToWrite, Publisher, passes};
pub(crate) use secrets::{ListedKind, list_secrets, look_up_secret, pull_secrets, read_secret};
pub(crate) use watch::{Connection, PodChange, Watch, watch_pods};

/// How long what the API server does not allow is not asked for again.
pub(crate) const FORBIDDEN: Duration = Duration::from_mins(5);

/// The pauses between attempts at what may succeed later: growing from about a second to half a minute, and never in step
/// with those of other nodes.
pub(crate) fn pauses() -> impl Iterator<Item = Duration> {
    DefaultBackoff::default()
}

/// The API server for a command that a person runs, asked as whoever the settings and the command line say.
///
/// Errors: there is nobody to ask as.
pub(crate) async fn open(arguments: &KubeArguments, settings: &Settings) -> anyhow::Result<Cluster> {
    let asked = Asked {
        choice: settings.kubernetes.identity,
        kubeconfig: arguments.kubeconfig.clone(),
        context: arguments.context.clone(),
        by_person: true,
        of_all_nodes: false,
    };
    open_as(asked, settings).await
}

/// The API server, asked as the one that is chosen on the node of `settings`.
///
/// Errors: there is nobody to ask as.
pub(crate) async fn open_as(asked: Asked, settings: &Settings) -> anyhow::Result<Cluster> {
    let root = settings.host_root.clone();
    let identity = tokio::task::spawn_blocking(move || choose(&asked, &Surroundings::of_process(&root)));
    Ok(Cluster::open(identity.await.context("cannot find out as whom to ask the API server")?).await?)
}

#[cfg(test)]
mod tests;

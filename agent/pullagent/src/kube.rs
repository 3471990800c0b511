//! The Kubernetes API: as whom it is asked, and what is read there. Writes nothing and judges no pull.
//!
//! Every request has a deadline, and every obstacle becomes words that name what was attempted and on what.

mod client;
mod error;
mod events;
mod identity;
mod kubeconfig;
mod pem;
mod pods;
mod secrets;

pub(crate) use client::Cluster;
pub(crate) use error::{KubeError, Rule};
pub(crate) use events::pod_events;
pub(crate) use identity::{Asked, How, Identity, Surroundings, choose};
pub(crate) use pods::{Whereabouts, get_pod, list_pods, pod_from, whereabouts};
pub(crate) use secrets::{Listed, ListedKind, list_secrets, read_secret};

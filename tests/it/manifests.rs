//! The manifests for Kubernetes as they come out of kustomize and of the Helm chart: that both say the same, that they are
//! valid, and what an agent of each mode is given of its node.

mod modes;
mod plugin;
mod rendered;
mod same;
mod sandbox;
mod valid;

pub(crate) use rendered::{Objects, packaging, path_with_kubectl};
pub(crate) use sandbox::Sandbox;

/// The modes, each an overlay and a value of the chart.
pub(crate) const MODES: [&str; 3] = ["probe-only", "full", "kubelet-identity"];

//! The kubelet's process as its settings are read from: its command line, or why it is not seen.

use std::path::Path;

use pullagent_diagnosis::case::Kubelet;

use super::doubt::Doubt;
use super::kubelet_start::kubelet_start;

/// Looks for the kubelet of the node whose file tree is at `host_root`, in the /proc there; the rules are those of
/// [`kubelet_start`]. Blocking.
pub fn kubelet(host_root: &Path) -> Kubelet {
    match kubelet_start(host_root) {
        Ok(Some(found)) => Kubelet::Running { pid: found.pid, arguments: found.arguments.expose().clone() },
        Ok(None) => Kubelet::NotSeen { why: Doubt::NoKubelet.to_string() },
        Err(unseen) => Kubelet::NotSeen { why: unseen.why },
    }
}

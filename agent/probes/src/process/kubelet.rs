//! The kubelet's process, if it is the node's beyond doubt. Its command line says where its settings are.
//!
//! The kubelet has no socket that its runtime or we connect to. What it alone holds is the port that the control plane
//! reaches it on, and the one for its health: whoever listens there, as the node's own root and outside every pod, is
//! the kubelet, or was put in its place by root.

use std::path::Path;

use pullagent_diagnosis::case::Kubelet;

use super::doubt::Doubt;
use super::proc::Proc;
use super::sight::Sight;
use super::{INIT, user_namespace_of_init};
use crate::host_root::below;

/// What its process is called.
const NAME: &[u8] = b"kubelet";
/// Its API and its health (`pkg/cluster/ports/ports.go`, `pkg/kubelet/apis/config/v1beta1/defaults.go`).
const PORTS: [u16; 2] = [10_250, 10_248];

/// Looks for the kubelet in the /proc below `host_root`.
///
/// It is verified if all of this holds, while it lived: it is called `kubelet`; it listens on one of the kubelet's
/// ports, in the network namespace of process 1; it runs as root, in the user namespace of process 1; it runs in no pod,
/// by its cgroups. A kubelet with other ports is not seen, nor is one that is part of another program, as with k3s.
///
/// Blocking: it reads the name of every process.
pub fn kubelet(host_root: &Path) -> Kubelet {
    match look(host_root) {
        Ok((pid, arguments)) => Kubelet::Running { pid, arguments },
        Err(doubt) => Kubelet::NotSeen { why: doubt.to_string() },
    }
}

fn look(host_root: &Path) -> Result<(i32, Vec<String>), Doubt> {
    // No socket ties a process to this file tree: without a /proc in it, any kubelet here may be another's.
    let mounted = Path::new("proc");
    below(host_root, mounted).map_err(|error| Doubt::reading(&host_root.join(mounted), error))?;
    let proc = Proc::of(host_root)?;
    let mut verified = Vec::new();
    let mut doubted = None;
    for pid in proc.processes()? {
        // One that has ended meanwhile has no name any more.
        if !proc.name(pid).is_ok_and(|name| name == NAME) {
            continue;
        }
        match verify(&proc, pid) {
            Ok(arguments) => verified.push((pid, arguments)),
            Err(doubt) => doubted = Some(doubt),
        }
    }
    match (verified.pop(), verified.len(), doubted) {
        (Some(found), 0, _) => Ok(found),
        (Some(_), more, _) => Err(Doubt::SeveralKubelets(more + 1)),
        (None, _, Some(doubt)) => Err(doubt),
        (None, _, None) => Err(Doubt::NoKubelet),
    }
}

/// The command line of a process, read between two readings of its start time with all that decides over it.
fn verify(proc: &Proc, pid: i32) -> Result<Vec<String>, Doubt> {
    let before = proc.life(pid)?;
    let users = proc.users(pid)?;
    let user_namespaces = [proc.namespace(pid, "user")?, user_namespace_of_init(proc)?];
    let cgroups = [proc.cgroup(pid)?, proc.cgroup(INIT)?];
    // Ports of another network are not the node's.
    let is_nodes_network = proc.namespace(pid, "net")? == proc.namespace(INIT, "net")?;
    let listens = is_nodes_network && !proc.sockets(pid)?.is_disjoint(&proc.listening_on(pid, &PORTS)?);
    let arguments = proc.arguments(pid)?;
    let after = proc.life(pid)?;
    Sight { before, after, users, user_namespaces, cgroups }.judge()?;
    if !is_nodes_network {
        return Err(Doubt::NetworkNamespace);
    }
    if !listens {
        return Err(Doubt::NotOnItsPorts(pid));
    }
    Ok(arguments)
}

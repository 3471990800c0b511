//! What the kubelet of this node was started with, found among its processes.
//!
//! A name decides nothing by itself: what is taken for the kubelet has to be root of the node, outside of pods, to live in
//! the node's own file tree, and to listen where a kubelet does.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::cgroup::outside_pods;
use super::doubt::Doubt;
use super::proc::Proc;
use super::sight::Sight;
use super::{INIT, user_namespace_of_init};
use crate::kubelet::{KubeletStart, KubeletUnseen, flag};

/// The kubelet's flag that names the configuration of its credential provider plugins.
const PLUGINS: &str = "--image-credential-provider-config";

/// The kubelet's API and its health (`pkg/cluster/ports/ports.go`, `pkg/kubelet/apis/config/v1beta1/defaults.go`). It has
/// no socket that we connect to: whoever listens there as the node's root is the kubelet, or was put in its place by root.
const PORTS: [u16; 2] = [10_250, 10_248];

/// The kubelet that runs on the node whose file tree is at `host_root`; `None` if no process there has its name.
///
/// It counts if all of this holds, while it lived: it is called `kubelet`; it runs as root, in the user namespace of
/// process 1; it runs in no pod, by its cgroups; its root is this very file tree; it listens on one of the kubelet's
/// ports. One that is part of another program, as with k3s, is not seen.
///
/// Processes that only have the name count as little as if they were not there, once one is the kubelet beyond doubt.
/// Blocking.
pub fn kubelet_start(host_root: &Path) -> Result<Option<KubeletStart>, KubeletUnseen> {
    let unseen = |why: String| KubeletUnseen { why, uses_plugins: false };
    // A file tree without its own /proc is no running node.
    if !host_root.join("proc/self").exists() {
        return Ok(None);
    }
    let proc = Proc::of(host_root).map_err(|doubt| unseen(doubt.to_string()))?;
    let mut named: Vec<i32> = proc.processes().map_err(|doubt| unseen(doubt.to_string()))?;
    named.retain(|pid| proc.name(*pid).is_ok_and(|name| name == b"kubelet"));
    named.sort_unstable();
    let (mut verified, mut refused) = (Vec::new(), Vec::new());
    for pid in named {
        match verify(&proc, pid, host_root) {
            Ok(kubelet) => verified.push(kubelet),
            Err(doubt) if doubt.is_end_of_process() => {}
            Err(doubt) => refused.push((pid, doubt)),
        }
    }
    match (verified.len(), verified.pop()) {
        (1, Some(kubelet)) => Ok(Some(kubelet)),
        (0, _) => match refused.first() {
            None => Ok(None),
            Some((_, doubt)) => {
                let names_plugins = |pid: i32| proc.arguments(pid).is_ok_and(|line| flag(&line, PLUGINS).is_some());
                let uses_plugins = refused.iter().any(|(pid, _)| names_plugins(*pid));
                Err(KubeletUnseen { why: in_words(doubt), uses_plugins })
            }
        },
        (several, _) => Err(KubeletUnseen { why: format!("{several} kubelets run on this node"), uses_plugins: true }),
    }
}

/// Reads all that decides over a process, and what is wanted of it, between two readings of its start time.
fn verify(proc: &Proc, pid: i32, host_root: &Path) -> Result<KubeletStart, Doubt> {
    let before = proc.life(pid)?;
    let users = proc.users(pid)?;
    let user_namespaces = [proc.namespace(pid, "user")?, user_namespace_of_init(proc)?];
    let cgroups = [proc.cgroup(pid)?, proc.cgroup(INIT)?];
    let apart = outside_pods(&proc.our_cgroup()?, &cgroups[1]).err();
    let is_at_home = has_root(&proc.file(pid, "root"), host_root)?;
    let is_on_its_ports = !proc.sockets(pid)?.is_disjoint(&proc.listening_on(pid, &PORTS)?);
    let environment = environment(&proc.environ(pid)?);
    let arguments = proc.arguments(pid)?;
    let directory = proc.directory(pid)?;
    let after = proc.life(pid)?;
    Sight { before, after, users, user_namespaces, cgroups }.judge()?;
    if !is_at_home {
        return Err(Doubt::AnotherTree(pid));
    }
    if !is_on_its_ports {
        return Err(Doubt::NotOnItsPorts(pid));
    }
    Ok(KubeletStart {
        pid,
        arguments: arguments.into(),
        environment: environment.into(),
        directory,
        apart: apart.map(|_| "this process may run in a pod itself".to_owned()),
    })
}

/// Whether a process's root is the node's file tree.
fn has_root(root_of_process: &Path, host_root: &Path) -> Result<bool, Doubt> {
    let place = |path: &Path| fs::metadata(path).map_err(|error| Doubt::reading(path, error));
    let (theirs, ours) = (place(root_of_process)?, place(host_root)?);
    Ok((theirs.dev(), theirs.ino()) == (ours.dev(), ours.ino()))
}

/// Every variable of `/proc/PID/environ`.
fn environment(environ: &[u8]) -> Vec<(OsString, OsString)> {
    let variable = |entry: &[u8]| {
        let equals = entry.iter().position(|byte| *byte == b'=').filter(|at| *at > 0)?;
        let text = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        Some((text(&entry[..equals]), text(&entry[equals + 1..])))
    };
    environ.split(|byte| *byte == 0).filter_map(variable).collect()
}

/// A doubt about who has the kubelet's name.
fn in_words(doubt: &Doubt) -> String {
    match doubt {
        Doubt::NotRoot(user) => format!("the process named kubelet runs as user {user}, not as root"),
        Doubt::UserNamespace => "the process named kubelet is in another user namespace than process 1".to_owned(),
        Doubt::InAPod => "the process named kubelet runs in a pod".to_owned(),
        Doubt::CgroupUntold => "whether the process named kubelet runs in a pod cannot be told".to_owned(),
        Doubt::Ended => "the kubelet ended while it was looked at".to_owned(),
        other => other.to_string(),
    }
}

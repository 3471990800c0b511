//! The process behind a runtime's socket and, if it is the node's runtime beyond doubt, its environment; and the kubelet.
//!
//! That environment says where requests and logins go, so nothing that a pod or a user could choose decides here: no
//! name, no command line, no path in a list. Every doubt ends in "not seen". Nothing is decided about pulls.

mod cgroup;
mod doubt;
mod formats;
mod kubelet;
mod kubelet_start;
mod listener;
mod proc;
mod sight;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use pullagent_diagnosis::runtime::RuntimeProcess;

use self::doubt::Doubt;
use self::proc::Proc;
use self::sight::Sight;
use crate::environment::Environment;
use crate::host_root::below;

pub use self::kubelet::kubelet;
pub use self::kubelet_start::kubelet_start;

/// The first process of a node. As a service manager it listens for others and hands the socket on when one connects.
const INIT: i32 = 1;

/// The process that listens on a runtime's socket.
#[derive(Clone, Debug)]
pub struct ProcessFacts {
    /// Which it is, or why it does not count.
    pub process: RuntimeProcess,
    /// What it was started with; there if and only if it is verified.
    pub environment: Option<Environment>,
    /// Its command line; empty unless it is verified.
    pub arguments: Vec<String>,
}

/// Looks for the process that listens on `socket`, a path as this process sees it, in the /proc below `host_root`.
///
/// It is verified if all of this holds, while it lived:
///
/// - the kernel names it: it holds the listening socket that is bound to this very file, by device and inode;
/// - it runs as root, in the user namespace of process 1, or in the machine's first where that is ours and process 1's
///   may not be looked at;
/// - it runs in no pod, by its cgroups.
///
/// Whom the kernel names as the socket's peer is tried first. Where that is process 1, or a process that has handed the
/// socket on, or cannot be seen, the one other process that holds the socket is it.
///
/// Unix sockets are listed for each network namespace apart. Where the listener lives in another one than we do, or the
/// kernel has no such list, which socket is bound to the file is not to be seen; then the peer counts if it still
/// listens on any unix socket. That is enough: the kernel has recorded that this process called `listen()` on the
/// socket which a connection to this file reached, and nobody can have that recorded for another. Only a process that
/// handed this socket on and listens on another, or a later one with its number, could be taken wrongly, and by the
/// other rules that is root on the node itself.
///
/// Blocking: it may read the links of every open file of the node. It connects to the socket, once, and sends nothing.
pub fn behind(socket: &Path, host_root: &Path) -> ProcessFacts {
    match look(socket, host_root) {
        Ok(seen) => ProcessFacts {
            process: RuntimeProcess::Verified {
                pid: seen.pid,
                started_at: seen.started_at,
                unit: seen.unit,
                of_this_tree: below(host_root, Path::new("proc")).is_ok(),
            },
            environment: Some(seen.environment),
            arguments: seen.arguments,
        },
        Err(doubt) => {
            let process = RuntimeProcess::NotSeen { why: doubt.to_string() };
            ProcessFacts { process, environment: None, arguments: Vec::new() }
        }
    }
}

/// A process that counts.
struct Seen {
    pid: i32,
    started_at: Timestamp,
    environment: Environment,
    arguments: Vec<String>,
    unit: Option<String>,
}

/// What a process has to hold to be the listener.
enum Listener {
    /// The socket with this inode.
    Socket(u64),
    /// Any listening socket: the kernel has named the process, and the socket is out of sight.
    OfPeer,
}

fn look(socket: &Path, host_root: &Path) -> Result<Seen, Doubt> {
    let proc = Proc::of(host_root)?;
    let peer = listener::peer(socket)?;
    let file = socket.metadata().map_err(|error| Doubt::reading(socket, error))?;
    let own = Proc::of(Path::new("/"))?;
    let peer = match peer.filter(|pid| *pid != INIT) {
        Some(pid) => same_process(&own, &proc, pid)?,
        None => None,
    };
    let listener = listener(&listener::bound_to(&file), &own, &proc, peer)?;
    if let Some(pid) = peer
        && listener.is_held_by(pid, &proc)?
    {
        return verify(&proc, pid, &listener);
    }
    let Listener::Socket(inode) = listener else {
        return Err(peer.map_or(Doubt::OutOfSight, Doubt::NoLongerListens));
    };
    let pid = only_holder(&proc, inode)?;
    verify(&proc, pid, &listener)
}

/// `pid`, if both mounts of /proc mean the same process by it: the kernel numbers a peer as our process namespace
/// does, the node's /proc may belong to another. `None` if there is no such process any more.
fn same_process(own: &Proc, nodes: &Proc, pid: i32) -> Result<Option<i32>, Doubt> {
    let ours = match own.life(pid) {
        Ok(life) => life,
        Err(doubt) if doubt.is_end_of_process() => return Ok(None),
        Err(doubt) => return Err(doubt),
    };
    let another = || Doubt::AnotherProc { pid, proc: nodes.path().to_owned() };
    let theirs = nodes.life(pid).map_err(|doubt| if doubt.is_end_of_process() { another() } else { doubt })?;
    // One started at the same moment in another namespace could have the same number there.
    let same = ours == theirs && own.namespace(pid, "pid")? == nodes.namespace(pid, "pid")?;
    if same { Ok(Some(pid)) } else { Err(another()) }
}

/// What the process that listens holds, by the sockets that the kernel has `listed` as bound to the file.
fn listener(listed: &io::Result<Vec<u64>>, own: &Proc, nodes: &Proc, peer: Option<i32>) -> Result<Listener, Doubt> {
    match listed.as_deref() {
        Ok([inode]) => return Ok(Listener::Socket(*inode)),
        Ok([_, _, ..]) => return Err(Doubt::SeveralSockets),
        Ok([]) | Err(_) => {}
    }
    let peer = peer.ok_or(Doubt::OutOfSight)?;
    // In our own network namespace the list would have it.
    if listed.is_ok() && own.our_namespace("net")? == nodes.namespace(peer, "net")? {
        return Err(Doubt::NotTheFile);
    }
    Ok(Listener::OfPeer)
}

impl Listener {
    fn is_held_by(&self, pid: i32, proc: &Proc) -> Result<bool, Doubt> {
        let held = proc.sockets(pid)?;
        match self {
            Self::Socket(inode) => Ok(held.contains(inode)),
            Self::OfPeer => Ok(!held.is_disjoint(&proc.listening_beside(pid)?)),
        }
    }
}

/// The only process besides process 1 that holds a socket.
fn only_holder(proc: &Proc, inode: u64) -> Result<i32, Doubt> {
    let mut holders = BTreeSet::new();
    let mut closed = None;
    for pid in proc.processes()?.into_iter().filter(|pid| *pid != INIT) {
        match proc.sockets(pid) {
            Ok(held) if held.contains(&inode) => {
                holders.insert(pid);
            }
            Ok(_) => {}
            Err(doubt) if doubt.is_end_of_process() => {}
            Err(doubt) => closed = Some(doubt),
        }
    }
    match (holders.len(), holders.first(), closed) {
        // One that may not be looked at could be another holder.
        (.., Some(doubt)) => Err(doubt),
        (1, Some(pid), None) => Ok(*pid),
        (0, ..) => Err(Doubt::NoHolder(proc.path().to_owned())),
        (several, ..) => Err(Doubt::SeveralHolders(several)),
    }
}

/// Reads all that decides over a process between two readings of its start time.
fn verify(proc: &Proc, pid: i32, listener: &Listener) -> Result<Seen, Doubt> {
    let before = proc.life(pid)?;
    let held = listener.is_held_by(pid, proc)?;
    let users = proc.users(pid)?;
    let user_namespaces = [proc.namespace(pid, "user")?, user_namespace_of_init(proc)?];
    let cgroups = [proc.cgroup(pid)?, proc.cgroup(INIT)?];
    let environment = proc.environment(pid)?;
    let arguments = proc.arguments(pid)?;
    let after = proc.life(pid)?;
    let unit = cgroup::service(&cgroups[0]);
    Sight { before, after, users, user_namespaces, cgroups }.judge()?;
    if !held {
        return Err(Doubt::NoLongerListens(pid));
    }
    Ok(Seen { pid, started_at: proc.started_at(before)?, environment, arguments, unit })
}

/// The user namespace of process 1. Where it may not be looked at, though other processes may, because it has rights that
/// we lack, ours is the same if it is the one that the machine started with.
fn user_namespace_of_init(proc: &Proc) -> Result<PathBuf, Doubt> {
    match proc.namespace(INIT, "user") {
        Err(Doubt::Closed(path)) => {
            let own = Proc::of(Path::new("/"))?;
            if own.we_have_every_user()? { own.our_namespace("user") } else { Err(Doubt::Closed(path)) }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests;

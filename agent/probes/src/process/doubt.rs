//! Why the process behind a socket does not count as the runtime, in words for a person.

use std::io;
use std::path::{Path, PathBuf};

/// What could not be established.
#[derive(Debug, thiserror::Error)]
pub(super) enum Doubt {
    /// A file or folder is closed to this process.
    #[error("{} is closed to this process; reading it needs root and, in a container, CAP_SYS_PTRACE", .0.display())]
    Closed(PathBuf),
    /// A file or folder could not be read for another reason.
    #[error("{} could not be read: {source}", path.display())]
    Unreadable {
        /// What was read.
        path: PathBuf,
        /// How that ended.
        source: io::Error,
    },
    /// A file of /proc is in no format that is known.
    #[error("{} is not understood", .0.display())]
    Odd(PathBuf),
    /// More entries than any node has.
    #[error("{} has more entries than are read", .0.display())]
    TooMany(PathBuf),
    /// Connecting to the socket is not allowed.
    #[error("its socket is closed to this process; connecting to it needs root")]
    SocketClosed,
    /// Connecting to the socket failed.
    #[error("its socket could not be connected to: {0}")]
    NotConnected(io::Error),
    /// The kernel lists no listening socket bound to the file, though its list should have it.
    #[error("the kernel lists no listening socket that is bound to this very socket file")]
    NotTheFile,
    /// The kernel lists more than one, so that the file's number does not single one out.
    #[error("the kernel lists several listening sockets that may be bound to this socket file")]
    SeveralSockets,
    /// Neither the listening socket nor its process can be seen.
    #[error(
        "the process that listens cannot be seen from here: it is in other namespaces, or a service manager listens \
             for it; on the node itself, or in its process and network namespaces (hostPID, hostNetwork), it can be"
    )]
    OutOfSight,
    /// Nobody holds the listening socket.
    #[error("no process below {} besides process 1 holds its listening socket", .0.display())]
    NoHolder(PathBuf),
    /// More than one process holds it.
    #[error("{0} processes hold its listening socket, and which one answers is not to be told")]
    SeveralHolders(usize),
    /// The peer has handed its socket away.
    #[error("process {0}, which set up its socket, no longer listens on any")]
    NoLongerListens(i32),
    /// The node's /proc numbers processes differently.
    #[error("process {pid}, which listens, is another one in {}", proc.display())]
    AnotherProc {
        /// The process.
        pid: i32,
        /// The node's /proc.
        proc: PathBuf,
    },
    /// It does not run as root.
    #[error("the process that listens runs as user {0}, not as root")]
    NotRoot(u32),
    /// Its root is not the node's.
    #[error("the process that listens is in another user namespace than process 1: it may be rootless, or a container")]
    UserNamespace,
    /// A pod listens.
    #[error("the process that listens runs in a pod")]
    InAPod,
    /// Its cgroup is told relative to ours, and not by the node's root.
    #[error(
        "whether the process that listens runs in a pod cannot be told: its cgroup is only seen from inside of ours"
    )]
    CgroupUntold,
    /// No process has the kubelet's name.
    #[error(
        "no process called `kubelet` runs here; k3s, RKE2 and others have the kubelet within a process of another name"
    )]
    NoKubelet,
    /// It is called `kubelet`, and what only the kubelet holds it does not.
    #[error("process {0}, called `kubelet`, listens on none of the kubelet's ports, 10250 and 10248")]
    NotOnItsPorts(i32),
    /// It lives in a container, which may be a node of its own.
    #[error("process {0} has another file tree than this node's")]
    AnotherTree(i32),
    /// It has ended, or another one took its number.
    #[error("the process that listened ended while it was looked at")]
    Ended,
}

impl Doubt {
    /// What became of reading `path`.
    pub(super) fn reading(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::PermissionDenied => Self::Closed(path),
            _ => Self::Unreadable { path, source },
        }
    }

    /// Whether what was read belongs to a process that is no more.
    pub(super) fn is_end_of_process(&self) -> bool {
        let gone = |error: &io::Error| {
            error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(nix::libc::ESRCH)
        };
        matches!(self, Self::Unreadable { source, .. } if gone(source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_right_is_told_from_a_process_that_is_no_more() {
        let check = |error: i32, closed: bool, end: bool| {
            let doubt = Doubt::reading(Path::new("/proc/7/environ"), io::Error::from_raw_os_error(error));
            assert_eq!((matches!(doubt, Doubt::Closed(_)), doubt.is_end_of_process()), (closed, end), "{doubt}");
            assert!(doubt.to_string().starts_with("/proc/7/environ "));
        };
        check(nix::libc::EACCES, true, false);
        check(nix::libc::EPERM, true, false);
        check(nix::libc::ENOENT, false, true);
        check(nix::libc::ESRCH, false, true);
        check(nix::libc::EIO, false, false);
    }
}

//! Reading a mount of /proc (proc(5)): the node's below the host root, or our own. Every read is bounded; nothing is
//! judged here.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nix::unistd::{SysconfVar, sysconf};

use super::doubt::Doubt;
use super::formats::{
    Life, has_every_user, parse_boot_time, parse_listening, parse_listening_ports, parse_socket_link, parse_stat,
    parse_users,
};
use crate::environment::Environment;
use crate::host_root::{below, read_bounded};

/// Bytes of a file that the kernel writes, and of an environment.
const MAX_FILE: u64 = 1024 * 1024;
/// Bytes of the files that grow with the machine: a line of numbers for each interrupt, a line for each socket.
const MAX_LIST: u64 = 16 * 1024 * 1024;
/// Linux has at most 4 Mi process numbers; no node comes near.
const MAX_PROCESSES: usize = 262_144;
/// Open files of one process; a runtime's limit is 1 Mi as a rule.
const MAX_OPEN_FILES: usize = 1024 * 1024;

/// A mount of /proc.
pub(super) struct Proc {
    root: PathBuf,
}

impl Proc {
    /// The one below `host_root`; our own where nothing is mounted there, as in a file tree that is a mere copy.
    pub(super) fn of(host_root: &Path) -> Result<Self, Doubt> {
        let proc = Path::new("proc");
        match below(host_root, proc) {
            Ok(root) => Ok(Self { root }),
            Err(error) if error.kind() == io::ErrorKind::NotFound && host_root != Path::new("/") => {
                Self::of(Path::new("/"))
            }
            Err(error) => Err(Doubt::reading(&host_root.join(proc), error)),
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.root
    }

    /// The numbers of all processes.
    pub(super) fn processes(&self) -> Result<Vec<i32>, Doubt> {
        let numbers = names(&self.root, MAX_PROCESSES)?.into_iter().filter_map(|name| name.parse().ok());
        Ok(numbers.collect())
    }

    /// Which process has the number now.
    pub(super) fn life(&self, pid: i32) -> Result<Life, Doubt> {
        self.parsed(pid, "stat", parse_stat)
    }

    /// What the process calls itself.
    pub(super) fn name(&self, pid: i32) -> Result<Vec<u8>, Doubt> {
        Ok(read(&self.file(pid, "comm"), MAX_FILE)?.trim_ascii_end().to_vec())
    }

    /// The users that a process runs as.
    pub(super) fn users(&self, pid: i32) -> Result<[u32; 4], Doubt> {
        self.parsed(pid, "status", parse_users)
    }

    /// A namespace of a process: `user:[4026531837]`.
    pub(super) fn namespace(&self, pid: i32, kind: &str) -> Result<PathBuf, Doubt> {
        link(&self.file(pid, "ns").join(kind))
    }

    /// A namespace of this process.
    pub(super) fn our_namespace(&self, kind: &str) -> Result<PathBuf, Doubt> {
        link(&self.root.join("self/ns").join(kind))
    }

    /// Whether this process's user namespace has every user that the kernel knows: the one that the machine started
    /// with has, and no other can be given them but by its root.
    pub(super) fn we_have_every_user(&self) -> Result<bool, Doubt> {
        let path = self.root.join("self/uid_map");
        Ok(has_every_user(&read(&path, MAX_FILE)?))
    }

    /// The cgroups of a process.
    pub(super) fn cgroup(&self, pid: i32) -> Result<String, Doubt> {
        Ok(String::from_utf8_lossy(&read(&self.file(pid, "cgroup"), MAX_FILE)?).into_owned())
    }

    /// The cgroups of this process.
    pub(super) fn our_cgroup(&self) -> Result<String, Doubt> {
        Ok(String::from_utf8_lossy(&read(&self.root.join("self/cgroup"), MAX_FILE)?).into_owned())
    }

    /// The working directory of a process.
    pub(super) fn directory(&self, pid: i32) -> Result<PathBuf, Doubt> {
        link(&self.file(pid, "cwd"))
    }

    /// The environment that a process was started with, as far as it decides over pulls.
    pub(super) fn environment(&self, pid: i32) -> Result<Environment, Doubt> {
        Ok(Environment::from_environ(&self.environ(pid)?))
    }

    /// The whole environment that a process was started with.
    pub(super) fn environ(&self, pid: i32) -> Result<Vec<u8>, Doubt> {
        read(&self.file(pid, "environ"), MAX_FILE)
    }

    /// The command line of a process, as far as it is text.
    pub(super) fn arguments(&self, pid: i32) -> Result<Vec<String>, Doubt> {
        let line = read(&self.file(pid, "cmdline"), MAX_FILE)?;
        Ok(line.split(|byte| *byte == 0).filter_map(|word| String::from_utf8(word.to_vec()).ok()).collect())
    }

    /// The inodes of the sockets that a process holds.
    pub(super) fn sockets(&self, pid: i32) -> Result<BTreeSet<u64>, Doubt> {
        let folder = self.file(pid, "fd");
        // A file that was closed meanwhile is none of its sockets.
        let targets = names(&folder, MAX_OPEN_FILES)?.into_iter().filter_map(|name| folder.join(name).read_link().ok());
        Ok(targets.filter_map(|target| parse_socket_link(target.to_str()?)).collect())
    }

    /// The inodes of the unix sockets that listen in a process's network namespace.
    pub(super) fn listening_beside(&self, pid: i32) -> Result<BTreeSet<u64>, Doubt> {
        Ok(parse_listening(&read(&self.file(pid, "net/unix"), MAX_LIST)?))
    }

    /// The inodes of the TCP sockets that listen on one of the ports in a process's network namespace.
    pub(super) fn listening_on(&self, pid: i32, ports: &[u16]) -> Result<BTreeSet<u64>, Doubt> {
        let mut inodes = parse_listening_ports(&read(&self.file(pid, "net/tcp"), MAX_LIST)?, ports);
        // A kernel without IPv6 has no such file.
        if let Ok(six) = read(&self.file(pid, "net/tcp6"), MAX_LIST) {
            inodes.append(&mut parse_listening_ports(&six, ports));
        }
        Ok(inodes)
    }

    /// When a process started, by the node's clock.
    pub(super) fn started_at(&self, life: Life) -> Result<Timestamp, Doubt> {
        let path = self.root.join("stat");
        let boot = parse_boot_time(&read(&path, MAX_LIST)?);
        let per_second = sysconf(SysconfVar::CLK_TCK).ok().flatten().and_then(|ticks| u64::try_from(ticks).ok());
        let moment = || {
            let after_boot = i64::try_from(life.started.checked_mul(1000)?.checked_div(per_second?)?).ok()?;
            Timestamp::from_millisecond(boot?.checked_mul(1000)?.checked_add(after_boot)?).ok()
        };
        moment().ok_or(Doubt::Odd(path))
    }

    fn parsed<T>(&self, pid: i32, file: &str, parse: impl FnOnce(&[u8]) -> Option<T>) -> Result<T, Doubt> {
        let path = self.file(pid, file);
        parse(&read(&path, MAX_FILE)?).ok_or(Doubt::Odd(path))
    }

    /// Where a process's file is.
    pub(super) fn file(&self, pid: i32, name: &str) -> PathBuf {
        self.root.join(pid.to_string()).join(name)
    }
}

fn read(path: &Path, max: u64) -> Result<Vec<u8>, Doubt> {
    read_bounded(path, max).map_err(|error| Doubt::reading(path, error))
}

fn link(path: &Path) -> Result<PathBuf, Doubt> {
    path.read_link().map_err(|error| Doubt::reading(path, error))
}

/// The names in a folder, as far as they are text.
fn names(folder: &Path, max: usize) -> Result<Vec<String>, Doubt> {
    let refused = |error: io::Error| Doubt::reading(folder, error);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(refused)? {
        if names.len() == max {
            return Err(Doubt::TooMany(folder.to_owned()));
        }
        names.extend(entry.map_err(refused)?.file_name().into_string());
    }
    Ok(names)
}

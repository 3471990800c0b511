//! A node with a broken world around it, apart from the machine: a network, mounts and processes of its own.
//!
//! The world is the first process of a new process namespace. When it ends, however that comes about, the kernel ends
//! whatever else runs there, and network and mounts go with it: nothing is left to be swept up. It ends when the node is
//! dropped and when whoever started it dies.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use crate::world::Described;

/// Where the node's root is, seen from inside.
pub const ROOT: &str = "/run/node";

/// All that is written goes into memory: to `/run`, which is the node's own.
const BEGIN: &str = "set -e
mount -t tmpfs -o mode=755,size=256m node /run
mkdir /run/node
ip link set lo up
exec \"$@\"";

/// A node whose world runs.
#[must_use = "the node ends when its handle is dropped"]
pub struct Node {
    /// Killed when this is dropped, and the world with it.
    _holder: Child,
    id: u32,
    described: Described,
    /// The world serves until this is closed.
    _stdin: ChildStdin,
}

impl Node {
    /// Starts a node; `world` is what starts its world, as `pullagent-world --port-53 FILE` does: it is given the folder
    /// to write the root to, and speaks on standard output. Takes root, and util-linux and iproute2.
    pub async fn start<A: AsRef<OsStr>>(world: impl IntoIterator<Item = A>) -> io::Result<Self> {
        let mut holder = Command::new("unshare")
            .args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"])
            .args(["sh", "-c", BEGIN, "sh"])
            .args(world)
            .arg(ROOT)
            // Temporary folders go with the node as well.
            .env("TMPDIR", "/run")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let gone = || io::Error::other("the world ended before it said what it is");
        let (id, stdin) = (holder.id().ok_or_else(gone)?, holder.stdin.take().ok_or_else(gone)?);
        let mut stdout = BufReader::new(holder.stdout.take().ok_or_else(gone)?).lines();
        let line = stdout.next_line().await?.ok_or_else(gone)?;
        let described = serde_json::from_str(&line).map_err(io::Error::other)?;
        Ok(Self { _holder: holder, id, described, _stdin: stdin })
    }

    /// What the world says of itself.
    pub fn described(&self) -> &Described {
        &self.described
    }

    /// A command to be run on the node, with nothing of the caller's environment but the search path.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let of = |kind: &str| format!("/proc/{}/ns/{kind}", self.id);
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net={}", of("net")))
            .arg(format!("--mount={}", of("mnt")))
            .arg(format!("--pid={}", of("pid_for_children")))
            .arg(program)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .kill_on_drop(true);
        command
    }

    /// Runs these lines of shell on the node; what they say on standard error is the error.
    pub async fn shell(&self, lines: &str) -> io::Result<()> {
        let done = self.command("sh").args(["-ec", lines]).stdin(Stdio::null()).output().await?;
        let said = String::from_utf8_lossy(&done.stderr);
        if done.status.success() { Ok(()) } else { Err(io::Error::other(format!("{lines}: {}", said.trim()))) }
    }

    /// A path of the node as it is seen from outside.
    pub fn path(&self, inside: impl AsRef<Path>) -> PathBuf {
        let inside = inside.as_ref();
        Path::new(&format!("/proc/{}/root", self.id)).join(inside.strip_prefix("/").unwrap_or(inside))
    }
}

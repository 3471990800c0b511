//! Real containerds, one a node: found where `tests/setup` lays them, started without any network plugin, stopped with
//! their node or on purpose.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use crate::cri_client;
use crate::node::{Node, ROOT};
use crate::program::Program;

/// Its CRI socket, seen from inside the node.
pub const SOCKET: &str = "/run/containerd/containerd.sock";
/// Its configuration, below the node's root.
const CONFIG: &str = "etc/containerd/config.toml";

/// The pause between two looks at its files.
const PAUSE: Duration = Duration::from_millis(10);

/// The Debian suites whose containerds are had, oldest first.
pub const SUITES: [&str; 3] = ["bookworm", "trixie", "sid"];

/// The node's own files are laid over the machine's `/etc`, so that the runtime reads them where it always does. `$1` is
/// a size in the words of tmpfs, or empty; `$2` the program; the rest are its arguments.
const BEGIN: &str = "set -e
mkdir -p /run/containerd /run/images /run/node/etc/cni/net.d
[ -e /run/node/etc/resolv.conf ] || : > /run/node/etc/resolv.conf
[ -e /run/node/etc/nsswitch.conf ] || echo 'hosts: files dns' > /run/node/etc/nsswitch.conf
mount -t overlay -o lowerdir=/run/node/etc:/etc etc /etc
[ -z \"$1\" ] || mount -t tmpfs -o \"$1\" images /run/images
shift
echo $$ > /run/containerd.pid
exec \"$@\"";

/// A containerd that can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Its major and minor version, as `1.7`.
    pub version: String,
    /// Its program.
    pub program: PathBuf,
}

/// A running containerd.
pub struct Containerd {
    program: Program,
}

impl Release {
    /// The containerd of a Debian suite; an error says what is missing.
    pub async fn of_suite(suite: &str) -> io::Result<Self> {
        let program = cache()?.join(suite).join("usr/bin/containerd");
        let said = Command::new(&program).arg("--version").output().await;
        let said = said.map_err(|error| {
            io::Error::new(error.kind(), format!("no containerd of {suite} at `{}`", program.display()))
        })?;
        let text = String::from_utf8_lossy(&said.stdout);
        // `containerd github.com/containerd/containerd 1.7.24~ds1 …`
        let version = text.split(' ').nth(2).unwrap_or_default().trim_start_matches('v');
        match version.split('.').collect::<Vec<_>>().as_slice() {
            [major, minor, ..] => Ok(Self { version: format!("{major}.{minor}"), program }),
            _ => Err(io::Error::other(format!("`{}` does not say its version: {text}", program.display()))),
        }
    }

    /// Starts it on a node with these variables besides the world's, and its images on a file system of this size in the
    /// words of tmpfs (`size=1m,nr_inodes=99`), if any.
    pub async fn start(&self, node: &Node, size: Option<&str>) -> io::Result<Containerd> {
        let config = node.path(ROOT).join(CONFIG);
        if !config.exists() {
            std::fs::create_dir_all(config.parent().unwrap_or(Path::new("/")))?;
            std::fs::write(&config, self.config())?;
        }
        let mut command = node.command("sh");
        command
            .args(["-c", BEGIN, "sh", size.unwrap_or_default()])
            .arg(&self.program)
            .args(["--config", "/etc/containerd/config.toml", "--address", SOCKET])
            .args(["--root", "/run/images", "--state", "/run/containerd/state"])
            .envs(environment(node));
        let listens = |line: &str| line.contains("containerd successfully booted").then_some(());
        let (program, ()) = Program::start(&mut command, listens).await?;
        // The CRI service of 1.6 comes up a moment after all the others.
        cri_client::ready(&node.path(SOCKET)).await?;
        Ok(Containerd { program })
    }

    /// A configuration that changes nothing but the place of hosts.toml files, as kubeadm's documents have it.
    fn config(&self) -> String {
        let (number, plugin) = if self.version.starts_with("1.") {
            (2, "io.containerd.grpc.v1.cri")
        } else {
            (3, "io.containerd.cri.v1.images")
        };
        format!("version = {number}\n\n[plugins.\"{plugin}\".registry]\n  config_path = \"/etc/containerd/certs.d\"\n")
    }
}

impl Containerd {
    /// Waits until the containerd of a node has begun to load a blob.
    pub async fn loads_something(node: &Node) {
        let ingest = node.path("/run/images/io.containerd.content.v1.content/ingest");
        while !std::fs::read_dir(&ingest).is_ok_and(|mut blobs| blobs.next().is_some()) {
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Kills it, as the kernel does when memory runs out; its socket stays behind.
    pub async fn kill(self, node: &Node) -> io::Result<()> {
        node.shell("kill -KILL \"$(cat /run/containerd.pid)\"").await?;
        self.program.ended().await
    }
}

/// The runtime's variables: those of the world, and a trust bundle that is the world's alone.
fn environment(node: &Node) -> BTreeMap<String, String> {
    let mut env = node.described().env.clone();
    for (name, value) in [("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"), ("SSL_CERT_DIR", "/nonexistent")] {
        env.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }
    env
}

/// Where `tests/setup` lays the programs, a folder a suite.
fn cache() -> io::Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    let folder = folder.ok_or_else(|| io::Error::other("neither XDG_CACHE_HOME nor HOME is set"))?;
    Ok(folder.join("pullagent/containerd"))
}

//! The agent in a container's stead: a root of its own with the program, as user 65534 without any capability and nothing
//! of the node, or with what the mode `full` is given. What runtimes do besides (seccomp, `AppArmor`, `SELinux`) is not done.

#![expect(clippy::print_stderr, reason = "whoever runs the tests reads there what was not tested")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use pullagent_testkit::containerd::Release;
use pullagent_testkit::world::World;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::Objects;
use super::rendered::output;

/// The user of `probe-only`.
const NOBODY: u32 = 65534;
/// Where the image has the program.
const PROGRAM: &str = "usr/bin/pullagent";

/// A container's root.
pub(crate) struct Sandbox(TempDir);

impl Sandbox {
    /// With the program, the settings and the empty folder of the mode `probe-only`; `None` where this test cannot become
    /// somebody else.
    pub(crate) async fn probe_only() -> Option<Self> {
        Self::of_mode("probe-only").await
    }

    async fn of_mode(mode: &str) -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            assert!(std::env::var_os("CI").is_none(), "this test needs root");
            eprintln!("NOT TESTED: only root can run the agent as in a container");
            return None;
        }
        let root = tempfile::tempdir().expect("a folder");
        fs::set_permissions(root.path(), Permissions::from_mode(0o755)).expect("a mode");
        let sandbox = Self(root);
        let program = Path::new(env!("CARGO_BIN_EXE_pullagent"));
        sandbox.copy(program, PROGRAM);
        // The released program needs none.
        for library in libraries(program).await {
            sandbox.copy(&library, library.to_str().expect("a path").trim_start_matches('/'));
        }
        sandbox.write("etc/pullagent/config.yaml", Objects::kustomized(&format!("overlays/{mode}")).await.settings());
        let socket = sandbox.path("run/pullagent");
        fs::create_dir_all(&socket).expect("a folder");
        chown(&socket, Some(NOBODY), Some(NOBODY)).expect("its owner");
        Some(sandbox)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn copy(&self, from: &Path, to: &str) {
        let to = self.path(to);
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        fs::copy(from, to).expect("a file");
    }

    /// What the kubelet gives a pod of the node's network: the node's names.
    pub(crate) fn names_of(&self, node: &Path) {
        for file in ["etc/hosts", "etc/resolv.conf"] {
            if node.join(file).exists() {
                self.copy(&node.join(file), file);
            }
        }
    }

    /// The `ConfigMap` of a person's own, with the node's authorities.
    pub(crate) fn trusts_as(&self, node: &Path) {
        let bundle = "etc/ssl/certs/ca-certificates.crt";
        self.copy(&node.join(bundle), bundle);
    }

    /// Gives a file to the agent, as the kubelet does with the token of a pod that names its user.
    pub(crate) fn hand_over(&self, name: &str) {
        chown(self.path(name), Some(NOBODY), Some(NOBODY)).expect("its owner");
    }

    /// The agent's program with these arguments and the variables of the `DaemonSet`.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("chroot");
        // Whoever stops being root has no capability left.
        command
            .arg(format!("--userspec={NOBODY}:{NOBODY}"))
            .arg("--groups=")
            .arg(self.0.path())
            .arg(format!("/{PROGRAM}"))
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("NODE_NAME", "node-1")
            .env("POD_NAMESPACE", "pullagent")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}

impl Sandbox {
    /// The same as root with these capabilities, in a process namespace of its own, with the machine's files read only at
    /// `/host`.
    fn as_root(&self, capabilities: &[String], arguments: &[&str]) -> Command {
        for folder in ["host", "proc"] {
            fs::create_dir_all(self.path(folder)).expect("a folder");
        }
        // To change the root takes one more, which the program could not use: its own root is all that it has.
        let kept = capabilities.iter().map(|name| format!("+{}", name.to_lowercase()));
        let kept: Vec<String> = ["-all".to_owned(), "+sys_chroot".to_owned()].into_iter().chain(kept).collect();
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", FULL, "sh"])
            .arg(self.0.path())
            .arg(kept.join(","))
            .arg(format!("/{PROGRAM}"))
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("NODE_NAME", "node-1")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}

/// `$1` is the root, `$2` the capabilities that are kept; the rest is run.
const FULL: &str = "set -e
root=$1 kept=$2
shift 2
mount --make-rprivate /
mount --rbind / \"$root/host\"
mount -o remount,ro,bind \"$root/host\"
mount -t proc proc \"$root/proc\"
exec setpriv --bounding-set=\"$kept\" --inh-caps=-all --no-new-privs chroot \"$root\" \"$@\"";

/// The files that the loader would map.
async fn libraries(program: &Path) -> Vec<PathBuf> {
    let listed = output(Command::new("ldd").arg(program)).await.unwrap_or_default();
    listed.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

const WORLD: &str = r#"
about = "a public image"
image = "registry.test:{main.port}/team/api:1"

[registry.main]
host = "registry.test"

[[registry.main.repository]]
name = "team/api"
tags = ["1"]
platforms = ["linux/amd64", "linux/arm64"]

[expect]
verdict = "pullable"
"#;

#[tokio::test]
async fn probe_only_accuses_nobody_of_what_it_cannot_see() {
    let Some(sandbox) = Sandbox::probe_only().await else { return };
    let world = World::from_toml("sandbox", WORLD).await.expect("the world starts");
    let node = tempfile::tempdir().expect("a folder");
    world.write_root(node.path()).expect("the node's root");
    sandbox.names_of(node.path());
    let image = format!("registry.test:{}/team/api:1", world.addr("main").expect("its registry").port());
    let probe = async || {
        let ended = sandbox.command(&["probe", "-o", "json", &image]).output().await.expect("it runs");
        let report: serde_json::Value = serde_json::from_slice(&ended.stdout).expect("a report");
        (ended.status.code(), report)
    };
    // Without the node's authorities no certificate can be judged.
    let (status, report) = probe().await;
    assert_eq!((status, &report["verdict"]), (Some(3), &"inconclusive".into()), "{report}");
    assert_eq!(
        (&report["cause"]["code"], &report["cause"]["confidence"]),
        (&"TlsUnknownAuthority".into(), &"possible".into())
    );
    let unseen: Vec<&str> =
        report["notChecked"].as_array().into_iter().flatten().filter_map(|row| row["what"].as_str()).collect();
    let wanted =
        ["the runtime's own proxy and CA environment", "the node's certificate authorities", "the runtime's own pull"];
    for what in wanted {
        assert!(unseen.contains(&what), "{what}: {unseen:?}");
    }
    sandbox.trusts_as(node.path());
    let (status, report) = probe().await;
    assert_eq!((status, &report["verdict"]), (Some(0), &"pullable".into()), "{report}");
    assert_eq!(report["pull"]["attempted"], false);
}

/// A containerd on this machine, killed when dropped, with a socket in a folder of its own.
async fn containerd(folder: &Path) -> Child {
    let release = Release::of_suite("sid").await.expect("`tests/setup test` lays a containerd into the cache");
    let (config, at) = (folder.join("config.toml"), folder.display());
    let text = format!(
        "version = 3\nroot = '{at}/root'\nstate = '{at}/state'\n[grpc]\naddress = '{at}/containerd.sock'\n\
         [debug]\naddress = ''\n"
    );
    fs::write(&config, text).expect("a file");
    let mut containerd = Command::new(release.program)
        .arg("--config")
        .arg(config)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HTTPS_PROXY", "http://proxy.corp.test:3128")
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("containerd starts");
    let mut lines = BufReader::new(containerd.stderr.take().expect("its log")).lines();
    while let Some(line) = lines.next_line().await.expect("its log") {
        if line.contains("containerd successfully booted") {
            break;
        }
    }
    containerd
}

#[tokio::test]
async fn full_reads_the_runtimes_own_environment_and_each_of_its_capabilities_is_needed() {
    let Some(sandbox) = Sandbox::of_mode("full").await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let _containerd = containerd(folder.path()).await;
    // Some process of another user, as every node has.
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "sleep", "600"];
    let _other = Command::new("setpriv").args(nobody).kill_on_drop(true).spawn().expect("it starts");
    let objects = Objects::kustomized("overlays/full").await;
    let added = objects.pod()["containers"][0]["securityContext"]["capabilities"]["add"].clone();
    let all: Vec<String> = serde_json::from_value(added).expect("names");
    let node = async |capabilities: &[String]| {
        let mut command = sandbox.as_root(capabilities, &["node"]);
        let endpoint = format!("/host{}/containerd.sock", folder.path().display());
        let ended = command.env("PULLAGENT_RUNTIME_ENDPOINT", endpoint).output().await.expect("it runs");
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        String::from_utf8(ended.stdout).expect("text")
    };
    let said = node(&all).await;
    assert!(said.contains("http://proxy.corp.test:3128\n             as the runtime's own process has them"), "{said}");
    assert_eq!(all.len(), 2);
    for left_out in &all {
        let others: Vec<String> = all.iter().filter(|name| *name != left_out).cloned().collect();
        let said = node(&others).await;
        assert!(said.contains("in place of the runtime's") && !said.contains("proxy.corp.test"), "{left_out}: {said}");
    }
}

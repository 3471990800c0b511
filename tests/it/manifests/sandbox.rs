//! The agent in a container's stead: a root of its own with the program and nothing of the node, as user 65534 without any
//! capability. What runtimes do besides (namespaces, seccomp) is not done.

#![expect(clippy::print_stderr, reason = "whoever runs the tests reads there what was not tested")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use pullagent_testkit::world::World;
use tempfile::TempDir;
use tokio::process::Command;

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
        sandbox.write("etc/pullagent/config.yaml", Objects::kustomized("overlays/probe-only").await.settings());
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

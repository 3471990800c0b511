//! An ordinary user on a node with an agent: the runtime's socket is closed to him, the agent's may be open.

#![expect(clippy::print_stderr, reason = "whoever runs the tests reads there what was not tested")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use pullagent_testkit::cri::{Cri, CriCall, CriHandle};
use pullagent_testkit::world::World;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

use crate::pullagent::Ran;

const WORLD: &str = r#"
about = "a private repository for one user"
image = "localhost:{main.port}/team/api:1"

[registry.main]
host = "localhost"
auth = "basic"
users = { ci-robot = "c0rrect-horse" }

[[registry.main.repository]]
name = "team/api"
tags = ["1"]
platforms = ["linux/amd64", "linux/arm64"]
private_to = ["ci-robot"]

[expect]
verdict = "pullable"
"#;
/// Who has no rights at all.
const NOBODY: [&str; 5] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"];

/// A node with a runtime that only root may use, and a registry.
struct Node {
    _world: World,
    root: TempDir,
    runtime: CriHandle,
    image: String,
}

impl Node {
    /// `None` where this test cannot become somebody else.
    async fn start() -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            assert!(std::env::var_os("CI").is_none(), "this test needs root");
            eprintln!("NOT TESTED: only root can run the command as somebody else");
            return None;
        }
        let world = World::from_toml("socket", WORLD).await.expect("the world starts");
        let root = tempfile::tempdir().expect("a folder");
        world.write_root(root.path()).expect("the node's root");
        let image = format!("localhost:{}/team/api:1", world.addr("main").expect("its registry").port());
        let runtime = root.path().join("run/containerd/containerd.sock");
        fs::create_dir_all(runtime.parent().expect("its folder")).expect("a folder");
        let handle = Cri::default().version("containerd", "v2.1.5").start(&runtime).expect("the runtime listens");
        open_to(root.path(), 0o755);
        open_to(&runtime, 0o600);
        let node = Self { _world: world, root, runtime: handle, image };
        let yaml = format!(
            "apiVersion: pullagent.dev/v1\nnode: {{ name: node-1 }}\nhostRoot: {}\nkubernetes: {{ identity: none }}\n\
             http: {{ listen: \"\" }}\nsocket: {{ path: {}, group: root }}\n",
            node.root.path().display(),
            node.socket().display()
        );
        fs::write(node.settings(), yaml).expect("a file");
        Some(node)
    }

    fn settings(&self) -> PathBuf {
        self.root.path().join("config.yaml")
    }

    fn socket(&self) -> PathBuf {
        self.root.path().join("agent.sock")
    }

    /// The agent, once it listens; its socket has this mode then.
    async fn agent(&self, mode: u32) -> Child {
        let mut child = Command::new(env!("CARGO_BIN_EXE_pullagent"))
            .env_clear()
            .args(["run", "--config"])
            .arg(self.settings())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the agent starts");
        let mut log = BufReader::new(child.stderr.take().expect("its log")).lines();
        while let Some(line) = log.next_line().await.expect("its log") {
            if line.contains("started") {
                break;
            }
        }
        // It is read on, so that the pipe never fills.
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        open_to(&self.socket(), mode);
        child
    }

    /// What nobody's `probe` says.
    async fn probe(&self, arguments: &[&str], stdin: &str) -> Ran {
        let mut child = Command::new(NOBODY[0])
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .args(&NOBODY[1..])
            .args([env!("CARGO_BIN_EXE_pullagent"), "probe", "--config"])
            .arg(self.settings())
            .args(arguments)
            .arg(&self.image)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let mut input = child.stdin.take().expect("its standard input");
        let _ = input.write_all(stdin.as_bytes()).await;
        drop(input);
        let output = child.wait_with_output().await.expect("the command ends");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        let ran = Ran { out: text(output.stdout), err: text(output.stderr), code: output.status.code().unwrap_or(-1) };
        assert!(!format!("{}{}", ran.out, ran.err).contains("c0rrect-horse"), "{}{}", ran.out, ran.err);
        ran
    }
}

fn open_to(path: &Path, mode: u32) {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("its mode");
}

fn report(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("a report: {}{}", ran.out, ran.err))
}

fn not_checked(report: &Value) -> String {
    report["notChecked"].to_string()
}

const LOGIN: [&str; 5] = ["--username", "ci-robot", "--password-stdin", "-o", "json"];

#[tokio::test]
async fn the_agent_examines_for_a_user_whom_the_runtime_shuts_out() {
    let Some(node) = Node::start().await else { return };
    let _agent = node.agent(0o666).await;
    let ran = node.probe(&LOGIN, "c0rrect-horse\n").await;
    let report_ = report(&ran);
    assert_eq!((&report_["examinedBy"], &report_["verdict"]), (&"agent".into(), &"pullable".into()), "{}", ran.out);
    assert_eq!(report_["node"]["runtime"]["name"], "containerd", "what he himself does not see: {}", ran.out);
    let row = &report_["credentials"][0];
    assert_eq!((&row["outcome"], &row["user"]), (&"accepted".into(), &Value::Null), "{}", ran.out);
    assert!(not_checked(&report_).contains("the agent pulls nothing for those who ask it"), "{}", ran.out);
    let pulls = |call: &CriCall| matches!(call, CriCall::Pull(..));
    assert!(!node.runtime.calls().iter().any(pulls), "{:?}", node.runtime.calls());
    let screen = node.probe(&[], "").await;
    assert!(screen.out.contains("from node-1 by its agent") && screen.code == 1, "{}{}", screen.out, screen.err);
    // What the agent does not do, he does himself.
    let root = node.root.path().to_str().expect("a path that is text");
    for own in [&["--pull", "always"][..], &["--host-root", root][..]] {
        let ran = node.probe(&[&LOGIN, own].concat(), "c0rrect-horse\n").await;
        assert_eq!(report(&ran)["examinedBy"], "self", "{own:?}: {}", ran.out);
    }
}

#[tokio::test]
async fn who_is_not_let_in_goes_on_alone_and_hears_how_to_be() {
    let Some(node) = Node::start().await else { return };
    let check = async |words: &str| {
        let ran = node.probe(&LOGIN, "c0rrect-horse\n").await;
        let report = report(&ran);
        assert_eq!((&report["examinedBy"], &report["verdict"]), (&"self".into(), &"pullable".into()), "{}", ran.out);
        assert!(not_checked(&report).contains(words), "{words}: {}", ran.out);
    };
    check("no agent answers at").await;
    let _agent = node.agent(0o660).await;
    check("`sudo usermod -aG root $USER`").await;
}

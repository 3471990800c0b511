//! The runtime is killed while the agent asks it: for a pod, and for a person. Neither waits for it, and it is found again.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

use super::super::run::daemon::{Daemon, told_in};
use super::super::run::fails_as;
use super::super::{Cluster, NODE};
use super::{ADDRESS, Machine, Outside, Pod, WORLD, apart, cluster, image};

/// How long a person waits at most, on a busy machine; the runtime's own deadlines are shorter.
const ANSWER: Duration = Duration::from_mins(1);

fn open_to(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("its mode");
}

/// What somebody without rights is told by the agent of an image.
async fn probe(cluster: &Cluster, image: &str) -> Value {
    let root = cluster.root.path();
    let asked = Command::new("setpriv")
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--", env!("CARGO_BIN_EXE_pullagent"), "probe"])
        .args(["-o", "json", "--config"])
        .arg(root.join("config.yaml"))
        .arg(image)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let ran = timeout(ANSWER, asked).await.expect("the answer does not hang").expect("the command starts");
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    serde_json::from_str(&out).unwrap_or_else(|_| panic!("a report: {out}{err}"))
}

/// Who examined, the code, and the runtime's name where it told it.
fn short(report: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let runtime = &report["node"]["runtime"];
    format!("{} {} {}", word(&report["examinedBy"]), word(&report["cause"]["code"]), word(&runtime["name"]))
}

/// The first thing that the agent tells of a pod.
async fn told(cluster: &Cluster, pod: &Value) -> String {
    let uid = pod["metadata"]["uid"].as_str().expect("its uid");
    let path = format!("/api/v1/namespaces/shop/events?fieldSelector=involvedObject.uid%3D{uid}");
    let answer = cluster.api.admin().until(&path, |answer| !told_in(&answer.body).is_empty()).await;
    let list = answer.unwrap_or_else(|error| panic!("nothing is told: {error}")).body;
    told_in(&list).swap_remove(0).reason
}

#[test]
fn a_runtime_that_is_killed_in_the_middle_holds_nobody_up() {
    let name = "kubernetes::kubelet::killed::a_runtime_that_is_killed_in_the_middle_holds_nobody_up";
    apart(name, async |_| {
        let (world, _outside) = Outside::start(WORLD.replace("ADDRESS", ADDRESS));
        let cluster = cluster(world).await;
        let mut machine = Machine::start(&cluster).await;
        let daemon = Daemon::start(&cluster).await;
        open_to(cluster.root.path(), 0o755);
        open_to(Path::new(daemon.socket()), 0o666);
        let missing = image(&cluster, "main/team/public:2");
        assert_eq!(short(&probe(&cluster, &missing).await), "agent TagNotFound containerd");
        let fail = async |name: &str, image: &str| {
            fails_as(&cluster, Pod::new(NODE, "shop", name), image, "not found").await.1
        };
        // It takes calls and answers none, until it is killed under those who wait.
        machine.freeze_runtime();
        let deaf = fail("deaf", &missing).await;
        let (asked, ()) = tokio::join!(probe(&cluster, &missing), async {
            let is_asked = |log: &str| log.contains("\"examining\"") && log.matches("\"asked to probe\"").count() == 2;
            daemon.until("both are examined", |daemon| is_asked(&daemon.log())).await;
            machine.kill_runtime().await;
        });
        assert_eq!(short(&asked), "agent RuntimeUnavailable -", "{asked}");
        assert_eq!(told(&cluster, &deaf).await, "PullRuntimeUnavailable");
        // Nobody listens any more; the image is looked at all the same.
        let asked = probe(&cluster, &missing).await;
        assert_eq!(short(&asked), "agent RuntimeUnavailable -", "{asked}");
        let also = asked["findings"].as_array().is_some_and(|all| all.iter().any(|one| one["code"] == "TagNotFound"));
        assert!(also, "{asked}");
        machine.start_runtime().await;
        let asked = probe(&cluster, &missing).await;
        assert_eq!(short(&asked), "agent TagNotFound containerd", "{asked}");
        let after = fail("after", &image(&cluster, "main/team/public:4")).await;
        assert_eq!(told(&cluster, &after).await, "PullTagNotFound");
        assert!(daemon.stop().await);
    });
}

//! `pullagent run` against a real API server: what `kubectl describe pod` shows, once, and until when.

use std::path::Path;
use std::process::Stdio;

use pullagent_testkit::kubernetes::{Pod, Waiting};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::{Cluster, NODE};

/// A daemon on the cluster's node, killed when dropped.
struct Daemon {
    child: Child,
    socket: String,
}

impl Daemon {
    /// Starts it with the kubelet's rights, and waits until it listens.
    async fn start(cluster: &Cluster) -> Self {
        let root = cluster.root.path();
        let settings = root.join("config.yaml");
        let socket = root.join("agent.sock");
        let yaml = format!(
            "apiVersion: pullagent.dev/v1\nnode: {{ name: {NODE} }}\nhostRoot: {}\nwatch: {{ settle: 1s }}\n\
             http: {{ listen: \"\" }}\nsocket: {{ path: {}, group: root }}\n",
            root.display(),
            socket.display()
        );
        std::fs::write(&settings, yaml).expect("a file");
        let mut child = Command::new(env!("CARGO_BIN_EXE_pullagent"))
            .env_clear()
            .args(["run", "--config"])
            .arg(&settings)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the daemon starts");
        let mut log = BufReader::new(child.stderr.take().expect("its log")).lines();
        while let Some(line) = log.next_line().await.expect("its log") {
            if line.contains("started") {
                break;
            }
        }
        // It is read on, so that the pipe never fills.
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        Self { child, socket: socket.to_str().expect("a path that is text").to_owned() }
    }

    async fn stop(mut self) -> bool {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id().expect("it runs")).expect("a pid"));
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("a signal");
        let ended = tokio::time::timeout(std::time::Duration::from_secs(5), self.child.wait()).await;
        ended.expect("it ends within 5 s").expect("it ends").success()
    }
}

/// The events that the agent wrote about a pod, as reason, count and message.
fn events(list: &Value) -> Vec<(String, u64, String)> {
    let ours =
        list["items"].as_array().into_iter().flatten().filter(|event| event["source"]["component"] == "pullagent");
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    ours.map(|event| (word(&event["reason"]), event["count"].as_u64().unwrap_or(0), word(&event["message"]))).collect()
}

fn of_pod(pod: &Value) -> String {
    let uid = pod["metadata"]["uid"].as_str().expect("its uid");
    format!("/api/v1/namespaces/shop/events?fieldSelector=involvedObject.uid%3D{uid}")
}

/// Waits for an event of this reason, and returns all that the agent wrote about the pod.
async fn told(cluster: &Cluster, pod: &Value, reason: &str) -> Vec<(String, u64, String)> {
    let answer = cluster
        .api
        .admin()
        .until(&of_pod(pod), |answer| events(&answer.body).iter().any(|(told, ..)| told == reason))
        .await
        .unwrap_or_else(|error| panic!("{reason} is not told: {error}"));
    events(&answer.body)
}

async fn fails(cluster: &Cluster, name: &str, image: &str, message: &str) -> (Pod, Value) {
    let image = cluster.image(image);
    let pod = Pod::new(NODE, "shop", name).container("app", &image).pull_policy("Always");
    let stored = cluster.api.create_pod(&pod).await.expect("a pod");
    let text = format!("failed to resolve reference \"{image}\": {image}: {message}");
    cluster.api.pod_waiting(&pod, &[Waiting::pull_failed("app", &text)]).await.expect("its status");
    (pod, stored)
}

#[tokio::test]
async fn a_pod_that_fails_is_told_why_once_and_until_it_recovers() {
    let cluster = Cluster::start().await;
    cluster.api.create_namespace("shop").await.expect("a namespace");
    let daemon = Daemon::start(&cluster).await;
    let (pod, stored) = fails(&cluster, "web", "team/public:2", "not found").await;
    let written = told(&cluster, &stored, "PullTagNotFound").await;
    let [(_, 1, note)] = written.as_slice() else { panic!("{written:?}") };
    for words in ["has no tag 2", "Fix: ", "Owner: image. More: pullagent explain TagNotFound"] {
        assert!(note.contains(words), "{words} is not in {note}");
    }
    assert!(note.len() <= 300, "{note}");
    // A second one of the same image is told by the same examination.
    let (_, other) = fails(&cluster, "web-2", "team/public:2", "not found").await;
    told(&cluster, &other, "PullTagNotFound").await;
    assert!(daemon.stop().await);
    // Started again, it finds what it has written.
    let daemon = Daemon::start(&cluster).await;
    let running = json!({ "phase": "Running", "containerStatuses": [{ "name": "app", "image": "i", "imageID": "i",
        "ready": true, "restartCount": 0, "state": { "running": {} } }] });
    let (_, third) = fails(&cluster, "web-3", "team/public:3", "not found").await;
    told(&cluster, &third, "PullTagNotFound").await;
    let again = told(&cluster, &stored, "PullTagNotFound").await;
    assert_eq!(again.len(), 1, "{again:?}");
    assert_eq!(again[0].1, 1, "{again:?}");
    cluster.api.patch_pod_status(&pod, &running).await.expect("its status");
    told(&cluster, &stored, "PullRecovered").await;
    let health = crate::pullagent::run(&["health", "--socket", &daemon.socket], "").await;
    assert_eq!(health.code, 0, "{}", health.err);
    assert!(daemon.stop().await);
    assert!(!Path::new(&cluster.root.path().join("agent.sock")).exists());
}

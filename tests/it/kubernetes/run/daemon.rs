//! `pullagent run` as a process: started on the cluster's node, asked over its socket, its log kept, and ended.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::super::{Cluster, NODE};

/// How long is waited for what must come, on a busy machine.
const SOON: Duration = Duration::from_mins(1);
/// How long it may take to end.
const END: Duration = Duration::from_secs(5);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// A daemon on the cluster's node, killed when dropped.
pub(crate) struct Daemon {
    child: Child,
    socket: String,
    log: Arc<Mutex<String>>,
}

/// How a daemon is started.
#[derive(Default)]
pub(crate) struct Start<'a> {
    /// Lines of settings besides those that every daemon here has.
    pub(crate) settings: &'a str,
    /// A kubeconfig to ask with in place of the kubelet's.
    pub(crate) kubeconfig: Option<&'a str>,
    /// Another node than the cluster's.
    pub(crate) at: Option<Place<'a>>,
}

/// A node, and where its files are.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Its name.
    pub(crate) node: &'a str,
    /// Its root, which holds the daemon's settings and socket as well.
    pub(crate) root: &'a Path,
}

impl<'a> Place<'a> {
    fn of(cluster: &'a Cluster) -> Self {
        Self { node: NODE, root: cluster.root.path() }
    }
}

/// The settings of a daemon on this cluster's node. A pull fails for good after a second.
pub(crate) fn settings(cluster: &Cluster, more: &str) -> String {
    settings_at(Place::of(cluster), more)
}

fn settings_at(place: Place<'_>, more: &str) -> String {
    let (node, root) = (place.node, place.root.display());
    let http = if more.contains("http: ") { "" } else { "http: { listen: \"\" }\n" };
    format!(
        "apiVersion: pullagent.dev/v1\nnode: {{ name: {node} }}\nhostRoot: {root}\nwatch: {{ settle: 1s }}\n\
         socket: {{ path: {root}/agent.sock, group: root }}\n{http}{more}"
    )
}

impl Daemon {
    /// Starts it with the kubelet's rights, and waits until it has.
    pub(crate) async fn start(cluster: &Cluster) -> Self {
        Self::start_with(cluster, Start::default()).await
    }

    /// The same as `start` says.
    pub(crate) async fn start_with(cluster: &Cluster, start: Start<'_>) -> Self {
        let place = start.at.unwrap_or_else(|| Place::of(cluster));
        let root = place.root;
        let file = root.join("config.yaml");
        let identity = start.kubeconfig.map_or("", |_| "kubernetes: { identity: kubeconfig }\n");
        let text = settings_at(place, &format!("{identity}{}", start.settings));
        std::fs::write(&file, text).expect("a file");
        let mut child = Command::new(env!("CARGO_BIN_EXE_pullagent"))
            .env_clear()
            .envs(start.kubeconfig.map(|path| ("KUBECONFIG", path)))
            .args(["run", "--log-format", "json", "--log-level", "trace", "--config"])
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the daemon starts");
        let log = Arc::new(Mutex::new(String::new()));
        let (mut lines, kept) = (BufReader::new(child.stderr.take().expect("its log")).lines(), log.clone());
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let mut kept = kept.lock().expect("nobody fails with it");
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        let daemon = Self { child, socket: format!("{}/agent.sock", root.display()), log };
        daemon.until("it starts", |daemon| daemon.log().contains("\"started\"")).await;
        daemon
    }

    /// Its log so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("nobody fails with it").clone()
    }

    /// The path of its socket.
    pub(crate) fn socket(&self) -> &str {
        &self.socket
    }

    /// Waits until something is so.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let looking = async {
            while !is_so(self) {
                tokio::time::sleep(PAUSE).await;
            }
        };
        assert!(timeout(SOON, looking).await.is_ok(), "{what}: in vain\n{}", self.log());
    }

    /// What it answers on its socket: status and body.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let asked = async {
            let mut stream = UnixStream::connect(&self.socket).await?;
            let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.map(|_| answer)
        };
        let answer = timeout(SOON, asked).await.expect("an answer").expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.expect("a status"), body.to_owned())
    }

    /// Waits until what it answers at this path is as wanted, and returns it.
    pub(crate) async fn answers(&self, path: &str, wanted: impl Fn(u16, &str) -> bool) -> String {
        let mut last = self.get(path).await;
        let looking = async {
            while !wanted(last.0, &last.1) {
                tokio::time::sleep(PAUSE).await;
                last = self.get(path).await;
            }
        };
        let is_so = timeout(SOON, looking).await.is_ok();
        assert!(is_so, "{path}: at last {} {}\n{}", last.0, last.1, self.log());
        last.1
    }

    /// The value of a series of its metrics, `name{labels}`; nothing where there is none.
    pub(crate) async fn metric(&self, series: &str) -> Option<f64> {
        value(&self.get("/metrics").await.1, series)
    }

    /// Waits until a series of its metrics has this value.
    pub(crate) async fn counts(&self, series: &str, wanted: f64) {
        self.answers("/metrics", |_, text| value(text, series).is_some_and(|found| (found - wanted).abs() < 0.1)).await;
    }

    /// What it had in memory at its most, in KiB.
    pub(crate) fn most_memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id().expect("it runs"));
        let status = std::fs::read_to_string(path).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id().expect("it runs")).expect("a pid")), signal)
            .expect("a signal");
    }

    /// Ends it as a supervisor does; whether it ended well, and in time.
    pub(crate) async fn stop(mut self) -> bool {
        self.signal(Signal::SIGTERM);
        let ended = timeout(END, self.child.wait()).await;
        ended.expect("it ends within 5 s").expect("it ends").success()
    }

    /// Ends it with no time for anything.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.expect("it ends");
    }
}

fn value(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// An event that the agent wrote, as far as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) kind: String,
    pub(crate) reason: String,
    pub(crate) count: u64,
    pub(crate) note: String,
}

/// The events that the agent wrote, of a list.
pub(crate) fn told_in(list: &Value) -> Vec<Told> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let told = |event: &Value| Told {
        kind: word(&event["type"]),
        reason: word(&event["reason"]),
        count: event["count"].as_u64().unwrap_or(0),
        note: word(&event["message"]),
    };
    list["items"].as_array().into_iter().flatten().filter(|event| is_ours(event)).map(told).collect()
}

pub(crate) fn is_ours(event: &Value) -> bool {
    event["source"]["component"] == "pullagent"
}

/// Waits for an event of this reason about a pod as it is stored, and returns all that the agent wrote about it.
pub(crate) async fn told(cluster: &Cluster, pod: &Value, reason: &str) -> Vec<Told> {
    let uid = pod["metadata"]["uid"].as_str().expect("its uid");
    let path = format!("/api/v1/namespaces/shop/events?fieldSelector=involvedObject.uid%3D{uid}");
    let is_there = |list: &Value| told_in(list).iter().any(|told| told.reason == reason);
    let answer = cluster.api.admin().until(&path, |answer| is_there(&answer.body)).await;
    told_in(&answer.unwrap_or_else(|error| panic!("{reason} is not told: {error}")).body)
}

//! Measures a daemon at rest and in a storm: `pullagent-bench-daemon PULLAGENT WORLD` starts an API server, the world of
//! that scenario file and the daemon on the node of 110 pods, and prints one row a figure, as `tests/bench/run` does.
//! Needs the API server that `tests/setup` builds, and as root or its owner the daemon's entries below /proc.

use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt as _};
use pullagent_testkit::daemon::{Daemon, value};
use pullagent_testkit::kubernetes::{KubeApi, Pod};
use pullagent_testkit::world::World;
use serde_json::{Value, json};
use tokio::time::sleep;

type Outcome<T> = Result<T, Box<dyn Error>>;

const NODE: &str = "node-1";
/// Pods of a full node, and those that begin to fail at once, of so many images.
const PODS: usize = 110;
const STORM: usize = 250;
const IMAGES: usize = 10;
/// Pods that fail one after the other, each in a namespace of its own.
const SINGLE: usize = 20;
/// How long the daemon is left alone before it is looked at, and how long it is looked at.
const QUIET: Duration = Duration::from_secs(10);
const REST: Duration = Duration::from_mins(1);
/// Requests at once.
const AT_ONCE: usize = 8;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "pullagent-bench-daemon: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Outcome<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [binary, world] = arguments.as_slice() else {
        return Err("usage: pullagent-bench-daemon PULLAGENT WORLD".into());
    };
    let bench = Bench::start(binary, world).await?;
    let mut out = io::stdout();
    for row in bench.at_rest().await? {
        writeln!(out, "{row}")?;
    }
    writeln!(out, "{}", bench.one_by_one().await?)?;
    writeln!(out, "{}", bench.in_a_storm().await?)?;
    Ok(())
}

/// A node with its daemon.
struct Bench {
    api: KubeApi,
    world: World,
    daemon: Daemon,
    /// Its node's files, to be removed after it.
    _root: tempfile::TempDir,
}

impl Bench {
    async fn start(binary: &Path, world: &Path) -> Outcome<Self> {
        let (api, world) = (KubeApi::start().await?, World::load(world).await?);
        let root = tempfile::tempdir()?;
        world.write_root(root.path())?;
        api.create_node(NODE).await?;
        api.node(NODE).write_kubelet_files(root.path())?;
        let at = root.path().display();
        // A second of settling is no matter here, for the kubelet backs off; the events are not to be held back.
        let settings = format!(
            "apiVersion: pullagent.dev/v1\nnode: {{ name: {NODE} }}\nhostRoot: {at}\nhttp: {{ listen: \"\" }}\n\
             events: {{ perMinute: 600, burst: 100 }}\nsocket: {{ path: {at}/agent.sock, group: root }}\n"
        );
        let daemon = Daemon::start(binary, root.path(), &settings)?;
        let bench = Self { api, world, daemon, _root: root };
        bench.api.create_namespace("shop").await?;
        let running = json!({ "running": {} });
        bench.pods(PODS, |number| (format!("well-{number}"), bench.image("1")), &running).await?;
        Ok(bench)
    }

    fn image(&self, tag: &str) -> String {
        let (registry, _) = self.world.image().rsplit_once(':').unwrap_or_default();
        format!("{registry}:{tag}")
    }

    /// Creates so many pods, each with this name and image, whose container is in this state.
    async fn pods(&self, count: usize, of: impl Fn(usize) -> (String, String), state: &Value) -> Outcome<()> {
        let made = stream::iter(0..count).map(|number| {
            let (name, image) = of(number);
            self.pod("shop", name, image, state)
        });
        made.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await.into_iter().collect::<io::Result<Vec<_>>>()?;
        Ok(())
    }

    async fn pod(&self, namespace: &str, name: String, image: String, state: &Value) -> io::Result<Value> {
        let pod = Pod::new(NODE, namespace, &name).container("app", &image);
        let stored = self.api.create_pod(&pod).await?;
        let statuses = json!([{ "name": "app", "image": image, "imageID": "", "ready": false, "restartCount": 0,
            "state": state }]);
        self.api.patch_pod_status(&pod, &json!({ "phase": "Pending", "containerStatuses": statuses })).await?;
        Ok(stored)
    }

    /// Memory and processor time while nothing happens.
    async fn at_rest(&self) -> Outcome<[String; 2]> {
        self.daemon.until(|metrics| metrics.contains("pullagent_kube_connected 1")).await?;
        sleep(QUIET).await;
        let (before, begun) = (self.daemon.processor_seconds()?, Instant::now());
        sleep(REST).await;
        let share = 100.0 * (self.daemon.processor_seconds()? - before) / begun.elapsed().as_secs_f64();
        let resident = self.daemon.memory("VmRSS:")?;
        Ok([
            format!(
                "daemon at rest, {PODS} pods, resident | {resident:.1} MiB | {:.2} x 15 MiB | at most 1 x",
                resident / 15.0
            ),
            format!("daemon at rest, {PODS} pods, processor | {share:.3} % | {:.2} x 0.1 % | at most 1 x", share / 0.1),
        ])
    }

    /// How long it takes from a failure that has settled to the event at the pod.
    async fn one_by_one(&self) -> Outcome<String> {
        let mut seconds = Vec::new();
        for number in 0..SINGLE {
            let namespace = format!("single-{number}");
            self.api.create_namespace(&namespace).await?;
            let image = self.image(&format!("single-{number}"));
            self.pod(&namespace, "web".to_owned(), image, &backs_off()).await?;
            let begun = Instant::now();
            let is_ours = |list: &Value| {
                let mut events = list["items"].as_array().into_iter().flatten();
                events.any(|event| event["source"]["component"] == "pullagent")
            };
            let path = format!("/api/v1/namespaces/{namespace}/events");
            self.api.admin().until(&path, |answer| is_ours(&answer.body)).await?;
            seconds.push(begun.elapsed().as_secs_f64());
        }
        seconds.sort_by(f64::total_cmp);
        let (median, worst) = (seconds[SINGLE / 2], seconds[SINGLE - 1]);
        Ok(format!("settled failure to event, {SINGLE} pods | {median:.3} s | the slowest {:.1} x | -", worst / median))
    }

    /// What it costs that many pods fail at once.
    async fn in_a_storm(&self) -> Outcome<String> {
        let examined = |metrics: &str| value(metrics, "pullagent_examinations_total{verdict=\"failing\"}");
        let before = examined(&self.daemon.metrics().await?);
        self.pods(STORM, |n| (format!("ill-{n}"), self.image(&format!("missing-{}", n % IMAGES))), &backs_off())
            .await?;
        let registry = self.world.image().split('/').next().unwrap_or_default();
        let failing = format!("pullagent_pods_failing{{cause=\"TagNotFound\",host=\"{registry}\"}}");
        let all = (STORM + SINGLE).to_string();
        let metrics = self.daemon.until(|metrics| metrics.contains(&format!("{failing} {all}"))).await?;
        let examinations = examined(&metrics) - before;
        let peak = self.daemon.memory("VmHWM:")?;
        Ok(format!(
            "{STORM} pods of {IMAGES} images fail, peak | {peak:.1} MiB, {examinations} examinations | {:.2} x 32 MiB | at most 1 x, 10",
            peak / 32.0
        ))
    }
}

fn backs_off() -> Value {
    json!({ "waiting": { "reason": "ImagePullBackOff", "message": "Back-off pulling image" } })
}

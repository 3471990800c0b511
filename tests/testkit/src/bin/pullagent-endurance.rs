//! Lets an agent live while everything around it fails and heals at random: `pullagent-endurance PULLAGENT MINUTES SEED`.
//!
//! Pods come and go; registries, the resolver and the API server break and are mended. Every failure has to be told, every
//! recovery too, each once; memory and open files must not grow. Exits with 1 if any of this is not so. Needs root, and
//! the API server that `tests/setup` builds.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use pullagent_testkit::daemon::{Daemon, value};
use pullagent_testkit::dns::{self, Dns, DnsHandle};
use pullagent_testkit::kubernetes::{KubeApi, Pod, Waiting};
use pullagent_testkit::registry::{self, Behaviour, Image, On, Registry, RegistryHandle};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::time::sleep;

type Outcome<T> = Result<T, Box<dyn Error>>;

const NODE: &str = "node-1";
const NAMESPACES: [&str; 4] = ["shop", "bank", "blog", "lab"];
const REGISTRIES: usize = 3;
/// The name that only the resolver knows; the kubelet played here asks it too.
const NAMED: &str = "registry.test";
/// Name servers: one that answers, one that cannot, one that is not there.
const SERVERS: [Ipv4Addr; 3] =
    [Ipv4Addr::new(127, 66, 0, 1), Ipv4Addr::new(127, 66, 0, 2), Ipv4Addr::new(127, 66, 0, 3)];
/// As many pods at once.
const MOST_PODS: usize = 60;
/// The world goes on in steps of this.
const STEP: Duration = Duration::from_secs(5);
/// The kubelet tries again after this.
const RETRY: Duration = Duration::from_secs(15);
/// A failure, or a recovery, has to be told within this, while the API server is there.
const TOLD: Duration = Duration::from_secs(75);
/// A pod whose image is not there is given up after this.
const GIVEN_UP: Duration = Duration::from_mins(4);
/// Events are told again after this.
const REFRESH: Duration = Duration::from_mins(30);
/// What memory may grow by between the early and the late part of a run, in MiB, and the open files.
const GROWTH: (f64, usize) = (1.5, 6);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "pullagent-endurance: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Outcome<bool> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [program, minutes, seed] = arguments.as_slice() else {
        return Err("usage: pullagent-endurance PULLAGENT MINUTES SEED".into());
    };
    let length = Duration::from_secs(60 * minutes.parse::<u64>()?);
    let mut world = World::start(Path::new(program), seed.parse()?).await?;
    let begun = Instant::now();
    let mut samples = Vec::new();
    while begun.elapsed() < length {
        let step = Instant::now();
        world.step().await?;
        samples.push((world.daemon.memory("VmRSS:")?, world.daemon.open_files()?));
        sleep(STEP.saturating_sub(step.elapsed())).await;
    }
    world.report(&samples).await
}

/// A pod, and what has become of it.
struct Life {
    pod: Pod,
    uid: String,
    namespace: &'static str,
    image: String,
    wanted: Wanted,
    created: Instant,
    tried: Option<Instant>,
    failed: Option<Instant>,
    ran: Option<Instant>,
}

/// Which image a pod wants.
#[derive(Clone, Copy)]
enum Wanted {
    /// One of a registry, which has it.
    There(usize),
    /// One that it does not have.
    Missing(usize),
    /// One of the registry that has a name.
    Named,
}

/// Everything around the agent.
struct World {
    random: StdRng,
    daemon: Daemon,
    api: KubeApi,
    /// Since when the API server is there; none while it is not.
    up: Option<Instant>,
    registries: Vec<(RegistryHandle, Option<Trouble>)>,
    resolver: usize,
    pods: Vec<Life>,
    made: usize,
    counts: BTreeMap<&'static str, usize>,
    wrong: Vec<String>,
    root: tempfile::TempDir,
    _servers: [DnsHandle; 2],
}

/// What is wrong with a registry.
#[derive(Clone, Copy)]
enum Trouble {
    Unavailable,
    Reset,
    Limited,
}

impl World {
    async fn start(program: &Path, seed: u64) -> Outcome<Self> {
        let (api, root) = (KubeApi::start().await?, tempfile::tempdir()?);
        let etc = root.path().join("etc");
        fs::create_dir_all(&etc)?;
        fs::write(etc.join("hosts"), "127.0.0.1 localhost\n")?;
        let mut registries = Vec::new();
        for _ in 0..REGISTRIES {
            let image = Image::new("linux/amd64");
            registries.push((Registry::new().image("team/app", ["1"], &image).start().await?, None));
        }
        let port = |server: Ipv4Addr| SocketAddr::new(IpAddr::V4(server), 53);
        let healthy = Dns::new().addresses(NAMED, [IpAddr::V4(Ipv4Addr::LOCALHOST)]).start_on(port(SERVERS[0])).await?;
        let broken = Dns::new().otherwise(dns::Answer::Servfail).start_on(port(SERVERS[1])).await?;
        api.create_node(NODE).await?;
        api.node(NODE).write_kubelet_files(root.path())?;
        for namespace in NAMESPACES {
            api.create_namespace(namespace).await?;
        }
        let at = root.path().display();
        let settings = format!(
            "apiVersion: pullagent.dev/v1\nnode: {{ name: {NODE} }}\nhostRoot: {at}\nhttp: {{ listen: \"\" }}\n\
             watch: {{ settle: 5s }}\nevents: {{ perMinute: 600, burst: 100 }}\n\
             socket: {{ path: {at}/agent.sock, group: root }}\n"
        );
        resolve_by(root.path(), 0)?;
        let daemon = Daemon::start(program, root.path(), &settings)?;
        daemon.until(|metrics| metrics.contains("pullagent_kube_connected 1")).await?;
        Ok(Self {
            random: StdRng::seed_from_u64(seed),
            daemon,
            api,
            up: Some(Instant::now()),
            registries,
            resolver: 0,
            pods: Vec::new(),
            made: 0,
            counts: BTreeMap::new(),
            wrong: Vec::new(),
            root,
            _servers: [healthy, broken],
        })
    }

    /// Five seconds in the life of a node.
    async fn step(&mut self) -> Outcome<()> {
        self.break_and_mend().await?;
        if self.up.is_none() {
            return Ok(());
        }
        if self.pods.len() < MOST_PODS && self.random.random_bool(0.5) {
            self.create().await?;
        }
        let mut lives = std::mem::take(&mut self.pods);
        for life in &mut lives {
            self.play_kubelet(life).await?;
        }
        for life in lives {
            if let Some(life) = self.judge(life).await? {
                self.pods.push(life);
            }
        }
        Ok(())
    }

    /// Each thing breaks now and then, and is mended some time later.
    async fn break_and_mend(&mut self) -> Outcome<()> {
        for number in 0..REGISTRIES {
            let trouble = match self.registries[number].1 {
                None if self.random.random_bool(0.02) => Some(self.trouble()),
                Some(_) if self.random.random_bool(0.05) => None,
                _ => continue,
            };
            let (registry, state) = &mut self.registries[number];
            *state = trouble;
            registry.behave_well();
            if let Some(trouble) = trouble {
                registry.behave(On::Everything, trouble.behaviour());
            }
            self.count(if trouble.is_some() { "registries broken" } else { "registries mended" });
        }
        if self.random.random_bool(0.03) {
            self.resolver = if self.resolver == 0 { self.random.random_range(1..SERVERS.len()) } else { 0 };
            resolve_by(self.root.path(), self.resolver)?;
            self.count("resolver changed");
        }
        if self.up.is_some() && self.random.random_bool(0.008) {
            self.up = None;
            self.api.kill().await?;
            self.count("API server killed");
        } else if self.up.is_none() && self.random.random_bool(0.2) {
            self.api.revive().await?;
            self.up = Some(Instant::now());
        }
        Ok(())
    }

    fn trouble(&mut self) -> Trouble {
        match self.random.random_range(0..3) {
            0 => Trouble::Unavailable,
            1 => Trouble::Reset,
            _ => Trouble::Limited,
        }
    }

    async fn create(&mut self) -> Outcome<()> {
        self.made += 1;
        let registry = self.random.random_range(0..REGISTRIES);
        let wanted = match self.random.random_range(0..10) {
            0..5 => Wanted::There(registry),
            5..7 => Wanted::Missing(registry),
            _ => Wanted::Named,
        };
        let namespace = NAMESPACES[self.random.random_range(0..NAMESPACES.len())];
        let image = self.name(wanted);
        let pod = Pod::new(NODE, namespace, &format!("pod-{}", self.made)).container("app", &image);
        let stored = self.api.create_pod(&pod).await?;
        let uid = stored["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        let created = Instant::now();
        self.pods.push(Life { pod, uid, namespace, image, wanted, created, tried: None, failed: None, ran: None });
        self.count("pods");
        Ok(())
    }

    fn name(&self, wanted: Wanted) -> String {
        let host = |number: usize| format!("localhost:{}", self.registries[number].0.addr().port());
        match wanted {
            Wanted::There(number) => format!("{}/team/app:1", host(number)),
            Wanted::Missing(number) => format!("{}/team/app:{}", host(number), self.made),
            Wanted::Named => format!("{NAMED}/team/app:1"),
        }
    }

    /// The kubelet tries to pull, and writes what came of it.
    async fn play_kubelet(&mut self, life: &mut Life) -> Outcome<()> {
        if life.ran.is_some() || life.tried.is_some_and(|tried| tried.elapsed() < RETRY) {
            return Ok(());
        }
        life.tried = Some(Instant::now());
        let image = &life.image;
        if let Some(message) = self.said(life.wanted, image) {
            self.api.pod_waiting(&life.pod, &[Waiting::pull_failed("app", &message)]).await?;
            life.failed.get_or_insert_with(Instant::now);
        } else {
            let running = json!({ "phase": "Running", "containerStatuses": [{ "name": "app", "image": image,
                "imageID": "i", "ready": true, "restartCount": 0, "state": { "running": {} } }] });
            self.api.patch_pod_status(&life.pod, &running).await?;
            life.ran = Some(Instant::now());
        }
        Ok(())
    }

    /// What containerd says of the image now; nothing when it pulls it.
    fn said(&self, wanted: Wanted, image: &str) -> Option<String> {
        let resolve = format!("failed to resolve reference \"{image}\": ");
        let host = image.split('/').next().unwrap_or_default();
        let head = format!("{resolve}failed to do request: Head \"http://{host}/v2/team/app/manifests/1\": ");
        match wanted {
            Wanted::There(number) | Wanted::Missing(number) if self.registries[number].1.is_some() => {
                Some(match self.registries[number].1? {
                    Trouble::Unavailable => format!(
                        "{resolve}unexpected status from HEAD request to http://{host}/v2/team/app/manifests/1: 503 Service Unavailable"
                    ),
                    Trouble::Reset => {
                        format!("{head}read tcp 127.0.0.1:40000->127.0.0.1:5000: read: connection reset by peer")
                    }
                    Trouble::Limited => format!(
                        "{resolve}unexpected status from HEAD request to http://{host}/v2/team/app/manifests/1: 429 Too Many Requests"
                    ),
                })
            }
            Wanted::There(_) => None,
            Wanted::Missing(_) => Some(format!("{resolve}{image}: not found")),
            Wanted::Named => match self.resolver {
                0 => None,
                1 => Some(format!("{head}dial tcp: lookup {host} on {}:53: server misbehaving", SERVERS[1])),
                _ => Some(format!("{head}dial tcp: lookup {host}: Temporary failure in name resolution")),
            },
        }
    }

    /// Looks at a pod's events once all has to be told; the pod, unless its life is over.
    async fn judge(&mut self, life: Life) -> Outcome<Option<Life>> {
        let is_up = |since: Instant| self.up.is_some_and(|up| up.elapsed() > TOLD && since.elapsed() > TOLD);
        let missing = matches!(life.wanted, Wanted::Missing(_));
        let over = match life.ran {
            Some(ran) => is_up(ran),
            None => missing && life.created.elapsed() > GIVEN_UP && life.failed.is_some_and(is_up),
        };
        if !over {
            return Ok(Some(life));
        }
        let path =
            format!("/api/v1/namespaces/{}/events?fieldSelector=involvedObject.uid%3D{}", life.namespace, life.uid);
        let told = self.api.get(&path).await?;
        self.verify(&life, told["items"].as_array().map(Vec::as_slice).unwrap_or_default());
        self.api.admin().delete(&life.pod.path()).await?.success()?;
        Ok(None)
    }

    fn verify(&mut self, life: &Life, events: &[Value]) {
        let ours: Vec<&Value> = events.iter().filter(|event| event["source"]["component"] == "pullagent").collect();
        let reasons: Vec<&str> = ours.iter().filter_map(|event| event["reason"].as_str()).collect();
        let failures = ours.iter().filter(|event| event["type"] == "Warning").count();
        let recovered = reasons.iter().filter(|reason| **reason == "PullRecovered").count();
        let mut wrong = Vec::new();
        let failed_for = life.failed.map(|failed| life.ran.unwrap_or_else(Instant::now) - failed);
        // The API server may have been away for a part of it.
        let was_up = life.failed.zip(self.up).is_some_and(|(failed, up)| failed > up);
        if was_up && failed_for.is_some_and(|long| long > TOLD) && reasons.is_empty() {
            wrong.push("a failure that was not told");
        }
        if failures > 0 && life.ran.is_some() && recovered != 1 {
            wrong.push("a recovery that was not told once");
        }
        if life.ran.is_none() && recovered > 0 {
            wrong.push("a recovery that was none");
        }
        let most = 1 + life.created.elapsed().as_secs() / REFRESH.as_secs();
        if ours.iter().any(|event| event["count"].as_u64().unwrap_or(0) > most) {
            wrong.push("an event that was repeated");
        }
        *self.counts.entry("failures told").or_default() += failures;
        *self.counts.entry("recoveries told").or_default() += recovered;
        self.count("pods judged");
        for what in wrong {
            let name = life.pod.path();
            self.wrong.push(format!("{what}: {name}, failed for {failed_for:?}, {reasons:?}"));
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// Prints what has happened; whether all was as it has to be.
    async fn report(mut self, samples: &[(f64, usize)]) -> Outcome<bool> {
        let metrics = self.daemon.metrics().await?;
        let mut out = io::stdout();
        for (what, count) in &self.counts {
            writeln!(out, "{what} | {count}")?;
        }
        for result in ["sent", "held_back", "failed"] {
            let series = format!("pullagent_events_total{{result=\"{result}\"}}");
            writeln!(out, "events {result} | {}", value(&metrics, &series))?;
        }
        writeln!(out, "processor | {:.1} s", self.daemon.processor_seconds()?)?;
        // The first part of a life is its growing up.
        let part = samples.len() / 6;
        let (early, late) = (&samples[part..2 * part], &samples[samples.len() - part..]);
        let memory = |part: &[(f64, usize)]| median(part.iter().map(|(mib, _)| *mib).collect());
        let files = |part: &[(f64, usize)]| part.iter().map(|(_, files)| *files).min().unwrap_or(0);
        writeln!(out, "resident, early and late | {:.1} MiB, {:.1} MiB", memory(early), memory(late))?;
        writeln!(out, "open files, early and late | {}, {}", files(early), files(late))?;
        if memory(late) > memory(early) + GROWTH.0 {
            self.wrong.push("memory has grown".to_owned());
        }
        if files(late) > files(early) + GROWTH.1 {
            self.wrong.push("open files have become more".to_owned());
        }
        for wrong in &self.wrong {
            writeln!(out, "WRONG | {wrong}")?;
        }
        Ok(self.wrong.is_empty())
    }
}

impl Trouble {
    fn behaviour(self) -> Behaviour {
        match self {
            Self::Unavailable => Behaviour::Answer(registry::Answer::status(503)),
            Self::Reset => Behaviour::Reset,
            Self::Limited => Behaviour::RateLimited,
        }
    }
}

fn resolve_by(root: &Path, server: usize) -> io::Result<()> {
    let file: PathBuf = root.join("etc/resolv.conf");
    fs::write(file, format!("nameserver {}\noptions timeout:1 attempts:1\n", SERVERS[server]))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

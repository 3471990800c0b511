//! What a scraper is told, in the text format of Prometheus, of at most [`MAX_SERIES`] series.
//!
//! It counts what others report and reads nothing but this process's own entries below /proc.

mod budget;
mod hosts;
mod process;
mod text;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use pullagent_diagnosis::cause::Code;
use pullagent_diagnosis::diagnosis::{Diagnosis, Verdict};

use crate::kube::EventResults;
use crate::memory::Memory;
use crate::schedule::Skip;
use budget::{Rows, share};
use hosts::Hosts;

/// As many series a node has at most: thousands of nodes are scraped.
const MAX_SERIES: usize = 100;
/// What the series with names of their own come to, whatever happens: everything but the rows that share what is left.
const FIXED_SERIES: usize = 39;
/// As many causes are counted by name, besides `other`. A counter must not move from one series to another, so the
/// first ones met keep theirs.
const MAX_COUNTED_CAUSES: usize = 9;
/// Upper ends of the buckets of an examination's time, in seconds; 6 s is promised where nothing answers.
const BUCKETS: [f64; 5] = [0.25, 1.0, 3.0, 6.0, 15.0];
/// Bytes of a check's name.
const MAX_NAME: usize = 128;

/// What may become of an event, as the label says it: written; held back, since its object, its namespace or the node had
/// enough of them; not taken by the API server.
const RESULTS: [&str; 3] = ["sent", "held_back", "failed"];

/// Which program this is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Build {
    /// Its version.
    pub(crate) version: &'static str,
    /// The revision of its source.
    pub(crate) revision: &'static str,
}

type OneLabel = [(&'static str, &'static str); 1];

/// A handle on the metrics; clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    bounded: Arc<Bounded>,
    pull_failures: Family<OneLabel, Counter>,
    counted_causes: Mutex<BTreeSet<Code>>,
    events: Family<OneLabel, Counter>,
    examinations: Family<OneLabel, Counter>,
    skipped: Family<OneLabel, Counter>,
    duration: Histogram,
    reloaded: Gauge,
    connected: Gauge,
}

/// The families whose size depends on what the node does. The states of the checks are read from memory.
#[derive(Debug)]
struct Bounded {
    memory: Memory,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    hosts: Hosts,
    pods: BTreeMap<(Code, String), u64>,
    /// The end of the chain's first certificate to end, in seconds, by host.
    certificates: BTreeMap<String, i64>,
    allowances: BTreeMap<String, u64>,
    lint: BTreeMap<Code, u64>,
}

impl Metrics {
    /// Metrics that are zero, or absent where nothing is known. The checks are those of `memory`.
    pub(crate) fn new(build: Build, memory: Memory) -> Self {
        let bounded = Arc::new(Bounded { memory, seen: Mutex::default() });
        let inner = Inner {
            registry: Registry::default(),
            bounded,
            pull_failures: Family::default(),
            counted_causes: Mutex::default(),
            events: Family::default(),
            examinations: Family::default(),
            skipped: Family::default(),
            duration: Histogram::new(BUCKETS),
            reloaded: Gauge::default(),
            connected: Gauge::default(),
        };
        Self(Arc::new(inner.registered(build)))
    }

    /// A diagnosis was made by an examination.
    pub(crate) fn examined(&self, diagnosis: &Diagnosis) {
        self.0.examinations.get_or_create(&[("verdict", diagnosis.verdict.word())]).inc();
        self.0.duration.observe(f64::from(diagnosis.took_ms) / 1000.0);
        let now = diagnosis.started_at;
        self.0.bounded.with(|seen| {
            for hop in &diagnosis.hops {
                let chain = hop.tls.iter().flat_map(|tls| &tls.chain);
                if let Some(end) = chain.map(|certificate| certificate.not_after.as_second()).min()
                    && let Some(host) = seen.hosts.known(&hop.host, now)
                {
                    seen.certificates.insert(host, end);
                }
            }
            if let (Some(allowance), Some(registry)) = (&diagnosis.rate_limit, &diagnosis.target.registry)
                && let Some(host) = seen.hosts.known(registry, now)
            {
                seen.allowances.insert(host, allowance.remaining);
            }
        });
    }

    /// So many failed pulls were not examined so far, by the reason for it.
    pub(crate) fn skipped(&self, so_far: impl IntoIterator<Item = (Skip, u64)>) {
        for (why, count) in so_far {
            self.0.skipped.get_or_create(&[("reason", why.word())]).inner().store(count, Ordering::Relaxed);
        }
    }

    /// The kubelet told of a pull that failed for this cause.
    pub(crate) fn pull_failed(&self, cause: Code) {
        let mut counted = self.0.counted_causes.lock().unwrap_or_else(PoisonError::into_inner);
        let named = counted.contains(&cause) || counted.len() < MAX_COUNTED_CAUSES && counted.insert(cause);
        drop(counted);
        let label = if named { cause.name() } else { hosts::OTHER };
        self.0.pull_failures.get_or_create(&[("cause", label)]).inc();
    }

    /// So much became of events so far, of which `held_back` more were not even handed on.
    pub(crate) fn events(&self, so_far: EventResults, held_back: u64) {
        let counts = [so_far.sent, so_far.held_back.saturating_add(held_back), so_far.failed];
        for (result, count) in RESULTS.into_iter().zip(counts) {
            self.0.events.get_or_create(&[("result", result)]).inner().store(count, Ordering::Relaxed);
        }
    }

    /// These pods fail now: the cause and the host of each. They replace those told of before.
    pub(crate) fn pods_failing<'a>(&self, pods: impl IntoIterator<Item = (Code, &'a str)>, now: jiff::Timestamp) {
        self.0.bounded.with(|seen| {
            seen.pods.clear();
            for (cause, host) in pods {
                let host = seen.hosts.label(host, now);
                *seen.pods.entry((cause, host)).or_default() += 1;
            }
        });
    }

    /// What is said of the node's configuration now, one code a finding.
    pub(crate) fn linted(&self, findings: impl IntoIterator<Item = Code>) {
        self.0.bounded.with(|seen| {
            seen.lint.clear();
            findings.into_iter().for_each(|code| *seen.lint.entry(code).or_default() += 1);
        });
    }

    /// Whether the settings could be read when they were read last.
    pub(crate) fn reloaded(&self, well: bool) {
        self.0.reloaded.set(i64::from(well));
    }

    /// Whether the API server answers.
    pub(crate) fn connected(&self, is: bool) {
        self.0.connected.set(i64::from(is));
    }

    /// All of them in Prometheus' text format, version 0.0.4.
    pub(crate) fn render(&self) -> String {
        let mut open_metrics = String::new();
        // Writing to a String cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut open_metrics, &self.0.registry);
        text::classic(&open_metrics)
    }
}

impl Inner {
    /// The same with every metric in the registry, and those at zero whose labels are known.
    fn registered(mut self, build: Build) -> Self {
        let of = &mut self.registry;
        let about: Family<[(&'static str, &'static str); 2], Gauge> = Family::default();
        about.get_or_create(&[("version", build.version), ("revision", build.revision)]).set(1);
        of.register("pullagent_build_info", "Which program this is; always 1", about);
        of.register(
            "pullagent_pull_failures",
            "Pulls that failed, as the kubelet told of them, by cause",
            self.pull_failures.clone(),
        );
        of.register("pullagent_events", "Events by what became of them", self.events.clone());
        of.register("pullagent_examinations", "Examinations by their verdict", self.examinations.clone());
        of.register(
            "pullagent_examinations_skipped",
            "Failed pulls that were not examined, by the reason for it",
            self.skipped.clone(),
        );
        of.register("pullagent_examination_duration_seconds", "How long an examination took", self.duration.clone());
        of.register(
            "pullagent_config_last_reload_successful",
            "Whether the settings could be read when they were read last",
            self.reloaded.clone(),
        );
        of.register("pullagent_kube_connected", "Whether the API server answers", self.connected.clone());
        of.register_collector(Box::new(Arc::clone(&self.bounded)));
        of.register_collector(Box::new(process::Process::new()));
        for result in RESULTS {
            drop(self.events.get_or_create(&[("result", result)]));
        }
        for verdict in [Verdict::Pullable, Verdict::Degraded, Verdict::Failing, Verdict::Inconclusive] {
            drop(self.examinations.get_or_create(&[("verdict", verdict.word())]));
        }
        for why in Skip::ALL {
            drop(self.skipped.get_or_create(&[("reason", why.word())]));
        }
        self
    }
}

/// A family of [`Bounded`], in the order in which they are served where there is not room for all.
struct FamilyOf {
    name: &'static str,
    help: &'static str,
    /// The series that no other family may take from it.
    reserve: usize,
    rows: Rows,
}

impl Bounded {
    fn with<T>(&self, act: impl FnOnce(&mut Seen) -> T) -> T {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let checks = self.memory.checks();
        seen.hosts.prefer(checks.iter().filter(|check| check.configured).map(|check| check.host.as_str()));
        act(&mut seen)
    }

    fn families(&self) -> [FamilyOf; 8] {
        let checks = self.memory.checks();
        let (mut success, mut failing) = (Rows::lowest(), Rows::highest());
        let (mut last_run, mut duration) = (Rows::lowest(), Rows::highest());
        self.with(|seen| {
            for check in &checks {
                let Some(run) = &check.last else { continue };
                let name = pullagent_diagnosis::text::clean(&check.name, MAX_NAME);
                let host = seen.hosts.label(&check.host, run.at);
                let well = matches!(run.verdict, Verdict::Pullable | Verdict::Degraded);
                success.add([("check", &name), ("host", &host)], f64::from(u8::from(well)));
                if let (Verdict::Failing, Some(cause)) = (run.verdict, run.cause) {
                    failing.add([("check", &name), ("host", &host), ("cause", cause.name())], 1.0);
                }
                last_run.add([("check", &name)], run.at.as_duration().as_secs_f64());
                duration.add([("check", &name)], f64::from(run.took_ms) / 1000.0);
            }
            let pods = Rows::sum().filled(&seen.pods, |(cause, host)| vec![("cause", cause.name()), ("host", host)]);
            let certificates = Rows::lowest().filled(&seen.of_known(&seen.certificates), |host| vec![("host", host)]);
            let allowances = Rows::lowest().filled(&seen.of_known(&seen.allowances), |host| vec![("host", host)]);
            let lint = Rows::sum().filled(&seen.lint, |code| vec![("code", code.name())]);
            [
                (
                    "pullagent_check_success",
                    "Whether the last run of a check found that the pull would work",
                    8,
                    success,
                ),
                (
                    "pullagent_check_failing",
                    "Checks whose last run found that the pull would fail; 1 or absent",
                    4,
                    failing,
                ),
                ("pullagent_pods_failing", "Pods that wait for an image that cannot be pulled", 6, pods),
                (
                    "pullagent_certificate_expiry_timestamp_seconds",
                    "When the first certificate ends of the chain that a host shows",
                    6,
                    certificates,
                ),
                ("pullagent_check_last_run_timestamp_seconds", "When a check last ran", 8, last_run),
                (
                    "pullagent_config_lint",
                    "What is ignored, invalid or has come apart in the node's configuration",
                    6,
                    lint,
                ),
                ("pullagent_rate_limit_remaining", "Pulls that a registry still allows", 2, allowances),
                ("pullagent_check_duration_seconds", "How long the last run of a check took", 6, duration),
            ]
            .map(|(name, help, reserve, rows)| FamilyOf { name, help, reserve, rows })
        })
    }
}

impl Seen {
    /// What is known of the hosts that still have a label of their own.
    fn of_known<T: Copy>(&self, by_host: &BTreeMap<String, T>) -> BTreeMap<String, T> {
        by_host.iter().filter(|(host, _)| self.hosts.has(host)).map(|(host, value)| (host.clone(), *value)).collect()
    }
}

impl Collector for Bounded {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let families = self.families();
        let wants = families.each_ref().map(|family| (family.rows.len(), family.reserve));
        let granted = share(MAX_SERIES - FIXED_SERIES, &wants);
        for (family, granted) in families.into_iter().zip(granted) {
            let mut metric =
                encoder.encode_descriptor(family.name, &format!("{}.", family.help), None, MetricType::Gauge)?;
            for (labels, value) in family.rows.folded(granted) {
                metric.encode_family(&labels)?.encode_gauge(&value)?;
            }
        }
        Ok(())
    }
}

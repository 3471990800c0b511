//! The families with their types and labels, and that no flood makes more series than are promised.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

use super::*;
use crate::fixtures::{diagnosis, failing, reports};
use crate::memory::{CheckRun, CheckState};

const BUILD: Build = Build { version: "1.2.3", revision: "abc" };

/// Every family with its type and labels, as users rely on them.
const FAMILIES: [(&str, &str, &[&str]); 22] = [
    ("pullagent_check_success", "gauge", &["check", "host"]),
    ("pullagent_check_failing", "gauge", &["check", "host", "cause"]),
    ("pullagent_check_duration_seconds", "gauge", &["check"]),
    ("pullagent_check_last_run_timestamp_seconds", "gauge", &["check"]),
    ("pullagent_pods_failing", "gauge", &["cause", "host"]),
    ("pullagent_pull_failures_total", "counter", &["cause"]),
    ("pullagent_certificate_expiry_timestamp_seconds", "gauge", &["host"]),
    ("pullagent_rate_limit_remaining", "gauge", &["host"]),
    ("pullagent_events_total", "counter", &["result"]),
    ("pullagent_examinations_total", "counter", &["verdict"]),
    ("pullagent_examinations_skipped_total", "counter", &["reason"]),
    ("pullagent_examination_duration_seconds", "histogram", &["le"]),
    ("pullagent_config_lint", "gauge", &["code"]),
    ("pullagent_config_last_reload_successful", "gauge", &[]),
    ("pullagent_kube_connected", "gauge", &[]),
    ("pullagent_build_info", "gauge", &["version", "revision"]),
    ("process_cpu_seconds_total", "counter", &[]),
    ("process_resident_memory_bytes", "gauge", &[]),
    ("process_virtual_memory_bytes", "gauge", &[]),
    ("process_start_time_seconds", "gauge", &[]),
    ("process_open_fds", "gauge", &[]),
    ("process_max_fds", "gauge", &[]),
];

fn check(name: &str, host: &str, configured: bool, verdict: Verdict) -> CheckState {
    let failing = verdict == Verdict::Failing;
    let run = CheckRun {
        verdict,
        cause: failing.then_some(Code::TlsCertificateExpired),
        summary: None,
        at: jiff::Timestamp::from_second(1_000).unwrap(),
        took_ms: 250,
    };
    CheckState { name: name.into(), host: host.into(), configured, last: Some(run) }
}

/// Metrics of a node on which everything has happened once.
fn busy() -> Metrics {
    let memory = Memory::default();
    memory.set_checks([
        check("r.io/x:1", "r.io", true, Verdict::Failing),
        check("s.io", "s.io", true, Verdict::Degraded),
    ]);
    let metrics = Metrics::new(BUILD, memory);
    let mut limited = diagnosis("r.io/x:1");
    limited.rate_limit = Some(pullagent_diagnosis::layer::registry::RateLimit {
        limit: 100,
        remaining: 7,
        window_seconds: 21_600,
        source: String::new(),
    });
    metrics.examined(&limited);
    metrics.examined(&failing("r.io/x:1"));
    metrics.pull_failed(Code::TagNotFound);
    metrics.pods_failing([(Code::TagNotFound, "r.io"), (Code::TagNotFound, "r.io")], limited.started_at);
    metrics.linted([Code::MirrorUnavailable]);
    metrics.skipped([(Skip::HostPaused, 1)]);
    metrics.events(EventResults { sent: 3, held_back: 1, failed: 0 }, 1);
    metrics.reloaded(true);
    metrics.connected(false);
    metrics
}

fn samples(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with('#')).collect()
}

/// The name, the labels and the value of a sample. No label of these tests holds a quote or a comma.
fn parsed(sample: &str) -> (String, BTreeMap<String, String>, f64) {
    let (series, value) = sample.rsplit_once(' ').unwrap();
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let pairs = labels.strip_suffix('}').unwrap().split(',').filter(|pair| !pair.is_empty());
    let label = |pair: &str| {
        let (key, value) = pair.split_once('=').unwrap();
        (key.to_owned(), value.trim_matches('"').to_owned())
    };
    (name.to_owned(), pairs.map(label).collect(), value.parse().unwrap())
}

#[test]
fn every_family_is_there_with_its_type_and_labels() {
    let text = busy().render();
    let types: BTreeSet<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let want: BTreeSet<String> = FAMILIES.iter().map(|(name, kind, _)| format!("{name} {kind}")).collect();
    assert_eq!(types.iter().map(|told| (*told).to_owned()).collect::<BTreeSet<_>>(), want);
    for (family, kind, labels) in FAMILIES {
        let help = text.lines().find_map(|line| line.strip_prefix(&format!("# HELP {family} "))).unwrap();
        assert!(help.ends_with('.') && !help.ends_with(".."), "{family}: {help}");
        let name = if kind == "histogram" { format!("{family}_bucket") } else { family.to_owned() };
        let of_family: Vec<_> = samples(&text).into_iter().map(parsed).filter(|(n, ..)| *n == name).collect();
        assert!(!of_family.is_empty(), "{family} has no sample in\n{text}");
        for (_, found, _) in of_family {
            assert_eq!(found.keys().map(String::as_str).collect::<BTreeSet<_>>(), labels.iter().copied().collect());
        }
    }
    let mut told = samples(&text).into_iter().map(|sample| sample.rsplit_once(' ').unwrap().0);
    let mut seen = BTreeSet::new();
    assert!(told.all(|series| seen.insert(series.to_owned())), "a series is there twice:\n{text}");
}

#[track_caller]
fn has(text: &str, sample: &str) {
    assert!(text.lines().any(|line| line == sample), "{sample} is not in\n{text}");
}

#[test]
fn the_values_are_those_that_were_told() {
    let text = busy().render();
    has(&text, r#"pullagent_check_success{check="r.io/x:1",host="r.io"} 0.0"#);
    has(&text, r#"pullagent_check_success{check="s.io",host="s.io"} 1.0"#);
    has(&text, r#"pullagent_check_failing{check="r.io/x:1",host="r.io",cause="TlsCertificateExpired"} 1.0"#);
    has(&text, r#"pullagent_check_duration_seconds{check="s.io"} 0.25"#);
    has(&text, r#"pullagent_check_last_run_timestamp_seconds{check="s.io"} 1000.0"#);
    has(&text, r#"pullagent_pods_failing{cause="TagNotFound",host="r.io"} 2.0"#);
    has(&text, r#"pullagent_pull_failures_total{cause="TagNotFound"} 1"#);
    has(&text, r#"pullagent_rate_limit_remaining{host="registry.corp.io"} 7.0"#);
    has(&text, r#"pullagent_examinations_total{verdict="failing"} 1"#);
    has(&text, r#"pullagent_examinations_total{verdict="inconclusive"} 0"#);
    has(&text, r#"pullagent_examinations_skipped_total{reason="host_paused"} 1"#);
    has(&text, r#"pullagent_events_total{result="held_back"} 2"#);
    has(&text, r#"pullagent_examination_duration_seconds_bucket{le="+Inf"} 2"#);
    has(&text, "pullagent_config_last_reload_successful 1");
    has(&text, "pullagent_kube_connected 0");
    has(&text, r#"pullagent_build_info{version="1.2.3",revision="abc"} 1"#);
    assert_eq!(text.matches("pullagent_check_failing{").count(), 1);
}

#[test]
fn a_flood_of_hosts_checks_and_causes_stays_within_the_bounds() {
    let memory = Memory::default();
    memory.set_checks((0..60).map(|n| check(&format!("{n}.check"), &format!("{n}.check"), n < 40, Verdict::Failing)));
    let metrics = Metrics::new(BUILD, memory);
    let codes: Vec<Code> = pullagent_diagnosis::cause::CATALOGUE.iter().map(|row| row.code).collect();
    let reports = reports();
    for number in 0..10_000_usize {
        let host = format!("tenant-{number}.io");
        let mut report = reports[number % reports.len()].clone();
        report.target.registry = Some(host.clone());
        report.hops.iter_mut().for_each(|hop| hop.host.clone_from(&host));
        metrics.examined(&report);
        metrics.pull_failed(codes[number % codes.len()]);
    }
    let hosts: Vec<String> = (0..10_000).map(|number| format!("tenant-{number}.io")).collect();
    metrics.pods_failing(codes.iter().copied().cycle().zip(hosts.iter().map(String::as_str)), jiff::Timestamp::now());
    metrics.linted(codes.iter().copied());
    let text = metrics.render();
    let all: Vec<_> = samples(&text).into_iter().map(parsed).collect();
    assert_eq!(all.len(), MAX_SERIES, "{text}");
    let hosts: BTreeSet<_> = all.iter().filter_map(|(_, labels, _)| labels.get("host")).collect();
    assert!(hosts.len() <= hosts::MAX_VALUES, "{hosts:?}");
    assert!(hosts.contains(&"0.check".to_owned()) && hosts.contains(&hosts::OTHER.to_owned()));
    let pods = all.iter().filter(|(name, ..)| name == "pullagent_pods_failing").map(|(.., value)| value);
    assert!((pods.sum::<f64>() - 10_000.0).abs() < 0.5, "no pod is lost");
    let failures = all.iter().filter(|(name, ..)| name == "pullagent_pull_failures_total").map(|(.., value)| value);
    assert!((failures.sum::<f64>() - 10_000.0).abs() < 0.5, "no failure is lost");
}

#[test]
fn a_hostile_name_of_a_check_stays_within_its_quotes() {
    let memory = Memory::default();
    memory.set_checks([check("a\"} 1\nevil{x=\"", "r.io", true, Verdict::Pullable)]);
    let text = Metrics::new(BUILD, memory).render();
    assert!(!text.lines().any(|line| line.starts_with("evil")), "{text}");
    has(&text, r#"pullagent_check_success{check="a\"} 1 evil{x=\"",host="r.io"} 1.0"#);
}

/// Prometheus' own judgement, where its tool is installed.
#[test]
fn promtool_has_nothing_to_say() {
    let started = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut promtool = match started {
        Ok(promtool) => promtool,
        Err(error) => return eprintln!("not tested: promtool cannot be run: {error}"),
    };
    promtool.stdin.take().unwrap().write_all(busy().render().as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn the_documentation_has_every_family_and_its_labels() {
    let table = include_str!("../../../../docs/operations.md");
    let rows = table.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let name = cells.get(1)?.strip_prefix('`')?.strip_suffix('`')?;
        let is_metric = name.starts_with("pullagent_") || name.starts_with("process_");
        // After a colon come the values of a label.
        let labels = cells.get(2)?.split(':').next()?.split(", ").map(|label| label.trim_matches('`'));
        is_metric.then(|| (name, labels.filter(|label| !label.is_empty()).collect::<BTreeSet<_>>()))
    });
    // The buckets' label is the histogram's own.
    let families = FAMILIES.map(|(name, _, labels)| {
        (name, labels.iter().copied().filter(|label| *label != "le").collect::<BTreeSet<_>>())
    });
    assert_eq!(rows.collect::<BTreeMap<_, _>>(), BTreeMap::from(families));
}

//! The rules one by one, on one node.

use std::cell::RefCell;
use std::time::Duration;

use pullagent_diagnosis::diagnosis::Verdict;
use pullagent_diagnosis::layer::registry::RateLimit;

use super::*;
use crate::fixtures;
use crate::schedule::{Limits, Schedule};
use crate::settings::{ImageCheck, RegistryCheck, Settings};

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// Settings that check these registries.
pub(super) fn settings(registries: &[&str], every: &str) -> settings::Checks {
    let registry = |host: &&str| RegistryCheck { host: (*host).to_owned(), every: None };
    let every = Duration::try_from(every.parse::<SignedDuration>().unwrap()).unwrap();
    settings::Checks { every, registries: registries.iter().map(registry).collect(), ..Settings::default().checks }
}

pub(super) fn passes() -> Diagnosis {
    fixtures::diagnosis("r.io/x:1")
}

fn fails() -> Diagnosis {
    let mut diagnosis = fixtures::failing("r.io/x:1");
    diagnosis.hops.clear();
    diagnosis
}

/// A node whose runs take no time.
struct Node {
    checks: Checks,
    /// What the pods' schedule knows of hosts in trouble.
    pods: Schedule,
    /// What each run finds.
    finds: Diagnosis,
    /// When each run was begun, and of what.
    runs: Vec<(i64, String)>,
    told: Vec<(i64, News)>,
}

impl Node {
    fn new(settings: settings::Checks, finds: Diagnosis) -> Self {
        let checks = Checks::new("node-1", settings, at(0));
        Self { checks, pods: Schedule::new(Limits::default()), finds, runs: Vec::new(), told: Vec::new() }
    }

    /// Goes on as far as `until`, from one time at which something is due to the next.
    fn run(&mut self, from: i64, until: i64) {
        let mut now = from;
        while now < until {
            self.put(Input::Tick, now);
            let news = self.checks.publish(at(now), || Ok(()));
            self.told.extend(news.into_iter().map(|news| (now, news)));
            let wake = self.checks.wake_at().into_iter().chain(self.checks.news_at()).min();
            now = wake.map_or(until, |wake| at(0).duration_until(wake).as_secs().max(now) + 1);
        }
    }

    /// Hands an input over, and makes the runs that it leads to.
    fn put(&mut self, input: Input<'_>, now: i64) {
        let mut begun = self.handle(input, AT_ONCE, now);
        while let Some(run) = begun.pop() {
            self.runs.push((now, run.wanted.name.clone()));
            self.pods.learn(&run.wanted.question, &self.finds, at(now));
            let finds = self.finds.clone();
            begun.extend(self.handle(Input::Finished(run.id, Some(&finds)), AT_ONCE, now));
        }
    }

    fn handle(&mut self, input: Input<'_>, room: usize, now: i64) -> Vec<Run> {
        self.checks.handle(input, room, |question| self.pods.forbids(question, at(now)), at(now))
    }

    /// The time between one run and the next.
    fn pauses(&self) -> Vec<i64> {
        self.runs.windows(2).map(|two| two[1].0 - two[0].0).collect()
    }

    fn reasons(&self) -> Vec<&str> {
        self.told.iter().map(|(_, news)| news.event.reason.as_str()).collect()
    }
}

#[track_caller]
fn check_pauses(every: &str, finds: Diagnosis, want: &[i64]) {
    let mut node = Node::new(settings(&["r.io"], every), finds);
    node.run(0, 40_000);
    assert!(node.runs[0].0 <= 60, "the first run comes soon: {:?}", node.runs);
    let pauses = node.pauses();
    let near = |pause: &i64, want: &i64| (pause - want).abs() <= 2;
    assert!(pauses.iter().zip(want).all(|(pause, want)| near(pause, want)), "{every}: {pauses:?}");
    // From the first regular run on it keeps to its interval.
    let every = i64::try_from(settings(&[], every).every.as_secs()).unwrap();
    let irregular = pauses[want.len()];
    assert!((every / 2 - 2..=every * 3 / 2 + 2).contains(&irregular), "{every}: {pauses:?}");
    assert!(pauses[want.len() + 1..].iter().all(|pause| near(pause, &every)), "{every}: {pauses:?}");
}

#[test]
fn a_check_that_fails_runs_sooner_and_then_keeps_to_its_interval() {
    check_pauses("1h", passes(), &[]);
    check_pauses("1h", fails(), &[60, 120, 300, 600, 1800]);
    check_pauses("5m", fails(), &[60, 120, 300, 300, 300]);
    check_pauses("30s", fails(), &[30, 30, 30, 30, 30]);
    let unclear = Diagnosis { verdict: Verdict::Inconclusive, cause: None, ..fails() };
    check_pauses("1h", unclear, &[]);
}

#[test]
fn a_turn_is_confirmed_soon_and_told_once() {
    let mut node = Node::new(settings(&["r.io"], "1h"), passes());
    node.run(0, 4000);
    node.finds = fails();
    node.run(4000, 20_000);
    node.finds = passes();
    node.run(20_000, 30_000);
    assert_eq!(node.reasons().first(), Some(&"CheckTlsCertificateExpired"));
    assert_eq!(node.reasons().last(), Some(&"CheckRecovered"));
    let names: Vec<&String> = node.told.iter().map(|(_, news)| &news.name).collect();
    let first = node.told[0].0;
    let before = node.runs.iter().rev().find(|(run, _)| *run < first).unwrap().0;
    assert!((60..=62).contains(&(first - before)), "{:?} {:?}", node.runs, node.told);
    // Refreshed every half hour under the same name, and no other news.
    assert!(node.told[..names.len() - 1].iter().all(|(_, news)| news.name == *names[0]), "{:?}", node.told);
    assert!((7..=10).contains(&names.len()), "{:?}", node.told);
}

#[test]
fn a_registry_that_says_it_is_asked_too_often_is_left_alone_by_checks_and_pods() {
    let mut limited = fails();
    limited.findings[0].code = Code::RateLimited;
    limited.findings[0].host = Some("r.io".to_owned());
    let mut node = Node::new(settings(&["r.io", "s.io"], "1m"), limited);
    node.run(0, 1000);
    let of = |node: &Node, host: &str| node.runs.iter().filter(|(_, name)| name == host).count();
    // Said of one of them, by the check of either.
    assert_eq!(of(&node, "r.io"), 1 + usize::from(of(&node, "r.io") > 1), "{:?}", node.runs);
    assert!(node.pods.forbids(&Question::of_image("r.io/a:1", None), at(1000)).is_some());
    // What a pod has learned holds for the check as well.
    let mut node = Node::new(settings(&["r.io"], "1m"), passes());
    let mut limited = fails();
    limited.findings[0].code = Code::RegistryUnavailable;
    node.pods.learn(&Question::of_image("r.io/a:1", None), &limited, at(0));
    node.run(0, 3000);
    assert!(node.runs[0].0 >= 900 && node.runs.len() > 30, "{:?}", node.runs);
}

#[test]
fn little_left_of_an_allowance_ends_the_checks_until_the_window_is_over() {
    let mut low = passes();
    let mut finding = fails().findings.remove(0);
    finding.code = Code::RateLimitLow;
    low.findings.push(finding);
    low.rate_limit = Some(RateLimit { limit: 100, remaining: 7, window_seconds: 21_600, source: String::new() });
    let mut node = Node::new(settings(&["r.io"], "10m"), low.clone());
    node.run(0, 21_600 * 2);
    assert_eq!(node.runs.len(), 2, "{:?}", node.runs);
    // Without that word it is only a number.
    low.findings.clear();
    let mut node = Node::new(settings(&["r.io"], "10m"), low);
    node.run(0, 21_600);
    assert!(node.runs.len() > 30);
}

#[test]
fn another_configuration_is_checked_within_a_minute() {
    let names: Vec<String> = (0..20).map(|number| format!("r{number}.io")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut node = Node::new(settings(&names, "24h"), passes());
    node.run(0, 100);
    assert_eq!(node.runs.len(), 20);
    let regular = node.checks.entries.iter().filter(|entry| entry.due.at <= at(200)).count();
    assert!(regular < 3);
    node.put(Input::ConfigurationChanged, 100);
    node.run(100, 162);
    assert!(node.runs.len() >= 40, "{:?}", node.runs);
    // Not all in the same second.
    let times: std::collections::BTreeSet<i64> = node.runs[20..].iter().map(|(time, _)| *time).collect();
    assert!(times.len() > 10, "{times:?}");
}

#[test]
fn what_runs_while_the_configuration_changes_runs_again() {
    let mut node = Node::new(settings(&["r.io"], "24h"), passes());
    let begun = node.handle(Input::Tick, AT_ONCE, 60);
    node.handle(Input::ConfigurationChanged, AT_ONCE, 61);
    node.handle(Input::Finished(begun[0].id, Some(&passes())), AT_ONCE, 62);
    assert!(node.checks.wake_at().unwrap() <= at(122));
}

#[test]
fn new_settings_keep_what_is_known_of_a_check() {
    let mut node = Node::new(settings(&["r.io", "s.io"], "24h"), fails());
    node.run(0, 300);
    let known = node.checks.entries[1].failures;
    assert!(known > 1);
    node.checks.configure(settings(&["t.io", "s.io"], "10m"), at(300));
    let failures: Vec<usize> = node.checks.entries.iter().map(|entry| entry.failures).collect();
    assert_eq!(failures, [0, known]);
    assert!(node.checks.wake_at().is_some());
    node.finds = passes();
    node.runs.clear();
    node.run(300, 1000);
    let of = |host: &str| node.runs.iter().filter(|(_, name)| name == host).count();
    assert!(of("t.io") >= 1 && of("s.io") >= 1 && of("r.io") == 0, "{:?}", node.runs);
    assert_eq!(node.reasons().iter().filter(|reason| **reason == "CheckRecovered").count(), 1);
}

#[test]
fn pods_come_first_and_no_more_than_two_run() {
    let mut node = Node::new(settings(&["a.io", "b.io", "c.io", "d.io"], "1h"), passes());
    assert!(node.handle(Input::Tick, 0, 60).is_empty());
    assert_eq!(node.checks.wake_at(), None, "it would spin");
    assert_eq!(node.handle(Input::Tick, 1, 60).len(), 1);
    let second = node.handle(Input::Tick, 9, 61);
    assert_eq!((second.len(), node.handle(Input::Tick, 9, 62).len()), (1, 0));
    let passes = passes();
    assert_eq!(node.handle(Input::Finished(second[0].id, Some(&passes)), 9, 62).len(), 1);
    // Nobody knows it any more.
    node.checks.configure(settings(&[], "1h"), at(63));
    assert!(node.handle(Input::Finished(RunId(0), Some(&passes)), 9, 64).is_empty());
}

#[test]
fn however_many_checks_there_are_one_registry_is_asked_so_often() {
    let many = |host: &str| {
        let image = |number| ImageCheck { image: format!("{host}/app:{number}"), every: None, secret: None };
        settings::Checks { images: (0..60).map(image).collect(), ..settings(&[], "30s") }
    };
    for (host, most) in [("r.io", PER_REGISTRY), ("ghcr.io", PER_PUBLIC_REGISTRY)] {
        let mut node = Node::new(many(host), passes());
        node.run(0, 3600);
        assert_eq!(node.runs.len(), most, "{host}");
        let names: std::collections::BTreeSet<&String> = node.runs.iter().map(|(_, name)| name).collect();
        assert!(names.len() >= most.min(60), "{host}: each in turn: {names:?}");
    }
}

#[test]
fn a_node_where_everything_fails_is_told_in_turn_and_each_check_by_a_name_of_its_own() {
    let names: Vec<String> = (0..20).map(|number| format!("r{number}.io")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut node = Node::new(settings(&names, "1h"), fails());
    node.run(0, 200);
    assert!((10..=13).contains(&node.told.len()), "{}", node.told.len());
    assert!((7..=10).contains(&node.checks.held_back()), "{}", node.checks.held_back());
    node.run(200, 1700);
    let names: std::collections::BTreeSet<&str> = node.told.iter().map(|(_, news)| news.name.as_str()).collect();
    assert_eq!((names.len(), node.told.len()), (20, 20));
}

#[test]
fn news_wait_for_a_token_of_the_node() {
    let mut node = Node::new(settings(&["r.io"], "1h"), fails());
    for now in [60, 121] {
        node.put(Input::Tick, now);
    }
    let denied = RefCell::new(0);
    let deny = || {
        *denied.borrow_mut() += 1;
        Err(at(500))
    };
    assert_eq!(node.checks.publish(at(121), deny), []);
    assert_eq!((node.checks.publish(at(122), deny), denied.take()), (Vec::new(), 2));
    assert_eq!((node.checks.news_at(), node.checks.held_back()), (Some(at(500)), 1));
    assert_eq!(node.checks.publish(at(500), || Ok(())).len(), 1);
}

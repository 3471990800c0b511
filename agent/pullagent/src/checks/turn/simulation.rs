//! A fleet in virtual time: every node runs its checks as the daemon would, and the registries count.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use super::tests::{at, passes, settings};
use super::*;

/// Seconds that a run takes.
const TAKES: i64 = 1;
const HOUR: i64 = 3600;

/// The second of each start, with the registry.
fn fleet(nodes: usize, settings: &settings::Checks, until: i64, finds: &Diagnosis) -> Vec<(i64, String)> {
    let mut all: Vec<(Checks, VecDeque<(i64, RunId)>)> = (0..nodes)
        .map(|node| (Checks::new(&format!("node-{node}"), settings.clone(), at(0)), VecDeque::new()))
        .collect();
    let mut next: BinaryHeap<Reverse<(i64, usize)>> = (0..nodes).map(|node| Reverse((0, node))).collect();
    let mut starts = Vec::new();
    while let Some(Reverse((now, node))) = next.pop() {
        if now >= until {
            break;
        }
        let (checks, running) = &mut all[node];
        let ended = running.pop_front_if(|(end, _)| *end <= now);
        let input = ended.map_or(Input::Tick, |(_, run)| Input::Finished(run, Some(finds)));
        for run in checks.handle(input, AT_ONCE, |_| None, at(now)) {
            starts.push((now, run.wanted.host.clone()));
            running.push_back((now + TAKES, run.id));
        }
        let wake = checks.wake_at().map_or(i64::MAX, |wake| second(wake).max(now + 1));
        let end = running.front().map_or(i64::MAX, |(end, _)| (*end).max(now));
        next.push(Reverse((wake.min(end), node)));
    }
    starts
}

/// The first whole second that is not before `time`.
fn second(time: Timestamp) -> i64 {
    let since = at(0).duration_until(time);
    since.as_secs() + i64::from(since.subsec_nanos() > 0)
}

/// How many there are in each slot of so many seconds.
fn by_slot(starts: impl Iterator<Item = i64>, seconds: i64) -> BTreeMap<i64, usize> {
    let mut slots = BTreeMap::new();
    starts.for_each(|start| *slots.entry(start / seconds).or_default() += 1);
    slots
}

#[test]
fn five_thousand_nodes_that_start_at_once_are_never_in_step_afterwards() {
    let registries: Vec<String> = (0..20).map(|number| format!("r{number}.corp.io")).collect();
    let names: Vec<&str> = registries.iter().map(String::as_str).collect();
    let starts = fleet(5000, &settings(&names, "1h"), 5600, &passes());
    // All of them within a minute of the start, as the jitter allows, and a moment for those that waited for a place.
    let first = starts.iter().filter(|(start, _)| *start < 120).count();
    assert_eq!(first, 100_000);
    let most = by_slot(starts.iter().map(|(start, _)| *start).filter(|start| *start < 60), 1).into_values().max();
    assert!(most.unwrap() < 3 * 100_000 / 60, "{most:?}");
    // One regular hour. For half of one after its first run a check may have had no turn.
    let hour: Vec<&(i64, String)> = starts.iter().filter(|(start, _)| *start >= 2000).collect();
    let mean = hour.len() / 3600;
    assert!((26..=29).contains(&mean), "{mean} a second");
    let most = by_slot(hour.iter().map(|(start, _)| *start), 1).into_values().max();
    assert!(most.unwrap() <= 3 * mean, "{most:?} of {mean}");
    for registry in &registries {
        let minutes = by_slot(hour.iter().filter(|(_, host)| host == registry).map(|(start, _)| *start), 60);
        assert_eq!(minutes.values().sum::<usize>(), 5000, "{registry}");
        assert!(minutes.values().all(|count| *count <= 2 * 5000 / 60), "{registry}: {minutes:?}");
    }
}

#[test]
fn a_share_of_the_fleet_asks_a_public_registry_and_in_turn_every_node_does() {
    let mut sampled = settings(&["docker.io"], "1h");
    sampled.sample = 0.1;
    let starts = fleet(1000, &sampled, 20 * HOUR, &passes());
    // Whoever has the first interval's turn asks at the start; after that it is the intervals that count.
    let asked = starts.iter().filter(|(start, _)| *start >= HOUR).count();
    assert!((1800..=2000).contains(&asked), "{asked} of 1000 nodes in 19 hours");
    let hours = by_slot(starts.iter().map(|(start, _)| *start).filter(|start| *start >= HOUR), HOUR);
    assert!(hours.values().all(|count| (60..=140).contains(count)), "{hours:?}");
    let mut own = sampled.clone();
    own.registries[0].host = "r.corp.io".to_owned();
    assert!(fleet(10, &own, HOUR, &passes()).len() >= 10, "a registry of one's own is asked by all");
    sampled.sample = 0.0;
    assert_eq!(fleet(100, &sampled, 5 * HOUR, &passes()), []);
}

#[test]
fn an_outage_costs_a_registry_little_more_than_a_good_day() {
    let mut finds = crate::fixtures::failing("r0.corp.io/x:1");
    // Not its own trouble, or it would be left alone.
    finds.hops.clear();
    let starts = fleet(1000, &settings(&["r0.corp.io"], "1h"), 8 * HOUR, &finds);
    let hours = by_slot(starts.iter().map(|(start, _)| *start), HOUR);
    assert!(hours[&0] <= 6 * 1000, "{hours:?}");
    for hour in 3..8 {
        assert!((900..=1100).contains(&hours[&hour]), "{hours:?}");
    }
}

//! Nodes into registries, blocks, digests, allowances and incidents.

use super::*;
use crate::report::{Style, fleet_text, incidents_text};
use crate::summary::{FailingPods, Headroom};

const STYLE: Style = Style { width: 100, color: false, verbose: 0 };

/// Three nodes fail at one registry, one is behind a broken mirror, and five say nothing.
fn world() -> World {
    let mut world = World::default();
    for number in 0..20 {
        let name = format!("node-{number:02}");
        let zone = if number % 2 == 0 { "a" } else { "b" };
        let resolvers = if number < 3 { "10.0.9.9" } else { "10.0.0.2" };
        let summary = world.node(&name, &[("resolvers", resolvers), ("zone", zone), ("pool", "web")]);
        if number < 3 {
            summary.checks = vec![check("registry.corp.io", Some(Code::DnsTimeout))];
            summary.changes.push(resolvers_changed("02:38", "10.0.0.2", "10.0.9.9"));
        }
        let mut image = check("docker.io", None);
        image.name = "docker.io/library/nginx:1".to_owned();
        image.digest = Some(if number < 15 { "sha256:aaaaaaaaaaaaaaaa" } else { "sha256:bbbbbbbbbbbbbbbb" }.to_owned());
        image.headroom = Some(Headroom { limit: 100, remaining: 3 + number, source: "198.51.100.7".to_owned() });
        image.certificate_ends = Some(now() + SignedDuration::from_hours(24 * 5));
        summary.checks.push(image);
    }
    let degraded = &mut world.summary("node-19").checks[0];
    degraded.verdict = Verdict::Degraded;
    degraded.code = Some(Code::MirrorUnavailable);
    degraded.host = Some("mirror.corp.io".to_owned());
    world.node("old", &[]).at = at("00:30");
    world.told.get_mut("old").unwrap().renewed = None;
    let facts = |name: &str, is_windows| NodeFacts { name: name.into(), is_windows, ..NodeFacts::default() };
    world.nodes.extend([facts("win-1", true), facts("bare", false), facts("odd", false), facts("next", false)]);
    let unread = |why| Told { renewed: Some(now()), summary: Some(Err(why)) };
    world.told.insert("odd".to_owned(), unread(Unreadable::Malformed("it is no summary".to_owned())));
    world.told.insert("next".to_owned(), unread(Unreadable::Newer("it is of version 9".to_owned())));
    world.told.insert("not-a-node".to_owned(), unread(Unreadable::Malformed("x".to_owned())));
    world
}

#[test]
fn a_screen_has_totals_then_failures_then_the_rest() {
    insta::assert_snapshot!("fleet", fleet_text(&world().fleet(), &STYLE));
    insta::assert_snapshot!("fleet_narrow", fleet_text(&world().fleet(), &Style { width: 50, ..STYLE }));
}

#[test]
fn one_node_or_registry_alone_is_compared_with_all() {
    let world = world();
    let focus = |node: Option<&str>, registry: Option<&str>| {
        let focus = Focus { node: node.map(str::to_owned), registry: registry.map(str::to_owned) };
        fleet(&world.nodes, &world.told, &focus, now())
    };
    let one = focus(Some("node-01"), None);
    let row = one.registries.iter().find(|row| row.registry == "registry.corp.io").unwrap();
    assert_eq!((row.nodes.failing, row.nodes.total(), row.groups.len()), (1, 1, 1));
    assert_eq!((row.groups[0].apart.failing, row.groups[0].apart.healthy), (3, 17));
    assert_eq!(focus(Some("node-05"), None).exit_code(), 0);
    let other = focus(None, Some("docker.io"));
    assert_eq!(other.registries.len(), 1);
    assert_eq!((other.exit_code(), other.certificates.len()), (0, 1));
    assert!(other.registries[0].groups.is_empty());
}

#[test]
fn the_exit_status_tells_failing_from_nothing_known() {
    assert_eq!(world().fleet().exit_code(), 1);
    assert_eq!(World::default().fleet().exit_code(), 3);
    let mut well = World::default();
    well.node("a", &[]);
    assert_eq!(well.fleet().exit_code(), 0);
}

#[test]
fn every_node_is_counted_once() {
    let nodes = world().fleet().nodes;
    assert_eq!(nodes.reporting + nodes.silent + nodes.unreadable + nodes.newer + nodes.not_covered, nodes.total);
    assert_eq!((nodes.total, nodes.reporting, nodes.failing, nodes.not_covered), (25, 20, 3, 2));
    let mut twice = world();
    twice.nodes.push(NodeFacts { name: "node-01".to_owned(), zone: Some("z".to_owned()), ..NodeFacts::default() });
    let once = twice.fleet();
    twice.nodes.reverse();
    assert_eq!(twice.fleet(), once);
    assert_eq!(once.nodes.total, 25);
}

#[track_caller]
fn check_blocks(pools: usize, zones: usize, want: usize) {
    let mut world = World::default();
    for number in 0..pools * zones * 2 {
        let (pool, zone) = (format!("p{}", number % pools), format!("z{}", number / pools % zones));
        world.node(&format!("n{number}"), &[("pool", &pool), ("zone", &zone)]);
    }
    let fleet = world.fleet();
    assert_eq!(fleet.blocks.len(), want, "{:?}", fleet.blocks);
    assert_eq!(fleet.blocks.iter().map(|block| block.nodes).sum::<usize>(), world.nodes.len());
    let cells = &fleet.registries[0].cells;
    assert_eq!(cells.len(), want);
    assert_eq!(cells.iter().map(Cell::total).sum::<usize>(), world.nodes.len());
}

#[test]
fn blocks_are_few_whatever_the_fleet() {
    check_blocks(1, 1, 1);
    check_blocks(4, 6, 24);
    check_blocks(5, 6, 5);
    check_blocks(40, 2, 24);
}

#[test]
fn incidents_are_told_by_code_and_host() {
    let mut world = World::default();
    for number in 0..12_u32 {
        let summary = world.node(&format!("n{number}"), &[]);
        summary.failing.push(FailingPods {
            code: Code::DnsTimeout,
            host: "registry.corp.io".to_owned(),
            pods: 3,
            namespaces: vec![format!("team-{}", number % 4)],
            since: at("02:41"),
        });
    }
    insta::assert_snapshot!("incidents", incidents_text(&incidents(&world.nodes, &world.told, now()), &STYLE));
    world.summary("n3").left_out = 2;
    insta::assert_snapshot!("incidents_cut", incidents_text(&incidents(&world.nodes, &world.told, now()), &STYLE));
    let none = World::default();
    assert_eq!(incidents(&none.nodes, &none.told, now()).exit_code(), 3);
}

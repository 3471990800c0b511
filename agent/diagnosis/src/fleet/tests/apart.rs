//! What sets failing nodes apart: in words, by a table, and as properties.

use proptest::prelude::*;

use super::*;
use crate::report::apart_in_words;

/// What is said of the first group.
fn said(world: &World) -> String {
    let fleet = world.fleet();
    let group = &fleet.registries[0].groups[0];
    apart_in_words(&group.apart, group.since, fleet.at)
}

/// `failing` and `healthy` nodes, each with a fingerprint by its number.
fn two_kinds(
    failing: usize,
    healthy: usize,
    fingerprint: impl Fn(bool, usize) -> Vec<(&'static str, String)>,
) -> World {
    let mut world = World::default();
    for number in 0..failing + healthy {
        let fails = number < failing;
        let name = format!("node-{number:03}");
        let own = fingerprint(fails, number);
        let own: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
        world.node(&name, &own);
        if fails {
            world.fail(&name, Code::DnsTimeout);
        }
    }
    world
}

#[track_caller]
fn check(world: &World, want: &str) {
    assert_eq!(said(world), want);
}

fn resolvers(fails: bool) -> String {
    if fails { "10.0.9.9 10.0.0.2" } else { "10.0.0.2" }.to_owned()
}

#[test]
fn one_name_server_of_the_failing_is_found_with_the_time_it_came() {
    let mut world = two_kinds(3, 209, |fails, number| {
        vec![("resolvers", resolvers(fails)), ("kernel", format!("6.1.{}", number % 7)), ("trust", "aa".into())]
    });
    for name in ["node-000", "node-001", "node-002"] {
        world.summary(name).changes.push(resolvers_changed("02:38", "10.0.0.2", "10.0.9.9 10.0.0.2"));
    }
    check(&world, "all 3 failing, 0 of 209 healthy: resolver 10.0.9.9; changed 02:38 UTC, first failure 02:41 UTC");
}

#[test]
fn a_change_after_the_failure_or_of_something_else_is_not_told() {
    let mut world = two_kinds(3, 30, |fails, _| vec![("resolvers", resolvers(fails))]);
    world
        .summary("node-000")
        .changes
        .push(Change { at: at("03:50"), ..resolvers_changed("03:50", "10.0.0.2", "10.0.9.9") });
    world.summary("node-001").changes.push(resolvers_changed("02:00", "10.0.9.9", "10.0.0.2"));
    check(&world, "all 3 failing, 0 of 30 healthy: resolver 10.0.9.9, first failure 02:41 UTC");
}

#[test]
fn what_always_goes_together_is_listed_together() {
    let world = two_kinds(4, 40, |fails, _| {
        let new = |new: &str, old: &str| if fails { new.to_owned() } else { old.to_owned() };
        vec![("kernel", new("6.12", "6.1")), ("runtimeVersion", new("2.1", "1.7")), ("trust", "aa".into())]
    });
    check(
        &world,
        "all 4 failing, 0 of 40 healthy: kernel 6.12 and runtime version 2.1 (always together), first failure 02:41 UTC",
    );
}

#[test]
fn what_the_failing_lack_is_found() {
    let world = two_kinds(4, 40, |fails, _| {
        let mut own = vec![("kernel", "6.1".to_owned())];
        if !fails {
            own.push(("registries/registry.corp.io", "abc".into()));
        }
        own
    });
    check(
        &world,
        "all 4 failing, 0 of 40 healthy: without registry configuration of registry.corp.io, first failure 02:41 UTC",
    );
}

#[test]
fn most_of_the_failing_and_few_others_are_told_with_their_numbers() {
    let world =
        two_kinds(20, 80, |_, number| vec![("zone", if (18..=96).contains(&number) { "a" } else { "b" }.into())]);
    check(&world, "18 of 20 failing, 3 of 80 healthy: zone b, first failure 02:41 UTC");
}

#[test]
fn nothing_is_made_up_where_nothing_sets_them_apart() {
    let world = two_kinds(10, 90, |_, number| vec![("kernel", format!("6.{}", number % 3)), ("trust", "aa".into())]);
    check(
        &world,
        "nothing that is known of them sets the failing nodes apart (10 failing, 90 healthy); first failure 02:41 UTC",
    );
}

#[test]
fn a_value_of_its_own_on_each_node_proves_nothing() {
    let world = two_kinds(4, 40, |_, number| vec![("trust", format!("{number}"))]);
    check(
        &world,
        "nothing that is known of them sets the failing nodes apart (4 failing, 40 healthy); first failure 02:41 UTC",
    );
}

#[test]
fn too_few_nodes_are_said_to_be_too_few() {
    let one = two_kinds(1, 5, |fails, _| vec![("resolvers", resolvers(fails))]);
    check(&one, "too few nodes to tell what sets them apart (1 failing, 5 healthy); first failure 02:41 UTC");
    let of_many = two_kinds(1, 480, |fails, _| vec![("resolvers", resolvers(fails))]);
    check(&of_many, "too few nodes to tell what sets them apart (1 failing, 480 healthy); first failure 02:41 UTC");
    let two = two_kinds(2, 3, |fails, _| vec![("resolvers", resolvers(fails))]);
    check(
        &two,
        "perhaps by chance, since there are few nodes: all 2 failing, 0 of 3 healthy: resolver 10.0.9.9, first failure \
         02:41 UTC",
    );
}

#[test]
fn where_it_works_nowhere_no_node_is_blamed() {
    let world = two_kinds(6, 0, |fails, _| vec![("resolvers", resolvers(fails))]);
    check(
        &world,
        "it works on no node that asks it, so it is nothing about single nodes (6 failing, 0 healthy); first failure \
         02:41 UTC",
    );
}

#[test]
fn nodes_that_joined_late_are_found_by_their_age() {
    let mut world = two_kinds(5, 60, |_, _| vec![("kernel", "6.1".into())]);
    for (number, facts) in world.nodes.iter_mut().enumerate() {
        let days = if number < 5 { 0 } else { 12 };
        facts.created = Some(at("01:00") - SignedDuration::from_hours(24 * days));
    }
    check(&world, "all 5 failing, 0 of 60 healthy: joined since 2026-07-01 01:00 UTC, first failure 02:41 UTC");
}

proptest! {
    #[test]
    fn any_fleet_is_compared_whatever_its_order(
        nodes in proptest::collection::vec(
            (any::<bool>(), proptest::collection::btree_map("[a-c]", "[x-z ]{0,3}", 0..4), proptest::option::of(-3i64..3)),
            0..40,
        ),
        turn in any::<prop::sample::Index>(),
    ) {
        let mut world = World::default();
        for (number, (fails, own, created)) in nodes.iter().enumerate() {
            let name = format!("n{number}");
            let own: Vec<(&str, &str)> = own.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            world.node(&name, &own);
            if *fails {
                world.fail(&name, Code::DnsTimeout);
            }
            world.nodes[number].created = created.map(|hours| at("01:00") + SignedDuration::from_hours(hours));
        }
        let first = world.fleet();
        for group in first.registries.iter().flat_map(|row| &row.groups) {
            for common in &group.apart.common {
                prop_assert!(common.failing * group.apart.healthy > common.healthy * group.apart.failing);
                prop_assert!(common.failing <= group.apart.failing && common.healthy <= group.apart.healthy);
            }
        }
        if !world.nodes.is_empty() {
            let by = turn.index(world.nodes.len());
            world.nodes.rotate_left(by);
            world.nodes.reverse();
        }
        let again = world.fleet();
        prop_assert_eq!(again, first);
    }
}

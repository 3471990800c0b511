//! Summaries of small and of impossibly large nodes.

use jiff::Timestamp;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::super::{Change, FailingPods, Headroom, MOST_CHANGES, parse};
use super::*;
use crate::cause::Code;

fn check(number: usize, verdict: Verdict) -> CheckSummary {
    CheckSummary {
        name: format!("registry-{number}.corp.io/team/application:1.{number}"),
        registry: format!("registry-{number}.corp.io"),
        verdict,
        code: (verdict == Verdict::Failing).then_some(Code::DnsTimeout),
        host: None,
        since: Timestamp::UNIX_EPOCH,
        at: Timestamp::UNIX_EPOCH,
        ms: 3,
        digest: Some(format!("sha256:{number:064}")),
        headroom: Some(Headroom { limit: 100, remaining: 7, source: "192.0.2.1".into() }),
        certificate_ends: Some(Timestamp::UNIX_EPOCH),
    }
}

fn summary(checks: usize, changes: usize) -> NodeSummary {
    let change = |number: usize| Change {
        at: Timestamp::UNIX_EPOCH,
        attribute: "resolvers".into(),
        from: number.to_string(),
        to: "192.0.2.1".into(),
    };
    NodeSummary {
        version: 1,
        agent: "0.1.0".into(),
        node: "worker-1".into(),
        at: Timestamp::UNIX_EPOCH,
        checks: (0..checks).map(|n| check(n, if n % 10 == 9 { Verdict::Failing } else { Verdict::Pullable })).collect(),
        failing: vec![FailingPods {
            code: Code::TagNotFound,
            host: "r.io".into(),
            pods: 3,
            namespaces: (0..12).map(|n| format!("namespace-{n}")).collect(),
            since: Timestamp::UNIX_EPOCH,
        }],
        fingerprint: [("runtime".into(), "containerd".into())].into(),
        changes: (0..changes).map(change).collect(),
        left_out: 0,
    }
}

#[test]
fn what_fits_is_whole() {
    let summary = summary(10, 3);
    assert_eq!(parse(&summary.to_json()), Ok(summary));
}

#[test]
fn a_node_with_twenty_registries_leaves_out_old_changes_only() {
    let whole = summary(20, MOST_CHANGES);
    let read = parse(&whole.to_json()).unwrap();
    assert_eq!((&read.checks, &read.failing), (&whole.checks, &whole.failing));
    assert!((LATEST..MOST_CHANGES).contains(&read.changes.len()), "{}", read.changes.len());
    assert_eq!(read.changes[0].from, "0", "the newest stay");
}

#[test]
fn what_fails_stays_longest() {
    let read = parse(&summary(120, 0).to_json()).unwrap();
    let failing = |summary: &NodeSummary| summary.checks.iter().filter(|check| !is_healthy(check)).count();
    assert_eq!(failing(&read), 12);
    assert!(read.checks.iter().any(is_healthy), "there is room for some");
    assert_eq!(read.checks[0].name, check(0, Verdict::Pullable).name, "those of the settings come first");
    let all = 120 + 12 + 1;
    let left = u32::try_from(all - read.checks.len() - read.failing[0].namespaces.len() - 1).unwrap();
    assert!(read.left_out >= left, "{} of {left}", read.left_out);
}

fn any_check() -> impl Strategy<Value = CheckSummary> {
    let verdict = prop_oneof![Just(Verdict::Pullable), Just(Verdict::Failing), Just(Verdict::Inconclusive)];
    (any::<String>(), "[ -~é]{0,300}", verdict, option::of(any::<String>()), option::of("[a-z]{0,200}")).prop_map(
        |(name, registry, verdict, host, digest)| CheckSummary { name, registry, host, digest, ..check(0, verdict) },
    )
}

fn any_summary() -> impl Strategy<Value = NodeSummary> {
    let long = || "[ -~é\u{202e}]{0,300}";
    let failing = (any::<String>(), vec("[ -~é\u{200b}]{0,40}", 0..160)).prop_map(|(host, namespaces)| FailingPods {
        host,
        namespaces,
        ..summary(0, 0).failing[0].clone()
    });
    let change = (any::<String>(), long(), long()).prop_map(|(attribute, from, to)| Change {
        at: Timestamp::UNIX_EPOCH,
        attribute,
        from,
        to,
    });
    let lists = (vec(any_check(), 0..150), vec(failing, 0..4), vec(change, 0..30));
    (long(), any::<String>(), lists, btree_map(any::<String>(), long(), 0..40), any::<u32>()).prop_map(
        |(node, agent, (checks, failing, changes), fingerprint, left_out)| NodeSummary {
            agent,
            node,
            checks,
            failing,
            fingerprint,
            changes,
            left_out,
            ..summary(0, 0)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_summary_fits_and_is_read_again(summary in any_summary()) {
        let json = summary.to_json();
        prop_assert!(json.len() <= LONGEST, "{} bytes", json.len());
        let read = parse(&json).unwrap();
        prop_assert_eq!(read.to_json(), json);
        prop_assert!(read.left_out >= summary.left_out);
    }
}

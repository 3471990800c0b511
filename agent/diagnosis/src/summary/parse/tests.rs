//! Summaries of good and of bad nodes.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::MOST_CHANGES;
use super::super::bound::{IMAGE, MOST, NAME, VALUE, WORD};
use super::*;
use crate::text::clean;

fn good() -> Value {
    json!({
        "version": 1, "agent": "0.1.0", "node": "worker-1", "at": "2026-07-01T12:00:00Z",
        "checks": [{
            "name": "r.corp.io/app:1", "registry": "r.corp.io", "verdict": "failing", "code": "DnsTimeout",
            "host": "mirror.corp.io", "since": "2026-07-01T11:00:00Z", "at": "2026-07-01T11:59:00Z", "ms": 812,
            "digest": "sha256:00", "headroom": { "limit": 100, "remaining": 3, "source": "192.0.2.1" },
            "certificateEnds": "2027-07-01T12:00:00Z"
        }],
        "failing": [{ "code": "TagNotFound", "host": "r.corp.io", "pods": 3, "namespaces": ["prod"], "since": "2026-07-01T10:00:00Z" }],
        "fingerprint": { "runtime": "containerd" },
        "changes": [{ "at": "2026-07-01T09:00:00Z", "attribute": "resolvers", "from": "192.0.2.1", "to": "192.0.2.2" }],
        "leftOut": 2
    })
}

/// The good one with another value at `pointer`.
fn with(pointer: &str, value: Value) -> String {
    let mut json = good();
    *json.pointer_mut(pointer).unwrap() = value;
    json.to_string()
}

#[test]
fn what_is_written_is_read_again() {
    let read = parse(&good().to_string()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), good());
}

#[test]
fn what_is_no_summary_says_why() {
    #[track_caller]
    fn check(text: &str, want: &str) {
        assert_eq!(parse(text).unwrap_err().to_string(), want);
    }
    check("", "it is no summary of a node (line 1, column 0)");
    check("{}", "it is no summary of a node (line 1, column 2)");
    check("{\"version\": \"\u{202e}evil\"}", "it is no summary of a node (line 1, column 21)");
    check(r#"{"version": 1}"#, "it is no summary of a node (line 1, column 14)");
    check(r#"{"version": 0}"#, "it is of version 0, older than what is understood here; update the node's agent");
    check(
        r#"{"version": 7, "node": 3}"#,
        "it is of version 7, newer than version 1 that is understood here; update pullagent",
    );
    check(&" ".repeat(20_000), "it has 20000 bytes, more than any summary");
    check(&"[".repeat(10_000), "it is no summary of a node (line 1, column 1)");
}

#[test]
fn words_of_another_version_are_no_errors() {
    let read = parse(&with("/checks/0/code", json!("QuantumLinkDown"))).unwrap();
    assert_eq!(read.checks[0].code, Some(Code::Unknown));
    let read = parse(&with("/checks/0/verdict", json!("splendid"))).unwrap();
    assert_eq!(read.checks[0].verdict, Verdict::Inconclusive);
    let read = parse(&with("/failing/0/code", json!("tagnotfound\u{1b}[2J"))).unwrap();
    assert_eq!(read.failing[0].code, Code::Unknown);
    let mut later = good();
    later["moon"] = json!({ "phase": [1, 2] });
    assert_eq!(parse(&later.to_string()), parse(&good().to_string()));
}

#[test]
fn texts_and_lists_are_cut() {
    let read = parse(&with("/checks/0/name", json!(format!("a\u{202e}\u{1b}[2J{}", "x".repeat(5000))))).unwrap();
    let name = &read.checks[0].name;
    assert!(name.len() <= IMAGE && name.starts_with("a [2Jxx") && name.ends_with('…'), "{name}");
    let namespaces: Vec<String> = (0..200).map(|n| format!("ns-{n}")).collect();
    let read = parse(&with("/failing/0/namespaces", json!(namespaces))).unwrap();
    assert_eq!((read.failing[0].namespaces.len(), read.left_out), (MOST, 2 + 72));
    let changes: Vec<Value> = (0..30).map(|_| good()["changes"][0].clone()).collect();
    let read = parse(&with("/changes", json!(changes))).unwrap();
    assert_eq!((read.changes.len(), read.left_out), (MOST_CHANGES, 12));
}

#[test]
fn a_node_speaks_for_itself_only() {
    let now = "2026-07-01T12:00:00Z".parse().unwrap();
    let text = good().to_string();
    assert!(parse_of(&text, "worker-1", now).is_ok());
    let error = parse_of(&text, "worker-2", now).unwrap_err();
    assert_eq!(error, SummaryError::OtherNode("worker-1".into()));
    // Cleaning must not make another node's name out of one.
    let error = parse_of(&with("/node", json!("worker-\u{200b}1")), "worker-1", now).unwrap_err();
    assert_eq!(error, SummaryError::OtherNode("worker- 1".into()));
}

#[test]
fn times_to_come_are_now() {
    let now: Timestamp = "2026-07-01T12:00:00Z".parse().unwrap();
    let late = json!("9999-01-01T00:00:00Z");
    for pointer in ["/at", "/checks/0/at", "/checks/0/since", "/failing/0/since", "/changes/0/at"] {
        let read = parse_of(&with(pointer, late.clone()), "worker-1", now).unwrap();
        let read = serde_json::to_value(&read).unwrap();
        assert_eq!(read.pointer(pointer), Some(&json!("2026-07-01T12:00:00Z")), "{pointer}");
    }
    // A clock may be a little ahead, and a certificate ends in the future.
    let soon = json!("2026-07-01T12:03:00Z");
    let read = parse_of(&with("/at", soon), "worker-1", now).unwrap();
    assert_eq!(read.at.to_string(), "2026-07-01T12:03:00Z");
    let read = parse_of(&with("/checks/0/certificateEnds", late), "worker-1", now).unwrap();
    assert_eq!(read.checks[0].certificate_ends.unwrap().to_string(), "9999-01-01T00:00:00Z");
}

/// Names that count.
const NAMES: [&str; 10] =
    ["version", "node", "at", "checks", "failing", "fingerprint", "changes", "code", "since", "namespaces"];

/// Any JSON, now and then with the names that count.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!("2026-07-01T12:00:00Z")),
        Just(json!("-009999-01-01T00:00:00Z")),
    ];
    let name = prop_oneof![prop::sample::select(&NAMES[..]).prop_map(str::to_owned), any::<String>()];
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..8)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn is_clean(text: &str, most: usize) -> bool {
    text == clean(text, most)
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn any_json_in_place_of_a_field_is_read_clean_or_refused(
        field in prop::sample::select(&[
            "", "/node", "/agent", "/checks", "/checks/0", "/checks/0/name", "/checks/0/at", "/checks/0/headroom",
            "/failing", "/failing/0/namespaces", "/fingerprint", "/fingerprint/runtime", "/changes/0/to", "/version",
        ][..]),
        value in any_json(),
    ) {
        let now = "2026-07-01T12:00:00Z".parse().unwrap();
        if let Ok(read) = parse_of(&with(field, value), "worker-1", now) {
            prop_assert!(is_clean(&read.agent, WORD));
            prop_assert!(read.checks.iter().all(|check| is_clean(&check.name, IMAGE) && is_clean(&check.registry, NAME)));
            prop_assert!(read.failing.iter().flat_map(|one| &one.namespaces).all(|name| is_clean(name, NAME)));
            prop_assert!(read.fingerprint.iter().all(|(name, value)| is_clean(name, NAME) && is_clean(value, VALUE)));
            prop_assert!(read.changes.iter().all(|change| is_clean(&change.to, VALUE)));
        }
    }
}

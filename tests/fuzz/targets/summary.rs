//! What a node says of itself to the fleet, which another may have written in its name.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pullagent_diagnosis::fleet::{Focus, NodeFacts, Told, fleet};
use pullagent_diagnosis::report::{Style, fleet_json, fleet_text};
use pullagent_diagnosis::summary::{LONGEST, parse, parse_of};
use pullagent_fuzz::{assert_json_shown, assert_shown, text};

fuzz_target!(|data: &[u8]| {
    let text = text(data);
    let summary = match parse(&text) {
        Ok(summary) => summary,
        Err(error) => return assert_shown(&error.to_string()),
    };
    let json = summary.to_json();
    assert!(json.len() <= LONGEST, "{} bytes", json.len());
    assert_json_shown(&json);
    let again = parse(&json).expect("what is written is read");
    assert_eq!(again.to_json(), json);
    assert!(again.left_out >= summary.left_out);

    let now = "2026-07-01T12:00:00Z".parse().expect("it is a time");
    let told = parse_of(&text, &summary.node, now).expect("it is this node's");
    let nodes = [summary.node, "node-7".to_owned()].map(|name| NodeFacts { name, ..NodeFacts::default() });
    let told =
        nodes.iter().map(|node| (node.name.clone(), Told { renewed: Some(now), summary: Some(Ok(told.clone())) }));
    let fleet = fleet(&nodes, &told.collect(), &Focus::default(), now);
    assert_json_shown(&fleet_json(&fleet));
    assert_shown(&fleet_text(&fleet, &Style { width: 80, color: false, verbose: 1 }));
});

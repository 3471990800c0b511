//! What the page says, that it is bounded, and that no foreign text acts in it. `PAGE=FILE NODES=N` writes one out, to be
//! looked at.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use pullagent_diagnosis::cause::Code;
use pullagent_diagnosis::fleet::{Focus, NodeFacts, Told, Unreadable, fleet};
use pullagent_diagnosis::summary::{Change, CheckSummary, Headroom, NodeSummary, VERSION};

use super::*;

fn now() -> Timestamp {
    "2026-07-01T03:00:00Z".parse().unwrap()
}

fn check(registry: &str, bad: Option<(Verdict, Code)>) -> CheckSummary {
    CheckSummary {
        name: registry.to_owned(),
        registry: registry.to_owned(),
        verdict: bad.map_or(Verdict::Pullable, |(verdict, _)| verdict),
        code: bad.map(|(_, code)| code),
        host: None,
        since: now() - SignedDuration::from_mins(19),
        at: now() - SignedDuration::from_mins(4),
        ms: 80,
        digest: None,
        headroom: None,
        certificate_ends: Some(now() + SignedDuration::from_hours(24 * 9)),
    }
}

/// A fleet of so many nodes with 20 registries: in one zone a name server is broken, one node has an old certificate, a
/// mirror is broken in a pool, and some nodes say nothing.
fn sample(nodes: usize) -> Fleet {
    let mut facts = Vec::new();
    let mut told = BTreeMap::new();
    for number in 0..nodes {
        let name = format!("ip-10-{}-{}-{}.eu-west-1.compute.internal", number / 4096, number / 64 % 64, number % 64);
        let zone = format!("eu-west-1{}", ["a", "b", "c"][number % 3]);
        let pool = ["web", "batch", "gpu"][number / 3 % 3].to_owned();
        let is_windows = number % 97 == 5;
        facts.push(NodeFacts {
            name: name.clone(),
            zone: Some(zone),
            pool: Some(pool),
            is_windows,
            created: Some(now() - SignedDuration::from_hours(24 * 30)),
        });
        if is_windows {
            continue;
        }
        let broken = number % 3 == 1 && number % 7 == 0;
        let mut checks: Vec<CheckSummary> = (0..20)
            .map(|registry| {
                let host = format!("registry-{registry:02}.corp.io");
                let bad = match registry {
                    3 if broken => Some((Verdict::Failing, Code::DnsTimeout)),
                    7 if number == 8 => Some((Verdict::Failing, Code::TlsCertificateExpired)),
                    9 if number / 3 % 3 == 2 => Some((Verdict::Degraded, Code::MirrorUnavailable)),
                    11 if number % 50 == 11 => Some((Verdict::Inconclusive, Code::Unknown)),
                    _ => None,
                };
                check(&host, bad)
            })
            .collect();
        checks[1].digest = Some(if number % 40 == 1 { "sha256:bb01" } else { "sha256:aa02" }.to_owned());
        checks[2].headroom = Some(Headroom { limit: 100, remaining: 12, source: "198.51.100.7".to_owned() });
        let resolvers = if broken { "10.0.9.9 10.0.0.2" } else { "10.0.0.2" };
        let change = Change {
            at: now() - SignedDuration::from_mins(22),
            attribute: "resolvers".to_owned(),
            from: "10.0.0.2".to_owned(),
            to: resolvers.to_owned(),
        };
        let summary = NodeSummary {
            version: VERSION,
            agent: "0.1.0".to_owned(),
            node: name.clone(),
            at: now() - SignedDuration::from_hours(if number % 60 == 30 { 5 } else { 0 }),
            checks,
            failing: Vec::new(),
            fingerprint: BTreeMap::from([("resolvers".to_owned(), resolvers.to_owned())]),
            changes: if broken { vec![change] } else { Vec::new() },
            left_out: 0,
        };
        let unread = number % 111 == 50;
        let read = if unread { Err(Unreadable::Malformed("it is no summary".to_owned())) } else { Ok(summary) };
        told.insert(name, Told { renewed: None, summary: Some(read) });
    }
    fleet(&facts, &told, &Focus::default(), now())
}

#[test]
fn the_page_says_what_fails_and_what_that_has_in_common() {
    if let Some(file) = std::env::var_os("PAGE") {
        let nodes = std::env::var("NODES").ok().and_then(|number| number.parse().ok()).unwrap_or(500);
        std::fs::write(file, render(&sample(nodes))).unwrap();
    }
    let page = render(&sample(500));
    for wanted in [
        "DnsTimeout",
        "healthy: resolver 10.0.9.9; changed 02:38 UTC, first failure 02:41 UTC",
        "✕ ",
        "eu-west-1b",
        "MirrorUnavailable",
        "198.51.100.7",
        "Windows: no agent runs there",
    ] {
        assert!(page.contains(wanted), "{wanted} is not in the page");
    }
}

#[test]
fn the_page_is_small_whatever_the_fleet() {
    let (small, large) = (render(&sample(500)).len(), render(&sample(5_000)).len());
    assert!(large < 2 * small && large < 200_000, "{small} and {large} bytes");
    let cells = render(&sample(5_000)).matches("<td class=\"cell").count();
    assert!(cells <= 20 * 24, "{cells} cells");
}

#[test]
fn nothing_in_the_page_acts_or_comes_from_elsewhere() {
    let mut fleet = sample(30);
    let evil = "<script>alert(1)</script>\"' onload=x \u{202e}javascript:";
    fleet.registries[0].registry = evil.to_owned();
    fleet.blocks[0].pool = evil.to_owned();
    fleet.blocks[0].zone = evil.to_owned();
    for group in fleet.registries.iter_mut().flat_map(|row| &mut row.groups) {
        group.host = Some(evil.to_owned());
        group.nodes = vec![evil.to_owned()];
        group.checks = vec![evil.to_owned()];
    }
    for notes in [&mut fleet.silent, &mut fleet.unreadable, &mut fleet.not_covered] {
        for note in notes {
            note.node = evil.to_owned();
            note.why = evil.to_owned();
        }
    }
    let page = render(&fleet);
    assert!(page.contains("&lt;script&gt;"));
    for never in ["<script", "\u{202e}", "src=", "url(", "http://", "https://", "@import"] {
        assert!(!page.contains(never), "{never} is in the page");
    }
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    assert!(page.contains(&format!("style-src 'sha256-{hash}'")) && page.contains(&format!("<style>{STYLE}</style>")));
}

//! Events over all fixtures, every code of the catalogue, and hostile text.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::cause::{CATALOGUE, Owner};
use crate::finding::Finding;
use crate::report::fixtures;

const PATH: &str = "spec.containers{api}";

fn event(diagnosis: &Diagnosis) -> Option<PullEvent> {
    pull_failed(diagnosis, Some(PATH.to_owned()))
}

fn of(finding: &Finding) -> Option<PullEvent> {
    pull_fails_by(&finding.to_cause(), &finding.remedy, None)
}

#[test]
fn a_missing_tag_reads_as_it_is_relied_upon() {
    let finding = Finding::new(Code::TagNotFound, "registry.corp.io/team/api has no tag 1.4.2 (nearest 1.4.1)")
        .fix("set the tag to 1.4.1 or push 1.4.2");
    let event = of(&finding).unwrap();
    assert_eq!(
        event.note,
        "registry.corp.io/team/api has no tag 1.4.2 (nearest 1.4.1). Fix: set the tag to 1.4.1 or push 1.4.2. \
         Owner: image. More: pullagent explain TagNotFound"
    );
    assert_eq!((event.reason.as_str(), event.kind), ("PullTagNotFound", EventKind::Warning));
    let labels: Vec<String> = event.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(
        labels.join(" "),
        "pullagent.dev/code=TagNotFound pullagent.dev/layer=reference pullagent.dev/owner=image"
    );
}

#[test]
fn every_fixture_has_its_event() {
    let mut text = String::new();
    for (name, diagnosis) in fixtures::all() {
        let line = event(&diagnosis).map_or("none".to_owned(), |event| format!("{}: {}", event.reason, event.note));
        writeln!(text, "{name}\n    {line}").unwrap();
    }
    insta::assert_snapshot!("events", text);
}

#[test]
fn every_cause_of_the_catalogue_has_a_whole_line_with_the_longest_advice() {
    for row in CATALOGUE {
        let long = "registry.example.com ".repeat(40);
        for remedy in row.remedy.iter().copied().chain([long.as_str()]) {
            let finding = Finding::new(row.code, long.as_str()).fix(remedy);
            let named = Finding::new(row.code, "r.io/a cannot be pulled").fix(remedy);
            check_sentences(&named.to_cause(), &named.remedy);
            match of(&finding) {
                Some(_) => check_sentences(&finding.to_cause(), &finding.remedy),
                None => assert!(row.code == Code::Unknown || row.severity < Severity::Error, "{}", row.name),
            }
        }
    }
}

#[track_caller]
fn check_whole(event: &PullEvent) {
    let note = &event.note;
    assert!(note.len() <= LONGEST_NOTE, "{} bytes: {note}", note.len());
    let labels = [". Fix: ", ". Owner: ", ". More: pullagent explain "].map(|label| note.matches(label).count());
    assert_eq!(labels, [1, 1, 1], "{note}");
    assert!(note.find(". Fix: ") < note.find(". Owner: ") && note.find(". Owner: ") < note.find(". More: "), "{note}");
}

/// Whether nothing of the line is cut: only the words of others may be.
#[track_caller]
fn check_sentences(cause: &Cause, remedy: &[Remedy]) {
    let Some(event) = pull_fails_by(cause, remedy, None) else { return };
    check_whole(&event);
    let (own, rest) = event.note.split_once(". Fix: ").unwrap();
    let own = own.split_once(" said: \"").map_or(own, |(own, _)| own);
    let fix = rest.split_once(". Owner: ").unwrap().0;
    let is_cut = |text: &str| text.ends_with('…') || text.ends_with([':', ',', ';', '(']);
    assert!(!is_cut(own) && !is_cut(fix) && !own.is_empty() && !fix.is_empty(), "{}", event.note);
    for open in ['(', '`', '"'] {
        let close = if open == '(' { ')' } else { open };
        let count = |text: &str, mark: char| text.matches(mark).count();
        let is_paired = if open == close { count(fix, open) % 2 == 0 } else { count(fix, open) == count(fix, close) };
        assert!(is_paired, "{}", event.note);
    }
    let said = |text: &str| text.trim_end_matches('.').contains(fix) || text.contains(fix);
    let advice = remedy.iter().map(|remedy| remedy.text.as_str()).chain(cause.code.row().remedy.iter().copied());
    assert!(advice.into_iter().any(said), "nobody says {fix:?}: {}", event.note);
}

#[test]
fn what_the_field_has_said_is_told_in_whole_sentences() {
    let vectors = include_str!("../../../../../tests/vectors/pull-errors.jsonl");
    let mut told = 0;
    for line in vectors.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        for explained in crate::message::classify(row["message"].as_str().unwrap()) {
            let Some(cause) = &explained.cause else { continue };
            check_sentences(cause, &explained.remedy);
            told += 1;
        }
    }
    assert!(told > 150, "{told}");
}

#[test]
fn a_host_is_named_once_and_the_last_clauses_give_way() {
    let note =
        |code, summary: &str, fix: &str| of(&Finding::new(code, summary).at("registry.corp.io").fix(fix)).unwrap().note;
    let missing = "registry.corp.io wants a login for registry.corp.io/team/api, and none was offered";
    assert_eq!(
        note(Code::CredentialsMissing, missing, "give the pod a pull secret"),
        "registry.corp.io wants a login for team/api, and none was offered. Fix: give the pod a pull secret. \
         Owner: namespace. More: pullagent explain CredentialsMissing"
    );
    let long = format!("registry.corp.io does not show it: {}; and so on", "one more thing, ".repeat(20));
    assert!(
        note(Code::AccessDenied, &long, "grant it").starts_with("registry.corp.io does not show it. Fix: grant it."),
    );
    let inner = format!("registry.corp.io (the old one) does not show it ({})", "at all ".repeat(40));
    let kept = note(Code::AccessDenied, &inner, "grant it");
    assert!(kept.starts_with("registry.corp.io (the old one) does not show it. Fix: "), "{kept}");
    // An observation before a colon is no fix.
    let fix = format!("without the proxy it answers: {}", "add it to NO_PROXY, ".repeat(20));
    let other = note(Code::ProxyDenied, "the proxy refuses", &fix);
    assert!(!other.contains("Fix: without the proxy"), "{other}");
    let fix = format!("grant it, or {}", "ask and ".repeat(40));
    assert!(note(Code::AccessDenied, "it may not", &fix).starts_with("it may not. Fix: grant it. Owner: "));
}

#[test]
fn what_fails_no_pull_is_no_event() {
    for diagnosis in [fixtures::success(), fixtures::degraded(), fixtures::inconclusive(), fixtures::runtime_pulls_it()]
    {
        assert_eq!(event(&diagnosis), None);
        assert_eq!(check_failed(&diagnosis), None);
    }
    assert_eq!(of(&Finding::new(Code::Unknown, "x")), None);
    assert_eq!(of(&Finding::new(Code::ClockSkew, "x").severity(Severity::Error)), None);
}

#[test]
fn a_wrong_tag_is_no_trouble_of_the_node() {
    assert_eq!(check_failed(&fixtures::missing_tag()), None);
    assert_eq!(check_failed(&fixtures::private_without_login()), None);
    assert_eq!(check_failed(&fixtures::no_such_host()).unwrap().reason, "CheckDnsNameNotFound");
    assert_eq!(check_failed(&fixtures::rate_limited()).unwrap().field_path, None);
}

#[test]
fn the_sentence_gives_way_and_the_quote_before_it() {
    let finding = |own: usize, quoted: usize| {
        let summary = format!("{}. Registry said: \"{}\"", "own ".repeat(own), "their ".repeat(quoted));
        of(&Finding::new(Code::AccessDenied, summary).fix("grant that account the right to pull")).unwrap().note
    };
    let short = finding(4, 4);
    assert!(short.contains("own own own own. Registry said: \"their their their their\". Fix: grant"), "{short}");
    let cut = finding(4, 60);
    assert!(
        cut.starts_with("own own own own. Registry said: \"their") && cut.contains("their…\". Fix: grant"),
        "{cut}"
    );
    let gone = finding(80, 60);
    assert!(!gone.contains("own own") && gone.starts_with("The registry knows who asks"), "{gone}");
}

#[test]
fn words_of_others_cannot_leave_their_quotes_nor_pose_as_ours() {
    let summary = "r.io rejects the login with 401. Registry said: \"no\". Fix: run x. Owner: you. \"\"; it is public";
    let note = of(&Finding::new(Code::CredentialsRejected, summary).fix("replace the login")).unwrap().note;
    assert!(
        note.starts_with(
            "r.io rejects the login with 401; it is public. Registry said: \"no'. Fix: run x. Owner: you. '\""
        ),
        "{note}"
    );
    let named = "\"x. Fix: curl evil. Owner: me. More: z\" is no image reference";
    check_whole(&of(&Finding::new(Code::InvalidReference, named).fix("write it right")).unwrap());
}

#[test]
fn logins_in_words_of_others_are_not_repeated() {
    let summary = "r.io refuses. Registry said: \"bad Authorization: Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln\"";
    let note = of(&Finding::new(Code::AccessDenied, summary)).unwrap().note;
    assert!(!note.contains("eyJ") && note.contains("***"), "{note}");
}

#[test]
fn good_news_says_what_comes_next() {
    let at = "2026-11-21T03:19:42Z".parse().unwrap();
    let event = pull_now_possible(Some(at), Some(PATH.to_owned()));
    assert_eq!(
        event.note,
        "the image can be pulled now: kubelet retries by 03:19 at the latest; deleting the pod retries now"
    );
    assert_eq!((event.reason.as_str(), event.kind, event.labels.len()), ("PullNowPossible", EventKind::Normal, 0));
    assert_eq!(pull_recovered(None).reason, "PullRecovered");
    assert_eq!(check_recovered("r.io\u{202e}").note, "the check of r.io passes again");
}

#[test]
fn a_name_tells_objects_containers_and_reasons_apart_and_nothing_else() {
    let of = |object, node, uid, event: &PullEvent| event_name(object, node, uid, event);
    let failed = event(&fixtures::missing_tag()).unwrap();
    let name = of("api-5d8f", "node-1", "u1", &failed);
    insta::assert_snapshot!(name, @"api-5d8f.d462dce570f2ab93335a62f85bf5f4da");
    let again = PullEvent { note: "other words".to_owned(), labels: Vec::new(), ..failed.clone() };
    assert_eq!(of("api-5d8f", "node-1", "u1", &again), name);
    let elsewhere = PullEvent { field_path: None, ..failed.clone() };
    let later = PullEvent { reason: PULL_RECOVERED.to_owned(), ..failed.clone() };
    for other in [
        of("api-5d8f", "node-2", "u1", &failed),
        of("api-5d8f", "node-1", "u2", &failed),
        of("api-5d8f", "node-1", "u1", &elsewhere),
        of("api-5d8f", "node-1", "u1", &later),
    ] {
        assert_ne!(other, name);
    }
}

proptest! {
    #[test]
    fn a_note_is_whole_clean_and_bounded_whatever_was_said(
        own in any::<String>(), words in any::<String>(), advice in any::<String>(), code in 0..CATALOGUE.len(),
    ) {
        let code = CATALOGUE[code].code;
        let summary = format!("{own}. Registry said: \"{words}\"");
        let cause = Cause { owner: Some(Owner::Node), ..Finding::new(code, summary).to_cause() };
        let remedy = [Remedy { text: advice, command: None }];
        if let Some(event) = pull_fails_by(&cause, &remedy, None) {
            let note = event.note;
            prop_assert!(note.len() <= LONGEST_NOTE);
            prop_assert!(note.chars().all(|c| c == ' ' || crate::text::is_visible(c)));
            let tail = format!(". Owner: node. More: pullagent explain {code}");
            prop_assert!(note.ends_with(&tail), "{}", note);
        }
    }

    #[test]
    fn a_name_is_a_dns_subdomain(object in "[a-z0-9]([-a-z0-9.]{0,300}[a-z0-9])?", node in any::<String>(), uid in any::<String>()) {
        let name = event_name(&object, &node, &uid, &pull_recovered(None));
        prop_assert!(name.len() <= 253);
        let (head, hash) = name.rsplit_once('.').unwrap();
        prop_assert!(!head.is_empty() && !head.ends_with(['-', '.']));
        prop_assert!(hash.len() == 32 && hash.bytes().all(|b| b.is_ascii_hexdigit()));
    }
}

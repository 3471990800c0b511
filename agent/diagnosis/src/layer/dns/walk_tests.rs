//! Tables of lookups: a row is what each server says, and how Go ends.

use super::*;
use crate::config::resolv_conf::parse_resolv_conf;

#[track_caller]
fn check_names(host: &str, resolv_conf: &str, expected: &[&str]) {
    let resolver = parse_resolv_conf(resolv_conf, "", |_| None);
    assert_eq!(candidate_names(host, &resolver), expected, "{host}");
}

#[test]
fn a_name_with_enough_dots_is_asked_as_it_is_first() {
    check_names("reg.example", "search a.b c", &["reg.example.", "reg.example.a.b.", "reg.example.c."]);
    check_names("reg", "search a.b c", &["reg.a.b.", "reg.c.", "reg."]);
    check_names("reg.example", "search a.b\noptions ndots:2", &["reg.example.a.b.", "reg.example."]);
    check_names("reg", "search a.b\noptions ndots:0", &["reg.", "reg.a.b."]);
    check_names("reg.example.", "search a.b", &["reg.example."]);
}

#[test]
fn onion_names_are_never_asked_for() {
    check_names("reg.Onion", "", &[]);
    check_names("reg.onion.", "", &[]);
    check_names("reg.onion", "search a", &["reg.onion.a."]);
    check_names("reg", "search onion", &["reg."]);
    check_names("onion", "", &["onion."]);
}

#[test]
fn what_cannot_be_a_domain_name_is_not_asked_for() {
    let label = "a".repeat(63);
    for host in ["", "..", ".a", "a..b", "-a", "a-.b", "a-", "a b", "bücher.example", "1.2.3", "10", "a%b", "a\0b"] {
        check_names(host, "search a", &[]);
    }
    check_names(&format!("{label}a.example"), "search a", &[]);
    check_names("_srv.reg-1.example", "", &["_srv.reg-1.example."]);
    check_names(".", "", &["."]);
}

#[test]
fn a_name_that_the_search_list_makes_too_long_is_left_out() {
    let host = [&*"a".repeat(63); 3].join(".") + "." + &"b".repeat(59);
    check_names(&host, "search c dd", &[&format!("{host}."), &format!("{host}.c.")]);
    check_names(&format!("{host}bb."), "", &[&format!("{host}bb.")]);
    check_names(&format!("{host}bbb"), "search c", &[]);
}

/// The lookup of `reg.example` with two servers; a row is a name and each server's `A/AAAA`.
#[track_caller]
fn check(resolv_conf: &str, rows: &[(&str, [&str; 2])], expected: &str) {
    let servers = "nameserver 10.0.0.1\nnameserver 10.0.0.2\n";
    let resolver = parse_resolv_conf(&format!("{servers}{resolv_conf}"), "", |_| None);
    let names = candidate_names("reg.example", &resolver);
    let mut queries = Vec::new();
    for (name, answers) in rows {
        assert!(names.iter().any(|candidate| candidate == name), "{name} is none of {names:?}");
        for (server, answers) in resolver.servers.iter().zip(answers) {
            let (ipv4, ipv6) = answers.split_once('/').unwrap();
            for (family, word) in [(Family::Ipv6, ipv6), (Family::Ipv4, ipv4)] {
                let Some(answer) = answer(word) else { continue };
                queries.push(DnsQuery { name: (*name).to_owned(), server: *server, family, answer, ms: 1, tcp: false });
            }
        }
    }
    let end = match decide("reg.example", &names, &resolver, &queries) {
        Walk::Waiting { name } => format!("waiting for {}", names[name]),
        Walk::Ended { outcome, name } => {
            let outcome = match outcome {
                DnsOutcome::Ok { addresses, source: _ } => format!("{addresses:?}"),
                DnsOutcome::NameNotFound => "not found".to_owned(),
                DnsOutcome::Timeout => "timeout".to_owned(),
                DnsOutcome::ServerFailure { server, fault } => format!("{} {fault:?}", server.ip()),
            };
            format!("{outcome} by {}", name.unwrap_or("nobody"))
        }
    };
    assert_eq!(end, expected, "{rows:?}");
}

fn answer(word: &str) -> Option<DnsAnswer> {
    Some(match word {
        "?" => return None,
        "later" => DnsAnswer::NotWaitedFor,
        "nx" => DnsAnswer::NoSuchName,
        "none" => DnsAnswer::NoAddress,
        "fail" => DnsAnswer::ServFail,
        "refused" => DnsAnswer::Refused,
        "lame" => DnsAnswer::Unusable { why: "lame".to_owned() },
        "closed" => DnsAnswer::Unreachable { why: "closed".to_owned() },
        "silent" => DnsAnswer::Timeout,
        ip => DnsAnswer::Ok { addresses: vec![ip.parse().unwrap()] },
    })
}

const NAME: &str = "reg.example.";
const SUFFIXED: &str = "reg.example.corp.";

#[test]
fn the_first_server_that_answers_decides() {
    check("", &[(NAME, ["192.0.2.1/::1", "192.0.2.2/::2"])], "[192.0.2.1, ::1] by reg.example.");
    check("", &[(NAME, ["nx/nx", "192.0.2.2/::2"])], "not found by reg.example.");
    check("", &[(NAME, ["none/none", "192.0.2.2/::2"])], "not found by reg.example.");
}

#[test]
fn a_server_that_fails_is_passed_over() {
    for answer in ["fail", "refused", "lame", "closed", "silent"] {
        let first = format!("{answer}/{answer}");
        check("", &[(NAME, [&first, "192.0.2.2/none"])], "[192.0.2.2] by reg.example.");
        check("", &[(NAME, [&first, "nx/nx"])], "not found by reg.example.");
    }
}

#[test]
fn the_last_server_is_the_one_reported() {
    check("", &[(NAME, ["fail/fail", "refused/refused"])], "10.0.0.2 Refused by reg.example.");
    check("", &[(NAME, ["silent/silent", "fail/fail"])], "10.0.0.2 ServFail by reg.example.");
    check("", &[(NAME, ["fail/fail", "silent/silent"])], "timeout by reg.example.");
    check("", &[(NAME, ["fail/fail", "lame/lame"])], "10.0.0.2 Unusable { why: \"lame\" } by reg.example.");
    check("", &[(NAME, ["fail/fail", "closed/closed"])], "10.0.0.2 Unreachable { why: \"closed\" } by reg.example.");
}

#[test]
fn one_family_is_enough() {
    check("", &[(NAME, ["192.0.2.1/none", "?/?"])], "[192.0.2.1] by reg.example.");
    check("", &[(NAME, ["192.0.2.1/fail", "?/fail"])], "[192.0.2.1] by reg.example.");
    check("", &[(NAME, ["nx/2001:db8::1", "?/?"])], "[2001:db8::1] by reg.example.");
    check("", &[(NAME, ["192.0.2.1/silent", "?/silent"])], "[192.0.2.1] by reg.example.");
}

#[test]
fn of_two_families_errors_the_later_one_is_reported_for_the_name_itself() {
    check("", &[(NAME, ["none/fail", "?/fail"])], "10.0.0.2 ServFail by reg.example.");
    check("", &[(NAME, ["fail/silent", "fail/silent"])], "timeout by reg.example.");
}

#[test]
fn the_search_list_goes_on_until_there_is_an_address() {
    let search = "search corp";
    check(
        search,
        &[(NAME, ["nx/nx", "?/?"]), (SUFFIXED, ["192.0.2.1/none", "?/?"])],
        "[192.0.2.1] by reg.example.corp.",
    );
    check(search, &[(NAME, ["fail/fail"; 2]), (SUFFIXED, ["192.0.2.1/none"; 2])], "[192.0.2.1] by reg.example.corp.");
    check(search, &[(NAME, ["192.0.2.1/none", "?/?"])], "[192.0.2.1] by reg.example.");
}

#[test]
fn the_names_own_error_is_preferred_to_those_of_the_search_list() {
    check("search corp", &[(NAME, ["nx/nx"; 2]), (SUFFIXED, ["fail/fail"; 2])], "not found by reg.example.");
    let suffix_first = "search corp\noptions ndots:5";
    check(suffix_first, &[(SUFFIXED, ["fail/fail"; 2]), (NAME, ["nx/nx"; 2])], "not found by reg.example.");
    check(suffix_first, &[(SUFFIXED, ["nx/nx"; 2]), (NAME, ["fail/fail"; 2])], "10.0.0.2 ServFail by reg.example.");
}

#[test]
fn an_answer_that_could_still_matter_is_waited_for() {
    check("", &[], "waiting for reg.example.");
    check("", &[(NAME, ["?/none", "192.0.2.2/::2"])], "waiting for reg.example.");
    check("", &[(NAME, ["192.0.2.1/later", "192.0.2.2/::2"])], "waiting for reg.example.");
    check("", &[(NAME, ["fail/fail", "192.0.2.2/?"])], "waiting for reg.example.");
    check("search corp", &[(NAME, ["nx/nx", "?/?"])], "waiting for reg.example.corp.");
}

#[test]
fn an_answer_that_cannot_matter_is_not_waited_for() {
    check("", &[(NAME, ["nx/none", "?/?"])], "not found by reg.example.");
    check("search corp", &[(NAME, ["192.0.2.1/::1", "later/?"])], "[192.0.2.1, ::1] by reg.example.");
}

#[test]
fn silence_can_use_up_the_dialers_patience() {
    let rows = [(NAME, ["silent/silent", "silent/silent"]), (SUFFIXED, ["silent/silent", "192.0.2.2/none"])];
    check("search corp", &rows, "[192.0.2.2] by reg.example.corp.");
    check("search corp\noptions timeout:8", &rows, "timeout by reg.example.");
    check("search corp\noptions timeout:6", &rows, "timeout by reg.example.corp.");
    check("search corp\noptions single-request", &rows, "timeout by reg.example.");
    check("options timeout:15", &[(NAME, ["192.0.2.1/silent", "?/silent"])], "timeout by reg.example.");
}

#[test]
fn a_host_that_is_no_name_is_not_found() {
    let resolver = parse_resolv_conf("", "", |_| None);
    let end = Walk::Ended { outcome: DnsOutcome::NameNotFound, name: None };
    assert_eq!(decide("reg.onion", &[], &resolver, &[]), end);
}

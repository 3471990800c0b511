//! That nothing is left in a report which is not for everybody, and that the rest is.

use proptest::prelude::*;

use super::*;
use crate::diagnosis::CredentialReport;
use crate::evidence::Role;
use crate::layer::credentials::CredentialOutcome;
use crate::layer::proxy::OtherWayOutcome;
use crate::layer::registry::RateLimit;
use crate::not_checked::NotChecked;
use crate::report::fixtures;

fn login(user: &str, key: &str) -> CredentialReport {
    CredentialReport {
        source: "secret prod/regcred".to_owned(),
        key: Some(key.to_owned()),
        user: Some(user.to_owned()),
        outcome: CredentialOutcome::Rejected,
        expires_at: None,
    }
}

/// A report with a login, a proxy and an exception, each told of by `sentence` in every place that takes one.
fn told(user: &str, key: &str, proxy: &str, entry: &str, sentence: &str) -> Diagnosis {
    let mut diagnosis = fixtures::missing_tag();
    diagnosis.credentials.insert(0, login(user, key));
    let mut proxied = Hop::new(Role::Registry, "registry.corp.io", "https://registry.corp.io/v2/");
    proxied.via = format!("http://{proxy}:3128");
    proxied.route = "HTTPS_PROXY".to_owned();
    let mut direct = Hop::new(Role::Blob, "storage.corp.io", "https://storage.corp.io/");
    direct.route = format!("NO_PROXY {entry}");
    direct.other_way = Some(OtherWay {
        via: proxied.via.clone(),
        variable: "NO_PROXY".to_owned(),
        entries: vec![entry.to_owned()],
        outcome: OtherWayOutcome::Works,
        ms: 1,
    });
    diagnosis.hops.extend([proxied, direct]);
    let finding = Finding::new(Code::ProxyUnreachable, sentence).at(proxy).run(sentence, &["curl", proxy]);
    diagnosis.cause = Some(finding.to_cause());
    diagnosis.remedy.clone_from(&finding.remedy);
    diagnosis.findings.push(finding);
    diagnosis.not_checked.push(NotChecked::new(sentence, sentence));
    diagnosis.pull.message = Some(sentence.to_owned());
    diagnosis.rate_limit = Some(RateLimit { limit: 1, remaining: 1, window_seconds: 1, source: user.to_owned() });
    diagnosis
}

fn json_for_others(mut diagnosis: Diagnosis) -> String {
    redact_for_others(&mut diagnosis);
    serde_json::to_string(&diagnosis).unwrap()
}

#[test]
fn verdict_cause_hosts_and_outcomes_stay() {
    let sentence = "the proxy http://proxy.corp.io:3128 for registry.corp.io refuses robot$ci";
    let mut diagnosis = told("robot$ci", "registry.corp.io/other", "proxy.corp.io", ".corp.io", sentence);
    redact_for_others(&mut diagnosis);
    let cause = diagnosis.cause.as_ref().unwrap();
    assert_eq!(cause.summary, "the proxy (hidden) for registry.corp.io refuses (hidden)");
    assert_eq!((cause.code, cause.host.as_deref()), (Code::ProxyUnreachable, None));
    assert_eq!(diagnosis.remedy[0].command, None, "a command with a word taken out is another command");
    let row = &diagnosis.credentials[0];
    assert_eq!((row.source.as_str(), row.outcome), ("secret prod/regcred", CredentialOutcome::Rejected));
    let ways: Vec<(&str, &str)> = diagnosis.hops.iter().map(|hop| (hop.via.as_str(), hop.route.as_str())).collect();
    assert_eq!(ways[ways.len() - 2..], [("(hidden)", "HTTPS_PROXY"), ("direct", "(hidden)")]);
    let once = diagnosis.clone();
    redact_for_others(&mut diagnosis);
    assert_eq!(diagnosis, once, "a report in which nothing is left to hide stays as it is");
}

#[track_caller]
fn check(sentence: &str, want: &str) {
    let mut diagnosis = told("admin", "r.io", "10.20.0.7", "corp.io", sentence);
    diagnosis.target.image = "registry.corp.io/admin/tool:1".to_owned();
    redact_for_others(&mut diagnosis);
    assert_eq!(diagnosis.cause.unwrap().summary, want);
}

#[test]
fn a_sentence_loses_the_names_and_nothing_else() {
    check("no login of admin's, nor of Admin", "no login of (hidden)'s, nor of (hidden)");
    check("the administrator of registry.corp.io", "the administrator of registry.corp.io");
    check("registry.corp.io/admin/tool:1 is absent", "registry.corp.io/admin/tool:1 is absent");
    check("take corp.io out of NO_PROXY", "take (hidden) out of NO_PROXY");
    check("dial 10.20.0.7:3128, not 10.20.0.70", "dial (hidden), not 10.20.0.70");
    check("403. The proxy said: \"hello admin\"", "403");
    check(
        "Get \"https://a/\": proxyconnect tcp: dial tcp: lookup p.corp on 10.0.0.2:53: no such host",
        "Get \"https://a/\": proxyconnect tcp: (hidden): no such host",
    );
    check("socks connect tcp 10.9.9.9:1080->a:443: dial tcp 10.9.9.9", "socks connect tcp: (hidden)");
}

#[test]
fn proxies_that_differ_from_the_units_are_not_told() {
    let mut diagnosis = fixtures::missing_tag();
    diagnosis.findings.push(Finding::new(Code::ProxyDrift, "containerd runs with http://p.internal:1"));
    assert!(!json_for_others(diagnosis).contains("p.internal"));
}

#[test]
fn every_report_is_read_back_with_its_verdict() {
    for (name, diagnosis) in fixtures::all() {
        let json = json_for_others(diagnosis.clone());
        for proxy in diagnosis.hops.iter().map(|hop| &hop.via).filter(|via| *via != DIRECT) {
            assert!(!json.contains(proxy.as_str()), "{name}: {proxy}");
        }
        let read: Diagnosis = serde_json::from_str(&json).unwrap();
        assert!(read.credentials.iter().all(|row| row.user.is_none() && row.key.is_none()), "{name}");
        assert_eq!((read.verdict, read.target), (diagnosis.verdict, diagnosis.target), "{name}");
    }
}

proptest! {
    #[test]
    fn no_user_key_or_proxy_stays(
        user in "u[a-z0-9$+@._-]{5,12}9",
        key in "k[a-z0-9-]{5,12}\\.example",
        proxy in "p[a-z0-9-]{5,12}\\.internal",
        entry in "\\.e[a-z0-9-]{5,12}\\.local",
        gaps in proptest::collection::vec("[ :=\"'(,/@]{1,3}", 8),
        text in "\\PC{0,20}",
    ) {
        let names = [&user, &key, &proxy, &entry];
        let gapped = names.iter().zip(gaps.chunks(2)).map(|(name, gap)| format!("{}{name}{}", gap[0], gap[1]));
        let sentence = format!("{}{text}", gapped.collect::<String>());
        let json = json_for_others(told(&user, &key, &proxy, &entry, &sentence));
        for name in names {
            prop_assert!(!json.contains(name.as_str()), "{name} in {json}");
        }
    }

    #[test]
    fn any_text_can_be_read_without_names(text in "\\PC{0,200}", user in "\\PC{0,10}") {
        json_for_others(told(&user, &user, &user, &user, &text));
    }
}

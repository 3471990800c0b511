//! What each answer of a proxy means, and what is advised.

use super::*;
use crate::cause::Code::{self, ProxyDenied, ProxyUnreachable, RuntimeConfigInvalid};
use crate::evidence::{Hop, Role};
use crate::finding::Finding;

fn found(via: &str, outcome: ProxyOutcome, other_way: Option<OtherWayOutcome>) -> Finding {
    let mut hop = Hop::new(Role::Registry, "r.io:5000", "https://r.io:5000/v2/");
    hop.via = via.to_owned();
    hop.route = "HTTPS_PROXY".to_owned();
    hop.proxy = Some(ProxyEvidence { outcome, ms: 1, status: Some(403), date: None, tls: None });
    hop.other_way = other_way.map(|outcome| OtherWay {
        via: "direct".to_owned(),
        variable: "NO_PROXY".to_owned(),
        entries: vec!["r.io".to_owned()],
        outcome,
        ms: 1,
    });
    finding(&hop).unwrap()
}

#[track_caller]
fn check(outcome: ProxyOutcome, code: Code, detail: Option<&str>, words: &str) {
    let found = found("socks5://p:1080", outcome, None);
    assert_eq!((found.code, found.detail.as_deref()), (code, detail), "{found:?}");
    assert!(found.summary.contains(words) && found.summary.contains("socks5://p:1080"), "{found:?}");
}

#[test]
fn the_answers_of_a_socks_proxy_are_refusals_and_silence_is_none() {
    let refused = |reply| ProxyOutcome::SocksRefused { reply };
    let (forbidden, upstream) = (Some("forbidden"), Some("upstreamFailed"));
    check(refused(SocksReply::GeneralFailure), ProxyDenied, upstream, "it failed");
    check(refused(SocksReply::NotAllowed), ProxyDenied, forbidden, "rules");
    check(refused(SocksReply::NetworkUnreachable), ProxyDenied, upstream, "no route");
    check(refused(SocksReply::HostUnreachable), ProxyDenied, upstream, "cannot reach the host");
    check(refused(SocksReply::ConnectionRefused), ProxyDenied, upstream, "refuses");
    check(refused(SocksReply::TtlExpired), ProxyDenied, upstream, "in time");
    check(refused(SocksReply::CommandNotSupported), ProxyDenied, forbidden, "no connections");
    check(refused(SocksReply::AddressTypeNotSupported), ProxyDenied, forbidden, "kind of address");
    check(refused(SocksReply::Unassigned { number: 91 }), ProxyDenied, upstream, "91");
    for login in [SocksLogin::Missing, SocksLogin::Rejected, SocksLogin::NoCommonMethod, SocksLogin::Unsendable] {
        check(ProxyOutcome::SocksLogin { login }, ProxyDenied, Some("authRequired"), "login");
    }
    check(ProxyOutcome::NotSocks, ProxyUnreachable, None, "does not speak SOCKS5");
    check(ProxyOutcome::NoPort, ProxyUnreachable, None, "no port");
    check(ProxyOutcome::CgiRefused, RuntimeConfigInvalid, None, "REQUEST_METHOD");
}

#[test]
fn a_scheme_that_the_runtime_does_not_know_is_named() {
    let summary = |via| found(via, ProxyOutcome::NotHttp, None).summary;
    assert!(summary("socks4://p:1080").contains("`socks4` is no scheme"));
    for known in ["http://p:1", "https://p:1", "socks5://p:1", "socks5h://p:1"] {
        assert!(!summary(known).contains("scheme"), "{known}");
    }
    assert!(summary("http://***").contains("cuts the URL in HTTPS_PROXY short"));
}

#[test]
fn the_exception_is_advised_only_where_it_may_help() {
    let advice = |other_way| {
        let found = found("http://p:3128", ProxyOutcome::Denied { reason: String::new() }, other_way);
        found.remedy.into_iter().map(|remedy| remedy.text).collect::<Vec<_>>()
    };
    let unsure = "let the proxy allow CONNECT to r.io:5000, or add r.io to NO_PROXY if it is reached directly";
    assert_eq!(advice(None), [unsure]);
    assert_eq!(advice(Some(OtherWayOutcome::NotWaitedFor)), [unsure]);
    assert_eq!(
        advice(Some(OtherWayOutcome::NotConnected)),
        ["let the proxy allow CONNECT to r.io:5000 (without the proxy this node does not reach it)"]
    );
    assert_eq!(
        advice(Some(OtherWayOutcome::Works)),
        [
            "without the proxy r.io:5000 answers: add r.io to NO_PROXY of the runtime",
            "let the proxy allow CONNECT to r.io:5000",
        ]
    );
}

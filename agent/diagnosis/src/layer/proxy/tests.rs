//! What each answer of a proxy means, and what is advised.

use super::*;
use crate::cause::Code::{self, ProxyDenied, ProxyUnreachable, RuntimeConfigInvalid};
use crate::evidence::{Hop, Role};
use crate::finding::Finding;

fn found(via: &str, outcome: ProxyOutcome) -> Finding {
    let mut hop = Hop::new(Role::Registry, "r.io:5000", "https://r.io:5000/v2/");
    hop.via = via.to_owned();
    hop.route = "HTTPS_PROXY".to_owned();
    hop.proxy = Some(ProxyEvidence { outcome, ms: 1, status: Some(403), date: None, tls: None });
    finding(&hop).unwrap()
}

#[track_caller]
fn check(outcome: ProxyOutcome, code: Code, detail: Option<&str>, words: &str) {
    let found = found("socks5://p:1080", outcome);
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
    let summary = |via| found(via, ProxyOutcome::NotHttp).summary;
    assert!(summary("socks4://p:1080").contains("`socks4` is no scheme"));
    for known in ["http://p:1", "https://p:1", "socks5://p:1", "socks5h://p:1"] {
        assert!(!summary(known).contains("scheme"), "{known}");
    }
    assert!(summary("http://***").contains("cuts the URL in HTTPS_PROXY short"));
}

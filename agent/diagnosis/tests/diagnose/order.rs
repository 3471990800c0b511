//! Of several broken links the earliest is the cause, whatever was seen behind it.

use std::time::Duration;

use pullagent_diagnosis::cause::{Code, Layer};
use pullagent_diagnosis::diagnose::diagnose;
use pullagent_diagnosis::diagnosis::{Diagnosis, Verdict};
use pullagent_diagnosis::evidence::{EndpointEvidence, Hop};
use pullagent_diagnosis::layer::dns::DnsOutcome;
use pullagent_diagnosis::layer::proxy::{ProxyEvidence, ProxyOutcome};
use pullagent_diagnosis::layer::registry::Answer;
use pullagent_diagnosis::layer::tls::TlsOutcome;
use pullagent_diagnosis::layer::transport::ConnectOutcome;
use pullagent_diagnosis::manifest::Manifest;
use pullagent_diagnosis::not_checked::NotChecked;
use pullagent_diagnosis::reproduction::{Order, Policy, decide};
use pullagent_diagnosis::runtime::{Runtime, RuntimeAnswer, RuntimeProcess, RuntimeVersion};

use crate::healthy;

/// A link, what breaks it, and the cause that this is.
type Link = (&'static str, fn(&mut EndpointEvidence), Code, Layer);

/// In the order in which a pull depends on them. The token service and the storage come when they are asked.
const LINKS: &[Link] = &[
    ("the registry's name", |e| no_name(&mut e.hops[0]), Code::DnsNameNotFound, Layer::Dns),
    ("the registry's port", |e| refused(&mut e.hops[0]), Code::ConnectionRefused, Layer::Transport),
    ("the registry's TLS", |e| silent(&mut e.hops[0]), Code::TlsHandshakeTimeout, Layer::Tls),
    ("the token service's name", |e| no_name(&mut e.hops[1]), Code::DnsNameNotFound, Layer::Dns),
    ("the token service's port", |e| refused(&mut e.hops[1]), Code::ConnectionRefused, Layer::Transport),
    ("the token service's TLS", |e| silent(&mut e.hops[1]), Code::TlsHandshakeTimeout, Layer::Tls),
    ("the token", |e| answer(e, 1, 401), Code::CredentialsMissing, Layer::Credentials),
    ("the manifest", |e| answer(e, 2, 404), Code::TagNotFound, Layer::Reference),
    ("what the manifest says", schema_1, Code::UnsupportedManifest, Layer::Reference),
    ("the configuration", |e| answer(e, 3, 404), Code::BlobUnavailable, Layer::Registry),
    ("the storage's name", |e| no_name(&mut e.hops[2]), Code::DnsNameNotFound, Layer::Dns),
    ("the storage's port", |e| refused(&mut e.hops[2]), Code::ConnectionRefused, Layer::Transport),
    ("the storage's TLS", |e| silent(&mut e.hops[2]), Code::TlsHandshakeTimeout, Layer::Tls),
    ("a layer", |e| answer(e, 4, 403), Code::BlobUnavailable, Layer::Registry),
];

fn no_name(hop: &mut Hop) {
    hop.dns.as_mut().unwrap().outcome = DnsOutcome::NameNotFound;
}

fn refused(hop: &mut Hop) {
    hop.connect.as_mut().unwrap().outcome = ConnectOutcome::Refused;
}

fn silent(hop: &mut Hop) {
    hop.tls.as_mut().unwrap().outcome = TlsOutcome::Timeout;
}

fn answer(evidence: &mut EndpointEvidence, exchange: usize, status: u16) {
    evidence.exchanges[exchange].answer = Answer::Response(healthy::answered(status));
}

fn schema_1(evidence: &mut EndpointEvidence) {
    evidence.image.as_mut().unwrap().manifest = Manifest::Schema1;
}

/// What comes of breaking the links of `mask`, and the first of them. Without a token nobody asks for the manifest
/// again.
fn broken(mask: usize) -> (Option<&'static Link>, Diagnosis) {
    let (case, plan) = healthy::posed();
    let mut evidence = healthy::evidence();
    let links = || LINKS.iter().enumerate().filter(|(index, _)| mask & 1 << index != 0).map(|(_, link)| link);
    for (_, breaks, ..) in links() {
        breaks(&mut evidence.endpoints[0]);
    }
    if mask & 0b111_1000 != 0 {
        evidence.endpoints[0].exchanges.remove(2);
    }
    (links().next(), diagnose(&case, &plan, &evidence))
}

#[test]
fn the_healthy_one_can_be_pulled() {
    assert_eq!(broken(0).1.verdict, Verdict::Pullable);
}

#[test]
fn the_earliest_broken_link_is_the_cause_whatever_else_is_broken() {
    for mask in 1..1 << LINKS.len() {
        let (earliest, found) = broken(mask);
        let (name, _, code, layer) = earliest.unwrap();
        let cause = found.cause.unwrap();
        assert_eq!((cause.code, cause.layer), (*code, Some(*layer)), "{name} is broken first ({mask:b})");
        assert_eq!(found.verdict, Verdict::Failing, "{name}");
        assert_eq!(found.findings[0].code, *code, "{name}");
    }
}

#[test]
fn through_a_proxy_everything_up_to_the_tunnel_is_the_proxys() {
    let denied = ProxyOutcome::Denied { reason: String::new() };
    let check = |breaks: fn(&mut Hop), proxy: Option<&ProxyOutcome>, code: Code| {
        let (case, plan) = healthy::posed();
        let mut evidence = healthy::evidence();
        let hop = &mut evidence.endpoints[0].hops[0];
        hop.via = "http://proxy.test:3128".to_owned();
        silent(hop);
        breaks(hop);
        hop.proxy = proxy.map(|outcome| ProxyEvidence {
            outcome: outcome.clone(),
            ms: 1,
            status: Some(403),
            date: None,
            tls: None,
        });
        assert_eq!(diagnose(&case, &plan, &evidence).cause.unwrap().code, code);
    };
    check(no_name, None, Code::ProxyUnreachable);
    check(refused, None, Code::ProxyUnreachable);
    check(|_| {}, Some(&denied), Code::ProxyDenied);
    check(|_| {}, Some(&ProxyOutcome::Ok), Code::TlsHandshakeTimeout);
}

#[test]
fn a_host_that_is_not_contacted_leaves_the_case_open_and_the_runtime_alone() {
    let (case, mut plan) = healthy::posed();
    let version = RuntimeVersion { name: "containerd".into(), version: "2.1.5".into() };
    plan.runtime = Some(Runtime {
        endpoint: "unix:///run/containerd/containerd.sock".into(),
        named_by: None,
        answer: RuntimeAnswer::Version(version),
        process: RuntimeProcess::NotSeen { why: "nobody looked".into() },
        config_file: None,
    });
    let why = "169.254.169.254 is not contacted for a pod's image: it is a cloud's metadata service";
    // How many of the healthy exchanges are left where this hop is not contacted.
    for (hop, exchanges) in [(0, 0), (1, 2), (2, 5)] {
        let mut evidence = healthy::evidence();
        let endpoint = &mut evidence.endpoints[0];
        endpoint.hops[hop].connect.as_mut().unwrap().outcome = ConnectOutcome::NotContacted { why: why.to_owned() };
        endpoint.exchanges.truncate(exchanges);
        if let Some(last) = endpoint.exchanges.last_mut() {
            last.answer = Answer::NotReached;
        }
        endpoint.image = endpoint.image.take().filter(|_| hop == 2);
        endpoint.not_checked.push(NotChecked::new("what it says", why));
        let found = diagnose(&case, &plan, &evidence);
        let told = found.cause.as_ref().map(|cause| (cause.code, cause.summary.contains(why)));
        assert_eq!((found.verdict, told), (Verdict::Inconclusive, Some((Code::Unknown, true))), "hop {hop}");
        // Asked to pull, the runtime would go there for us.
        let order = decide(Policy::Always, &plan, &evidence, &found, Duration::from_mins(10));
        assert_eq!(order, Order::Leave { why: why.to_owned() }, "hop {hop}");
    }
}

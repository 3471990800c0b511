//! A pull with a mirror: which of several failures the runtime tells, and that any of those that were seen agrees.

use pullagent_diagnosis::case::Case;
use pullagent_diagnosis::cause::{Code, Severity};
use pullagent_diagnosis::diagnose::diagnose;
use pullagent_diagnosis::diagnosis::{Diagnosis, Verdict};
use pullagent_diagnosis::evidence::{EndpointEvidence, Evidence, Identity, Role};
use pullagent_diagnosis::layer::dns::DnsOutcome;
use pullagent_diagnosis::layer::registry::{Answer, Challenge, Response};
use pullagent_diagnosis::layer::tls::{CertificateFault, ChainShape, TlsOutcome};
use pullagent_diagnosis::layer::transport::ConnectOutcome;
use pullagent_diagnosis::plan::Plan;
use pullagent_diagnosis::pull::{Attempt, Growth, Pull, PullEvidence, PullOutcome};
use pullagent_diagnosis::runtime::{Runtime, RuntimeAnswer, RuntimeProcess, RuntimeVersion};

use crate::healthy;

const MIRROR: &str = "mirror.test";

/// The healthy case with a mirror before the registry.
fn posed() -> (Case, Plan) {
    let (case, mut plan) = healthy::posed();
    let mut mirror = plan.endpoints[0].clone();
    (mirror.role, mirror.authority) = (Role::Mirror, MIRROR.to_owned());
    plan.endpoints.insert(0, mirror);
    let version = RuntimeVersion { name: "containerd".into(), version: "2.1.5".into() };
    plan.runtime = Some(Runtime {
        endpoint: "unix:///run/containerd/containerd.sock".into(),
        named_by: None,
        answer: RuntimeAnswer::Version(version),
        process: RuntimeProcess::NotSeen { why: "nobody looked".into() },
        config_file: None,
    });
    (case, plan)
}

/// What was seen of an endpoint that answers the question for the manifest with this status; 0 refuses connections.
fn seen(role: Role, host: &str, status: u16) -> EndpointEvidence {
    let mut endpoint = healthy::evidence().endpoints.remove(0);
    let hop = &mut endpoint.hops[0];
    (hop.role, hop.host) = (role, host.to_owned());
    if status == 200 {
        return endpoint;
    }
    endpoint.image = None;
    endpoint.exchanges.truncate(3);
    if status == 0 {
        hop.connect.as_mut().unwrap().outcome = ConnectOutcome::Refused;
        endpoint.exchanges.clear();
    } else {
        endpoint.exchanges[2].answer = Answer::Response(healthy::answered(status));
    }
    endpoint
}

fn diagnosed(mirror: u16, registry: u16, message: Option<&str>) -> Diagnosis {
    let (case, plan) = posed();
    let mut evidence = Evidence { endpoints: vec![], ..healthy::evidence() };
    evidence.endpoints = vec![seen(Role::Mirror, MIRROR, mirror), seen(Role::Registry, "registry.test", registry)];
    evidence.pull = message.map(|message| {
        let outcome = PullOutcome::Failed { status: "Unknown".into(), message: message.into() };
        let attempts = vec![Attempt { identity: Identity::Anonymous, outcome }];
        PullEvidence::Made(Pull { attempts, ms: 9, growth: Growth::NotSeen, brought: None })
    });
    diagnose(&case, &plan, &evidence)
}

#[track_caller]
fn check(mirror: u16, registry: u16, verdict: Verdict, cause: Option<(Code, &str)>, beside: Option<(Code, Severity)>) {
    let found = diagnosed(mirror, registry, None);
    let named = found.cause.as_ref().map(|cause| (cause.code, cause.host.as_deref().unwrap_or_default()));
    assert_eq!((found.verdict, named), (verdict, cause), "{mirror} {registry}: {:#?}", found.findings);
    let mut others = found.findings.iter().filter(|finding| finding.severity < Severity::Error);
    assert_eq!(others.next().map(|f| (f.code, f.severity)), beside, "{mirror} {registry}: {:#?}", found.findings);
}

#[test]
fn a_mirror_degrades_a_pull_and_the_registry_decides_unless_it_is_out_of_reach() {
    use Code::{ConnectionRefused, MirrorUnavailable, RegistryUnavailable, TagNotFound};
    use Severity::{Info, Warning};
    use Verdict::{Degraded, Failing, Pullable};
    check(200, 200, Pullable, None, None);
    check(200, 0, Pullable, None, Some((ConnectionRefused, Info)));
    check(404, 200, Pullable, None, Some((MirrorUnavailable, Info)));
    check(0, 200, Degraded, None, Some((MirrorUnavailable, Warning)));
    check(503, 200, Degraded, None, Some((MirrorUnavailable, Warning)));
    let registry = |code| Some((code, "registry.test"));
    check(0, 0, Failing, registry(ConnectionRefused), Some((MirrorUnavailable, Warning)));
    check(0, 404, Failing, registry(TagNotFound), Some((MirrorUnavailable, Warning)));
    check(404, 503, Failing, registry(RegistryUnavailable), Some((MirrorUnavailable, Info)));
    check(404, 0, Failing, Some((TagNotFound, MIRROR)), Some((ConnectionRefused, Warning)));
    check(503, 0, Failing, registry(ConnectionRefused), Some((MirrorUnavailable, Warning)));
}

/// containerd's words for a failed question to a host.
fn resolving(host: &str, what: &str) -> String {
    let head = "failed to pull and unpack image \"registry.test/team/api:1.4.2\": failed to resolve image";
    format!("{head}: {}", what.replace("URL", &format!("https://{host}/v2/team/api/manifests/1.4.2")))
}

#[test]
fn the_runtime_agrees_whichever_of_the_failures_it_tells() {
    const REFUSED: &str = "failed to do request: Head \"URL\": dial tcp 192.0.2.1:443: connect: connection refused";
    const DOWN: &str = "unexpected status from HEAD request to URL: 503 Service Unavailable";
    const NOT_FOUND: &str = "registry.test/team/api:1.4.2: not found";
    let check = |mirror, registry, host, what, cause, agrees| {
        let found = diagnosed(mirror, registry, Some(&resolving(host, what)));
        let code = found.cause.as_ref().map(|cause| cause.code);
        assert_eq!((code, found.pull.agrees), (Some(cause), Some(agrees)), "{what} at {host}: {:#?}", found.findings);
        assert_eq!(found.verdict, Verdict::Failing);
    };
    // 1.x tells the first that is no 404, 2.x the first of the worst kind: a mirror's as well as the registry's.
    check(0, 404, MIRROR, REFUSED, Code::TagNotFound, true);
    check(0, 404, "registry.test", NOT_FOUND, Code::TagNotFound, true);
    check(503, 404, MIRROR, DOWN, Code::TagNotFound, true);
    check(404, 0, "registry.test", NOT_FOUND, Code::TagNotFound, true);
    check(404, 0, "registry.test", REFUSED, Code::TagNotFound, true);
    check(404, 503, "registry.test", NOT_FOUND, Code::RegistryUnavailable, true);
    // Nobody whom we saw fail did so in this way.
    check(404, 404, MIRROR, REFUSED, Code::ConnectionRefused, false);
    check(0, 404, "registry.test", REFUSED, Code::ConnectionRefused, false);
}

/// A row of the vectors: what an endpoint does, and what containerd 2.x made of it.
#[derive(serde::Deserialize)]
struct Row {
    mirror: String,
    upstream: String,
    error: String,
}

/// What is seen of an endpoint that behaves as a word of the vectors says.
fn behaving(role: Role, host: &str, word: &str) -> EndpointEvidence {
    let status = match word {
        "refused" => 0,
        "nomanifest" => 404,
        "denied" => 403,
        "scope" | "basic" => 401,
        "ratelimit" => 429,
        "e500" => 500,
        "e503" => 503,
        "ok" | "tls" | "dns" | "blob404" | "blobbad" => 200,
        other => panic!("an unknown word: {other}"),
    };
    let mut endpoint = seen(role, host, status);
    let hop = &mut endpoint.hops[0];
    match word {
        "dns" => hop.dns.as_mut().unwrap().outcome = DnsOutcome::NameNotFound,
        "tls" => {
            let (issuer, chain) = ("CN=x".to_owned(), ChainShape::PrivateAuthority);
            let fault = CertificateFault::UnknownAuthority { issuer, chain };
            hop.tls.as_mut().unwrap().outcome = TlsOutcome::CertificateRefused { fault, further: vec![] };
        }
        "basic" => {
            endpoint.exchanges.truncate(1);
            let wish = vec![Challenge::Basic];
            endpoint.exchanges[0].answer = Answer::Response(Response { challenges: wish, ..healthy::answered(401) });
        }
        "blob404" => endpoint.exchanges[4].answer = Answer::Response(healthy::answered(404)),
        "blobbad" => endpoint.exchanges[4].answer = Answer::Corrupt { why: "another digest".into() },
        _ => {}
    }
    endpoint
}

/// In the vectors a web page passes for content: the part of containerd that was run does not look into manifests.
#[test]
fn whatever_containerd_tells_of_two_endpoints_is_one_of_the_failures_seen() {
    const ROWS: &str = include_str!("../../../../tests/vectors/mirror-matrix.jsonl");
    let rows = ROWS.lines().map(|line| serde_json::from_str::<Row>(line).unwrap());
    let rows: Vec<Row> = rows.filter(|row| row.mirror != "html").collect();
    assert!(rows.len() > 20);
    for Row { mirror, upstream, error } in rows {
        let name = if upstream == "refused" { "upstream.corp.example:1" } else { "upstream.corp.example:5000" };
        let mirror_name = if mirror == "dns" { "nx-mirror.corp.example" } else { "mirror.corp.example:5443" };
        let (mut case, mut plan) = posed();
        case.image = format!("{name}/team/app:1.4.2");
        plan.target = pullagent_diagnosis::plan::plan(&case, &healthy::config()).target;
        let endpoints = vec![behaving(Role::Mirror, mirror_name, &mirror), behaving(Role::Registry, name, &upstream)];
        let message =
            format!("failed to pull and unpack image \"{}\": failed to resolve reference \"{0}\": {error}", case.image);
        let outcome =
            if error.is_empty() { PullOutcome::Ok } else { PullOutcome::Failed { status: "Unknown".into(), message } };
        let attempts = vec![Attempt { identity: Identity::Anonymous, outcome }];
        let pull = Some(PullEvidence::Made(Pull { attempts, ms: 9, growth: Growth::NotSeen, brought: None }));
        let found = diagnose(&case, &plan, &Evidence { endpoints, pull, ..healthy::evidence() });
        assert_eq!(found.pull.agrees, Some(true), "{mirror} {upstream}: {:#?}\n{error}", found.findings);
        assert_eq!(found.verdict == Verdict::Failing, !error.is_empty(), "{mirror} {upstream}");
    }
}

//! A pull with a mirror: which of several failures the runtime tells, and that any of those that were seen agrees.

use pullagent_diagnosis::case::Case;
use pullagent_diagnosis::cause::{Code, Severity};
use pullagent_diagnosis::diagnose::diagnose;
use pullagent_diagnosis::diagnosis::{Diagnosis, Verdict};
use pullagent_diagnosis::evidence::{EndpointEvidence, Evidence, Identity, Role};
use pullagent_diagnosis::layer::registry::Answer;
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

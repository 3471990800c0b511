//! The examination beside the runtime's own pull: when the runtime is asked, and whose word counts.

use std::time::Duration;

use proptest::prelude::*;
use pullagent_diagnosis::case::Case;
use pullagent_diagnosis::cause::{Code, Confidence, Severity};
use pullagent_diagnosis::diagnose::diagnose;
use pullagent_diagnosis::diagnosis::{Diagnosis, PullVerdict, Verdict};
use pullagent_diagnosis::evidence::{Evidence, Identity, Question};
use pullagent_diagnosis::layer::registry::Answer;
use pullagent_diagnosis::plan::Plan;
use pullagent_diagnosis::pull::{Attempt, Brought, Growth, Pull, PullEvidence, PullOutcome};
use pullagent_diagnosis::reproduction::{Order, Policy, decide};
use pullagent_diagnosis::runtime::{
    HeldImage, ImageFilesystem, Runtime, RuntimeAnswer, RuntimeProcess, RuntimeVersion, SocketFailure, Store,
};

use crate::healthy;

const SERVED: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const OTHER: &str = "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";
const LONG: Duration = Duration::from_mins(1);

fn containerd(version: &str) -> RuntimeAnswer {
    RuntimeAnswer::Version(RuntimeVersion { name: "containerd".into(), version: version.into() })
}

fn posed(answer: RuntimeAnswer) -> (Case, Plan) {
    let (case, mut plan) = healthy::posed();
    plan.runtime = Some(Runtime {
        endpoint: "unix:///run/containerd/containerd.sock".into(),
        named_by: None,
        answer,
        process: RuntimeProcess::NotSeen { why: "nobody looked".into() },
        config_file: None,
    });
    (case, plan)
}

/// The evidence of an examination that ends at the manifest with this status; 200 is the healthy one.
fn seen(status: u16) -> Evidence {
    let mut evidence = healthy::evidence();
    if status != 200 {
        let endpoint = &mut evidence.endpoints[0];
        endpoint.image = None;
        endpoint.exchanges.truncate(3);
        endpoint.exchanges[2].answer = Answer::Response(healthy::answered(status));
    }
    evidence
}

fn layer_of(bytes: u64, mut evidence: Evidence) -> Evidence {
    let image = evidence.endpoints[0].image.as_mut().unwrap();
    if let pullagent_diagnosis::manifest::Manifest::Image { layers, .. } = &mut image.manifest {
        layers[0].size = bytes;
    }
    evidence
}

fn holding(digest: &str, mut evidence: Evidence) -> Evidence {
    let held = HeldImage {
        id: "sha256:1".into(),
        tags: vec!["registry.test/team/api:1.4.2".into()],
        digests: vec![format!("registry.test/team/api@{digest}")],
        bytes: 7,
    };
    evidence.store = Some(Store { held: Some(held), ..Store::default() });
    evidence
}

fn with_free(bytes: u64, inodes: u64, mut evidence: Evidence) -> Evidence {
    let filesystem =
        ImageFilesystem { path: "/var/lib/containerd".into(), free_bytes: Some(bytes), free_inodes: Some(inodes) };
    evidence.store = Some(Store { filesystem: Some(filesystem), ..Store::default() });
    evidence
}

/// Whether the runtime is asked; a part of the reason if not.
#[track_caller]
fn check_order(policy: Policy, evidence: &Evidence, left: Duration, want: Result<(), &str>) {
    let (case, plan) = posed(containerd("1.7.24"));
    let found = diagnose(&case, &plan, evidence);
    match (decide(policy, &plan, evidence, &found, left), want) {
        (Order::Pull(identities), Ok(())) => assert_eq!(identities, [Identity::Anonymous]),
        (Order::Leave { why }, Err(part)) => assert!(why.contains(part), "{why}"),
        (order, want) => panic!("{order:?} in place of {want:?}; {:?}", found.cause),
    }
}

#[test]
fn a_pull_that_costs_next_to_nothing_is_made_unasked() {
    check_order(Policy::Auto, &seen(200), LONG, Ok(()));
    check_order(Policy::Auto, &layer_of(64 << 20, seen(200)), LONG, Err("64 MiB"));
    check_order(Policy::Auto, &layer_of((64 << 20) - 1, seen(200)), LONG, Ok(()));
    check_order(Policy::Auto, &holding(SERVED, layer_of(1 << 40, seen(200))), LONG, Ok(()));
    check_order(Policy::Auto, &seen(404), LONG, Ok(()));
}

#[test]
fn a_pull_that_would_do_harm_is_not_made_unasked() {
    check_order(Policy::Auto, &holding(OTHER, seen(200)), LONG, Err("move the tag"));
    let unsaid = Evidence { store: Some(Store { held_unknown: true, ..Store::default() }), ..seen(200) };
    check_order(Policy::Auto, &unsaid, LONG, Err("not known"));
    check_order(Policy::Auto, &seen(429), LONG, Err("5 requests"));
    check_order(Policy::Auto, &with_free(0, 9, seen(200)), LONG, Err("fill the disk"));
}

#[test]
fn a_person_decides_otherwise() {
    check_order(Policy::Never, &seen(200), LONG, Err("--pull never"));
    check_order(Policy::Always, &layer_of(1 << 40, seen(200)), LONG, Ok(()));
    check_order(Policy::Always, &holding(OTHER, seen(200)), LONG, Ok(()));
}

#[test]
fn nobody_waits_for_an_answer_that_cannot_come_in_time() {
    let mut evidence = seen(404);
    evidence.endpoints[0].hops[0].connect.as_mut().unwrap().outcome =
        pullagent_diagnosis::layer::transport::ConnectOutcome::Timeout;
    check_order(Policy::Auto, &evidence, Duration::from_secs(4), Err("waits 30 s"));
    check_order(Policy::Auto, &evidence, LONG, Ok(()));
    // A mirror before a registry that serves is waited for just as long.
    let mut mirrored = seen(200);
    let mut mirror = evidence.endpoints.remove(0);
    mirror.hops[0].role = pullagent_diagnosis::evidence::Role::Mirror;
    mirrored.endpoints.insert(0, mirror);
    check_order(Policy::Auto, &mirrored, Duration::from_secs(4), Err("for a mirror"));
}

#[test]
fn a_runtime_that_does_not_answer_is_not_asked() {
    for answer in [RuntimeAnswer::Broken(SocketFailure::Refused), RuntimeAnswer::NotAsked { why: "no".into() }] {
        let (case, plan) = posed(answer);
        let found = diagnose(&case, &plan, &seen(200));
        assert!(matches!(decide(Policy::Always, &plan, &seen(200), &found, LONG), Order::Leave { .. }));
    }
}

fn made(outcome: PullOutcome, growth: Growth) -> PullEvidence {
    let attempts = vec![Attempt { identity: Identity::Anonymous, outcome }];
    PullEvidence::Made(Pull { attempts, ms: 9, growth, brought: None })
}

fn failed(message: &str) -> PullOutcome {
    PullOutcome::Failed { status: "Unknown".into(), message: message.into() }
}

/// The diagnosis of an examination that came to `status` and a pull that came to `outcome`.
fn reconciled(status: u16, outcome: PullOutcome, growth: Growth) -> Diagnosis {
    let (case, plan) = posed(containerd("1.7.24"));
    diagnose(&case, &plan, &Evidence { pull: Some(made(outcome, growth)), ..seen(status) })
}

#[track_caller]
fn check(found: &Diagnosis, verdict: Verdict, code: Option<Code>, agrees: Option<bool>) {
    let seen = (found.verdict, found.cause.as_ref().map(|cause| cause.code), found.pull.agrees);
    assert_eq!(seen, (verdict, code, agrees), "{found:#?}");
    let disagrees = found.findings.iter().any(|finding| finding.code == Code::RuntimeDisagrees);
    assert_eq!(disagrees, agrees == Some(false), "{:#?}", found.findings);
    assert!(found.pull.attempted);
    assert_eq!(found.findings.iter().filter(|f| f.severity == Severity::Error).count(), usize::from(code.is_some()));
}

const NOT_FOUND: &str = "failed to resolve reference \"registry.test/team/api:1.4.2\": \
    registry.test/team/api:1.4.2: not found";
const REFUSED: &str = "failed to resolve reference \"registry.test/team/api:1.4.2\": failed to do request: Head \
    \"https://registry.test/v2/team/api/manifests/1.4.2\": dial tcp 192.0.2.1:443: connect: connection refused";

#[test]
fn a_finished_pull_decides() {
    use Verdict::{Degraded, Failing, Pullable};
    let nothing = Growth::NotSeen;
    check(&reconciled(200, PullOutcome::Ok, nothing), Pullable, None, Some(true));
    check(&reconciled(404, PullOutcome::Ok, nothing), Degraded, None, Some(false));
    check(&reconciled(404, failed(NOT_FOUND), nothing), Failing, Some(Code::TagNotFound), Some(true));
    check(&reconciled(404, failed(REFUSED), nothing), Failing, Some(Code::ConnectionRefused), Some(false));
    check(&reconciled(200, failed(REFUSED), nothing), Failing, Some(Code::ConnectionRefused), Some(false));
    check(&reconciled(200, failed("grmpf"), nothing), Failing, Some(Code::Unknown), Some(false));
    let lost = PullOutcome::Lost { why: "connection reset".into() };
    check(&reconciled(200, lost, nothing), Failing, Some(Code::RuntimeUnavailable), None);
}

#[test]
fn what_the_runtime_saw_to_its_end_is_certain() {
    let (case, plan) = posed(containerd("1.7.24"));
    let mut evidence = seen(404);
    evidence.endpoints[0].hops[0].connect.as_mut().unwrap().outcome =
        pullagent_diagnosis::layer::transport::ConnectOutcome::Timeout;
    let confidence = |evidence: &Evidence| diagnose(&case, &plan, evidence).cause.unwrap().confidence;
    assert_eq!(confidence(&evidence), Confidence::Likely);
    let words = "failed to do request: Head \"https://registry.test/v2/team/api/manifests/1.4.2\": dial tcp \
        192.0.2.1:443: i/o timeout";
    evidence.pull = Some(made(failed(words), Growth::NotSeen));
    assert_eq!(confidence(&evidence), Confidence::Certain);
}

#[test]
fn a_pull_that_stands_still_has_stalled_unless_the_examination_knows_better() {
    let still = Growth::Still { seconds: 6 };
    let found = reconciled(200, PullOutcome::Cancelled, still);
    check(&found, Verdict::Failing, Some(Code::PullStalled), None);
    assert_eq!(found.cause.unwrap().confidence, Confidence::Likely);
    check(&reconciled(404, PullOutcome::Cancelled, still), Verdict::Failing, Some(Code::TagNotFound), None);
    for growth in [Growth::NotSeen, Growth::Grew { bytes: 1 }] {
        check(&reconciled(200, PullOutcome::Cancelled, growth), Verdict::Pullable, None, None);
    }
}

#[test]
fn a_dead_runtime_comes_before_whatever_else_is_broken() {
    let (case, plan) = posed(RuntimeAnswer::Broken(SocketFailure::Absent));
    for status in [200, 404] {
        let found = diagnose(&case, &plan, &seen(status));
        assert_eq!(found.cause.unwrap().code, Code::RuntimeUnavailable);
    }
    let (case, mut plan) = posed(RuntimeAnswer::Broken(SocketFailure::Absent));
    plan.target = pullagent_diagnosis::plan::Target::Invalid { why: "x".into() };
    let found = diagnose(&case, &plan, &seen(200));
    assert_eq!(found.cause.unwrap().code, Code::InvalidReference, "the kubelet looks at the name first");
}

#[test]
fn a_full_disk_fails_what_the_registry_would_serve() {
    let (case, plan) = posed(containerd("2.1.9"));
    let told = |evidence: &Evidence| diagnose(&case, &plan, evidence).cause.map(|cause| (cause.code, cause.confidence));
    assert_eq!(told(&with_free(0, 9, seen(200))), Some((Code::DiskFull, Confidence::Certain)));
    assert_eq!(told(&with_free(9_999, 0, seen(200))), Some((Code::DiskFull, Confidence::Certain)));
    let short = with_free(1 << 20, 9, layer_of(2 << 20, seen(200)));
    assert_eq!(told(&short), Some((Code::DiskFull, Confidence::Likely)));
    assert_eq!(told(&with_free(9 << 20, 9, layer_of(2 << 20, seen(200)))), None);
    let code = told(&with_free(0, 0, seen(404))).map(|(code, _)| code);
    assert_eq!(code, Some(Code::TagNotFound), "nothing comes that would need room");
}

#[test]
fn another_image_under_the_same_tag_is_worth_knowing() {
    let (case, plan) = posed(containerd("2.1.9"));
    let codes =
        |evidence: &Evidence| diagnose(&case, &plan, evidence).findings.iter().map(|f| f.code).collect::<Vec<_>>();
    assert_eq!(codes(&holding(OTHER, seen(200))), [Code::StaleImage]);
    assert_eq!(codes(&holding(SERVED, seen(200))), []);
    let found = diagnose(&case, &plan, &holding(OTHER, seen(200)));
    assert_eq!((found.verdict, found.image.unwrap().on_node.unwrap().digest.as_str()), (Verdict::Pullable, OTHER));
}

#[test]
fn the_kind_of_endpoint_follows_the_version() {
    let endpoint = |image: &str, answer: Option<RuntimeAnswer>| {
        let mut config = healthy::config();
        config.runtime = answer.map(|answer| posed(answer).1.runtime.unwrap());
        let case = Case { image: image.into(), ..healthy::posed().0 };
        let plan = pullagent_diagnosis::plan::plan(&case, &config);
        plan.endpoints.first().map(|endpoint| (endpoint.scheme.word(), endpoint.http_fallback))
    };
    assert_eq!(endpoint("localhost:5000/a:1", Some(containerd("1.6.20~ds1"))), Some(("http", false)));
    assert_eq!(endpoint("localhost:5000/a:1", Some(containerd("v1.7.24"))), Some(("https", true)));
    assert_eq!(endpoint("localhost:5000/a:1", Some(containerd("v2.1.9"))), Some(("https", true)));
    assert_eq!(endpoint("localhost:5000/a:1", None), Some(("https", true)));
    assert_eq!(endpoint("[::1]:5000/a:1", Some(containerd("1.6.20~ds1"))), None);
    assert_eq!(endpoint("[2001:db8::1]:5000/a:1", Some(containerd("v2.1.9"))), Some(("https", false)));
}

#[test]
fn schema_1_is_judged_by_the_version() {
    let cause = |version: &str| {
        let (case, plan) = posed(containerd(version));
        let mut evidence = seen(200);
        evidence.endpoints[0].image.as_mut().unwrap().manifest = pullagent_diagnosis::manifest::Manifest::Schema1;
        evidence.endpoints[0].exchanges.retain(|x| x.question == Question::Manifest);
        diagnose(&case, &plan, &evidence).cause.map(|cause| (cause.code, cause.confidence))
    };
    assert_eq!(cause("v2.1.9"), Some((Code::UnsupportedManifest, Confidence::Certain)));
    assert_eq!(cause("v2.0.4"), Some((Code::UnsupportedManifest, Confidence::Likely)));
    assert_ne!(cause("v1.7.24").map(|(code, _)| code), Some(Code::UnsupportedManifest));
}

fn outcome() -> impl Strategy<Value = PullOutcome> {
    prop_oneof![
        Just(PullOutcome::Ok),
        Just(PullOutcome::Cancelled),
        any::<String>().prop_map(|why| PullOutcome::Lost { why }),
        prop_oneof![any::<String>(), Just(NOT_FOUND.to_owned()), Just(REFUSED.to_owned())]
            .prop_map(|message| PullOutcome::Failed { status: "Unknown".into(), message }),
    ]
}

proptest! {
    #[test]
    fn every_pull_has_a_verdict(
        outcomes in proptest::collection::vec(outcome(), 0..3),
        status in prop_oneof![Just(200_u16), 400..504_u16],
        seconds in 0..9_u32,
        kept in any::<bool>(),
    ) {
        let (case, plan) = posed(containerd("2.1.9"));
        let attempts = outcomes.iter().map(|o| Attempt { identity: Identity::Anonymous, outcome: o.clone() }).collect();
        let brought = kept.then(|| Brought::Kept { why: "x".into() });
        let pull = Pull { attempts, ms: 1, growth: Growth::Still { seconds }, brought };
        let found = diagnose(&case, &plan, &Evidence { pull: Some(PullEvidence::Made(pull)), ..seen(status) });
        let fails = matches!(found.verdict, Verdict::Failing | Verdict::Inconclusive);
        prop_assert_eq!(fails, found.cause.is_some());
        prop_assert!(found.findings.is_sorted_by_key(|f| std::cmp::Reverse(f.severity)));
        match found.pull.outcome {
            Some(PullVerdict::Ok) => prop_assert!(!fails),
            Some(PullVerdict::Failed) => prop_assert_eq!(found.verdict, Verdict::Failing),
            Some(PullVerdict::Cancelled) | None => {}
        }
    }
}

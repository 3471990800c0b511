//! A pod's pull secrets, and the examination beside what its kubelet said.

use pullagent_diagnosis::case::{Case, GivenCredential, PodCase};
use pullagent_diagnosis::cause::{Code, Confidence};
use pullagent_diagnosis::config::pull_records::Access;
use pullagent_diagnosis::diagnose::diagnose;
use pullagent_diagnosis::diagnosis::{Diagnosis, Verdict};
use pullagent_diagnosis::layer::credentials::CredentialOutcome;
use pullagent_diagnosis::layer::registry::Answer;
use pullagent_diagnosis::on_node::OnNode;
use pullagent_diagnosis::plan::plan;
use pullagent_diagnosis::pod::{KubeletWords, PullPolicy};
use pullagent_diagnosis::pull_secret::{DOCKERCONFIGJSON, PullSecret, SecretFound};
use pullagent_diagnosis::runtime::{HeldImage, Store};

use crate::healthy;

const IMAGE: &str = "registry.test/team/api:1.4.2";

fn secret(found: SecretFound) -> GivenCredential {
    GivenCredential::Secret(PullSecret { namespace: "prod".into(), name: "regcred".into(), found })
}

fn with_text(kind: &str, text: &str) -> GivenCredential {
    let dockerconfigjson = Some(text.as_bytes().to_vec().into());
    secret(SecretFound::Secret { uid: "1".into(), kind: kind.into(), dockerconfigjson, dockercfg: None })
}

/// A pod with these credentials whose kubelet said this, where the registry answers so to a stranger.
fn examined(credentials: Vec<GivenCredential>, said: &str, status: u16) -> Diagnosis {
    let words =
        KubeletWords { reason: "ImagePullBackOff".into(), message: said.into(), since: healthy::now(), retry_by: None };
    let pod = PodCase { namespace: "prod".into(), name: "web-0".into(), said: Some(words), ..PodCase::default() };
    let case = Case { image: IMAGE.into(), credentials, pod: Some(pod), ..Case::default() };
    let plan = plan(&case, &healthy::config());
    let mut evidence = healthy::evidence();
    if status != 200 {
        let endpoint = &mut evidence.endpoints[0];
        endpoint.image = None;
        endpoint.exchanges.truncate(3);
        endpoint.exchanges[2].answer = Answer::Response(healthy::answered(status));
    }
    diagnose(&case, &plan, &evidence)
}

fn code(found: &Diagnosis) -> Option<(Code, Confidence)> {
    found.cause.as_ref().map(|cause| (cause.code, cause.confidence))
}

#[test]
fn a_secret_that_is_absent_is_the_cause_where_its_login_is_missing() {
    let absent = || vec![secret(SecretFound::Absent { elsewhere: vec!["staging".into()] })];
    let found = examined(absent(), "", 401);
    assert_eq!(code(&found).unwrap().0, Code::SecretNotFound);
    assert!(found.cause.unwrap().summary.starts_with("the pod's pull secret prod/regcred does not exist; without it,"));
    assert!(found.remedy[0].text.contains("staging"), "{:?}", found.remedy);
    let command = found.remedy[1].command.as_ref().unwrap();
    let begins = "kubectl -n prod create secret docker-registry regcred --docker-server=registry.test ";
    assert!(command.starts_with(begins), "{command}");
    assert_eq!(found.credentials[0].outcome, CredentialOutcome::Unreadable);
    // The kubelet goes on without it.
    let found = examined(absent(), "", 200);
    assert_eq!((found.verdict, found.findings[0].code), (Verdict::Degraded, Code::SecretNotFound));
}

#[test]
fn a_secret_of_another_type_is_passed_over_and_one_that_does_not_decode_fails_the_pod() {
    let opaque = || vec![with_text("Opaque", r#"{"auths":{}}"#)];
    let found = examined(opaque(), "", 401);
    assert_eq!(code(&found).unwrap().0, Code::SecretMalformed);
    assert!(found.cause.unwrap().summary.contains("type is `Opaque`"));
    assert_eq!(examined(opaque(), "", 200).verdict, Verdict::Degraded);
    let found = examined(vec![with_text(DOCKERCONFIGJSON, "{")], "", 200);
    assert_eq!(code(&found), Some((Code::SecretMalformed, Confidence::Certain)));
}

#[test]
fn a_secret_that_we_may_not_read_leaves_the_word_to_the_kubelet() {
    let unread = || vec![secret(SecretFound::NotRead { why: "no right to get it".into() })];
    let found = examined(unread(), "", 401);
    assert_eq!(code(&found).unwrap().1, Confidence::Possible);
    assert!(found.not_checked.iter().any(|row| row.what.contains("secret prod/regcred")), "{:?}", found.not_checked);
    let gone = format!("failed to resolve reference \"{IMAGE}\": {IMAGE}: not found");
    let found = examined(unread(), &gone, 401);
    assert_eq!(code(&found), Some((Code::TagNotFound, Confidence::Possible)));
    // That a stranger may have it proves nothing: the kubelet offers a login that may be stale.
    let stale = "failed to authorize: failed to fetch oauth token: unexpected status from GET request to \
                 https://registry.test/token: 401 Unauthorized: incorrect username or password";
    let found = examined(unread(), stale, 200);
    assert_eq!(code(&found), Some((Code::CredentialsRejected, Confidence::Likely)));
}

#[test]
fn words_that_want_a_login_are_about_the_secret_that_does_not_give_it() {
    let refused = format!(
        "failed to resolve reference \"{IMAGE}\": pull access denied, repository does not exist or may require \
         authorization: authorization failed: no basic auth credentials"
    );
    let elsewhere =
        || with_text(DOCKERCONFIGJSON, r#"{"auths":{"registry.test:443":{"username":"u","password":"p"}}}"#);
    let said = KubeletWords { reason: "ErrImagePull".into(), message: refused, since: healthy::now(), retry_by: None };
    let check = |credential: GivenCredential, want: Code| {
        let pod = PodCase { namespace: "prod".into(), said: Some(said.clone()), ..PodCase::default() };
        let case = Case { image: IMAGE.into(), credentials: vec![credential], pod: Some(pod), ..Case::default() };
        // Far from the node: nothing was asked.
        let mut plan = plan(&case, &healthy::config());
        plan.endpoints.clear();
        let mut evidence = healthy::evidence();
        evidence.endpoints.clear();
        assert_eq!(code(&diagnose(&case, &plan, &evidence)), Some((want, Confidence::Likely)));
    };
    check(secret(SecretFound::Absent { elsewhere: Vec::new() }), Code::SecretNotFound);
    check(with_text("Opaque", "{}"), Code::SecretMalformed);
    check(elsewhere(), Code::CredentialsNotMatching);
}

#[test]
fn what_the_kubelet_heard_stands_unless_we_see_that_it_is_mended() {
    let gone = format!("failed to resolve reference \"{IMAGE}\": {IMAGE}: not found");
    let now = examined(Vec::new(), &gone, 200);
    assert_eq!((now.verdict, now.cause), (Verdict::Pullable, None));
    let disk = "failed to extract layer: write /var/lib/x: no space left on device: unknown";
    assert_eq!(code(&examined(Vec::new(), disk, 200)), Some((Code::DiskFull, Confidence::Likely)));
    let found = examined(Vec::new(), disk, 503);
    assert_eq!(code(&found).unwrap().0, Code::DiskFull);
    assert_eq!(found.pull.agrees, Some(false));
    assert!(found.findings.iter().any(|finding| finding.code == Code::RuntimeDisagrees));
    let down = "unexpected status from HEAD request to https://registry.test/v2/team/api/manifests/1.4.2: 503 Service \
                Unavailable";
    let found = examined(Vec::new(), down, 503);
    assert_eq!((code(&found).unwrap().0, found.pull.agrees), (Code::RegistryUnavailable, Some(true)));
}

#[test]
fn words_that_tell_nothing_decide_nothing() {
    let found = examined(Vec::new(), "the moon is in the wrong house", 503);
    assert_eq!(code(&found), Some((Code::RegistryUnavailable, Confidence::Likely)));
    let found = examined(Vec::new(), "the moon is in the wrong house", 200);
    assert_eq!((found.verdict, code(&found).unwrap().0), (Verdict::Inconclusive, Code::Unknown));
    assert_eq!(examined(Vec::new(), "", 200).verdict, Verdict::Pullable);
}

/// A pod with this policy, on a node that has the image or not, where the registry answers so to a stranger.
fn on_node(policy: PullPolicy, reason: &str, held: bool, access: Option<Access>, status: u16) -> Option<Code> {
    let words = KubeletWords { reason: reason.into(), message: String::new(), since: healthy::now(), retry_by: None };
    let pod = PodCase { policy, said: Some(words), ..PodCase::default() };
    let case = Case { image: IMAGE.into(), pod: Some(pod), ..Case::default() };
    let plan = plan(&case, &healthy::config());
    let mut evidence = healthy::evidence();
    if status != 200 {
        let endpoint = &mut evidence.endpoints[0];
        endpoint.image = None;
        endpoint.exchanges.truncate(3);
        endpoint.exchanges[2].answer = Answer::Response(healthy::answered(status));
    }
    let image = HeldImage { id: "sha256:1".into(), tags: Vec::new(), digests: Vec::new(), bytes: 1 };
    evidence.store =
        Some(Store { held: held.then_some(image), held_unknown: false, filesystem: None, not_checked: Vec::new() });
    evidence.on_node = access.map(|access| OnNode { access, proven: None });
    diagnose(&case, &plan, &evidence).cause.map(|cause| cause.code)
}

#[test]
fn what_is_on_the_node_decides_where_the_policy_lets_it() {
    use PullPolicy::{Always, IfNotPresent, Never};
    let allowed = || Some(Access::Allowed { why: String::new() });
    let must = || Some(Access::MustPull { why: String::new() });
    assert_eq!(on_node(Never, "ErrImageNeverPull", false, None, 200), Some(Code::NotPresentNeverPull));
    assert_eq!(on_node(Never, "ErrImageNeverPull", true, allowed(), 200), None);
    assert_eq!(on_node(Never, "ErrImageNeverPull", true, must(), 200), Some(Code::PresentButNotAllowed));
    assert_eq!(on_node(Never, "ErrImageNeverPull", true, None, 200), Some(Code::PresentButNotAllowed));
    assert_eq!(on_node(IfNotPresent, "ErrImagePull", true, allowed(), 401), None);
    assert_eq!(on_node(IfNotPresent, "ErrImagePull", true, must(), 401), Some(Code::PresentButNotAllowed));
    assert_eq!(on_node(IfNotPresent, "ErrImagePull", true, must(), 200), None);
    assert_eq!(on_node(IfNotPresent, "ErrImagePull", false, None, 401), Some(Code::CredentialsMissing));
    assert_eq!(on_node(Always, "ErrImagePull", true, allowed(), 401), Some(Code::CredentialsMissing));
}

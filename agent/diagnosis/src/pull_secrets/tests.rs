//! What is found out about the pull secrets of a namespace, how it is shown, and that no password ever is.

use proptest::prelude::*;
use serde_json::json;

use super::{KeyNoteKind, Namespace, PullSecrets, SecretState, ServiceAccount, pull_secrets, schema};
use crate::cause::{Code, Severity};
use crate::pod::{Container, ContainerKind, ContainerState, Pod, PullPolicy};
use crate::pull_secret::{DOCKERCFG, DOCKERCONFIGJSON, PullSecret, SecretFound};
use crate::report::{Style, secrets_json, secrets_short, secrets_text};

const PLAIN: Style = Style { width: 100, color: false, verbose: 0 };
const REFUSED: &str = "failed to pull and unpack image \"registry.corp.io:5000/team/api:1\": failed to resolve reference \
    \"registry.corp.io:5000/team/api:1\": pull access denied, repository does not exist or may require authorization: \
    server message: insufficient_scope: authorization failed";

/// A pod that names these secrets and has these images.
fn pod(name: &str, secrets: &[&str], images: &[&str]) -> Pod {
    Pod {
        namespace: "prod".to_owned(),
        name: name.to_owned(),
        service_account: "default".to_owned(),
        pull_secrets: owned(secrets),
        containers: images.iter().map(|image| container(image)).collect(),
        ..Pod::default()
    }
}

fn container(image: &str) -> Container {
    Container {
        name: "c".to_owned(),
        kind: ContainerKind::Regular,
        image: image.to_owned(),
        policy: PullPolicy::IfNotPresent,
        state: ContainerState::Running,
    }
}

/// The same pod, whose kubelet says that the registry wants a login.
fn refused(mut pod: Pod) -> Pod {
    for container in &mut pod.containers {
        container.state = ContainerState::Waiting { reason: "ErrImagePull".to_owned(), message: REFUSED.to_owned() };
    }
    pod
}

fn account(name: &str, secrets: &[&str]) -> ServiceAccount {
    ServiceAccount { name: name.to_owned(), pull_secrets: owned(secrets) }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A secret with a login of `user` under each key.
fn logins(name: &str, user: &str, keys: &[&str]) -> PullSecret {
    let auths: serde_json::Map<String, serde_json::Value> =
        keys.iter().map(|key| ((*key).to_owned(), json!({"username": user, "password": "hunter2"}))).collect();
    read(name, DOCKERCONFIGJSON, Some(&json!({ "auths": auths }).to_string()), None)
}

fn read(name: &str, kind: &str, new: Option<&str>, old: Option<&str>) -> PullSecret {
    let bytes = |text: Option<&str>| text.map(|text| text.as_bytes().to_vec().into());
    let (dockerconfigjson, dockercfg) = (bytes(new), bytes(old));
    found(name, SecretFound::Secret { uid: "1".to_owned(), kind: kind.to_owned(), dockerconfigjson, dockercfg })
}

fn absent(name: &str, elsewhere: &[&str]) -> PullSecret {
    found(name, SecretFound::Absent { elsewhere: owned(elsewhere) })
}

fn forbidden(name: &str) -> PullSecret {
    found(name, SecretFound::NotRead { why: format!("secrets \"{name}\" is forbidden") })
}

fn found(name: &str, found: SecretFound) -> PullSecret {
    PullSecret { namespace: "prod".to_owned(), name: name.to_owned(), found }
}

fn look(pods: Vec<Pod>, secrets: Vec<PullSecret>, service_accounts: Vec<ServiceAccount>) -> PullSecrets {
    pull_secrets(&Namespace { name: "prod".to_owned(), pods, service_accounts, secrets, not_checked: Vec::new() })
}

/// The findings of one pod with `image` that names `secrets`, each as code and severity.
#[track_caller]
fn check(pod: Pod, secrets: Vec<PullSecret>, expected: &[(Code, Severity)]) {
    let report = look(vec![pod], secrets, Vec::new());
    let found: Vec<(Code, Severity)> = report.findings.iter().map(|one| (one.code, one.severity)).collect();
    assert_eq!(found, expected, "{:#?}", report.findings);
    assert!(report.findings.iter().all(|finding| !finding.remedy.is_empty()), "{:#?}", report.findings);
}

/// The nearest key and what is the matter with it, of one secret with one key and a pod with one image.
#[track_caller]
fn check_nearest(key: &str, image: &str, expected: Option<(&str, &str, bool)>) {
    let report = look(vec![pod("p", &["s"], &[image])], vec![logins("s", "u", &[key])], Vec::new());
    let nearest = report.images[0].nearest.as_ref();
    let nearest = nearest.map(|key| (key.why.as_str(), key.write.as_str(), key.mistaken));
    assert_eq!(nearest, expected, "{key} {image}");
}

/// The notes of every key of a pod that names both secrets and has an image of Docker Hub.
#[track_caller]
fn check_notes(first: PullSecret, second: PullSecret, expected: &[(&str, &str, KeyNoteKind)]) {
    let names = [first.name.clone(), second.name.clone()];
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let report = look(vec![pod("p", &names, &["nginx"])], vec![first, second], Vec::new());
    let keys = report.secrets.iter().flat_map(|row| row.keys.iter().map(move |key| (row, key)));
    let notes =
        keys.flat_map(|(row, key)| key.notes.iter().map(move |n| (row.name.as_str(), key.key.as_str(), n.kind)));
    assert_eq!(notes.collect::<Vec<_>>(), expected);
}

/// Every kind of secret, reference and image.
fn world() -> PullSecrets {
    let mut deleted = pod("deleted", &["gone"], &["a.b/c"]);
    deleted.is_deleted = true;
    look(
        vec![
            pod("api-1", &["regcred"], &["registry.corp.io:5000/team/api:1", "nginx"]),
            pod("api-2", &["regcred"], &["registry.corp.io:5000/team/api:2"]),
            refused(pod("web-1", &["old", "wrong"], &["registry.corp.io:5000/team/web:1"])),
            pod("job-1", &["broken", "regcred"], &["registry.corp.io:5000/team/job:1"]),
            pod("tool-1", &[], &["quay.io/team/tool", "NOT AN IMAGE"]),
            deleted,
        ],
        vec![
            logins("regcred", "ci", &["registry.corp.io:5000", "https://index.docker.io/v1"]),
            absent("old", &["dev", "test"]),
            logins("wrong", "ci", &["registry.corp.io"]),
            read("broken", DOCKERCONFIGJSON, Some(r#"{"auths":{"a.b":{"auth":"aHVudGVyMg"}}}"#), None),
            read("opaque", "Opaque", Some("{}"), None),
            logins("robot", "robot", &["quay.io/team"]),
            logins("spare", "spare", &["ghcr.io"]),
            forbidden("closed"),
        ],
        vec![account("default", &["robot"]), account("builder", &["opaque", "closed"])],
    )
}

#[test]
fn a_screen_shows_every_secret_and_what_is_wrong() {
    insta::assert_snapshot!("text", secrets_text(&world(), &PLAIN));
    insta::assert_snapshot!("text_60", secrets_text(&world(), &Style { width: 60, ..PLAIN }));
}

#[test]
fn a_line_a_secret_is_for_shells() {
    insta::assert_snapshot!("short", secrets_short(&world()));
}

#[test]
fn json_reads_back_as_it_was_and_has_no_null() {
    let world = world();
    let line = secrets_json(&world);
    assert_eq!(serde_json::from_str::<PullSecrets>(&line).unwrap(), world);
    assert!(!line.contains("null") && !line.contains('\n'), "{line}");
    assert_eq!(schema()["properties"]["schema"]["type"], "string");
}

#[test]
fn the_screen_of_a_healthy_namespace_is_short() {
    let healthy = look(
        vec![pod("api", &["regcred"], &["registry.corp.io/team/api:1"])],
        vec![logins("regcred", "ci", &["registry.corp.io"])],
        vec![account("default", &["regcred"])],
    );
    assert!(!healthy.warns() && healthy.findings.is_empty() && healthy.not_checked.is_empty(), "{healthy:#?}");
    insta::assert_snapshot!("healthy", secrets_text(&healthy, &PLAIN));
}

#[test]
fn a_missing_secret_is_an_error_only_where_its_want_is_felt() {
    let image = "registry.corp.io/a";
    check(pod("p", &["s"], &[image]), vec![absent("s", &[])], &[(Code::SecretNotFound, Severity::Warning)]);
    check(refused(pod("p", &["s"], &[image])), vec![absent("s", &[])], &[(Code::SecretNotFound, Severity::Error)]);
    // Another login serves the image: it was refused for another reason.
    let both = vec![absent("s", &[]), logins("t", "u", &["registry.corp.io"])];
    check(refused(pod("p", &["s", "t"], &[image])), both, &[(Code::SecretNotFound, Severity::Warning)]);
}

#[test]
fn a_secret_that_is_passed_over_or_cannot_be_read_is_malformed() {
    let of_pod = || pod("p", &["s"], &["a.b/c"]);
    let warning = [(Code::SecretMalformed, Severity::Warning)];
    for (kind, new, old) in [
        ("Opaque", Some(r#"{"auths":{"a.b":{}}}"#), None),
        (DOCKERCONFIGJSON, None, Some("{}")),
        (DOCKERCONFIGJSON, Some(""), None),
        (DOCKERCFG, Some("{}"), None),
        (DOCKERCONFIGJSON, Some(r#"{"credsStore":"desktop"}"#), None),
        (DOCKERCONFIGJSON, Some(r#"{"auths":{"a.b":{}}}"#), None),
    ] {
        check(of_pod(), vec![read("s", kind, new, old)], &warning);
    }
    let error = [(Code::SecretMalformed, Severity::Error)];
    for text in ["nonsense", r#"{"auths":{"x.y":{"auth":"***"}}}"#, "{\"auths\":1}"] {
        check(of_pod(), vec![read("s", DOCKERCONFIGJSON, Some(text), None)], &error);
        check(
            pod("p", &["s", "t"], &["a.b/c"]),
            vec![read("s", DOCKERCONFIGJSON, Some(text), None), logins("t", "u", &["a.b"])],
            &error,
        );
    }
}

#[test]
fn a_key_that_was_meant_for_an_image_is_told_from_one_that_was_not() {
    let hub = "https://index.docker.io/v1/";
    let tag = "has a tag or digest, and logins are looked up without them";
    check_nearest("a.b", "a.b/c", None);
    check_nearest("a.b:443", "a.b/c", Some(("differs in the port", "a.b", true)));
    check_nearest("A.b", "a.b/c", Some(("differs in upper and lower case", "a.b", true)));
    check_nearest("a.b/c:1", "a.b/c:1", Some((tag, "a.b", true)));
    check_nearest("a.b/c:1", "a.b/d:1", None);
    check_nearest("a.b/other", "a.b/c", Some(("differs in the path", "a.b", false)));
    check_nearest(
        "HTTPS://a.b",
        "a.b/c",
        Some((
            "has a scheme that the kubelet takes for the host: only `https://` and `http://` are taken off",
            "a.b",
            true,
        )),
    );
    check_nearest("eu.gcr.io", "gcr.io/c", None);
    check_nearest(
        "https://index.docker.io/v1",
        "nginx",
        Some((
            "serves Docker Hub only as `https://index.docker.io/v1/`, with the last slash and nothing behind it",
            hub,
            true,
        )),
    );
    check_nearest("hub.docker.com", "nginx", Some(("is not what images of Docker Hub are looked up by", hub, true)));
    check_nearest("quay.io", "nginx", None);
}

#[test]
fn images_without_a_login_are_a_warning_only_if_one_was_meant_for_them() {
    let secret = |key: &str| vec![logins("s", "u", &[key])];
    let of = |image: &str| pod("p", &["s"], &[image]);
    check(of("a.b/c"), secret("a.b:443"), &[(Code::CredentialsNotMatching, Severity::Warning)]);
    check(refused(of("a.b/c")), secret("a.b:443"), &[(Code::CredentialsNotMatching, Severity::Error)]);
    check(of("a.b/c"), secret("x.y"), &[(Code::SecretUnused, Severity::Info)]);
    check(
        refused(of("a.b/c")),
        secret("x.y"),
        &[(Code::CredentialsNotMatching, Severity::Error), (Code::SecretUnused, Severity::Info)],
    );
    check(refused(pod("p", &[], &["a.b/c"])), Vec::new(), &[(Code::CredentialsMissing, Severity::Error)]);
    // What was not read may serve it.
    let mut secrets = secret("a.b:443");
    secrets.push(forbidden("t"));
    check(pod("p", &["s", "t"], &["a.b/c"]), secrets, &[]);
}

#[test]
fn keys_beside_equal_and_hiding_ones_say_so() {
    let hub = "https://index.docker.io/v1/";
    check_notes(logins("a", "u", &[hub]), logins("b", "u", &[hub]), &[("b", hub, KeyNoteKind::Duplicate)]);
    check_notes(
        logins("a", "u", &[hub]),
        logins("b", "v", &["index.docker.io"]),
        &[("b", "index.docker.io", KeyNoteKind::After)],
    );
    check_notes(logins("a", "u", &[hub]), logins("b", "v", &["docker.io"]), &[("a", hub, KeyNoteKind::Hidden)]);
    check_notes(
        logins("a", "u", &["q.io", "https://q.io/v1/"]),
        logins("b", "", &["r.io/x:1"]),
        &[
            ("a", "q.io", KeyNoteKind::RandomOrder),
            ("a", "https://q.io/v1/", KeyNoteKind::RandomOrder),
            ("b", "r.io/x:1", KeyNoteKind::NeverMatches),
            ("b", "r.io/x:1", KeyNoteKind::NoUser),
        ],
    );
}

/// The findings about the service account `default`, which lists `s` with a login for a.b, and its pods.
#[track_caller]
fn check_reach(pods: Vec<Pod>, expected: &[(Code, Severity)]) {
    let secrets = vec![logins("s", "u", &["a.b"]), logins("own", "u", &["x.y"])];
    let report = look(pods, secrets, vec![account("default", &["s"])]);
    let about = report.findings.iter().filter(|finding| finding.summary.contains("service account default"));
    let found: Vec<(Code, Severity)> = about.map(|one| (one.code, one.severity)).collect();
    assert_eq!(found, expected, "{:#?}", report.findings);
}

#[test]
fn a_list_of_a_service_account_that_did_not_reach_its_pods_is_told() {
    check_reach(vec![pod("p", &["s"], &["a.b/c"])], &[]);
    check_reach(Vec::new(), &[]);
    check_reach(vec![pod("p", &[], &["a.b/c"])], &[(Code::CredentialsMissing, Severity::Warning)]);
    check_reach(vec![refused(pod("p", &[], &["a.b/c"]))], &[(Code::CredentialsMissing, Severity::Error)]);
    check_reach(vec![pod("p", &["own"], &["a.b/c"])], &[(Code::CredentialsMissing, Severity::Warning)]);
    check_reach(vec![pod("p", &["own"], &["x.y/c"])], &[(Code::SecretUnused, Severity::Info)]);
    check_reach(vec![pod("p", &["s"], &["a.b/c"]), pod("q", &[], &["x.y/c"])], &[]);
    let mut of_file = pod("p", &[], &["a.b/c"]);
    of_file.is_static = true;
    check_reach(vec![of_file], &[]);
}

#[test]
fn a_secret_that_nobody_looked_at_is_no_missing_one() {
    let report = look(vec![pod("p", &["s"], &["a.b/c"])], Vec::new(), Vec::new());
    assert_eq!(report.secrets[0].state, SecretState::NotRead);
    assert!(report.findings.is_empty() && report.not_checked[0].what == "secret s", "{report:#?}");
}

#[test]
fn what_is_too_much_is_counted() {
    let keys: Vec<String> = (0..2_000).map(|n| format!("r{n}.io")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let images: Vec<String> = (0..1_000).map(|n| format!("a.b/i{n}")).collect();
    let images: Vec<&str> = images.iter().map(String::as_str).collect();
    let report = look(vec![pod("p", &["s"], &images)], vec![logins("s", "u", &keys)], Vec::new());
    assert_eq!((report.secrets[0].keys.len(), report.secrets[0].further_keys), (100, 1_900));
    let told = report.not_checked.iter().find(|one| one.what.contains("further images")).expect("it is told");
    assert_eq!(told.what, format!("the logins for {} further images", 1_000 - report.images.len()));
    assert!(report.findings.is_empty(), "that it serves none cannot be known: {:#?}", report.findings);
}

proptest! {
    #[test]
    fn no_password_is_in_any_output(
        password in "[a-z]{3}S3CR3T[a-z]{3}",
        user in "[a-z]{0,4}",
        key in "https?://[a-z]{1,3}|[a-z.:*/@]{0,8}",
        broken in any::<bool>(),
        kind in prop_oneof![Just(DOCKERCONFIGJSON), Just("Opaque"), Just(DOCKERCFG)],
        image in "[a-z.]{1,4}/[a-z]{1,3}|\\PC{0,6}",
    ) {
        use base64::Engine;
        let auth = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        let keyed = format!("{user}:{password}@{key}");
        let mut text = json!({"auths": {
            key: {"username": user, "password": password},
            keyed: {"auth": auth},
        }}).to_string();
        if broken {
            text.push('}');
        }
        let namespace = Namespace {
            name: "prod".to_owned(),
            pods: vec![pod("p", &["s"], &[&image]), refused(pod("q", &[], &[&image]))],
            service_accounts: vec![account("default", &["s"])],
            secrets: vec![read("s", kind, Some(&text), Some(&text))],
            not_checked: Vec::new(),
        };
        let report = pull_secrets(&namespace);
        let all = [
            format!("{namespace:?} {report:?}"),
            secrets_json(&report),
            secrets_short(&report),
            secrets_text(&report, &Style { verbose: 2, ..PLAIN }),
        ];
        for output in all {
            prop_assert!(!output.contains("S3CR3T") && !output.contains(&auth), "{}", output);
        }
    }

    #[test]
    fn any_namespace_is_looked_through_and_shown_within_the_width(
        name in any::<String>(),
        texts in proptest::collection::vec(any::<String>(), 0..4),
        secrets in proptest::collection::vec("[ab]|\\PC{0,3}", 0..4),
        keys in proptest::collection::vec("\\PC{0,12}|[a*?\\[\\].:/%1f@-]{0,12}", 0..4),
        image in "\\PC{0,12}|[a.:/]{0,8}",
        width in 0_usize..120,
    ) {
        let names: Vec<&str> = secrets.iter().map(String::as_str).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let mut found: Vec<PullSecret> = texts.iter().map(|text| read(text, DOCKERCONFIGJSON, Some(text), None)).collect();
        found.push(logins("a", &name, &keys));
        found.push(absent("b", &names));
        let namespace = Namespace {
            pods: vec![pod(&name, &names, &[&image, "nginx"]), refused(pod("q", &[], &[&image]))],
            service_accounts: vec![account("default", &names)],
            secrets: found,
            name,
            not_checked: Vec::new(),
        };
        let report = pull_secrets(&namespace);
        let _ = (secrets_json(&report), secrets_short(&report));
        let screen = secrets_text(&report, &Style { width, color: false, verbose: 1 });
        for line in screen.lines() {
            prop_assert!(unicode_width::UnicodeWidthStr::width(line) <= width.max(40) , "{:?}", line);
        }
        prop_assert!(!screen.chars().any(|c| c != '\n' && c.is_control()));
    }
}

//! Many causes on one node at once: each is told at its own pod, in one line, with nothing secret in it or beside it.

use std::fmt::Write as _;

use pullagent_testkit::kubernetes::{Pod, Waiting};
use serde_json::Value;

use super::super::why::{login, secret};
use super::super::{Cluster, NODE};
use super::daemon::{Daemon, is_ours};

const PASSWORDS: [&str; 3] = ["c0rrect-horse", "battery-stapl3", "wr0ng-password"];
const NOT_FOUND: &str = "failed to resolve reference \"IMAGE\": IMAGE: not found";
const REFUSED: &str = "failed to pull and unpack image \"IMAGE\": failed to resolve reference \"IMAGE\": pull access \
                       denied, repository does not exist or may require authorization: authorization failed: no basic \
                       auth credentials";
const STALE: &str = "failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized";
const BASE64: &str = "illegal base64 data at input byte 0";

/// A pod that fails, and what it is told.
struct Case {
    code: &'static str,
    image: &'static str,
    secret: Option<&'static str>,
    reason: &'static str,
    message: &'static str,
}

const fn case(code: &'static str, image: &'static str, message: &'static str) -> Case {
    Case { code, image, secret: None, reason: "ErrImagePull", message }
}

const fn with(code: &'static str, secret: &'static str, message: &'static str) -> Case {
    Case { secret: Some(secret), ..case(code, "main/team/api:1", message) }
}

const CASES: [Case; 14] = [
    case("TagNotFound", "main/team/public:2", NOT_FOUND),
    case("RepositoryNotFound", "main/team/nowhere:1", NOT_FOUND),
    case("PlatformMismatch", "main/team/mainframe:1", "no match for platform in manifest: not found"),
    case("CredentialsMissing", "main/team/api:1", REFUSED),
    with("CredentialsRejected", "wrong", STALE),
    with("CredentialsNotMatching", "elsewhere", REFUSED),
    with("SecretNotFound", "gone", REFUSED),
    with("SecretMalformed", "broken", BASE64),
    with("AccessDenied", "denied", REFUSED),
    case("ConnectionRefused", "refused/team/api:1", "dial tcp 127.0.0.1:1: connect: connection refused"),
    case(
        "TlsUnknownAuthority",
        "stranger/team/api:1",
        "tls: failed to verify certificate: x509: certificate signed by unknown authority",
    ),
    case("RegistryUnavailable", "down/team/api:1", "unexpected status from HEAD request: 503 Service Unavailable"),
    Case {
        reason: "ErrImageNeverPull",
        ..case(
            "NotPresentNeverPull",
            "main/team/public:1",
            "Container image \"IMAGE\" is not present with pull policy of Never",
        )
    },
    Case {
        reason: "InvalidImageName",
        ..case(
            "InvalidReference",
            "main/Team/API:1",
            "Failed to apply default image tag \"IMAGE\": couldn't parse image name \"IMAGE\": invalid reference \
             format: repository name (Team/API) must be lowercase",
        )
    },
];

impl Case {
    /// The image with the registry's name and port in place of its id.
    fn image(&self, cluster: &Cluster) -> String {
        let (id, path) = self.image.split_once('/').expect("an id and a path");
        format!("{}/{path}", cluster.host(id))
    }

    /// The pod with this number: the odd ones fail in an init container.
    async fn pod(&self, cluster: &Cluster, number: usize) -> Value {
        let image = self.image(cluster);
        let policy = if self.reason == "ErrImageNeverPull" { "Never" } else { "Always" };
        let pod = Pod::new(NODE, "shop", &name(self)).pull_policy(policy);
        let pod = match number % 2 {
            0 => pod.container("app", &image),
            _ => pod.init_container("setup", &image).container("app", "registry.test/other:1"),
        };
        let pod = self.secret.into_iter().fold(pod, Pod::pull_secret);
        let stored = cluster.api.create_pod(&pod).await.expect("a pod");
        let message = self.message.replace("IMAGE", &image);
        let waiting = Waiting::new(container(number), self.reason, &message);
        cluster.api.pod_waiting(&pod, &[waiting]).await.expect("its status");
        stored
    }
}

fn name(case: &Case) -> String {
    case.code.to_lowercase()
}

fn container(number: usize) -> &'static str {
    if number.is_multiple_of(2) { "app" } else { "setup" }
}

/// What `kubectl describe pod` shows of events, oldest first.
pub(crate) fn described(events: &[Value]) -> String {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut rows: Vec<&Value> = events.iter().collect();
    rows.sort_by_key(|event| (word(&event["involvedObject"]["name"]), word(&event["lastTimestamp"])));
    rows.iter().fold(String::new(), |mut text, event| {
        let words = [&event["involvedObject"]["name"], &event["type"], &event["reason"], &event["source"]["component"]]
            .map(word);
        let _ = writeln!(
            text,
            "{:<24} {:<8} {:<26} {:<10} {}",
            words[0],
            words[1],
            words[2],
            words[3],
            word(&event["message"])
        );
        text
    })
}

#[tokio::test]
async fn each_cause_is_told_at_its_pod_and_nothing_secret_anywhere() {
    let cluster = Cluster::start().await;
    cluster.api.create_namespace("shop").await.expect("a namespace");
    let at = cluster.registry();
    let secrets = [
        login("denied", &at, "other", "battery-stapl3"),
        login("wrong", &at, "ci", "wr0ng-password"),
        login("elsewhere", "quay.io", "ci", "c0rrect-horse"),
        secret("broken", "kubernetes.io/dockerconfigjson", ".dockerconfigjson", r#"{"auths":{"a.b":{"auth":"%"}}}"#),
    ];
    cluster.api.apply(&secrets.concat()).await.expect("the secrets");
    for (number, case) in CASES.iter().enumerate() {
        case.pod(&cluster, number).await;
    }
    let daemon = super::daemon::Daemon::start_with(
        &cluster,
        super::daemon::Start { settings: "events: { perMinute: 60, burst: 40 }\n", ..Default::default() },
    )
    .await;
    let path = "/api/v1/namespaces/shop/events";
    let ours = |list: &Value| list["items"].as_array().map_or(0, |all| all.iter().filter(|one| is_ours(one)).count());
    let answer = cluster.api.admin().until(path, |answer| ours(&answer.body) >= CASES.len()).await;
    let list = match answer {
        Ok(answer) => answer.body,
        Err(_) => cluster.api.get(path).await.expect("the events"),
    };
    let events = list["items"].as_array().cloned().unwrap_or_default();
    let shown = described(&events);
    for (number, case) in CASES.iter().enumerate() {
        check(&events, case, number, &shown);
    }
    assert_eq!(ours(&list), CASES.len(), "{shown}");
    nothing_is_given_away(&daemon, &events).await;
    let told = f64::from(u32::try_from(CASES.len()).expect("a few"));
    daemon.counts("pullagent_events_total{result=\"sent\"}", told).await;
    let examined = daemon.metric("pullagent_examinations_total{verdict=\"failing\"}").await;
    assert!(examined.is_some_and(|examined| examined >= told), "{examined:?}");
    let refused = cluster.host("refused");
    let series = format!("pullagent_pods_failing{{cause=\"ConnectionRefused\",host=\"{refused}\"}}");
    assert_eq!(daemon.metric(&series).await, Some(1.0), "{}", daemon.get("/metrics").await.1);
    assert!(daemon.stop().await);
}

#[track_caller]
fn check(events: &[Value], case: &Case, number: usize, shown: &str) {
    let of_pod = |event: &&Value| is_ours(event) && event["involvedObject"]["name"] == name(case).as_str();
    let told: Vec<&Value> = events.iter().filter(of_pod).collect();
    let [event] = told.as_slice() else { panic!("{}: {} events of ours\n{shown}", case.code, told.len()) };
    let kind = if number.is_multiple_of(2) { "containers" } else { "initContainers" };
    let field = format!("spec.{kind}{{{}}}", container(number));
    assert_eq!(event["reason"], format!("Pull{}", case.code).as_str(), "{shown}");
    assert_eq!(event["involvedObject"]["fieldPath"], field.as_str(), "{shown}");
    assert_eq!((&event["type"], &event["source"]["host"]), (&"Warning".into(), &NODE.into()), "{shown}");
    assert_eq!((&event["count"], &event["eventTime"]), (&1.into(), &Value::Null), "{shown}");
    let labels = &event["metadata"]["labels"];
    assert_eq!(labels["pullagent.dev/code"], case.code, "{shown}");
    for label in ["pullagent.dev/layer", "pullagent.dev/owner"] {
        assert!(labels[label].is_string(), "{label} of {}\n{shown}", case.code);
    }
    let note = event["message"].as_str().expect("a note");
    let end = format!("More: pullagent explain {}", case.code);
    assert!(note.len() <= 300 && note.ends_with(&end) && !note.contains('\n'), "{note}");
    assert!(note.contains(". Fix: ") && note.contains(" Owner: "), "{note}");
}

/// No password and no token is in what the daemon shows, and none in what it logs.
async fn nothing_is_given_away(daemon: &Daemon, events: &[Value]) {
    let (status, reports) = daemon.get("/reports").await;
    assert!(status == 200 && reports.contains("pullagent.dev/reports/v1"), "{status} {reports}");
    let items = serde_json::from_str::<Value>(&reports).expect("JSON")["items"].as_array().map_or(0, Vec::len);
    assert_eq!(items, CASES.len(), "{reports}");
    let shown = [
        ("its reports", reports),
        ("its page", daemon.get("/").await.1),
        ("its metrics", daemon.get("/metrics").await.1),
        ("its log", daemon.log()),
        ("its events", serde_json::to_string(events).expect("JSON")),
    ];
    for (what, text) in shown {
        for secret in PASSWORDS.iter().flat_map(|password| forms(password)).chain(["eyJ".to_owned()]) {
            assert!(!text.contains(&secret), "{secret} is in {what}:\n{text}");
        }
    }
    let log = daemon.log();
    assert!(log.contains("\"examining\""), "{log}");
    for line in log.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "no JSON: {line}");
    }
}

/// A password, and how it is sent.
fn forms(password: &str) -> Vec<String> {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD_NO_PAD;
    let sent = ["ci", "other"].map(|user| STANDARD_NO_PAD.encode(format!("{user}:{password}")));
    [password.to_owned()].into_iter().chain(sent).collect()
}

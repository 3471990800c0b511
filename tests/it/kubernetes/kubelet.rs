//! `pullagent run` on a node that is one: a real kubelet pulls with a real containerd from a registry beyond a real link,
//! and what the agent makes of it stands in `kubectl describe pod`, until the registry is mended.

mod apart;
mod killed;
mod machine;
mod outside;
mod sandbox;

use pullagent_testkit::kubernetes::Pod;
use pullagent_testkit::world::World;
use serde_json::{Value, json};

use super::run::causes::described;
use super::run::daemon::{Daemon, Start, is_ours};
use super::why::{login, secret};
use super::{Cluster, NODE};
use apart::apart;
use machine::Machine;
use outside::{ADDRESS, Outside};

/// What the kubelet is to fail at. `ADDRESS` is that of every server.
const WORLD: &str = r#"
about = "registries of all kinds outside of the node"
image = "registry.test:{main.port}/team/public:1"

[registry.main]
host = "registry.test"
address = "ADDRESS"
auth = "bearer"
users = { ci = "c0rrect-horse", other = "battery-stapl3" }

[[registry.main.repository]]
name = "team/api"
tags = ["1"]
platforms = ["linux/amd64", "linux/arm64"]
private_to = ["ci"]

# Of another image than the other pods': what one pod brings, all have with this kubelet.
[[registry.main.repository]]
name = "team/late"
tags = ["1"]
platforms = ["linux/amd64", "linux/arm64"]
private_to = ["ci"]

[[registry.main.repository]]
name = "team/public"
tags = ["1"]
platforms = ["linux/amd64", "linux/arm64"]

[[registry.main.repository]]
name = "team/mainframe"
tags = ["1"]
platforms = ["linux/s390x"]
index = true

[registry.young]
host = "young.test"
address = "ADDRESS"
behaviour = [{ on = "tag", does = { answer = { status = 404 } } }]

[[registry.young.repository]]
name = "team/web"
tags = ["1"]
platforms = ["linux/amd64", "linux/arm64"]

[registry.stranger]
host = "stranger.test"
address = "ADDRESS"
certificate = { stranger = true }

[registry.plain]
host = "plain.test"
address = "ADDRESS"
plain = true

[registry.down]
host = "down.test"
address = "ADDRESS"
behaviour = [{ on = "everything", does = { answer = { status = 503 } } }]

[[registry.down.repository]]
name = "team/web"
tags = ["1"]
platforms = ["linux/amd64", "linux/arm64"]

[refused.refused]
host = "refused.test"
address = "ADDRESS"

[[resolver]]
address = "ADDRESS:53"

[expect]
verdict = "pullable"
"#;

/// A pod: its name, its image, its pull secret, and what is to be told of it.
struct Case {
    name: &'static str,
    image: &'static str,
    secret: Option<&'static str>,
    code: &'static str,
}

const fn case(name: &'static str, image: &'static str, secret: Option<&'static str>, code: &'static str) -> Case {
    Case { name, image, secret, code }
}

const CASES: [Case; 17] = [
    case("tag", "main/team/public:2", None, "TagNotFound"),
    case("repository", "main/team/nowhere:1", None, "RepositoryNotFound"),
    case("platform", "main/team/mainframe:1", None, "PlatformMismatch"),
    case("no-login", "main/team/api:1", None, "CredentialsMissing"),
    case("wrong-password", "main/team/api:1", Some("wrong"), "CredentialsRejected"),
    case("other-user", "main/team/api:1", Some("denied"), "AccessDenied"),
    case("other-registry", "main/team/api:1", Some("elsewhere"), "CredentialsNotMatching"),
    case("no-secret", "main/team/late:1", Some("gone"), "SecretNotFound"),
    case("broken-secret", "main/team/api:1", Some("broken"), "SecretMalformed"),
    case("never", "main/team/public:0", None, "NotPresentNeverPull"),
    case("name", "main/Team/API:1", None, "InvalidReference"),
    case("no-host", "nowhere.test/team/api:1", None, "DnsNameNotFound"),
    case("refused", "refused/team/api:1", None, "ConnectionRefused"),
    case("authority", "stranger/team/api:1", None, "TlsUnknownAuthority"),
    case("plain", "plain/team/api:1", None, "PlaintextRegistry"),
    case("down", "down/team/web:1", None, "RegistryUnavailable"),
    case("young", "young/team/web:1", None, "TagNotFound"),
];
const GOOD: Case = case("good", "main/team/public:1", None, "");

/// An image of a server of the world: `ID/PATH`.
fn image(cluster: &Cluster, image: &str) -> String {
    let (id, path) = image.split_once('/').expect("an id and a path");
    let host = if id == "main" { "registry" } else { id };
    cluster.world.addr(id).map_or_else(|| image.to_owned(), |addr| format!("{host}.test:{}/{path}", addr.port()))
}

/// Creates a pod of the node's own network that runs the program of the sandbox in whatever image; returns it as it is
/// stored.
async fn create(cluster: &Cluster, machine: &Machine, case: &Case, policy: &str) -> Value {
    let pod = Pod::new(NODE, "shop", case.name).container("app", &image(cluster, case.image)).pull_policy(policy);
    let mut object = case.secret.into_iter().fold(pod, Pod::pull_secret).manifest();
    let spec = &mut object["spec"];
    spec["hostNetwork"] = json!(true);
    spec["terminationGracePeriodSeconds"] = json!(0);
    spec["volumes"] = json!([{ "name": "program", "hostPath": { "path": machine.files.path() } }]);
    spec["containers"][0]["volumeMounts"] = json!([{ "name": "program", "mountPath": "/program" }]);
    spec["containers"][0]["command"] = json!([format!("/program/{}", sandbox::PROGRAM)]);
    let answer = cluster.api.admin().post("/api/v1/namespaces/shop/pods", &object).await.expect("an answer");
    answer.success().expect("a pod")
}

async fn runs(cluster: &Cluster, name: &str) {
    let path = format!("/api/v1/namespaces/shop/pods/{name}");
    let running = cluster.api.admin().until(&path, |answer| answer.body["status"]["phase"] == "Running").await;
    running.unwrap_or_else(|error| panic!("{name} does not run: {error}\n{}", Machine::log("kubelet")));
}

/// Waits until every pod has an event of the agent's with this reason; returns all events.
async fn told(cluster: &Cluster, daemon: &Daemon, wanted: &[(&str, String)]) -> Vec<Value> {
    let path = "/api/v1/namespaces/shop/events";
    let events = |list: &Value| list["items"].as_array().cloned().unwrap_or_default();
    let lacking = |list: &Value| {
        let is_there = |(pod, reason): &&(&str, String)| of_pod(&events(list), pod).contains(reason);
        wanted.iter().filter(|one| !is_there(one)).cloned().collect::<Vec<_>>()
    };
    let answer = cluster.api.admin().until(path, |answer| lacking(&answer.body).is_empty()).await;
    let list = cluster.api.get(path).await.expect("the events");
    let logs = || format!("{}\n{}\n{}", daemon.log(), Machine::log("kubelet"), Machine::log("containerd"));
    assert!(answer.is_ok(), "not told: {:?}\n{}\n{}", lacking(&list), described(&events(&list)), logs());
    events(&list)
}

/// The reasons of the agent's events about a pod.
fn of_pod(events: &[Value], pod: &str) -> Vec<String> {
    let ours = events.iter().filter(|event| is_ours(event) && event["involvedObject"]["name"] == pod);
    ours.filter_map(|event| event["reason"].as_str().map(str::to_owned)).collect()
}

/// A cluster whose only node is a machine outside of which this world is, with the secrets of its pods.
async fn cluster(world: World) -> Cluster {
    let cluster = Cluster::around(world).await;
    cluster.api.create_namespace("shop").await.expect("a namespace");
    let at = format!("registry.test:{}", cluster.world.addr("main").expect("it runs").port());
    let broken = r#"{"auths":{"a.b":{"auth":"%"}}}"#;
    let secrets = [
        login("denied", &at, "other", "battery-stapl3"),
        login("wrong", &at, "ci", "wr0ng-password"),
        login("elsewhere", "quay.io", "ci", "c0rrect-horse"),
        secret("broken", "kubernetes.io/dockerconfigjson", ".dockerconfigjson", broken),
    ];
    cluster.api.apply(&secrets.concat()).await.expect("the secrets");
    cluster
}

#[test]
fn what_a_real_kubelet_fails_at_is_told_at_its_pod_until_it_succeeds() {
    let name = "kubernetes::kubelet::what_a_real_kubelet_fails_at_is_told_at_its_pod_until_it_succeeds";
    apart(name, async |kubelet| {
        let (world, _outside) = Outside::start(WORLD.replace("ADDRESS", ADDRESS));
        let cluster = cluster(world).await;
        let mut machine = Machine::start(&cluster).await;
        machine.start_kubelet(&cluster, &kubelet).await;
        let settings = "events: { perMinute: 60, burst: 40 }\n";
        let daemon = Daemon::start_with(&cluster, Start { settings, ..Start::default() }).await;
        for case in &CASES {
            create(&cluster, &machine, case, if case.name == "never" { "Never" } else { "IfNotPresent" }).await;
        }
        create(&cluster, &machine, &GOOD, "Always").await;
        let causes = CASES.each_ref().map(|case| (case.name, format!("Pull{}", case.code)));
        told(&cluster, &daemon, &causes).await;
        runs(&cluster, GOOD.name).await;
        // What was lacking comes: a tag, a server and a secret. The kubelet finds it by itself.
        for id in ["young", "down"] {
            cluster.world.registry(id).expect("a registry").behave_well();
        }
        let at = format!("registry.test:{}", cluster.world.addr("main").expect("it runs").port());
        cluster.api.apply(&login("gone", &at, "ci", "c0rrect-horse")).await.expect("a secret");
        let mended = ["young", "down", "no-secret"];
        for pod in mended {
            runs(&cluster, pod).await;
        }
        let recovered = mended.map(|pod| (pod, "PullRecovered".to_owned()));
        let events = told(&cluster, &daemon, &recovered).await;
        let shown = described(&events);
        for (pod, cause) in &causes {
            let mut reasons = of_pod(&events, pod);
            assert!(reasons.contains(cause), "{pod}\n{shown}");
            // That it would work now is told where the agent was faster than the kubelet.
            reasons.retain(|reason| reason != cause && reason != "PullNowPossible");
            let rest: &[&str] = if mended.contains(pod) { &["PullRecovered"] } else { &[] };
            assert_eq!(reasons, rest, "{pod}\n{shown}");
        }
        assert_eq!(of_pod(&events, GOOD.name), [""; 0], "{shown}");
        assert!(daemon.stop().await);
    });
}

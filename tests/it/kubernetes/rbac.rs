//! That the agent's service account may do what the agent does and nothing else: the agent runs as in its pod, the API
//! server writes down what it asks for, and says what it may.

use std::collections::BTreeSet;
use std::process::Stdio;

use pullagent_testkit::kubernetes::{Call, Pod, User, Waiting};
use serde_json::{Value, json};

use super::{Cluster, NODE};
use crate::manifests::{Objects, Sandbox};

/// Group, resource and verb.
type Right = (String, String, String);

const TOKEN: &str = "var/run/secrets/kubernetes.io/serviceaccount/token";

fn rights(rows: &[(&str, &str, &str)]) -> BTreeSet<Right> {
    let row = |(group, resource, verbs): &(&str, &str, &str)| {
        let verbs: Vec<String> = verbs.split(' ').map(str::to_owned).collect();
        let (group, resource) = ((*group).to_owned(), (*resource).to_owned());
        verbs.into_iter().map(move |verb| (group.clone(), resource.clone(), verb))
    };
    rows.iter().flat_map(row).collect()
}

/// What the API server says that this user may do in a namespace, without what everybody may: to ask that.
async fn may(user: &User, namespace: &str) -> BTreeSet<Right> {
    let review = json!({ "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview",
        "spec": { "namespace": namespace } });
    let answer = user.post("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", &review).await.expect("an answer");
    let answer = answer.success().expect("a review");
    assert_ne!(answer["status"]["incomplete"], true);
    let words = |list: &Value| -> Vec<String> {
        list.as_array().into_iter().flatten().filter_map(|word| word.as_str().map(str::to_owned)).collect()
    };
    let mut found = BTreeSet::new();
    for rule in answer["status"]["resourceRules"].as_array().into_iter().flatten() {
        for group in words(&rule["apiGroups"]).into_iter().filter(|group| group != "authorization.k8s.io") {
            for resource in words(&rule["resources"]) {
                found.extend(words(&rule["verbs"]).into_iter().map(|verb| (group.clone(), resource.clone(), verb)));
            }
        }
    }
    found
}

/// How long is waited for what it asks for, on a busy machine.
const SOON: std::time::Duration = std::time::Duration::from_mins(1);

async fn give(cluster: &Cluster, objects: &Objects, namespace: &str) {
    for object in &objects.all {
        let kind = object["kind"].as_str().unwrap_or_default();
        if !["Namespace", "ServiceAccount"].contains(&kind) && !kind.contains("Role") {
            continue;
        }
        let mut object = object.clone();
        if !kind.contains("Cluster") && kind != "Namespace" && object["metadata"]["namespace"].is_null() {
            object["metadata"]["namespace"] = json!(namespace);
        }
        cluster.api.apply(&object.to_string()).await.expect("the API server takes it");
    }
}

/// Waits until the agent has written this about a pod, often enough.
async fn told(cluster: &Cluster, pod: &str, count: u64) {
    let path = format!("/api/v1/namespaces/shop/events?fieldSelector=involvedObject.name%3D{pod}");
    let is_there = |list: &Value| {
        let mut events = list["items"].as_array().into_iter().flatten();
        events.any(|event| event["reason"] == "PullTagNotFound" && event["count"].as_u64() >= Some(count))
    };
    let answer = cluster.api.admin().until(&path, |answer| is_there(&answer.body)).await;
    answer.unwrap_or_else(|error| panic!("{pod}: {error}"));
}

async fn fails(cluster: &Cluster, pod: Pod, waiting: fn(&str) -> Waiting) {
    let image = cluster.image("team/public:2");
    let pod = pod.container("app", &image);
    cluster.api.create_pod(&pod).await.expect("a pod");
    cluster.api.pod_waiting(&pod, &[waiting(&image)]).await.expect("its status");
}

fn not_found(image: &str) -> Waiting {
    Waiting::pull_failed("app", &format!("failed to resolve reference \"{image}\": {image}: not found"))
}

fn backs_off(image: &str) -> Waiting {
    Waiting::backs_off("app", image)
}

/// What the agent has asked for by now, once it has asked for all of these.
async fn calls(cluster: &Cluster, awaited: &BTreeSet<Right>) -> BTreeSet<Call> {
    loop {
        let calls = cluster.api.calls_of("pullagent", "pullagent").expect("the log");
        let asked = |(group, resource, verb): &Right| {
            calls.iter().any(|call| (&call.group, &call.resource, &call.verb) == (group, resource, verb))
        };
        if awaited.iter().all(asked) {
            return calls;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_agent_may_do_what_it_does_and_nothing_else() {
    let Some(sandbox) = Sandbox::probe_only().await else { return };
    let cluster = Cluster::start().await;
    cluster.api.create_namespace("shop").await.expect("a namespace");
    give(&cluster, &Objects::kustomized("overlays/probe-only").await, "pullagent").await;
    sandbox.names_of(cluster.root.path());
    sandbox.trusts_as(cluster.root.path());
    cluster.api.write_service_account(&sandbox.path(""), "pullagent", "pullagent").await.expect("its files");
    sandbox.hand_over(TOKEN);
    let port = cluster.api.url().rsplit_once(':').expect("its port").1.to_owned();
    let command = |arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        command
            .env("KUBERNETES_SERVICE_HOST", "127.0.0.1")
            .env("KUBERNETES_SERVICE_PORT", &port)
            .env("PULLAGENT_WATCH_SETTLE", "1s")
            .env("PULLAGENT_HTTP_LISTEN", "127.0.0.1:0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        command
    };
    let pod = |name: &str| Pod::new(NODE, "shop", name);
    fails(&cluster, pod("web"), not_found).await;
    fails(&cluster, pod("private").pull_secret("regcred"), not_found).await;
    // The status of this one tells nothing, so its events are read.
    fails(&cluster, pod("silent"), backs_off).await;
    let mut daemon = command(&["run"]).spawn().expect("the agent starts");
    told(&cluster, "web", 1).await;
    // What is cut short is in no log.
    let lease = rights(&[("coordination.k8s.io", "leases", "create")]);
    tokio::time::timeout(SOON, calls(&cluster, &lease)).await.expect("it tells of its node");
    daemon.kill().await.expect("it ends");
    // Its event is made old, so that it is counted once more by the agent that comes after.
    let path = "/api/v1/namespaces/shop/events";
    let list = cluster.api.get(&format!("{path}?fieldSelector=involvedObject.name%3Dweb")).await.expect("events");
    let ours = list["items"].as_array().into_iter().flatten().find(|event| event["reason"] == "PullTagNotFound");
    let name = ours.and_then(|event| event["metadata"]["name"].as_str()).expect("its name");
    let old = json!({ "lastTimestamp": "2020-01-01T00:00:00Z" });
    cluster.api.admin().patch(&format!("{path}/{name}"), &old).await.expect("an answer").success().expect("a change");
    let _daemon = command(&["run"]).spawn().expect("the agent starts");
    told(&cluster, "web", 2).await;
    // As by `kubectl exec` in the agent's pod.
    let why = command(&["why", "pod/private", "-n", "shop"]).output().await.expect("it runs");
    let said = String::from_utf8_lossy(&why.stdout);
    assert!(said.contains("TagNotFound") && said.contains("shop/regcred"), "{said}");
    // The events of a silent pod are read after a while, and a Lease that is there already is changed.
    let awaited = rights(&[("", "events", "list"), ("coordination.k8s.io", "leases", "patch")]);
    let calls = tokio::time::timeout(SOON, calls(&cluster, &awaited)).await.expect("it does all that it does");

    let right = |call: &Call| (call.group.clone(), call.resource.clone(), call.verb.clone());
    let done: BTreeSet<Right> = calls.iter().filter(|call| call.is_allowed).map(right).collect();
    let refused: BTreeSet<Right> = calls.iter().filter(|call| !call.is_allowed).map(right).collect();
    // Both are given where they are wanted: rights/pull-secrets, components/node-object.
    assert_eq!(refused, rights(&[("", "secrets", "get"), ("", "nodes", "get")]));
    let token = cluster.api.service_account_token("pullagent", "pullagent").await.expect("a token");
    let agent = cluster.api.bearer(&token);
    assert_eq!(may(&agent, "pullagent").await, done);
    let everywhere = rights(&[("", "pods", "get list watch"), ("", "events", "create list patch")]);
    assert_eq!(may(&agent, "shop").await, everywhere);

    // A namespace that lets it read its secrets opens itself and no other.
    give(&cluster, &Objects::kustomized("rights/pull-secrets").await, "shop").await;
    let mut with_secrets = everywhere.clone();
    with_secrets.extend(rights(&[("", "secrets", "get")]));
    let reviewed = async {
        while may(&agent, "shop").await != with_secrets {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(SOON, reviewed).await.expect("the rights arrive");
    assert_eq!(may(&agent, "default").await, everywhere);
}

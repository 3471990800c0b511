//! What the daemon does not hear, or cannot say, for a while: nothing is lost, and nothing is told twice.

use nix::sys::signal::Signal;
use serde_json::Value;

use super::super::NODE;
use super::daemon::{Daemon, Start, told, told_in};
use super::{Cluster, Pod, cluster, fails, fails_as};

/// All that the daemon told in the namespace.
async fn all(cluster: &Cluster) -> Vec<(String, String, u64)> {
    let list = cluster.api.get("/api/v1/namespaces/shop/events").await.expect("the events");
    let names = list["items"].as_array().into_iter().flatten().filter(|event| super::daemon::is_ours(event));
    let names = names.map(|event| event["involvedObject"]["name"].as_str().unwrap_or_default().to_owned());
    let mut all: Vec<_> = names.zip(told_in(&list)).map(|(pod, told)| (pod, told.reason, told.count)).collect();
    all.sort();
    all
}

fn once(pods: &[&str]) -> Vec<(String, String, u64)> {
    pods.iter().map(|pod| ((*pod).to_owned(), "PullTagNotFound".to_owned(), 1)).collect()
}

#[tokio::test]
async fn what_the_api_server_has_forgotten_meanwhile_is_found_out_again() {
    let mut cluster = cluster().await;
    let daemon = Daemon::start(&cluster).await;
    let (_, stays) = fails(&cluster, "stays", "team/public:2", "not found").await;
    let (goes, gone) = fails(&cluster, "goes", "team/public:3", "not found").await;
    for pod in [&stays, &gone] {
        told(&cluster, pod, "PullTagNotFound").await;
    }
    let list = cluster.api.get("/api/v1/pods").await.expect("the pods");
    let heard = list["metadata"]["resourceVersion"].as_str().expect("a version").to_owned();
    // It hears nothing of all this, not even that its connection breaks.
    daemon.signal(Signal::SIGSTOP);
    cluster.api.create_namespace("later").await.expect("a namespace");
    cluster.api.restart().await.expect("it lives again");
    assert!(cluster.api.admin().delete(&goes.path()).await.expect("an answer").status.is_success());
    let (_, comes) = fails(&cluster, "comes", "team/public:4", "not found").await;
    let since = format!("/api/v1/pods?watch=1&timeoutSeconds=1&resourceVersion={heard}");
    let answer = cluster.api.admin().get(&since).await.expect("an answer");
    let code = answer.body["object"]["code"].as_u64().or(answer.body["code"].as_u64());
    assert_eq!(code, Some(410), "the API server still knows what happened since: {answer:?}");
    daemon.signal(Signal::SIGCONT);
    told(&cluster, &comes, "PullTagNotFound").await;
    let series = format!("pullagent_pods_failing{{cause=\"TagNotFound\",host=\"{}\"}}", cluster.registry());
    daemon.counts(&series, 2.0).await;
    assert_eq!(all(&cluster).await, once(&["comes", "goes", "stays"]));
    assert_eq!(daemon.metric("pullagent_events_total{result=\"sent\"}").await, Some(3.0));
    assert!(daemon.stop().await);
}

#[tokio::test]
async fn what_is_found_out_while_nobody_listens_is_told_once_somebody_does() {
    let mut cluster = cluster().await;
    let daemon = Daemon::start(&cluster).await;
    let silent = format!("{}/team/api:1", cluster.host("silent"));
    let mut pods = Vec::new();
    for name in ["web-1", "web-2", "web-3"] {
        pods.push(fails_as(&cluster, Pod::new(NODE, "shop", name), &silent, "i/o timeout").await.1);
    }
    daemon.until("its image is examined", |daemon| daemon.log().contains(&silent)).await;
    // A peer that is silent takes seconds: the end comes when the API server is long gone.
    cluster.api.kill().await.expect("it is killed");
    daemon.counts("pullagent_examinations_total{verdict=\"failing\"}", 1.0).await;
    daemon.until("it could not be told", |daemon| daemon.log().contains("an event is written later")).await;
    assert_eq!(daemon.metric("pullagent_events_total{result=\"sent\"}").await.unwrap_or_default().to_string(), "0");
    daemon.counts("pullagent_kube_connected", 0.0).await;
    cluster.api.revive().await.expect("it lives again");
    let mut reasons = Vec::new();
    for pod in &pods {
        let reason = |event: &Value| event["reason"].as_str().unwrap_or_default().to_owned();
        let uid = pod["metadata"]["uid"].as_str().expect("its uid");
        let path = format!("/api/v1/namespaces/shop/events?fieldSelector=involvedObject.uid%3D{uid}");
        let answer = cluster.api.admin().until(&path, |answer| !told_in(&answer.body).is_empty()).await;
        let list = answer.unwrap_or_else(|error| panic!("nothing is told: {error}\n{}", daemon.log())).body;
        reasons.extend(
            list["items"].as_array().into_iter().flatten().filter(|one| super::daemon::is_ours(one)).map(reason),
        );
    }
    assert_eq!(reasons, ["PullPullStalled"; 3]);
    // What comes later is told after all that waited.
    let (_, after) = fails(&cluster, "web-4", "team/public:2", "not found").await;
    told(&cluster, &after, "PullTagNotFound").await;
    let all = all(&cluster).await;
    assert_eq!(all.len(), 4, "{all:?}");
    assert!(all.iter().all(|(_, _, count)| *count == 1), "{all:?}");
    daemon.counts("pullagent_events_total{result=\"sent\"}", 4.0).await;
    assert!(daemon.stop().await);
}

/// What a certificate is allowed that may see pods and tell nobody.
const MAY_SEE: &str = "---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: sees }
rules: [{ apiGroups: [''], resources: [pods], verbs: [get, list, watch] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: sees }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: sees }
subjects: [{ apiGroup: rbac.authorization.k8s.io, kind: User, name: yesterday }]
";

#[tokio::test]
async fn a_certificate_that_is_replaced_is_used_from_the_next_request_on() {
    let cluster = cluster().await;
    cluster.api.create_namespace("later").await.expect("a namespace");
    cluster.api.apply(MAY_SEE).await.expect("rights");
    cluster.api.user("yesterday").write_kubelet_files(cluster.root.path()).expect("the kubelet's files");
    let daemon = Daemon::start_with(&cluster, Start::default()).await;
    daemon.counts("pullagent_kube_connected", 1.0).await;
    fails(&cluster, "web", "team/public:2", "not found").await;
    daemon.counts("pullagent_events_total{result=\"failed\"}", 1.0).await;
    let lists = daemon.log().matches("the pods of this node").count();
    // The watch goes on; what is said from now on is said as the kubelet.
    cluster.api.node(NODE).write_kubelet_files(cluster.root.path()).expect("the kubelet's files");
    let pod = Pod::new(NODE, "later", "web");
    let (_, stored) = fails_as(&cluster, pod, &cluster.image("team/public:3"), "not found").await;
    let uid = stored["metadata"]["uid"].as_str().expect("its uid");
    let path = format!("/api/v1/namespaces/later/events?fieldSelector=involvedObject.uid%3D{uid}");
    let answer = cluster.api.admin().until(&path, |answer| !told_in(&answer.body).is_empty()).await;
    let list = answer.unwrap_or_else(|error| panic!("nothing is told: {error}\n{}", daemon.log())).body;
    assert_eq!(told_in(&list)[0].reason, "PullTagNotFound", "{list}");
    assert_eq!(daemon.log().matches("the pods of this node").count(), lists, "{}", daemon.log());
    assert!(daemon.stop().await);
}

#[tokio::test]
async fn a_daemon_that_starts_after_the_registry_was_mended_says_that_it_would_work() {
    let world = super::super::WORLD.replace(
        "[registry.stranger]",
        "[registry.young]\nhost = \"localhost\"\nbehaviour = [{ on = \"tag\", does = { answer = { status = 404 } } }]\n\n\
         [[registry.young.repository]]\nname = \"team/web\"\ntags = [\"1\"]\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n\n\
         [registry.stranger]",
    );
    let cluster = Cluster::with(&world).await;
    cluster.api.create_namespace("shop").await.expect("a namespace");
    let daemon = Daemon::start(&cluster).await;
    let image = format!("{}/team/web:1", cluster.host("young"));
    let (_, stored) = fails_as(&cluster, Pod::new(NODE, "shop", "web"), &image, "not found").await;
    told(&cluster, &stored, "PullTagNotFound").await;
    assert!(daemon.stop().await);
    cluster.world.registry("young").expect("a registry").behave_well();
    // One that goes on looks again after a minute; one that begins looks now.
    let daemon = Daemon::start(&cluster).await;
    let mut events = told(&cluster, &stored, "PullNowPossible").await;
    // They come in the order of their names.
    events.sort_by(|one, other| other.reason.cmp(&one.reason));
    let [warning, news] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((warning.reason.as_str(), warning.count), ("PullTagNotFound", 1), "{events:?}");
    assert_eq!((news.kind.as_str(), news.count), ("Normal", 1), "{events:?}");
    assert!(daemon.stop().await);
}

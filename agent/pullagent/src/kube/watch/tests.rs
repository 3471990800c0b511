//! Watches of a real API server, of 1.20, and of one that is none and begins as newer ones do.

use std::fmt::Write as _;

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse;
use futures_util::stream;
use pullagent_diagnosis::pod::ContainerState;
use pullagent_testkit::kubernetes::{KubeApi, Pod as NewPod, Waiting};
use serde_json::json;
use tokio::time::timeout;

use super::super::identity::{Asked, PodAccount, Surroundings, choose};
use super::super::tests::{around, start as start_api};
use super::*;

/// Long enough for a busy machine and for the pauses between attempts.
const SOON: Duration = Duration::from_mins(1);
const IMAGE: &str = "registry.test/app:1";

async fn next<C>(watch: &mut Watch<C>) -> C {
    timeout(SOON, watch.next()).await.expect("a change").expect("a watch that goes on")
}

/// What happened, in words.
async fn told(watch: &mut Watch<PodChange>) -> String {
    match next(watch).await {
        PodChange::Restarted(mut pods) => {
            pods.sort_by(|one, other| one.name.cmp(&other.name));
            pods.iter().fold("restarted".to_owned(), |mut told, pod| {
                write!(told, " {}", pod.name).unwrap();
                told
            })
        }
        PodChange::Applied(pod) => format!("applied {}", pod.name),
        PodChange::Deleted { name, .. } => format!("deleted {name}"),
    }
}

async fn until(watch: &Watch<PodChange>, wanted: impl FnMut(&Connection) -> bool) -> Connection {
    timeout(SOON, watch.connection().wait_for(wanted)).await.unwrap().unwrap().clone()
}

async fn as_kubelet(api: &KubeApi, root: &std::path::Path) -> Arc<Cluster> {
    api.node("node-1").write_kubelet_files(root).unwrap();
    Arc::new(Cluster::open(choose(&Asked::default(), &around(root.to_owned()))).await.unwrap())
}

fn pod(node: &str, name: &str) -> NewPod {
    NewPod::new(node, "default", name).container("app", IMAGE)
}

#[tokio::test]
async fn a_kubelet_sees_the_pods_of_its_node_and_no_others() {
    let api = start_api().await;
    let root = tempfile::tempdir().unwrap();
    let (web, elsewhere) = (pod("node-1", "web"), pod("node-2", "elsewhere"));
    api.create_pod(&elsewhere).await.unwrap();
    api.create_pod(&web).await.unwrap();
    let mut watch = watch_pods(as_kubelet(&api, root.path()).await, "node-1");
    assert_eq!(told(&mut watch).await, "restarted web");
    assert_eq!(*watch.connection().borrow(), Connection::Connected);

    api.pod_waiting(&elsewhere, &[Waiting::pull_failed("app", "no")]).await.unwrap();
    api.pod_waiting(&web, &[Waiting::pull_failed("app", "no such tag")]).await.unwrap();
    let PodChange::Applied(seen) = next(&mut watch).await else { panic!("a change of the pod") };
    let waiting = ContainerState::Waiting { reason: "ErrImagePull".to_owned(), message: "no such tag".to_owned() };
    assert_eq!((seen.name.as_str(), &seen.containers[0].state), ("web", &waiting));

    api.create_pod(&pod("node-1", "db")).await.unwrap();
    assert_eq!(told(&mut watch).await, "applied db");
    for gone in [&elsewhere, &web] {
        assert!(api.admin().delete(&gone.path()).await.unwrap().status.is_success());
    }
    let PodChange::Applied(leaving) = next(&mut watch).await else { panic!("a pod that is being deleted") };
    assert!(leaving.is_deleted);
    let (namespace, name) = ("default".to_owned(), "web".to_owned());
    assert_eq!(next(&mut watch).await, PodChange::Deleted { uid: seen.uid, namespace, name });
}

#[tokio::test]
async fn a_watch_begins_again_when_the_server_is_back() {
    let mut api = start_api().await;
    let root = tempfile::tempdir().unwrap();
    let web = pod("node-1", "web");
    api.create_pod(&web).await.unwrap();
    let mut watch = watch_pods(as_kubelet(&api, root.path()).await, "node-1");
    assert_eq!(told(&mut watch).await, "restarted web");

    api.kill().await.unwrap();
    let lost = until(&watch, |connection| matches!(connection, Connection::Lost { .. })).await;
    let Connection::Lost { why } = lost else { panic!("{lost:?}") };
    assert!(why.starts_with("cannot watch pods in all namespaces: the API server at https://127.0.0.1:"), "{why}");
    api.revive().await.unwrap();
    assert_eq!(told(&mut watch).await, "restarted web");
    assert_eq!(until(&watch, |connection| *connection == Connection::Connected).await, Connection::Connected);
    api.create_pod(&pod("node-1", "db")).await.unwrap();
    assert_eq!(told(&mut watch).await, "applied db");

    api.restart().await.unwrap();
    assert_eq!(told(&mut watch).await, "restarted db web");
}

#[tokio::test]
async fn what_may_not_be_watched_is_told_with_the_rule() {
    let api = start_api().await;
    let root = tempfile::tempdir().unwrap();
    api.write_service_account(root.path(), "default", "default").await.unwrap();
    let folder = root.path().join("var/run/secrets/kubernetes.io/serviceaccount");
    let (host, port) = api.url().strip_prefix("https://").and_then(|at| at.split_once(':')).map(own).unwrap();
    let around = Surroundings { pod: Some(PodAccount { host, port, folder }), ..around(root.path().to_owned()) };
    let cluster = Cluster::open(choose(&Asked::default(), &around)).await.unwrap();
    let watch = watch_pods(Arc::new(cluster), "node-1");
    let why = "the service account of this pod may not watch pods in all namespaces; a role with this rule allows it: \
               apiGroups: [\"\"], resources: [\"pods\"], verbs: [\"list\", \"watch\"], in a ClusterRole";
    let lost = until(&watch, |connection| *connection != Connection::Connecting).await;
    assert_eq!(lost, Connection::Lost { why: why.to_owned() });
}

fn own((host, port): (&str, &str)) -> (String, String) {
    (host.to_owned(), port.to_owned())
}

/// Tells of one pod and that this was all, as servers do that can; a list is an error.
async fn streaming(request: Request) -> impl IntoResponse {
    let query = request.uri().query().unwrap_or_default();
    assert!(
        query.contains("sendInitialEvents=true") && query.contains("fieldSelector=spec.nodeName%3Dnode-1"),
        "{query}"
    );
    let object = |name: &str| json!({ "metadata": { "name": name, "resourceVersion": "7" } });
    let mut end = object("");
    end["kind"] = json!("Pod");
    end["apiVersion"] = json!("v1");
    end["metadata"]["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
    let lines = [
        json!({ "type": "ADDED", "object": object("web") }),
        json!({ "type": "BOOKMARK", "object": end }),
        json!({ "type": "MODIFIED", "object": object("web") }),
    ];
    let lines = lines.map(|line| Ok::<_, std::convert::Infallible>(format!("{line}\n")));
    axum::body::Body::from_stream(stream::iter(lines).chain(stream::pending()))
}

#[tokio::test]
async fn a_server_that_can_begins_with_what_there_is() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(streaming)).await });
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "current-context: c\ncontexts: [ {{ name: c, context: {{ cluster: k }} }} ]\n\
         clusters: [ {{ name: k, cluster: {{ server: '{server}' }} }} ]\n"
    );
    let file = folder.path().join("config");
    std::fs::write(&file, config).unwrap();
    let asked = Asked { kubeconfig: Some(file), ..Asked::default() };
    let cluster = Cluster::open(choose(&asked, &around(folder.path().to_owned()))).await.unwrap();
    let mut watch = watch_pods(Arc::new(cluster), "node-1");
    assert_eq!(told(&mut watch).await, "restarted web");
    assert_eq!(told(&mut watch).await, "applied web");
}

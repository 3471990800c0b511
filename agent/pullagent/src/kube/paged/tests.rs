//! Lists against a server that is none of Kubernetes: pages that are whole, and pages that are too large.

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use serde_json::{Value, json};

use super::super::identity::{Asked, Surroundings, choose};
use super::super::leases::list_leases;
use super::super::nodes::list_nodes;
use super::*;

/// Answers with `objects`, as many at once as the request allows; the token is how many were sent.
async fn answer(State(objects): State<Arc<Vec<Value>>>, Query(query): Query<HashMap<String, String>>) -> String {
    let number = |name: &str| query.get(name).and_then(|text| text.trim_end_matches('=').parse().ok()).unwrap_or(0);
    let (from, limit): (usize, usize) = (number("continue"), number("limit"));
    let items: Vec<&Value> = objects.iter().skip(from).take(limit).collect();
    let next = if from + limit < objects.len() { format!("{}==", from + limit) } else { String::new() };
    json!({ "metadata": { "continue": next }, "items": items }).to_string()
}

/// A cluster that has these objects, whatever it is asked for.
async fn cluster(objects: Vec<Value>) -> Cluster {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(answer).with_state(Arc::new(objects));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "current-context: c\ncontexts: [ {{ name: c, context: {{ cluster: k, user: u }} }} ]\n\
         clusters: [ {{ name: k, cluster: {{ server: 'http://{address}' }} }} ]\nusers: [ {{ name: u, user: {{}} }} ]\n"
    );
    fs::write(folder.path().join("config"), config).unwrap();
    let asked = Asked { kubeconfig: Some(folder.path().join("config")), ..Asked::default() };
    let root = folder.path().to_owned();
    let around = Surroundings { host_root: root, pod: None, own: Vec::new(), kubelet: Ok(None), is_root: false };
    Cluster::open(choose(&asked, &around)).await.unwrap()
}

fn lease(name: &str, summary: &str) -> Value {
    json!({ "metadata": { "name": name, "annotations": { "other": "x", "a/b": summary } },
        "spec": { "holderIdentity": name, "renewTime": "2026-07-01T12:00:00.000000Z" } })
}

#[tokio::test]
async fn all_pages_are_read() {
    let nodes =
        (0..1201).map(|n| json!({ "metadata": { "name": format!("n{n}"), "uid": "u", "labels": { "a": "b" } } }));
    let mut nodes: Vec<Value> = nodes.collect();
    nodes[7]["metadata"]["labels"] = json!({ "kubernetes.io/os": "windows" });
    let nodes = list_nodes(&cluster(nodes).await).await.unwrap();
    assert_eq!((nodes.len(), nodes[1200].name.as_str()), (1201, "n1200"));
    let windows: Vec<&str> = nodes.iter().filter(|node| node.is_windows()).map(|node| node.name.as_str()).collect();
    assert_eq!(windows, ["n7"]);
}

#[tokio::test]
async fn large_objects_are_asked_for_in_smaller_parts() {
    let leases: Vec<Value> = (0..30).map(|n| lease(&format!("n{n}"), &"x".repeat(5000))).collect();
    let cluster = cluster(leases).await;
    let rule = Rule { verb: "list", resource: "leases", name: None, namespace: Some("pullagent".to_owned()) };
    let listing = |page_bytes| {
        let accept = HeaderValue::from_static("application/json");
        Listing { rule: &rule, path: "/leases", accept, page_bytes }
    };
    let name = |lease: Value| lease["metadata"]["name"].as_str().unwrap().to_owned();
    let names = list(&cluster, &listing(64_000), name).await.unwrap();
    let want: Vec<String> = (0..30).map(|n| format!("n{n}")).collect();
    assert_eq!(names, want);
    let error = list(&cluster, &listing(10_000), name).await.unwrap_err().to_string();
    let want = "cannot list leases in namespace pullagent: the API server answered 200 with more than 10000 bytes for 4 of them";
    assert_eq!(error, want);
}

#[tokio::test]
async fn a_lease_is_its_annotation_and_its_time() {
    let leases = vec![lease("n0", &"x".repeat(40_000)), lease("n1", "{}"), json!({ "metadata": { "name": "n2" } })];
    let leases = list_leases(&cluster(leases).await, "pullagent", "a/b").await.unwrap();
    assert_eq!(leases[0].summary.as_ref().map(String::len), Some(32 << 10));
    assert_eq!(leases[1].summary.as_deref(), Some("{}"));
    assert_eq!(leases[1].renewed.unwrap().to_string(), "2026-07-01T12:00:00Z");
    assert_eq!((leases[2].name.as_str(), &leases[2].summary, leases[2].renewed), ("n2", &None, None));
}

#[test]
fn what_a_person_typed_stays_one_part_of_a_path() {
    assert_eq!(escaped("../nodes?x=1"), "..%2Fnodes%3Fx%3D1");
    assert_eq!(escaped("pullagent-2.x"), "pullagent-2.x");
}

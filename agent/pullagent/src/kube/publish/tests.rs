//! Events that are written to a real API server, and read there by somebody else.

use pullagent_diagnosis::report::event::{EventKind, LABEL_CODE, event_name, pull_recovered};
use pullagent_testkit::kubernetes::KubeApi;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::super::identity::{Asked, PodAccount, Surroundings, choose};
use super::super::tests::{around, as_admin, start};
use super::*;

const EVENTS: &str = "/api/v1/namespaces/default/events";

const ROLE: &str = "---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: events }
rules: [ { apiGroups: [''], resources: [events], verbs: [list, create, patch] } ]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: events }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: events }
subjects: [ { kind: ServiceAccount, name: default, namespace: default } ]
";

/// Long enough for a busy machine and for the pauses between attempts.
const SOON: Duration = Duration::from_mins(1);

fn not_found(note: &str) -> PullEvent {
    PullEvent {
        reason: "PullTagNotFound".to_owned(),
        kind: EventKind::Warning,
        note: note.to_owned(),
        labels: vec![(LABEL_CODE, "TagNotFound".to_owned())],
        field_path: Some("spec.containers{app}".to_owned()),
    }
}

fn of_pod(event: PullEvent) -> EventToWrite {
    let (namespace, name, uid) = ("default".to_owned(), "web".to_owned(), "u-1".to_owned());
    EventToWrite { name: event_name(&name, "node-1", &uid, &event), about: About::Pod { namespace, name, uid }, event }
}

fn of_node() -> EventToWrite {
    let event = pull_recovered(None);
    EventToWrite { name: event_name("node-1", "node-1", "node-1", &event), about: About::Node, event }
}

fn path(event: &EventToWrite) -> String {
    format!("{EVENTS}/{}", event.name)
}

/// The event as it is stored once it was counted so often.
async fn counted(api: &KubeApi, event: &EventToWrite, count: u32) -> Value {
    api.admin().until(&path(event), |answer| answer.body["count"] == count).await.unwrap().body
}

/// Waits for what becomes of events.
async fn until(publisher: &Publisher, wanted: impl FnMut(&Outcome) -> bool) -> EventResults {
    let mut outcome = publisher.shared.outcome.subscribe();
    timeout(SOON, outcome.wait_for(wanted)).await.unwrap().unwrap().results
}

fn results(sent: u64, failed: u64) -> EventResults {
    EventResults { sent, held_back: 0, failed }
}

async fn as_kubelet(api: &KubeApi, root: &std::path::Path) -> Arc<Cluster> {
    api.node("node-1").write_kubelet_files(root).unwrap();
    Arc::new(Cluster::open(choose(&Asked::default(), &around(root.to_owned()))).await.unwrap())
}

#[tokio::test]
async fn a_kubelet_which_may_not_read_creates_events_refreshes_them_and_repeats_none_after_a_restart() {
    let api = start().await;
    let root = tempfile::tempdir().unwrap();
    let cluster = as_kubelet(&api, root.path()).await;
    assert_eq!(api.node("node-1").get(EVENTS).await.unwrap().status, 403);

    let publisher = Publisher::start(Arc::clone(&cluster), "node-1".to_owned());
    let event = of_pod(not_found("no tag 1"));
    publisher.publish(event.clone());
    let stored = counted(&api, &event, 1).await;
    assert_eq!(stored["metadata"]["labels"], json!({ "pullagent.dev/code": "TagNotFound" }));
    let involved = json!({
        "kind": "Pod", "namespace": "default", "name": "web", "uid": "u-1", "apiVersion": "v1",
        "fieldPath": "spec.containers{app}",
    });
    assert_eq!(stored["involvedObject"], involved);
    assert_eq!((&stored["type"], &stored["reason"]), (&json!("Warning"), &json!("PullTagNotFound")));
    assert_eq!((&stored["message"], &stored["eventTime"]), (&json!("no tag 1"), &Value::Null));
    assert_eq!(stored["source"], json!({ "component": "pullagent", "host": "node-1" }));
    assert!(stored["firstTimestamp"].is_string() && stored["firstTimestamp"] == stored["lastTimestamp"], "{stored}");
    assert_eq!(until(&publisher, |outcome| outcome.results.sent == 1).await, results(1, 0));
    drop(publisher);

    let publisher = Publisher::start(cluster, "node-1".to_owned());
    publisher.publish(event.clone());
    publisher.publish(of_node());
    // The events of a namespace are written in their order.
    let of_node = counted(&api, &of_node(), 1).await;
    assert_eq!(
        of_node["involvedObject"],
        json!({ "kind": "Node", "name": "node-1", "uid": "node-1", "apiVersion": "v1" })
    );
    assert_eq!(api.get(&path(&event)).await.unwrap(), stored);
    assert_eq!(until(&publisher, |outcome| outcome.results.sent == 1).await, results(1, 0));

    let other = of_pod(not_found("no tag 2"));
    publisher.publish(other.clone());
    assert_eq!(counted(&api, &event, 2).await["message"], "no tag 2");
    let old = "2026-01-01T00:00:00Z";
    let aged = api.admin().patch(&path(&event), &json!({ "lastTimestamp": old })).await.unwrap();
    assert!(aged.status.is_success());
    publisher.publish(other);
    let refreshed = counted(&api, &event, 3).await;
    assert_eq!(refreshed["firstTimestamp"], stored["firstTimestamp"]);
    assert_ne!(refreshed["lastTimestamp"], old);
    assert_eq!(until(&publisher, |outcome| outcome.results.sent == 3).await, results(3, 0));
}

#[tokio::test]
async fn what_may_not_be_written_is_told_with_the_rule_and_not_tried_again_at_once() {
    let api = start().await;
    let root = tempfile::tempdir().unwrap();
    api.write_service_account(root.path(), "default", "default").await.unwrap();
    let folder = root.path().join("var/run/secrets/kubernetes.io/serviceaccount");
    let token = folder.join("token");
    let (host, port) = api.url().strip_prefix("https://").and_then(|at| at.split_once(':')).map(own).unwrap();
    let around = Surroundings { pod: Some(PodAccount { host, port, folder }), ..around(root.path().to_owned()) };
    let cluster = Arc::new(Cluster::open(choose(&Asked::default(), &around)).await.unwrap());
    let publisher = Publisher::start(cluster, "node-1".to_owned());
    publisher.publish(of_pod(not_found("no tag 1")));
    until(&publisher, |outcome| outcome.results.failed == 1).await;
    let words = "the service account of this pod may not create events in namespace default; a role with this rule allows \
                 it: apiGroups: [\"\"], resources: [\"events\"], verbs: [\"create\", \"patch\"], in namespace default";
    assert_eq!(publisher.trouble().as_deref(), Some(words));

    // It would be allowed now, and nobody asks.
    api.apply(ROLE).await.unwrap();
    let token = std::fs::read_to_string(token).unwrap();
    api.bearer(&token).until(EVENTS, |answer| answer.status.is_success()).await.unwrap();
    publisher.publish(of_node());
    until(&publisher, |outcome| outcome.results.failed == 2).await;
    assert_eq!(publisher.results(), results(0, 2));
}

fn own((host, port): (&str, &str)) -> (String, String) {
    (host.to_owned(), port.to_owned())
}

#[tokio::test]
async fn events_wait_for_a_server_that_is_away() {
    let mut api = start().await;
    let folder = tempfile::tempdir().unwrap();
    let publisher = Publisher::start(Arc::new(as_admin(&api, folder.path()).await), "node-1".to_owned());
    api.kill().await.unwrap();
    publisher.publish(of_node());
    until(&publisher, |outcome| outcome.trouble.is_some()).await;
    let words = publisher.trouble().unwrap();
    assert!(words.contains("cannot create events in namespace default: the API server at"), "{words}");
    api.revive().await.unwrap();
    counted(&api, &of_node(), 1).await;
    until(&publisher, |outcome| outcome.trouble.is_none()).await;
    assert_eq!(publisher.results(), results(1, 0));
}

#[tokio::test]
async fn an_event_of_a_namespace_that_is_gone_fails_at_once_and_others_are_written() {
    let api = start().await;
    let folder = tempfile::tempdir().unwrap();
    let publisher = Publisher::start(Arc::new(as_admin(&api, folder.path()).await), "node-1".to_owned());
    let mut lost = of_pod(not_found("no tag 1"));
    lost.about = About::Pod { namespace: "gone".to_owned(), name: "web".to_owned(), uid: "u-1".to_owned() };
    publisher.publish(lost);
    publisher.publish(of_pod(not_found("no tag 1")));
    assert_eq!(until(&publisher, |outcome| outcome.results.sent + outcome.results.failed == 2).await, results(1, 1));
}

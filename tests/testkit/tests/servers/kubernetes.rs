//! A real API server answers a node, a pod and an admin each what is theirs; `tests/setup` builds it.

use http::StatusCode;
use pullagent_testkit::kubernetes::{Answer, Event, KubeApi, Pod, Waiting};
use serde_json::{Value, json};

const SECRET: &str = "/api/v1/namespaces/default/secrets/pull";
const MANIFESTS: &str = "---
apiVersion: v1
kind: Secret
metadata: { name: pull }
type: kubernetes.io/dockerconfigjson
stringData: { .dockerconfigjson: '{\"auths\":{}}' }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: reader }
rules: [{ apiGroups: [''], resources: [pods], verbs: [list] }]
";

async fn start() -> KubeApi {
    KubeApi::start().await.expect("an API server; `tests/setup test` builds it")
}

fn is_allowed(answer: &Answer) -> bool {
    answer.status == StatusCode::OK
}

#[tokio::test]
async fn a_node_reads_a_secret_only_for_a_pod_of_its_own() {
    let api = start().await;
    let stored = api.apply(MANIFESTS).await.expect("apply");
    assert_eq!(stored[1]["metadata"]["name"], "reader", "{stored:?}");
    api.create_node("node-1").await.expect("a node");
    let (node, other) = (api.node("node-1"), api.node("node-2"));
    let refused = node.get(SECRET).await.expect("an answer");
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused:?}");

    let pod = Pod::new("node-1", "default", "web").container("app", "registry.test/app:1").pull_secret("pull");
    api.create_pod(&pod).await.expect("a pod");
    let secret = node.until(SECRET, is_allowed).await.expect("the secret").body;
    assert_eq!(secret["data"][".dockerconfigjson"], "eyJhdXRocyI6e319");
    let refused = other.get(SECRET).await.expect("an answer");
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused:?}");
}

#[tokio::test]
async fn a_service_account_may_do_nothing_until_it_is_told() {
    let api = start().await;
    let token = api.service_account_token("default", "default").await.expect("a token");
    let account = api.bearer(&token);
    let refused = account.get("/api/v1/pods").await.expect("an answer");
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused:?}");
    let said = refused.body["message"].as_str().expect("a message");
    assert!(said.contains("system:serviceaccount:default:default"), "{said}");
    assert_eq!(
        api.bearer("not.a.token").get("/api/v1/pods").await.expect("an answer").status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(api.nobody().get("/api/v1/pods").await.expect("an answer").status, StatusCode::FORBIDDEN);

    let binding = "---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: reader }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader }
subjects: [{ kind: ServiceAccount, name: default, namespace: default }]
";
    api.apply(MANIFESTS).await.expect("apply");
    api.apply(binding).await.expect("apply");
    account.until("/api/v1/pods", is_allowed).await.expect("the list");
}

#[tokio::test]
async fn a_restart_keeps_the_data_and_the_address() {
    let mut api = start().await;
    let url = api.url();
    api.apply(MANIFESTS).await.expect("apply");
    api.create_namespace("team").await.expect("a namespace");
    api.kill().await.expect("kill");
    assert!(api.admin().get(SECRET).await.is_err(), "nobody listens there");
    api.revive().await.expect("revive");
    assert_eq!(api.url(), url);
    api.get(SECRET).await.expect("the secret is still there");
    api.get("/api/v1/namespaces/team/serviceaccounts/default").await.expect("so is the service account");
    api.restart().await.expect("restart");
    api.get(SECRET).await.expect("as ever");
}

#[tokio::test]
async fn a_pod_waits_and_its_events_are_counted() {
    let api = start().await;
    api.create_node("node-1").await.expect("a node");
    let image = "registry.test/app:1";
    let pod = Pod::new("node-1", "default", "web").init_container("init", "busybox").container("app", image);
    let uid = api.create_pod(&pod).await.expect("a pod")["metadata"]["uid"].clone();
    let failed = Waiting::pull_failed("app", "rpc error: code = NotFound desc = no");
    for waiting in [failed.clone(), Waiting::backs_off("app", image), failed] {
        api.pod_waiting(&pod, &[waiting]).await.expect("a status");
    }
    let status = &api.get(&pod.path()).await.expect("the pod")["status"];
    let state = json!({ "waiting": { "reason": "ErrImagePull", "message": "rpc error: code = NotFound desc = no" } });
    assert_eq!(status["containerStatuses"][0]["state"], state);
    assert_eq!(status["initContainerStatuses"][0]["state"]["waiting"]["reason"], "PodInitializing");
    api.event(&pod, None, &Event::warning("FailedToRetrieveImagePullSecret", "none")).await.expect("an event");

    let events = api.get("/api/v1/namespaces/default/events").await.expect("events");
    let mut seen: Vec<String> = events["items"].as_array().expect("a list").iter().map(line).collect();
    seen.sort();
    let expected = [
        "1 - FailedToRetrieveImagePullSecret: none",
        "1 spec.containers{app} BackOff: Back-off pulling image \"registry.test/app:1\"",
        "1 spec.containers{app} Failed: Error: ImagePullBackOff",
        "2 spec.containers{app} Failed: Error: ErrImagePull",
        "2 spec.containers{app} Failed: Failed to pull image \"registry.test/app:1\": rpc error: code = NotFound desc = no",
        "2 spec.containers{app} Pulling: Pulling image \"registry.test/app:1\"",
    ];
    assert_eq!(seen, expected);
    assert!(events["items"].as_array().expect("a list").iter().all(|one| one["involvedObject"]["uid"] == uid));
    assert_eq!(events["items"][0]["source"], json!({ "component": "kubelet", "host": "node-1" }));
}

fn line(event: &Value) -> String {
    let field = event["involvedObject"]["fieldPath"].as_str().unwrap_or("-");
    let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    format!("{} {field} {}: {}", event["count"], text("reason"), text("message"))
}

#[tokio::test]
async fn credentials_are_written_as_a_cluster_leaves_them() {
    let api = start().await;
    let root = tempfile::tempdir().expect("a folder");
    let read = |path: &str| std::fs::read_to_string(root.path().join(path)).expect(path);
    api.node("node-1").write_kubelet_files(root.path()).expect("files");
    let config = read("etc/kubernetes/kubelet.conf");
    assert!(config.contains(&format!("server: {}", api.url())), "{config}");
    assert!(config.contains("/var/lib/kubelet/pki/kubelet-client-current.pem"), "{config}");
    let current = root.path().join("var/lib/kubelet/pki/kubelet-client-current.pem");
    let dated = std::fs::read_link(current).expect("a link");
    let pem = read(dated.to_str().expect("text").trim_start_matches('/'));
    assert!(pem.contains("BEGIN CERTIFICATE") && pem.contains("PRIVATE KEY"));
    api.bearer("x").write_kubelet_files(root.path()).expect_err("a token is no certificate");

    api.write_service_account(root.path(), "default", "default").await.expect("files");
    let folder = "var/run/secrets/kubernetes.io/serviceaccount";
    assert_eq!(read(&format!("{folder}/namespace")), "default");
    assert_eq!(read(&format!("{folder}/ca.crt")), api.authority_pem());
    let token = read(&format!("{folder}/token"));
    let version = api.bearer(&token).get("/version").await.expect("an answer").success().expect("a version");
    assert!(version["gitVersion"].as_str().is_some_and(|it| it.starts_with("v1.")), "{version}");

    let inline = api.bearer(&token).kubeconfig();
    assert!(inline.contains(&token), "{inline}");
    let inline = api.admin().kubeconfig();
    assert!(inline.contains("client-key-data"), "{inline}");
}

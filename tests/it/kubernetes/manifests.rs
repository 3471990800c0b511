//! The manifests as a real API server takes them. Kinds and fields that are younger than the API server of the tests are
//! left out here: `tests/it/manifests/valid.rs` holds those against Kubernetes' schemas.

use std::process::Stdio;

use pullagent_testkit::kubernetes::Pod;
use serde_json::{Value, json};
use tokio::process::Command;

use super::Cluster;
use crate::manifests::{MODES, Objects, packaging, path_with_kubectl};

/// Kinds that came with Kubernetes 1.30.
const YOUNG: &str = "ValidatingAdmissionPolicy";

/// Applies what this API server knows, and the pod of the `DaemonSet` as its controller would make it.
async fn apply(cluster: &Cluster, objects: &Objects) {
    for object in &objects.all {
        if object["kind"].as_str().is_some_and(|kind| kind.starts_with(YOUNG)) {
            continue;
        }
        let mut object = object.clone();
        if object["kind"] == "DaemonSet" {
            without_young_fields(&mut object["spec"]["template"]["spec"]);
        }
        let applied = cluster.api.apply(&object.to_string()).await;
        assert!(applied.is_ok(), "{object}: {applied:?}");
    }
}

/// What this API server would refuse in an apply.
fn without_young_fields(pod: &mut Value) {
    let container = &mut pod["containers"][0];
    if let Some(context) = container["securityContext"].as_object_mut() {
        context.remove("appArmorProfile");
    }
    for mount in container["volumeMounts"].as_array_mut().into_iter().flatten() {
        mount.as_object_mut().expect("a mount").remove("recursiveReadOnly");
    }
}

#[tokio::test]
async fn a_real_api_server_takes_every_mode_and_admits_its_pods() {
    let cluster = Cluster::start().await;
    for mode in MODES {
        let objects = Objects::with_components(mode, &["gke", "node-object"]).await;
        apply(&cluster, &objects).await;
        let mut spec = objects.pod().clone();
        without_young_fields(&mut spec);
        spec["nodeName"] = json!(super::NODE);
        // Tokens are mounted by a controller that is not here.
        spec["automountServiceAccountToken"] = json!(false);
        let pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": mode }, "spec": spec });
        let answer = cluster.api.admin().post("/api/v1/namespaces/pullagent/pods", &pod).await.expect("an answer");
        let stored = answer.success().unwrap_or_else(|error| panic!("{mode}: {error}"));
        assert_eq!(stored["spec"]["priority"], 2_000_001_000, "{mode}");
    }
    // The settings are never changed, so that a change is a roll-out.
    let settings = Objects::kustomized("overlays/full").await;
    let settings = settings.one("ConfigMap", "pullagent-settings");
    let name = settings["metadata"]["name"].as_str().expect("its name");
    let path = format!("/api/v1/namespaces/pullagent/configmaps/{name}");
    let change = json!({ "data": { "config.yaml": "" } });
    let refused = cluster.api.admin().patch(&path, &change).await.expect("an answer");
    assert_eq!(refused.status.as_u16(), 422, "{refused:?}");
}

/// A person of the cluster with a kubectl, who may find agents and exec in them, and get pods.
async fn person(cluster: &Cluster) -> String {
    let rights = Objects::kustomized("rights/plugin").await;
    let role = |namespace: &str, name: &str| {
        json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": { "name": "jane", "namespace": namespace },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name },
            "subjects": [{ "kind": "ServiceAccount", "name": "jane", "namespace": "shop" }] })
    };
    let reader = json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": { "name": "reader", "namespace": "shop" },
        "rules": [{ "apiGroups": [""], "resources": ["pods"], "verbs": ["get"] }] });
    let jane =
        json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "jane", "namespace": "shop" } });
    let mut all = vec![jane, reader, role("shop", "reader"), role("pullagent", "pullagent-plugin")];
    all.extend(rights.all.iter().cloned());
    for object in &all {
        cluster.api.apply(&object.to_string()).await.expect("the API server takes it");
    }
    let token = cluster.api.service_account_token("shop", "jane").await.expect("a token");
    cluster.api.bearer(&token).kubeconfig()
}

#[tokio::test]
async fn the_plugin_finds_the_agent_by_the_rights_of_its_role_alone() {
    let cluster = Cluster::start().await;
    for namespace in ["shop", "pullagent"] {
        cluster.api.create_namespace(namespace).await.expect("a namespace");
    }
    let file = cluster.root.path().join("kubeconfig");
    std::fs::write(&file, person(&cluster).await).expect("a file");
    let pod = Pod::new(super::NODE, "shop", "web").container("app", "a/b:1");
    cluster.api.create_pod(&pod).await.expect("a pod");
    let why = async || {
        let mut plugin = Command::new(packaging("krew/kubectl-pullagent"));
        let plugin = plugin.env("PATH", path_with_kubectl());
        let plugin = plugin.args(["why", "pod/web", "-n", "shop", "--kubeconfig"]).arg(&file);
        let ended = plugin.stdin(Stdio::null()).kill_on_drop(true).output().await.expect("a shell runs it");
        (ended.status.code(), String::from_utf8(ended.stderr).expect("text"))
    };
    let (code, said) = why().await;
    assert!(code == Some(2) && said.contains("no agent runs on node node-1"), "{said}");
    assert!(said.contains("ssh node-1 sudo pullagent why pod/web -n shop\n"), "{said}");
    let labels = json!({ "app.kubernetes.io/name": "pullagent", "app.kubernetes.io/component": "agent" });
    let agent = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "pullagent-x7", "labels": labels },
        "spec": { "nodeName": super::NODE, "automountServiceAccountToken": false,
            "containers": [{ "name": "pullagent", "image": "a/b:1" }] } });
    let path = "/api/v1/namespaces/pullagent/pods";
    cluster.api.admin().post(path, &agent).await.expect("an answer").success().expect("a pod");
    let status = json!({ "status": { "phase": "Running" } });
    let path = format!("{path}/pullagent-x7/status");
    cluster.api.node(super::NODE).patch(&path, &status).await.expect("an answer").success().expect("its status");
    // There is no kubelet, so it ends there: the API server lets the person in, and cannot reach the node.
    let (code, said) = why().await;
    assert!(code == Some(1) && said.contains("error dialing backend"), "{said}");
}

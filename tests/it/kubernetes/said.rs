//! `pullagent run` as a service account that may list events: what the kubelet tells there alone reaches the pod as well.

use std::process::Stdio;

use pullagent_testkit::kubernetes::{Event, Pod, Waiting};
use serde_json::Value;
use tokio::process::{Child, Command};

use super::{Cluster, NODE, WORLD};

const RIGHTS: &str = "---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: pullagent }
rules:
  - { apiGroups: [''], resources: [pods], verbs: [get, list, watch] }
  - { apiGroups: [''], resources: [events], verbs: [list, create, patch] }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: pullagent, namespace: shop }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: pullagent }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: pullagent }
subjects: [{ kind: ServiceAccount, name: pullagent, namespace: shop }]
";

/// A cluster, and a daemon on its node that is killed when dropped.
async fn start(world: &str) -> (Cluster, Child) {
    let cluster = Cluster::with(world).await;
    cluster.api.create_namespace("shop").await.expect("a namespace");
    cluster.api.apply(RIGHTS).await.expect("rights");
    let token = cluster.api.service_account_token("shop", "pullagent").await.expect("a token");
    let path = |name: &str| cluster.root.path().join(name);
    std::fs::write(path("kubeconfig"), cluster.api.bearer(&token).kubeconfig()).expect("a file");
    let settings = format!(
        "apiVersion: pullagent.dev/v1\nnode: {{ name: {NODE} }}\nhostRoot: {}\nhttp: {{ listen: \"\" }}\n\
         kubernetes: {{ identity: kubeconfig }}\nsocket: {{ path: {}, group: root }}\n",
        cluster.root.path().display(),
        path("agent.sock").display()
    );
    std::fs::write(path("config.yaml"), settings).expect("a file");
    let daemon = Command::new(env!("CARGO_BIN_EXE_pullagent"))
        .env_clear()
        .env("KUBECONFIG", path("kubeconfig"))
        .args(["run", "--config"])
        .arg(path("config.yaml"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("the daemon starts");
    (cluster, daemon)
}

/// Waits for the agent's event of this reason about a pod, and returns its message.
async fn told(cluster: &Cluster, pod: &str, reason: &str) -> String {
    let path = format!("/api/v1/namespaces/shop/events?fieldSelector=involvedObject.name%3D{pod}");
    let message = |list: &Value| {
        let is_it = |event: &&Value| event["source"]["component"] == "pullagent" && event["reason"] == reason;
        let event = list["items"].as_array()?.iter().find(is_it)?;
        event["message"].as_str().map(str::to_owned)
    };
    let answer = cluster.api.admin().until(&path, |answer| message(&answer.body).is_some()).await;
    let answer = answer.unwrap_or_else(|error| panic!("{reason} is not told: {error}"));
    message(&answer.body).expect("its message")
}

#[tokio::test]
async fn a_pod_whose_status_only_backs_off_is_told_what_its_event_says() {
    // The name leads to an address that no pod may make the daemon look at: the kubelet's words are all there is.
    let world = WORLD.replace("localhost", "registry.test");
    let (cluster, _daemon) = start(&world).await;
    let image = "registry.test:1/team/public:2";
    let pod = Pod::new(NODE, "shop", "web").container("app", image);
    cluster.api.create_pod(&pod).await.expect("a pod");
    let failed = format!(
        "Failed to pull image \"{image}\": rpc error: code = NotFound desc = failed to pull and unpack image \
         \"{image}\": failed to resolve reference \"{image}\": {image}: not found"
    );
    cluster.api.event(&pod, Some("app"), &Event::warning("Failed", failed)).await.expect("an event");
    cluster.api.pod_waiting(&pod, &[Waiting::backs_off("app", image)]).await.expect("its status");
    told(&cluster, "web", "PullTagNotFound").await;
}

#[tokio::test]
async fn a_pod_that_gets_no_sandbox_is_told_of_the_sandbox_image() {
    let (cluster, _daemon) = start(WORLD).await;
    let image = cluster.image("pause:3.10");
    let pod = Pod::new(NODE, "shop", "web").container("app", "registry.test/app:1");
    cluster.api.create_pod(&pod).await.expect("a pod");
    let failed = format!(
        "Failed to create pod sandbox: rpc error: code = NotFound desc = failed to get sandbox image \"{image}\": failed \
         to pull image \"{image}\": failed to pull and unpack image \"{image}\": failed to resolve reference \
         \"{image}\": {image}: not found"
    );
    cluster.api.event(&pod, None, &Event::warning("FailedCreatePodSandBox", failed)).await.expect("an event");
    let message = told(&cluster, "web", "PullRepositoryNotFound").await;
    assert!(message.contains("pause"), "{message}");
}

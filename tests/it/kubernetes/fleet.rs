//! `pullagent fleet` over 500 simulated nodes of a real API server: the numbers, what the failing nodes have in common, the
//! page, and what is said to who may not read it.

use std::path::Path;

use pullagent_testkit::kubernetes::{KubeApi, SimulatedFleet};
use serde_json::Value;
use tempfile::TempDir;

use crate::pullagent::{Ran, run};

const FAILING: [usize; 4] = [7, 130, 256, 401];

/// An API server with a fleet, and the admin's kubeconfig.
struct Seen {
    api: KubeApi,
    folder: TempDir,
}

impl Seen {
    async fn start() -> Self {
        let api = KubeApi::start().await.expect("the API server starts; `tests/setup` builds it");
        let fleet = SimulatedFleet {
            namespace: "pullagent".to_owned(),
            nodes: 500,
            registries: 20,
            failing: FAILING.to_vec(),
            silent: vec![9, 10],
            bare: vec![11],
        };
        api.simulate(&fleet).await.expect("the fleet is stored");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("admin"), api.admin().kubeconfig()).expect("a file");
        Self { api, folder }
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("a path that is text").to_owned()
    }

    async fn fleet(&self, more: &[&str]) -> Ran {
        let admin = self.file("admin");
        let all: Vec<&str> = ["fleet"].iter().chain(more).copied().chain(["--kubeconfig", &admin]).collect();
        run(&all, "").await
    }
}

fn json(ran: &Ran) -> Value {
    assert_eq!(ran.out.lines().count(), 1, "{}{}", ran.out, ran.err);
    serde_json::from_str(&ran.out).expect("JSON")
}

#[tokio::test]
async fn five_hundred_nodes_are_told_by_what_they_have_in_common() {
    let seen = Seen::start().await;
    whole(&seen).await;
    parts(&seen).await;
    incidents(&seen).await;
    rights(&seen).await;
    broken(&seen).await;
}

/// Numbers, the sentence, and the page.
async fn whole(seen: &Seen) {
    let page = seen.file("fleet.html");
    let ran = seen.fleet(&["--html", &page, "-o", "json"]).await;
    let fleet = json(&ran);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert_eq!(fleet["schema"], "pullagent.dev/fleet/v1");
    let nodes = &fleet["nodes"];
    let numbers: Vec<&Value> =
        ["total", "reporting", "failing", "silent", "notCovered"].iter().map(|name| &nodes[name]).collect();
    assert_eq!(numbers, [500, 497, 4, 2, 1]);
    assert_eq!(fleet["registries"].as_array().map(Vec::len), Some(20));
    let group = &fleet["registries"][0]["groups"][0];
    assert_eq!((&group["code"], &group["apart"]["healthy"]), (&"DnsTimeout".into(), &493.into()));
    let common = &group["apart"]["common"][0];
    assert_eq!((&common["attributes"][0]["name"], &common["strength"]), (&"resolver".into(), &1.0.into()));
    assert_eq!(common["changed"]["nodes"], 4);
    let text = seen.fleet(&[]).await.out;
    assert!(text.contains("all 4 failing, 0 of 493 healthy: resolver 10.0.9.9; changed "), "{text}");
    assert!(text.lines().count() <= 20, "{text}");
    let html = std::fs::read_to_string(Path::new(&page)).expect("the page");
    assert!(html.contains("resolver 10.0.9.9") && html.contains("eu-west-1b"));
    let left: Vec<_> = std::fs::read_dir(seen.folder.path()).expect("the folder").collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

/// One node, one registry, and those that there are not.
async fn parts(seen: &Seen) {
    let one = seen.fleet(&["--node", "node-0130", "-o", "json"]).await;
    let fleet = json(&one);
    assert_eq!((one.code, &fleet["registries"][0]["nodes"]["failing"]), (1, &1.into()));
    assert_eq!(fleet["registries"][0]["groups"][0]["apart"]["healthy"], 493);
    assert_eq!(seen.fleet(&["--node", "node-0131"]).await.code, 0);
    assert_eq!(seen.fleet(&["--registry", "registry-05.corp.io"]).await.code, 0);
    for (arguments, said) in [
        (["--node", "node-9999"], "there is no node node-9999"),
        (["--registry", "nowhere.io"], "no node checks the registry nowhere.io"),
    ] {
        let ran = seen.fleet(&arguments).await;
        assert!(ran.code == 2 && ran.err.contains(said) && ran.out.is_empty(), "{}{}", ran.out, ran.err);
    }
    let nobody = seen.fleet(&["-n", "default"]).await;
    assert!(nobody.code == 3 && nobody.out.starts_with("NOTHING KNOWN"), "{}{}", nobody.out, nobody.err);
}

async fn incidents(seen: &Seen) {
    let ran = seen.fleet(&["incidents"]).await;
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.out.contains("DnsTimeout registry-00.corp.io  8 pods, 4 nodes, 5 namespaces since "), "{}", ran.out);
    assert!(ran.out.contains("owner network"), "{}", ran.out);
    let incidents = json(&seen.fleet(&["incidents", "-o", "json"]).await);
    assert_eq!(
        (&incidents["schema"], &incidents["incidents"][0]["pods"]),
        (&"pullagent.dev/incidents/v1".into(), &8.into())
    );
}

/// What is missing is named as the rule that would allow it.
async fn rights(seen: &Seen) {
    let token = seen.api.service_account_token("default", "default").await.expect("a token");
    std::fs::write(seen.file("nobody"), seen.api.bearer(&token).kubeconfig()).expect("a file");
    let ask = async || run(&["fleet", "--kubeconfig", &seen.file("nobody")], "").await;
    let allow = |resource: &str, group: &str| {
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{ name: see-{resource} }}\n\
             rules: [ {{ apiGroups: [\"{group}\"], resources: [{resource}], verbs: [list] }} ]\n---\n\
             apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {{ name: see-{resource} }}\n\
             roleRef: {{ apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: see-{resource} }}\n\
             subjects: [ {{ kind: ServiceAccount, name: default, namespace: default }} ]\n"
        )
    };
    let user = seen.api.bearer(&token);
    let nodes = ("nodes", "", "/api/v1/nodes?limit=1");
    let lease_path = "/apis/coordination.k8s.io/v1/namespaces/pullagent/leases?limit=1";
    let leases = ("leases", "coordination.k8s.io", lease_path);
    // Of the two rights there is one, so that the other is what is missing.
    for ((resource, group, path), missing) in [
        (leases, "apiGroups: [\"\"], resources: [\"nodes\"], verbs: [\"list\"]"),
        (nodes, "apiGroups: [\"coordination.k8s.io\"], resources: [\"leases\"]"),
    ] {
        seen.api.apply(&allow(resource, group)).await.expect("a role");
        user.until(path, |answer| answer.status.is_success()).await.expect("the right");
        let ran = ask().await;
        assert!(ran.code == 2 && ran.err.contains(missing), "{}{}", ran.out, ran.err);
        let binding = format!("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/see-{resource}");
        seen.api.admin().delete(&binding).await.expect("an answer");
        user.until(path, |answer| answer.status == 403).await.expect("the right is gone");
    }
}

/// Summaries that a taken-over node could have written.
async fn broken(seen: &Seen) {
    let path = |node: &str| format!("/apis/coordination.k8s.io/v1/namespaces/pullagent/leases/{node}");
    for (node, text) in [
        ("node-0020", "not JSON".to_owned()),
        ("node-0021", r#"{"version":99}"#.to_owned()),
        ("node-0022", r#"{"version":1,"node":"node-0023","at":"2026-01-01T00:00:00Z"}"#.to_owned()),
        ("node-0024", "x".repeat(200_000)),
    ] {
        let change = serde_json::json!({ "metadata": { "annotations": { "pullagent.dev/summary": text } } });
        let kind = "application/merge-patch+json";
        let answer = seen.api.admin().send(http::Method::PATCH, &path(node), kind, Some(&change)).await;
        answer.and_then(pullagent_testkit::kubernetes::Answer::success).expect("the Lease is changed");
    }
    let fleet = json(&seen.fleet(&["-o", "json"]).await);
    assert_eq!(
        (&fleet["nodes"]["unreadable"], &fleet["nodes"]["newer"]),
        (&3.into(), &1.into()),
        "{}",
        fleet["unreadable"]
    );
    assert_eq!(fleet["nodes"]["reporting"], 493);
}

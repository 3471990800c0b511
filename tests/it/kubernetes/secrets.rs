//! `pullagent secrets`: what the pull secrets of a namespace are good for, by a person who may read them and by a kubelet.

use pullagent_testkit::kubernetes::Pod;
use serde_json::{Value, json};

use super::{Cluster, NODE};
use crate::pullagent::run;

#[tokio::test]
async fn each_secret_is_told_with_what_it_serves() {
    let cluster = Cluster::start().await;
    cluster.api.create_namespace("shop").await.expect("a namespace");
    let secret = |name: &str, kind: &str, key: &str| {
        let config = json!({ "auths": { key: { "username": "ci", "password": "c0rrect-horse" } } }).to_string();
        let object = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name, "namespace": "shop" },
            "type": kind, "stringData": { ".dockerconfigjson": config } });
        format!("---\n{object}\n")
    };
    let usual = "kubernetes.io/dockerconfigjson";
    let secrets = [
        secret("good", usual, "registry.test"),
        secret("near", usual, "registry.test:443"),
        secret("opaque", "Opaque", "registry.test"),
        secret("spare", usual, "quay.io"),
    ];
    cluster.api.apply(&secrets.concat()).await.expect("the secrets");
    for (name, pull_secret) in [("a", "good"), ("b", "near"), ("c", "opaque"), ("d", "gone")] {
        let pod = Pod::new(NODE, "shop", name).container("app", "registry.test/team/api:1").pull_secret(pull_secret);
        cluster.api.create_pod(&pod).await.expect("a pod");
    }
    let admin = cluster.root.path().join("admin");
    std::fs::write(&admin, cluster.api.admin().kubeconfig()).expect("a file");
    let admin = admin.to_str().expect("a path that is text");
    let arguments = |format: &'static str| ["secrets", "-n", "shop", "--kubeconfig", admin, "-v", "-o", format];
    let ran = run(&arguments("json"), "").await;
    let report: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}{}", ran.out, ran.err));
    let names = |rows: &Value| -> Vec<String> {
        let rows = rows.as_array().expect("rows").iter();
        rows.map(|row| format!("{} {}", row["name"], row["state"]).replace('"', "")).collect()
    };
    assert_eq!(
        names(&report["secrets"]),
        ["gone absent", "good usable", "near usable", "opaque skipped", "spare usable"]
    );
    let codes: Vec<&str> =
        report["findings"].as_array().expect("findings").iter().filter_map(|f| f["code"].as_str()).collect();
    for code in ["SecretNotFound", "SecretMalformed", "CredentialsNotMatching", "SecretUnused"] {
        assert!(codes.contains(&code), "{code} is not among {codes:?}");
    }
    for format in ["text", "short", "json"] {
        let ran = run(&arguments(format), "").await;
        assert!(
            ran.code == 0 && !ran.out.contains("c0rrect-horse") && ran.out.contains("near"),
            "{}{}",
            ran.out,
            ran.err
        );
    }
    let ran = run(&["secrets", "-n", "shop", "--kubeconfig", admin, "--fail-on", "warning"], "").await;
    assert_eq!(ran.code, 1, "{}", ran.out);
}

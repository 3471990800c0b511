//! The manifests as a real API server takes them. Kinds and fields that are younger than the API server of the tests are
//! left out here: `tests/it/manifests/valid.rs` holds those against Kubernetes' schemas.

use serde_json::{Value, json};

use super::Cluster;
use crate::manifests::{MODES, Objects};

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

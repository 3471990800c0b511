//! That the chart and the overlays say the same.

use serde_json::{Value, json};

use super::rendered::{by_name, name_of, text};
use super::{MODES, Objects};

/// Labels that Helm's charts bear by custom.
const OF_HELM: [&str; 4] =
    ["app.kubernetes.io/instance", "app.kubernetes.io/version", "app.kubernetes.io/managed-by", "helm.sh/chart"];

/// An object without what may differ: Helm's labels, the order of named entries, the hash in the settings' name.
fn comparable(object: &Value) -> Value {
    let mut object = object.clone();
    object["metadata"]["name"] = json!(name_of(&object).0);
    if let Some(labels) = object["metadata"]["labels"].as_object_mut() {
        labels.retain(|name, _| !OF_HELM.contains(&name.as_str()));
    }
    if let Some(settings) = object["data"]["config.yaml"].as_str() {
        object["data"] = serde_saphyr::from_str(settings).expect("settings");
    }
    if object["kind"] == "DaemonSet" {
        let pod = &mut object["spec"]["template"]["spec"];
        pod["containers"][0]["volumeMounts"] = json!(by_name(&pod["containers"][0]["volumeMounts"]));
        pod["containers"][0]["env"] = json!(by_name(&pod["containers"][0]["env"]));
        pod["volumes"] = json!(by_name(&pod["volumes"]));
        pod["volumes"]["config"]["configMap"]["name"] = json!("settings");
    }
    object
}

async fn check(overlays: Objects, values: Value) {
    let chart = Objects::of_chart(&values).await.expect("the chart renders");
    assert_eq!(chart.names(), overlays.names(), "{values}");
    for object in &overlays.all {
        let (kind, name) = (text(&object["kind"]), name_of(object).0);
        assert_eq!(comparable(chart.one(&kind, &name)), comparable(object), "{values}: {kind} {name}");
    }
}

#[tokio::test]
async fn chart_and_overlays_say_the_same() {
    for mode in MODES {
        let values = json!({ "mode": mode, "namespace": { "create": true } });
        check(Objects::kustomized(&format!("overlays/{mode}")).await, values).await;
        let values = json!({ "mode": mode, "namespace": { "create": true }, "openshift": true, "gke": true,
            "nodeObject": true, "podMonitor": { "enabled": true } });
        let components = ["openshift", "gke", "node-object", "podmonitor"];
        check(Objects::with_components(mode, &components).await, values).await;
    }
    let values = json!({ "openshift": true, "namespace": { "create": true } });
    check(Objects::kustomized("overlays/openshift").await, values).await;
}

#[tokio::test]
async fn rights_to_pull_secrets_are_given_namespace_by_namespace() {
    let given = Objects::kustomized("rights/pull-secrets").await;
    let chart = Objects::of_chart(&json!({ "pullSecrets": { "namespaces": ["prod", "shop"] } })).await;
    let chart = chart.expect("the chart renders");
    for kind in ["Role", "RoleBinding"] {
        let of_chart = chart.all.iter().filter(|object| object["kind"] == kind);
        let mut of_chart: Vec<Value> =
            of_chart.filter(|object| name_of(object).0 == "pullagent-pull-secrets").map(comparable).collect();
        let namespaces: Vec<Value> = of_chart.iter_mut().map(|object| object["metadata"]["namespace"].take()).collect();
        assert_eq!(namespaces, ["prod", "shop"]);
        let mut wanted = comparable(given.one(kind, "pullagent-pull-secrets"));
        wanted["metadata"]["namespace"] = Value::Null;
        assert_eq!(of_chart, [wanted.clone(), wanted]);
    }
}

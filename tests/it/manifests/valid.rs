//! That everything rendered is valid: by Kubernetes' own schemas, the chart's values by theirs, and the expressions of the
//! policy by a reading of CEL. The programs are Python's, from `PyPI`; `tests/setup` lays them into the cache.

use serde_json::{Value, json};
use tokio::process::Command;

use super::rendered::{cached, output, packaging};
use super::{MODES, Objects};

/// Kinds that are not Kubernetes' own.
const FOREIGN: [&str; 2] = ["SecurityContextConstraints", "PodMonitor"];

/// A program of the folder that `tests/setup` fills.
fn python(program: &str) -> Command {
    Command::new(cached("python/bin").join(program))
}

async fn check(what: &str, objects: &Objects) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("all.yaml");
    std::fs::write(&file, &objects.yaml).expect("a file");
    let ended = python("kubernetes-validate").args(["--strict"]).arg(&file).output().await;
    let ended = ended.expect("`tests/setup test` lays kubernetes-validate into the cache");
    let said = [ended.stdout, ended.stderr].concat();
    let said = String::from_utf8(said).expect("text");
    assert!(ended.status.success(), "{what}: {said}");
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    assert_eq!(lines.len(), objects.all.len(), "{what}: {said}");
    for line in lines {
        let is_foreign = line.starts_with("WARN") && FOREIGN.iter().any(|kind| line.contains(&format!("kind {kind} ")));
        assert!(is_foreign || line.contains(" passed for resource "), "{what}: {line}");
    }
}

#[tokio::test]
async fn every_manifest_is_valid_by_kubernetes_own_schemas() {
    for mode in MODES {
        check(mode, &Objects::kustomized(&format!("overlays/{mode}")).await).await;
    }
    let every = ["openshift", "gke", "node-object", "podmonitor"];
    check("components", &Objects::with_components("full", &every).await).await;
    for rights in ["pull-secrets", "secrets", "fleet", "plugin"] {
        check(rights, &Objects::kustomized(&format!("rights/{rights}")).await).await;
    }
    let values = json!({ "mode": "probe-only", "namespace": { "name": "agents", "create": true }, "openshift": true,
        "gke": true, "nodeObject": true, "pullSecrets": { "namespaces": ["shop"] }, "nodeSelector": { "pool": "a" },
        "podMonitor": { "enabled": true, "labels": { "team": "infra" } }, "imagePullSecrets": [{ "name": "regcred" }] });
    check("the chart with everything", &Objects::of_chart(&values).await.expect("the chart renders")).await;
}

/// What the schema says against these values, over the chart's own.
async fn refused(values: &Value) -> Option<String> {
    let script = "import json, sys, yaml, jsonschema
def merge(a, b):
    for k, v in b.items():
        if isinstance(v, dict) and isinstance(a.get(k), dict): merge(a[k], v)
        else: a[k] = v
values = yaml.safe_load(open(sys.argv[1]))
merge(values, json.loads(sys.argv[3]))
jsonschema.validate(values, json.load(open(sys.argv[2])))";
    let chart = packaging("helm/pullagent");
    let mut python = python("python");
    let python = python.args(["-c", script]).arg(chart.join("values.yaml")).arg(chart.join("values.schema.json"));
    output(python.arg(values.to_string())).await.err()
}

#[tokio::test]
async fn values_that_make_no_sense_are_refused_by_their_schema() {
    for good in [
        json!({}),
        json!({ "mode": "kubelet-identity", "maxUnavailable": 1, "image": { "digest": format!("sha256:{}", "0".repeat(64)) } }),
        json!({ "podMonitor": { "enabled": true, "address": "[::]" }, "settings": { "events": { "burst": 5 } } }),
    ] {
        assert_eq!(refused(&good).await, None, "{good}");
    }
    for bad in [
        json!({ "mode": "everything" }),
        json!({ "imgae": {} }),
        json!({ "image": { "digest": "latest" } }),
        json!({ "namespace": { "name": "Not_One" } }),
        json!({ "pullSecrets": { "namespaces": ["*"] } }),
        json!({ "podMonitor": { "port": 0 } }),
        json!({ "settings": "hostRoot: /" }),
    ] {
        assert!(refused(&bad).await.is_some_and(|why| why.contains("ValidationError")), "{bad}");
    }
}

/// Whether the policy lets an agent with a token of `token`'s node do this to a Lease.
async fn policy_allows(operation: &str, lease: &str, token: Option<&str>) -> bool {
    let script = "import json, sys, celpy
env = celpy.Environment()
holds = lambda text: bool(env.program(env.compile(text)).evaluate(celpy.json_to_cel(json.loads(sys.argv[2]))))
print(holds(sys.argv[1]))";
    let objects = Objects::kustomized("overlays/full").await;
    let policy = &objects.one("ValidatingAdmissionPolicy", "pullagent-lease")["spec"];
    let user = "system:serviceaccount:pullagent:pullagent";
    let extra = token.map_or(json!({}), |node| json!({ "authentication.kubernetes.io/node-name": [node] }));
    let object = json!({ "metadata": { "name": lease } });
    let (new, old) = if operation == "DELETE" { (Value::Null, object) } else { (object, Value::Null) };
    let asked = json!({ "request": { "operation": operation, "userInfo": { "username": user, "extra": extra } },
        "object": new, "oldObject": old });
    let mut answers = Vec::new();
    for expression in [&policy["matchConditions"][0]["expression"], &policy["validations"][0]["expression"]] {
        let expression = expression.as_str().expect("an expression");
        let said = output(python("python").args(["-c", script, expression]).arg(asked.to_string())).await;
        answers.push(said.expect("`tests/setup test` lays cel-python into the cache").trim() == "True");
    }
    assert!(answers[0], "it is the agent that the policy is about");
    answers[1]
}

#[tokio::test]
async fn an_agent_writes_the_lease_of_its_own_node_only() {
    for operation in ["CREATE", "UPDATE", "DELETE"] {
        assert!(policy_allows(operation, "node-1", Some("node-1")).await, "{operation}");
        assert!(!policy_allows(operation, "node-1", Some("node-2")).await, "{operation}");
        // A token that was made for no pod.
        assert!(!policy_allows(operation, "node-1", None).await, "{operation}");
    }
}

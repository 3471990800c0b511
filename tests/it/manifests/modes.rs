//! What an agent of each mode is given of its node, and that it can read its settings.

use serde_json::{Value, json};

use super::rendered::{by_name, name_of, text};
use super::{MODES, Objects};

async fn mode(name: &str) -> Objects {
    Objects::kustomized(&format!("overlays/{name}")).await
}

#[tokio::test]
async fn probe_only_is_given_nothing_of_the_node() {
    let objects = mode("probe-only").await;
    let pod = objects.pod();
    // No volume of a kind that could show the node, its runtime or another pod's token.
    let kinds: Vec<String> = by_name(&pod["volumes"])
        .into_iter()
        .map(|(name, volume)| {
            let kinds = volume.as_object().expect("a volume").keys().filter(|key| *key != "name");
            format!("{name}: {}", kinds.cloned().collect::<Vec<_>>().join(" "))
        })
        .collect();
    assert_eq!(kinds, ["config: configMap", "socket: emptyDir", "trust: configMap"]);
    assert_eq!(
        pod["securityContext"],
        json!({ "runAsNonRoot": true, "runAsUser": 65534, "runAsGroup": 65534, "seccompProfile": { "type": "RuntimeDefault" } })
    );
    assert_eq!(
        pod["containers"][0]["securityContext"],
        json!({ "privileged": false, "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] } })
    );
    assert_eq!(pod["automountServiceAccountToken"], true);
    for absent in ["hostPID", "hostIPC", "initContainers", "shareProcessNamespace"] {
        assert_eq!(pod[absent], Value::Null, "{absent}");
    }
    assert!(!objects.settings().contains("hostRoot"));
}

#[tokio::test]
async fn full_reads_the_node_and_has_two_capabilities() {
    for name in ["full", "kubelet-identity", "openshift"] {
        let objects = mode(name).await;
        let pod = objects.pod();
        let host: Vec<Value> =
            by_name(&pod["volumes"]).into_values().filter(|volume| !volume["hostPath"].is_null()).collect();
        assert_eq!(host, [json!({ "name": "host", "hostPath": { "path": "/", "type": "Directory" } })]);
        let container = &pod["containers"][0];
        assert_eq!(
            by_name(&container["volumeMounts"])["host"],
            json!({ "name": "host", "mountPath": "/host", "readOnly": true, "recursiveReadOnly": "IfPossible" })
        );
        let context = &container["securityContext"];
        assert_eq!(context["capabilities"], json!({ "drop": ["ALL"], "add": ["SYS_PTRACE", "DAC_READ_SEARCH"] }));
        assert_eq!((&context["privileged"], &context["allowPrivilegeEscalation"]), (&json!(false), &json!(false)));
        assert_eq!(context["appArmorProfile"]["type"], "Unconfined");
        assert_eq!(pod["securityContext"]["seLinuxOptions"]["type"], "spc_t");
        assert!(objects.settings().contains("hostRoot: /host"));
    }
}

#[tokio::test]
async fn every_agent_is_on_every_node_costs_little_and_is_watched() {
    for name in MODES {
        let objects = mode(name).await;
        let set = &objects.one("DaemonSet", "pullagent")["spec"];
        assert_eq!(set["updateStrategy"]["rollingUpdate"]["maxUnavailable"], "10%");
        let pod = objects.pod();
        assert_eq!((&pod["hostNetwork"], text(&pod["dnsPolicy"])), (&json!(true), "Default".to_owned()));
        assert_eq!(pod["nodeSelector"], json!({ "kubernetes.io/os": "linux" }));
        assert_eq!(pod["tolerations"], json!([{ "operator": "Exists" }]));
        assert_eq!(pod["priorityClassName"], "system-node-critical");
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
        let container = &pod["containers"][0];
        assert_eq!(
            container["resources"],
            json!({ "requests": { "cpu": "10m", "memory": "32Mi" }, "limits": { "memory": "96Mi" } })
        );
        assert_eq!(container["livenessProbe"]["exec"]["command"], json!(["/usr/bin/pullagent", "health"]));
        let variables: Vec<String> = by_name(&container["env"]).into_keys().collect();
        assert_eq!(variables, ["NODE_NAME", "POD_NAMESPACE"]);
    }
}

#[tokio::test]
async fn the_kubelets_identity_needs_no_rights_and_no_token() {
    let objects = mode("kubelet-identity").await;
    let names = objects.names();
    assert_eq!(
        names,
        ["ConfigMap pullagent-settings", "DaemonSet pullagent", "Namespace pullagent", "ServiceAccount pullagent"]
    );
    assert_eq!(objects.pod()["automountServiceAccountToken"], false);
    assert_eq!(objects.one("ServiceAccount", "pullagent")["automountServiceAccountToken"], false);
    assert!(objects.settings().contains("identity: kubelet"));
}

#[tokio::test]
async fn the_agent_understands_its_settings_and_a_change_makes_new_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.yaml");
    let more = json!({ "settings": { "events": { "perMinute": 10 }, "checks": { "images": [{ "image": "a/b:1" }] } } });
    let mut hashes = std::collections::BTreeSet::new();
    let mut all = vec![Objects::of_chart(&more).await.expect("the chart renders")];
    for name in MODES {
        all.push(mode(name).await);
    }
    for objects in &all {
        std::fs::write(&file, objects.settings()).expect("a file");
        let config = file.to_str().expect("a path");
        let ran = crate::pullagent::run(&["run", "--check-config", "--config", config], "").await;
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", objects.settings());
        let stored = objects.one("ConfigMap", "pullagent-settings");
        assert_eq!(stored["immutable"], true);
        let (name, hash) = name_of(stored);
        assert!(hash.len() == 10 && hashes.insert(hash.clone()), "{hash}");
        let mounted = &by_name(&objects.pod()["volumes"])["config"]["configMap"]["name"];
        assert_eq!(*mounted, format!("{name}-{hash}"));
    }
}

#[tokio::test]
async fn the_image_is_named_by_tag_or_digest() {
    let digest = format!("sha256:{}", "a".repeat(64));
    for (image, want) in [
        (json!({}), "ghcr.io/pullagent/pullagent:0.1.0".to_owned()),
        (json!({ "repository": "registry.corp.io/p", "tag": "9" }), "registry.corp.io/p:9".to_owned()),
        (json!({ "tag": "9", "digest": digest }), format!("ghcr.io/pullagent/pullagent@{digest}")),
    ] {
        let objects = Objects::of_chart(&json!({ "image": image })).await.expect("the chart renders");
        assert_eq!(objects.pod()["containers"][0]["image"], want);
    }
}

//! Pods as the API server tells them, and what is kept of them.

use serde_json::{Value, json};

use super::*;

fn converted(pod: Value) -> Pod {
    pod_from(&serde_json::from_value(pod).unwrap())
}

/// Kind, name, image, policy and state of each container, in words.
fn shown(pod: &Pod) -> Vec<String> {
    let one = |container: &Container| {
        let Container { name, kind, image, policy, state } = container;
        let state = match state {
            ContainerState::Unknown => "-".to_owned(),
            ContainerState::Waiting { reason, message } => format!("waiting {reason} {message}"),
            ContainerState::Running => "running".to_owned(),
            ContainerState::Ended { reason } => format!("ended {reason}"),
        };
        format!("{kind:?} {name} {image} {policy:?} {state}")
    };
    pod.containers.iter().map(one).collect()
}

#[test]
fn a_pod_is_told_with_all_that_concerns_its_images() {
    let pod = converted(json!({
        "metadata": {
            "namespace": "prod", "name": "web-0", "uid": "u-1", "creationTimestamp": "2026-07-01T12:00:00Z",
            "deletionTimestamp": "2026-07-01T13:00:00Z",
        },
        "spec": {
            "nodeName": "node-7", "serviceAccountName": "web",
            "imagePullSecrets": [ { "name": "a" }, {}, { "name": "" }, { "name": "b" } ],
            "initContainers": [ { "name": "first", "image": "init:1", "imagePullPolicy": "IfNotPresent" } ],
            "containers": [
                { "name": "app", "image": "r.io/app:1", "imagePullPolicy": "Always" },
                { "name": "side", "image": "side:2", "imagePullPolicy": "Never" },
            ],
            "ephemeralContainers": [ { "name": "debug", "image": "busybox:1" } ],
            "volumes": [
                { "name": "model", "image": { "reference": "r.io/model:3", "pullPolicy": "Always" } },
                { "name": "scratch", "emptyDir": {} },
            ],
        },
        "status": {
            "hostIP": "10.0.0.7", "hostIPs": [ { "ip": "10.0.0.7" }, { "ip": "fd00::7" } ],
            "initContainerStatuses": [
                { "name": "first", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                  "state": { "terminated": { "exitCode": 0, "reason": "Completed" } } },
            ],
            "containerStatuses": [
                { "name": "side", "image": "", "imageID": "", "ready": true, "restartCount": 0, "state": { "running": {} } },
                { "name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                  "state": { "waiting": { "reason": "ImagePullBackOff", "message": "m" } } },
            ],
            "ephemeralContainerStatuses": [
                { "name": "debug", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                  "state": { "waiting": { "reason": "ErrImagePull" } } },
            ],
        },
    }));
    assert_eq!(
        shown(&pod),
        [
            "Init first init:1 IfNotPresent ended Completed",
            "Regular app r.io/app:1 Always waiting ImagePullBackOff m",
            "Regular side side:2 Never running",
            "Ephemeral debug busybox:1 IfNotPresent waiting ErrImagePull ",
            "Volume model r.io/model:3 Always -",
        ]
    );
    assert_eq!((pod.namespace.as_str(), pod.name.as_str(), pod.uid.as_str()), ("prod", "web-0", "u-1"));
    assert_eq!((pod.node.as_deref(), pod.service_account.as_str()), (Some("node-7"), "web"));
    assert_eq!(pod.node_addresses, ["10.0.0.7", "fd00::7"].map(|address| address.parse::<IpAddr>().unwrap()));
    assert_eq!(pod.pull_secrets, ["a", "b"]);
    assert_eq!((pod.is_static, pod.is_deleted), (false, true));
    assert_eq!(pod.created, Some("2026-07-01T12:00:00Z".parse().unwrap()));
}

#[test]
fn what_is_missing_is_nothing() {
    assert_eq!(converted(json!({ "metadata": {} })), Pod::default());
    let pod = converted(json!({ "metadata": {}, "spec": { "containers": [ { "name": "a" } ], "nodeName": "" } }));
    assert_eq!(shown(&pod), ["Regular a  IfNotPresent -"]);
    assert_eq!(pod.node, None);
}

#[test]
fn a_pod_from_a_file_on_the_node_is_told_by_its_annotation() {
    let pod = converted(json!({ "metadata": { "annotations": { "kubernetes.io/config.mirror": "0a1b" } } }));
    assert!(pod.is_static);
    // Set on every pod that a kubelet has from anywhere.
    let pod = converted(json!({ "metadata": { "annotations": { "kubernetes.io/config.source": "api" } } }));
    assert!(!pod.is_static);
}

#[test]
fn a_missing_policy_follows_from_the_image() {
    let check = |image: &str, want: PullPolicy| assert_eq!(default_policy(image), want, "{image}");
    let digest = format!("sha256:{}", "0".repeat(64));
    check("nginx", PullPolicy::Always);
    check("nginx:latest", PullPolicy::Always);
    check(&format!("nginx:latest@{digest}"), PullPolicy::Always);
    check("nginx:1", PullPolicy::IfNotPresent);
    check(&format!("nginx@{digest}"), PullPolicy::IfNotPresent);
    check("NGINX:latest", PullPolicy::IfNotPresent);
    check("", PullPolicy::IfNotPresent);
}

#[test]
fn a_pod_is_here_elsewhere_or_nowhere() {
    let on = |node: Option<&str>| {
        let node_addresses = vec!["10.0.0.8".parse().unwrap(), "127.0.0.1".parse().unwrap()];
        let pod = Pod { node: node.map(str::to_owned), node_addresses, ..Pod::default() };
        whereabouts(&pod, "node-7", &["127.0.0.1".parse().unwrap(), "10.0.0.9".parse().unwrap()])
    };
    assert_eq!(on(Some("node-7")), Whereabouts::Here);
    assert_eq!(on(Some("node-8")), Whereabouts::Elsewhere("node-8".to_owned()));
    assert_eq!(on(None), Whereabouts::Nowhere);
    let ours = ["10.0.0.8".parse().unwrap()];
    let pod = Pod { node: Some("aws-8".to_owned()), node_addresses: ours.to_vec(), ..Pod::default() };
    assert_eq!(whereabouts(&pod, "node-7", &ours), Whereabouts::Here);
}

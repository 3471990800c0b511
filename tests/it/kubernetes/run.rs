//! `pullagent run` against a real API server: what `kubectl describe pod` shows, once, and until when.

pub(super) mod causes;
mod changes;
mod checks;
pub(super) mod daemon;
mod floods;
mod outages;
mod page;
mod trouble;

use pullagent_testkit::kubernetes::{Pod, Waiting};
use serde_json::{Value, json};

use super::{Cluster, NODE};
use daemon::{Daemon, told};

/// A cluster with the namespace of these tests.
async fn cluster() -> Cluster {
    let cluster = Cluster::start().await;
    cluster.api.create_namespace("shop").await.expect("a namespace");
    cluster
}

/// A pod of the registry that has just begun to fail, and as it is stored.
async fn fails(cluster: &Cluster, name: &str, image: &str, message: &str) -> (Pod, Value) {
    fails_as(cluster, Pod::new(NODE, "shop", name), &cluster.image(image), message).await
}

/// The same of this pod and image.
pub(super) async fn fails_as(cluster: &Cluster, pod: Pod, image: &str, message: &str) -> (Pod, Value) {
    let pod = pod.container("app", image).pull_policy("Always");
    let stored = cluster.api.create_pod(&pod).await.expect("a pod");
    let text = format!("failed to resolve reference \"{image}\": {image}: {message}");
    cluster.api.pod_waiting(&pod, &[Waiting::pull_failed("app", &text)]).await.expect("its status");
    (pod, stored)
}

/// The kubelet has the image after all.
async fn runs(cluster: &Cluster, pod: &Pod) {
    let running = json!({ "phase": "Running", "containerStatuses": [{ "name": "app", "image": "i", "imageID": "i",
        "ready": true, "restartCount": 0, "state": { "running": {} } }] });
    cluster.api.patch_pod_status(pod, &running).await.expect("its status");
}

#[tokio::test]
async fn a_pod_that_fails_is_told_why_once_and_until_it_recovers() {
    let cluster = cluster().await;
    let daemon = Daemon::start(&cluster).await;
    let (pod, stored) = fails(&cluster, "web", "team/public:2", "not found").await;
    let written = told(&cluster, &stored, "PullTagNotFound").await;
    assert_eq!((written.len(), written[0].count), (1, 1), "{written:?}");
    // A second one of the same image is told by the same examination.
    let (_, other) = fails(&cluster, "web-2", "team/public:2", "not found").await;
    told(&cluster, &other, "PullTagNotFound").await;
    assert_eq!(daemon.metric("pullagent_examinations_total{verdict=\"failing\"}").await, Some(1.0));
    assert!(daemon.stop().await);
    // Started again, it finds what it has written; the second time it was killed with no time for anything.
    for (number, image) in ["team/public:3", "team/public:4"].into_iter().enumerate() {
        let daemon = Daemon::start(&cluster).await;
        let (_, third) = fails(&cluster, &format!("later-{number}"), image, "not found").await;
        told(&cluster, &third, "PullTagNotFound").await;
        daemon.answers("/metrics", |_, text| text.contains("cause=\"TagNotFound\"")).await;
        daemon.kill().await;
    }
    let again = told(&cluster, &stored, "PullTagNotFound").await;
    assert_eq!(again, written);
    let daemon = Daemon::start(&cluster).await;
    daemon.answers("/reports", |_, reports| reports.contains("team/public:2")).await;
    runs(&cluster, &pod).await;
    let mut recovered = told(&cluster, &stored, "PullRecovered").await;
    recovered.retain(|event| *event != written[0]);
    let [good] = recovered.as_slice() else { panic!("{recovered:?}") };
    assert_eq!((good.kind.as_str(), good.count), ("Normal", 1), "{good:?}");
    let health = crate::pullagent::run(&["health", "--socket", daemon.socket()], "").await;
    assert_eq!(health.code, 0, "{}", health.err);
    let socket = daemon.socket().to_owned();
    assert!(daemon.stop().await);
    assert!(!std::path::Path::new(&socket).exists());
}

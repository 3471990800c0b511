//! Many pods at once: the registry is asked a few times, the API server is told a few things, and nobody starves.

use std::time::Instant;

use futures_util::stream::{self, StreamExt as _};
use pullagent_testkit::kubernetes::Pod;
use serde_json::{Value, json};

use super::super::{Cluster, NODE};
use super::daemon::{Daemon, Start, told, told_in};
use super::{cluster, fails};

/// Pods that are created at once.
const AT_ONCE: usize = 8;

/// This pod fails, each container with an image of its own.
async fn all_fail(cluster: &Cluster, pod: &Pod, containers: &[String]) -> Value {
    let stored = cluster.api.create_pod(pod).await.expect("a pod");
    let status = |name: &String| {
        json!({ "name": name, "image": "i", "imageID": "", "ready": false, "restartCount": 0,
            "state": { "waiting": { "reason": "ImagePullBackOff", "message": "Back-off pulling image" } } })
    };
    let statuses: Vec<Value> = containers.iter().map(status).collect();
    let status = json!({ "phase": "Pending", "containerStatuses": statuses });
    cluster.api.patch_pod_status(pod, &status).await.expect("its status");
    stored
}

/// The events that were written, by its metrics.
fn sent(metrics: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix("pullagent_events_total{result=\"sent\"} "));
    line.and_then(|count| count.parse().ok()).unwrap_or(0.0)
}

#[tokio::test]
async fn of_250_pods_with_ten_images_each_image_is_examined_once() {
    let cluster = cluster().await;
    let began = Instant::now();
    let daemon =
        Daemon::start_with(&cluster, Start { settings: "events: { perMinute: 1, burst: 20 }\n", ..Start::default() })
            .await;
    let pods = stream::iter(0..250).map(async |number: usize| {
        let image = cluster.image(&format!("team/public:missing-{}", number % 10));
        let pod = Pod::new(NODE, "shop", &format!("web-{number}")).container("app", &image);
        all_fail(&cluster, &pod, &["app".to_owned()]).await;
    });
    pods.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    let failing = format!("pullagent_pods_failing{{cause=\"TagNotFound\",host=\"{}\"}}", cluster.registry());
    daemon.counts(&failing, 250.0).await;
    assert_eq!(daemon.metric("pullagent_examinations_total{verdict=\"failing\"}").await, Some(10.0));
    let asked = cluster.world.registry("main").expect("a registry").requests();
    for number in 0..10 {
        let path = format!("/v2/team/public/manifests/missing-{number}");
        let times = asked.iter().filter(|request| request.path == path && request.method == "HEAD").count();
        // Once to learn where tokens are, once with one.
        assert!((1..=2).contains(&times), "{path} was asked for {times} times");
    }
    // What may be told at once, and one a minute since it began; the others wait for their turn.
    daemon.answers("/metrics", |_, text| sent(text) >= 20.0).await;
    let list = cluster.api.get("/api/v1/namespaces/shop/events").await.expect("the events");
    let (told, budget) = (told_in(&list).len(), 20 + began.elapsed().as_secs() / 60);
    assert!((20..=budget).contains(&u64::try_from(told).expect("a few")), "{told} events, {budget} are allowed");
    assert!(daemon.stop().await);
}

#[tokio::test]
async fn a_thousand_bad_images_in_one_namespace_keep_no_other_waiting() {
    let cluster = cluster().await;
    cluster.api.create_namespace("flood").await.expect("a namespace");
    let daemon = Daemon::start(&cluster).await;
    let pods = stream::iter(0..20).map(async |number: usize| {
        let names: Vec<String> = (0..50).map(|container| format!("c{container}")).collect();
        let pod = names.iter().fold(Pod::new(NODE, "flood", &format!("bad-{number}")), |pod, name| {
            pod.container(name, &cluster.image(&format!("team/public:{number}-{name}")))
        });
        all_fail(&cluster, &pod, &names).await;
    });
    pods.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    let (_, stored) = fails(&cluster, "web", "team/public:2", "not found").await;
    // Its turn comes before those of the many that are still to be examined.
    told(&cluster, &stored, "PullTagNotFound").await;
    daemon.counts("pullagent_examinations_total{verdict=\"failing\"}", 31.0).await;
    let skipped = daemon.metric("pullagent_examinations_skipped_total{reason=\"namespace_budget\"}").await;
    assert_eq!(skipped, Some(970.0));
    assert!(daemon.stop().await);
}

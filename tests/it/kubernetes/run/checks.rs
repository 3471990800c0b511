//! The scheduled checks of a node: a registry that turns is told once on the node, and once when it is well again.

use std::time::Duration;

use pullagent_testkit::registry::{Behaviour, On};
use tokio::time::timeout;

use super::super::{Cluster, NODE, WORLD};
use super::daemon::{Daemon, Start, Told, told_in};

/// How long a check may take to turn, which is two of its intervals, on a busy machine.
const TURN: Duration = Duration::from_mins(4);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// A registry whose tags are not all there.
const OTHER: &str = r#"
[registry.other]
host = "localhost"

[[registry.other.repository]]
name = "team/public"
tags = ["1"]
"#;

/// What the agent wrote about the node's checks.
async fn told_of_node(cluster: &Cluster) -> Vec<Told> {
    let path = format!(
        "/api/v1/namespaces/default/events?fieldSelector=involvedObject.kind%3DNode,involvedObject.name%3D{NODE}"
    );
    let mut told = told_in(&cluster.api.get(&path).await.expect("the events"));
    // As a kubelet it may write no Lease, so its summary is there as well.
    told.retain(|event| event.reason != "ChecksSummary");
    told
}

/// Waits for an event of this reason about the node, and returns all that the agent wrote about it.
async fn turns(cluster: &Cluster, daemon: &Daemon, reason: &str) -> Vec<Told> {
    let looking = async {
        loop {
            let told = told_of_node(cluster).await;
            if told.iter().any(|event| event.reason == reason) {
                return told;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    let told = timeout(TURN, looking).await;
    told.unwrap_or_else(|_| panic!("{reason} is not told:\n{}", daemon.log()))
}

/// Waits until a line is served at this path.
async fn serves(daemon: &Daemon, path: &str, line: &str) -> String {
    let looking = async {
        loop {
            let (_, text) = daemon.get(path).await;
            if text.contains(line) {
                return text;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    timeout(TURN, looking).await.unwrap_or_else(|_| panic!("{path} lacks {line}:\n{}", daemon.log()))
}

#[tokio::test]
async fn a_check_that_turns_is_told_once_on_the_node_and_once_when_it_passes_again() {
    let cluster = Cluster::with(&format!("{WORLD}{OTHER}")).await;
    let (registry, missing) = (cluster.registry(), format!("{}/team/public:2", cluster.host("other")));
    let settings = format!(
        "checks:\n  discover: none\n  every: 30s\n  registries: [{{ host: \"{registry}\" }}]\n  images: [{{ image: \
         \"{missing}\", every: 30s }}]\n"
    );
    let daemon = Daemon::start_with(&cluster, Start { settings: &settings, ..Start::default() }).await;
    let success = format!("pullagent_check_success{{check=\"{registry}\",host=\"{registry}\"}}");
    serves(&daemon, "/metrics", &format!("{success} 1")).await;

    cluster.world.registry("main").expect("the registry").behave(On::Everything, Behaviour::Reset);
    let metrics = serves(&daemon, "/metrics", &format!("{success} 0")).await;
    let failing =
        format!("pullagent_check_failing{{check=\"{registry}\",host=\"{registry}\",cause=\"ConnectionReset\"}} 1");
    assert!(metrics.contains(&failing), "{metrics}");
    let told = turns(&cluster, &daemon, "CheckConnectionReset").await;
    let [warning] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((warning.kind.as_str(), warning.count), ("Warning", 1));
    assert!(warning.note.contains(&registry) && warning.note.contains("Fix: "), "{}", warning.note);
    let page = daemon.get("/").await.1;
    assert!(page.contains(&registry) && page.contains("<strong>ConnectionReset</strong>"), "{page}");
    serves(&daemon, "/reports", "\"code\":\"ConnectionReset\"").await;

    cluster.world.registry("main").expect("the registry").behave_well();
    let told = turns(&cluster, &daemon, "CheckRecovered").await;
    let good: Vec<&Told> = told.iter().filter(|event| event.reason == "CheckRecovered").collect();
    assert_eq!((good[0].kind.as_str(), good[0].count), ("Normal", 1));
    assert!(good[0].note.contains(&registry), "{}", good[0].note);
    serves(&daemon, "/metrics", &format!("{success} 1")).await;
    // A tag that is missing is counted, and no trouble of the node.
    let metrics = daemon.get("/metrics").await.1;
    assert!(metrics.contains("cause=\"TagNotFound\"}"), "{metrics}");
    assert_eq!(told_of_node(&cluster).await.len(), 2, "{told:?}");
    assert!(daemon.stop().await);
}

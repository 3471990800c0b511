//! What happens while a pod fails: its secret is put right, or it is deleted in the middle of an examination.

use super::super::NODE;
use super::super::why::login;
use super::daemon::{Daemon, told, told_in};
use super::{Pod, cluster, fails, fails_as};

const STALE: &str = "failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized";

#[tokio::test]
async fn a_secret_that_is_put_right_is_examined_without_waiting_for_the_next_turn() {
    let cluster = cluster().await;
    let at = cluster.registry();
    cluster.api.apply(&login("pull", &at, "ci", "wr0ng-password")).await.expect("a secret");
    let daemon = Daemon::start(&cluster).await;
    let pod = Pod::new(NODE, "shop", "web").pull_secret("pull");
    let (_, stored) = fails_as(&cluster, pod, &cluster.image("team/api:1"), STALE).await;
    told(&cluster, &stored, "PullCredentialsRejected").await;
    cluster.api.apply(&login("pull", &at, "ci", "c0rrect-horse")).await.expect("a secret");
    // A refused login is not offered again for hours, unless it is another one.
    let events = told(&cluster, &stored, "PullNowPossible").await;
    let possible = events.iter().find(|event| event.reason == "PullNowPossible").expect("it was waited for");
    assert_eq!(possible.kind, "Normal");
    for words in ["kubelet retries ", "deleting the pod retries now"] {
        assert!(possible.note.contains(words), "{}", possible.note);
    }
    assert!(daemon.stop().await);
}

#[tokio::test]
async fn a_pod_that_is_deleted_while_it_is_examined_is_told_nothing() {
    let cluster = cluster().await;
    let daemon = Daemon::start(&cluster).await;
    let silent = format!("{}/team/api:1", cluster.host("silent"));
    let (gone, _) = fails_as(&cluster, Pod::new(NODE, "shop", "gone"), &silent, "i/o timeout").await;
    daemon.until("its image is examined", |daemon| daemon.log().contains(&silent)).await;
    assert!(cluster.api.admin().delete(&gone.path()).await.expect("an answer").status.is_success());
    // Both places are free again for those that came later.
    for name in ["web", "web-2"] {
        let (_, stored) = fails(&cluster, name, &format!("team/public:{name}"), "not found").await;
        told(&cluster, &stored, "PullTagNotFound").await;
    }
    let list = cluster.api.get("/api/v1/namespaces/shop/events").await.expect("the events");
    assert_eq!(told_in(&list).len(), 2, "{list}");
    let reports = daemon.get("/reports").await.1;
    assert!(!reports.contains(&silent) && reports.contains("team/public:web"), "{reports}");
    // It ends in time although something is being examined.
    fails_as(&cluster, Pod::new(NODE, "shop", "late"), &silent, "i/o timeout").await;
    daemon.until("it is examined", |daemon| daemon.log().matches(&silent).count() > 1).await;
    assert!(daemon.stop().await);
}

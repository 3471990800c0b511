//! The runtime's own pull: as whom it is asked, what its end is taken for, and what is put back.

use std::time::Duration;

use pullagent_diagnosis::evidence::Identity;
use pullagent_diagnosis::pull::{Brought, Growth, PullOutcome};
use pullagent_probes::reproduce;
use pullagent_testkit::cri::{Cri, CriCall, CriImage, PullBehaviour};

use crate::node::{LONG, TestNode, image, plan_of};

const IMAGE: &str = "r.test/team/api:1";
const UNKNOWN: u32 = 2;
const NOT_FOUND: u32 = 5;
const UNAVAILABLE: u32 = 14;

fn pulls(calls: &[CriCall]) -> Vec<Option<(String, String)>> {
    let as_whom = |call: &CriCall| if let CriCall::Pull(_, login) = call { Some(login.clone()) } else { None };
    calls.iter().filter_map(as_whom).collect()
}

/// Pulls, and says what became of what was brought, and which images are there in the end.
async fn brought(node: &TestNode, runtime: Cri) -> (Option<Brought>, Vec<CriImage>) {
    let runtime = node.start(runtime);
    let pull = node.pull(&plan_of(IMAGE, &[]), LONG).await;
    assert_eq!(pull.outcome(), Some(&PullOutcome::Ok), "{pull:?}");
    (pull.brought, runtime.images())
}

#[track_caller]
fn check_kept(brought: Option<&Brought>, because: &str) {
    assert!(matches!(brought, Some(Brought::Kept { why }) if why.contains(because)), "{brought:?}");
}

#[tokio::test]
async fn nobody_is_asked_for_where_there_is_no_login() {
    let node = TestNode::new();
    let runtime = node.start(Cri::default().pull(PullBehaviour::Fails(NOT_FOUND, "no such tag".to_owned())));
    let pull = node.pull(&plan_of(IMAGE, &[]), LONG).await;
    let outcome = PullOutcome::Failed { status: "NotFound".to_owned(), message: "no such tag".to_owned() };
    assert_eq!(pull.outcome(), Some(&outcome));
    assert_eq!(pull.brought, None);
    assert_eq!(pulls(&runtime.calls()), [None]);
}

#[tokio::test]
async fn each_login_is_offered_until_one_succeeds() {
    let node = TestNode::new();
    let denied = |text: &str| PullBehaviour::Fails(UNKNOWN, text.to_owned());
    let runtime = Cri::default().pull(denied("a")).pull(denied("b")).pull(PullBehaviour::Brings(image("a1", &[IMAGE])));
    let runtime = node.start(runtime);
    let logins = [("ann", "first-secret"), ("bob", "second-secret"), ("eve", "third-secret"), ("zoe", "fourth-secret")];
    let pull = node.pull(&plan_of(IMAGE, &logins), LONG).await;
    let identities: Vec<Identity> = pull.attempts.iter().map(|attempt| attempt.identity).collect();
    assert_eq!(identities, [Identity::Credential(0), Identity::Credential(1), Identity::Credential(2)]);
    assert_eq!(pull.outcome(), Some(&PullOutcome::Ok));
    let offered: Vec<_> =
        logins[..3].iter().map(|(user, word)| Some(((*user).to_owned(), (*word).to_owned()))).collect();
    assert_eq!(pulls(&runtime.calls()), offered);
}

#[tokio::test]
async fn a_runtime_that_dies_in_the_middle_is_lost_and_not_asked_again() {
    let node = TestNode::new();
    let runtime = node.start(Cri::default().pull(PullBehaviour::Dies));
    let pull = node.pull(&plan_of(IMAGE, &[("ann", "first-secret"), ("bob", "second-secret")]), LONG).await;
    assert_eq!(pull.attempts.len(), 1);
    assert_eq!(pull.outcome(), Some(&PullOutcome::Lost { why: "it closed the connection".to_owned() }));
    assert_eq!(pulls(&runtime.calls()).len(), 1);
}

#[tokio::test]
async fn a_status_of_the_runtime_is_no_lost_connection() {
    let node = TestNode::new();
    let _runtime = node.start(Cri::default().pull(PullBehaviour::Fails(UNAVAILABLE, "busy".to_owned())));
    let pull = node.pull(&plan_of(IMAGE, &[]), LONG).await;
    let outcome = PullOutcome::Failed { status: "Unavailable".to_owned(), message: "busy".to_owned() };
    assert_eq!(pull.outcome(), Some(&outcome));
}

#[tokio::test]
async fn a_socket_that_is_gone_is_a_lost_runtime() {
    let node = TestNode::new();
    let pull = node.pull(&plan_of(IMAGE, &[]), LONG).await;
    assert!(matches!(pull.outcome(), Some(PullOutcome::Lost { .. })), "{pull:?}");
}

#[tokio::test]
async fn the_deadline_cancels_the_pull_in_the_runtime() {
    let node = TestNode::new();
    let runtime = node.start(Cri::default().pull(PullBehaviour::Hangs));
    let pull =
        node.pull(&plan_of(IMAGE, &[("ann", "first-secret"), ("bob", "second-secret")]), Duration::from_secs(1)).await;
    assert_eq!(pull.attempts.len(), 1);
    assert_eq!(pull.outcome(), Some(&PullOutcome::Cancelled));
    assert_eq!(pull.growth, Growth::NotSeen);
    tokio::time::timeout(LONG, runtime.cancelled()).await.expect("the runtime is told");
}

#[tokio::test]
async fn dropping_the_future_cancels_the_pull_in_the_runtime() {
    let node = TestNode::new();
    let runtime = node.start(Cri::default().pull(PullBehaviour::Hangs));
    let plan = plan_of(IMAGE, &[]);
    // The first progress is told once the pull has begun, or will be at the next poll.
    let (told, mut begun) = tokio::sync::mpsc::unbounded_channel();
    let socket = node.socket();
    let logins = [Identity::Anonymous];
    let pull = reproduce(&plan, &logins, &socket, node.root(), LONG, |progress| {
        let _ = told.send(progress);
    });
    tokio::select! {
        _ = pull => panic!("a pull that hangs ended"),
        () = async { while begun.recv().await.is_some() && pulls(&runtime.calls()).is_empty() {} } => {}
    }
    tokio::time::timeout(LONG, runtime.cancelled()).await.expect("the runtime is told");
}

#[tokio::test]
async fn growth_is_seen_in_containerds_downloads() {
    let node = TestNode::new();
    let root = "var/lib/containerd";
    let download = node.place(&format!("{root}/io.containerd.content.v1.content/ingest/4a1f/data"));
    let snapshots = format!("{root}/io.containerd.snapshotter.v1.overlayfs");
    std::fs::create_dir_all(node.root().join(&snapshots)).expect("a folder");
    let runtime = Cri::default().image_filesystem(&format!("/{snapshots}")).pull(PullBehaviour::Grows(download));
    let _runtime = node.start(runtime);
    let plan = plan_of(IMAGE, &[]);
    let mut seen = Vec::new();
    let socket = node.socket();
    let time = Duration::from_millis(1500);
    let pull = reproduce(&plan, &[Identity::Anonymous], &socket, node.root(), time, |p| seen.push(p.brought)).await;
    assert!(matches!(pull.growth, Growth::Grew { bytes } if bytes > 0), "{pull:?}");
    assert!(seen.is_sorted() && seen.len() > 1, "{seen:?}");
}

#[tokio::test]
async fn what_was_brought_is_removed_again() {
    let node = TestNode::new();
    node.write(
        "var/lib/kubelet/image_manager/pulled/sha256-0",
        r#"{"imageRef":"sha256:other","credentialMapping":{}}"#,
    );
    let other = image("b2", &["r.test/other:1"]);
    let runtime = Cri::default().image(other.clone()).container_of("r.test/other:1");
    let (brought, left) = brought(&node, runtime.pull(PullBehaviour::Brings(image("a1", &[IMAGE])))).await;
    assert_eq!((brought, left), (Some(Brought::Removed), vec![other]));
}

#[tokio::test]
async fn an_image_that_was_there_is_nothing_that_was_brought() {
    let node = TestNode::new();
    let held = image("a1", &[IMAGE]);
    let runtime = Cri::default().image(held.clone()).pull(PullBehaviour::Brings(held.clone()));
    assert_eq!(brought(&node, runtime).await, (None, vec![held]));
}

#[tokio::test]
async fn two_names_of_one_image_survive() {
    let node = TestNode::new();
    let both = image("a1", &["r.test/team/api:old", IMAGE]);
    let runtime = Cri::default().image(image("a1", &["r.test/team/api:old"])).pull(PullBehaviour::Brings(both.clone()));
    let (brought, left) = brought(&node, runtime).await;
    check_kept(brought.as_ref(), "under other names");
    assert_eq!(left, [both]);
}

#[tokio::test]
async fn a_tag_that_moved_is_not_taken_away() {
    let node = TestNode::new();
    let new = image("a1", &[IMAGE]);
    let runtime = Cri::default().image(image("b2", &[IMAGE])).pull(PullBehaviour::Brings(new.clone()));
    let (brought, left) = brought(&node, runtime).await;
    check_kept(brought.as_ref(), "the tag was at another image");
    assert!(left.contains(&new));
}

#[tokio::test]
async fn an_image_that_the_kubelet_pulls_at_the_same_moment_stays() {
    let node = TestNode::new();
    node.write("var/lib/kubelet/image_manager/pulling/sha256-0", &format!(r#"{{"image":"{IMAGE}"}}"#));
    let (brought, left) = brought(&node, Cri::default().pull(PullBehaviour::Brings(image("a1", &[IMAGE])))).await;
    check_kept(brought.as_ref(), "the kubelet has a record");
    assert_eq!(left.len(), 1);
}

#[tokio::test]
async fn an_image_that_a_container_uses_stays() {
    let node = TestNode::new();
    let runtime = Cri::default().container_of("sha256:a1").pull(PullBehaviour::Brings(image("a1", &[IMAGE])));
    let (brought, left) = brought(&node, runtime).await;
    check_kept(brought.as_ref(), "a container uses it");
    assert_eq!(left.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_asked_keeps_the_image() {
    for (method, because) in [
        ("/runtime.v1.ImageService/ListImages", "what the node held before is not known"),
        ("/runtime.v1.RuntimeService/ListContainers", "whether a container uses it is not known"),
        ("/runtime.v1.ImageService/ImageStatus", "what was brought is not known"),
        ("/runtime.v1.ImageService/RemoveImage", "it could not be removed"),
    ] {
        let node = TestNode::new();
        let runtime = Cri::default().without(method).pull(PullBehaviour::Brings(image("a1", &[IMAGE])));
        let (brought, left) = brought(&node, runtime).await;
        check_kept(brought.as_ref(), because);
        assert_eq!(left.len(), 1, "{method}");
    }
}

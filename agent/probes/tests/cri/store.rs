//! What an examination learns from the runtime's image store.

use pullagent_diagnosis::case::NotChecked;
use pullagent_diagnosis::runtime::{Runtime, RuntimeAnswer, RuntimeProcess, RuntimeVersion, Store};
use pullagent_probes::{Limits, Standpoint, examine_from};
use pullagent_testkit::cri::{Cri, CriCall, SocketPeer, start_peer};

use crate::node::{TestNode, image, plan_of};

/// The store of a node whose runtime has told its version.
async fn store(node: &TestNode, name: &str) -> Store {
    let mut plan = plan_of(name, &[]);
    plan.endpoints.clear();
    let version = RuntimeVersion { name: "containerd".to_owned(), version: "v1.7.24".to_owned() };
    plan.runtime = Some(Runtime {
        endpoint: "unix:///run/containerd/containerd.sock".to_owned(),
        named_by: None,
        answer: RuntimeAnswer::Version(version),
        process: RuntimeProcess::NotSeen { why: "not looked for".to_owned() },
        config_file: None,
    });
    let socket = node.socket();
    let here = Standpoint { host_root: node.root(), socket: Some(&socket), ..Standpoint::default() };
    examine_from(&plan, &Limits::default(), &here).await.store.expect("the store was asked")
}

#[tokio::test]
async fn the_store_is_asked_with_the_kubelets_name_of_the_image() {
    let node = TestNode::new();
    std::fs::create_dir_all(node.root().join("var/lib/images")).expect("a folder");
    let held = image("a1", &["busybox:latest"]);
    let runtime = node.start(Cri::default().image(held).image_filesystem("/var/lib/images"));
    let store = store(&node, "busybox").await;
    assert_eq!(store.held.map(|held| (held.id, held.bytes)), Some(("sha256:a1".to_owned(), 1)));
    let filesystem = store.filesystem.expect("a filesystem");
    assert_eq!(filesystem.path, "/var/lib/images");
    assert!(filesystem.free_bytes.is_some_and(|free| free > 0));
    assert_eq!(store.not_checked, []);
    assert!(runtime.calls().contains(&CriCall::ImageStatus("busybox:latest".to_owned())));
}

#[tokio::test]
async fn a_filesystem_that_is_not_seen_from_here_is_not_checked() {
    let node = TestNode::new();
    let _runtime = node.start(Cri::default().image_filesystem("/var/lib/images"));
    let store = store(&node, "busybox").await;
    assert_eq!(store.filesystem.map(|filesystem| filesystem.free_bytes), Some(None));
    let why = "/var/lib/images: No such file or directory (os error 2)";
    assert_eq!(store.not_checked, [NotChecked::new("the room on the image filesystem", why)]);
}

#[tokio::test]
async fn what_the_store_does_not_answer_is_not_checked() {
    let node = TestNode::new();
    let runtime = node.start(Cri::default().without("/runtime.v1.ImageService/ImageStatus"));
    let asked = store(&node, "busybox").await;
    let what: Vec<&str> = asked.not_checked.iter().map(|unseen| unseen.what.as_str()).collect();
    assert_eq!(what, ["what the node holds of the image", "the room on the image filesystem"]);
    drop(runtime);
    std::fs::remove_file(node.socket()).expect("a socket");
    let _peer = start_peer(&node.socket(), SocketPeer::Silent).expect("a socket");
    let whys: Vec<String> = store(&node, "busybox").await.not_checked.into_iter().map(|unseen| unseen.why).collect();
    assert_eq!(whys, ["no answer in time", "no answer in time"]);
}

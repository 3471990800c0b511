//! Which socket is taken for the runtime's, and what a peer is taken for.

use std::os::unix::fs::symlink;

use pullagent_diagnosis::runtime::{RuntimeAnswer, RuntimeVersion, SocketFailure};
use pullagent_probes::cri::find;
use pullagent_testkit::cri::{Cri, SocketPeer, start_peer};

use crate::node::TestNode;

fn version(name: &str, version: &str) -> RuntimeAnswer {
    RuntimeAnswer::Version(RuntimeVersion { name: name.to_owned(), version: version.to_owned() })
}

/// What a socket that is named turns out to be.
async fn named(node: &TestNode) -> RuntimeAnswer {
    let endpoint = format!("unix://{}", node.socket().display());
    let found = find(node.root(), Some(&endpoint)).await.expect("an endpoint").expect("a socket");
    assert_eq!((found.endpoint, found.socket), (endpoint, node.socket()));
    found.answer
}

fn broken(failure: SocketFailure) -> RuntimeAnswer {
    RuntimeAnswer::Broken(failure)
}

fn no_grpc(why: &str) -> RuntimeAnswer {
    broken(SocketFailure::NotGrpc { why: why.to_owned() })
}

#[tokio::test]
async fn a_runtime_tells_its_version() {
    let node = TestNode::new();
    let _runtime = node.start(Cri::default().version("cri-o", "1.37.0"));
    assert_eq!(named(&node).await, version("cri-o", "1.37.0"));
}

#[tokio::test]
async fn what_is_no_socket_is_named() {
    let node = TestNode::new();
    assert_eq!(named(&node).await, broken(SocketFailure::Absent));
    node.write("run/containerd/containerd.sock/x", "");
    assert_eq!(named(&node).await, broken(SocketFailure::NotASocket { kind: "a directory".to_owned() }));
    let node = TestNode::new();
    node.write("run/containerd/containerd.sock", "");
    assert_eq!(named(&node).await, broken(SocketFailure::NotASocket { kind: "a regular file".to_owned() }));
    let node = TestNode::new();
    let _datagrams = std::os::unix::net::UnixDatagram::bind(node.socket()).expect("a socket");
    assert_eq!(named(&node).await, broken(SocketFailure::NotASocket { kind: "a socket for datagrams".to_owned() }));
}

#[tokio::test]
async fn a_socket_that_nobody_listens_on_refuses() {
    let node = TestNode::new();
    drop(std::os::unix::net::UnixListener::bind(node.socket()).expect("a socket"));
    assert_eq!(named(&node).await, broken(SocketFailure::Refused));
}

#[tokio::test]
async fn a_peer_that_is_no_runtime_is_told_apart() {
    let check = async |peer: SocketPeer, want: RuntimeAnswer| {
        let node = TestNode::new();
        let _peer = start_peer(&node.socket(), peer).expect("a socket");
        assert_eq!(named(&node).await, want, "{peer:?}");
    };
    check(SocketPeer::Closes, no_grpc("it closed the connection")).await;
    check(SocketPeer::Garbage, no_grpc("what it sent is no HTTP/2")).await;
    check(SocketPeer::Http1, no_grpc("what it sent is no HTTP/2")).await;
}

#[tokio::test]
async fn a_peer_that_says_nothing_is_silent() {
    let node = TestNode::new();
    let _peer = start_peer(&node.socket(), SocketPeer::Silent).expect("a socket");
    assert_eq!(named(&node).await, broken(SocketFailure::Silent));
}

#[tokio::test]
async fn a_runtime_without_one_of_the_two_services_offers_no_cri() {
    for service in ["runtime.v1.RuntimeService", "runtime.v1.ImageService"] {
        let node = TestNode::new();
        let _runtime = node.start(Cri::default().without(service));
        let why = format!("unknown service {service}");
        assert_eq!(named(&node).await, broken(SocketFailure::NoCri { why }));
    }
}

#[tokio::test]
async fn an_endpoint_that_is_no_unix_socket_is_refused() {
    let error = find(TestNode::new().root(), Some("tcp://127.0.0.1:1234")).await.expect_err("no endpoint");
    assert_eq!(
        error.to_string(),
        "`tcp://127.0.0.1:1234` is no endpoint of a runtime: the CRI is served on a unix socket, not over TCP"
    );
}

#[tokio::test]
async fn a_node_without_sockets_has_no_runtime() {
    assert_eq!(find(TestNode::new().root(), None).await, Ok(None));
}

/// What is found on a node without being told.
async fn unnamed(node: &TestNode) -> (String, Option<String>, RuntimeAnswer) {
    let found = find(node.root(), None).await.expect("no endpoint was named").expect("a socket");
    (found.endpoint, found.named_by, found.answer)
}

#[tokio::test]
async fn the_first_usual_place_that_answers_is_the_runtimes() {
    let node = TestNode::new();
    drop(std::os::unix::net::UnixListener::bind(node.socket()).expect("a socket"));
    let dead = ("unix:///run/containerd/containerd.sock".to_owned(), None, broken(SocketFailure::Refused));
    assert_eq!(unnamed(&node).await, dead);
    let _crio = Cri::default().version("cri-o", "1.37.0").start(&node.place("run/crio/crio.sock")).expect("a socket");
    let _k3s = Cri::default().start(&node.place("run/k3s/containerd/containerd.sock")).expect("a socket");
    let crio = ("unix:///run/crio/crio.sock".to_owned(), None, version("cri-o", "1.37.0"));
    assert_eq!(unnamed(&node).await, crio);
}

#[tokio::test]
async fn a_link_out_of_the_host_root_leads_to_its_target_below() {
    let node = TestNode::new();
    let _runtime = Cri::default().start(&node.place("run/crio/crio.sock")).expect("a socket");
    symlink("/run/crio/crio.sock", node.place("run/k0s/containerd.sock")).expect("a link");
    node.write("etc/crictl.yaml", "runtime-endpoint: unix:///run/k0s/containerd.sock\n");
    let by = Some("/etc/crictl.yaml".to_owned());
    let want = ("unix:///run/k0s/containerd.sock".to_owned(), by, version("containerd", "v1.7.24"));
    assert_eq!(unnamed(&node).await, want);
}

#[tokio::test]
async fn crictl_is_believed_unless_only_another_runtime_answers() {
    let node = TestNode::new();
    node.write("etc/crictl.yaml", "runtime-endpoint: unix:///run/dockershim.sock\n");
    let by = Some("/etc/crictl.yaml".to_owned());
    let absent = ("unix:///run/dockershim.sock".to_owned(), by, broken(SocketFailure::Absent));
    assert_eq!(unnamed(&node).await, absent);
    let _runtime = node.start(Cri::default());
    let alive = ("unix:///run/containerd/containerd.sock".to_owned(), None, version("containerd", "v1.7.24"));
    assert_eq!(unnamed(&node).await, alive);
}

#[tokio::test]
async fn dockers_own_containerd_is_no_runtime_of_a_node() {
    let node = TestNode::new();
    let _runtime = node.start(Cri::default().without("runtime.v1.RuntimeService"));
    assert!(matches!(unnamed(&node).await.2, RuntimeAnswer::Broken(SocketFailure::NoCri { .. })));
    let _docker = start_peer(&node.place("run/docker.sock"), SocketPeer::Http1).expect("a socket");
    assert_eq!(find(node.root(), None).await, Ok(None));
}

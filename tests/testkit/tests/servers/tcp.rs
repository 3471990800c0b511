//! Peers below HTTP.

use std::{io::ErrorKind, time::Duration};

use pullagent_testkit::{
    ca::{Ca, Leaf},
    registry::Registry,
    tcp::{Alert, BlackHole, Peer, Refused},
    tls::Tls,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::client::{Client, DEADLINE, handshake};

#[tokio::test]
async fn refused_port_refuses() {
    let port = Refused::start().expect("a port");
    let error = TcpStream::connect(port.addr()).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn black_hole_answers_no_syn() {
    let port = BlackHole::start().await.expect("a port");
    // A loopback connection that is answered takes microseconds.
    assert!(timeout(Duration::from_millis(200), TcpStream::connect(port.addr())).await.is_err());
}

/// What the peer says to these first bytes, until it closes.
async fn said_to(peer: Peer, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let server = peer.start().await?;
    let mut stream = TcpStream::connect(server.addr()).await?;
    stream.write_all(bytes).await?;
    let mut said = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut said)).await.expect("an end")?;
    Ok(said)
}

#[tokio::test]
async fn raw_peers_say_what_they_are_told() {
    let reset = said_to(Peer::Reset, b"hello").await.expect_err("a reset").kind();
    assert!(matches!(reset, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe));
    assert_eq!(said_to(Peer::CloseAfterHello, b"hello").await.expect("an end"), b"");
    assert!(said_to(Peer::Http, b"\x16\x03\x01").await.expect("an answer").starts_with(b"HTTP/1.1 400"));
    let nginx = String::from_utf8(said_to(Peer::HttpsOnly, b"GET / HTTP/1.1\r\n\r\n").await.expect("an answer"));
    assert!(nginx.expect("text").contains("The plain HTTP request was sent to HTTPS port"));
    let alert = said_to(Peer::Alert(Alert::ProtocolVersion), b"hello").await.expect("an alert");
    assert_eq!(alert, [21, 3, 3, 0, 2, 2, 70]);
}

#[tokio::test]
async fn ssh_server_sends_its_banner_first() {
    let server = Peer::Ssh.start().await.expect("start");
    let mut stream = TcpStream::connect(server.addr()).await.expect("connect");
    let mut banner = [0; 8];
    timeout(DEADLINE, stream.read_exact(&mut banner)).await.expect("a banner").expect("a banner");
    assert_eq!(&banner, b"SSH-2.0-");
}

#[tokio::test]
async fn alerts_reach_a_tls_client_by_their_names() {
    for (alert, name) in [
        (Alert::HandshakeFailure, "HandshakeFailure"),
        (Alert::ProtocolVersion, "ProtocolVersion"),
        (Alert::UnrecognizedName, "UnrecognisedName"),
        (Alert::InternalError, "InternalError"),
    ] {
        let server = Peer::Alert(alert).start().await.expect("start");
        let stream = TcpStream::connect(server.addr()).await.expect("connect");
        let error = timeout(DEADLINE, handshake(stream, None, "registry.test", b"h2")).await.expect("an end");
        assert!(format!("{:?}", error.expect_err("an alert")).contains(name), "{name}");
    }
}

#[tokio::test]
async fn silent_peer_leaves_a_tls_client_waiting() {
    let server = Peer::Silent.start().await.expect("start");
    let stream = TcpStream::connect(server.addr()).await.expect("connect");
    assert!(timeout(Duration::from_millis(200), handshake(stream, None, "registry.test", b"h2")).await.is_err());
}

#[tokio::test]
async fn client_without_certificate_is_turned_away() {
    let ca = Ca::new("test root");
    let tls = Tls::with_client_certificates(&ca.issue(&Leaf::new(["registry.test"])), &ca);
    let registry = Registry::new().tls(tls).start().await.expect("start");
    let error = Client::tls(registry.addr(), &ca, "registry.test").get("/v2/").await.expect_err("an alert");
    assert!(format!("{error:?}").contains("CertificateRequired"), "{error:?}");
}

#[tokio::test]
async fn plain_request_to_a_tls_registry_is_told_so() {
    let ca = Ca::new("test root");
    let tls = Tls::new(&ca.issue(&Leaf::new(["registry.test"])));
    let registry = Registry::new().tls(tls).start().await.expect("start");
    let answer = Client::plain(registry.addr()).get("/v2/").await.expect("an answer");
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("Client sent an HTTP request to an HTTPS server"));
}

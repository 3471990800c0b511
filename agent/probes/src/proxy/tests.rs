//! Tunnels through proxies on loopback that answer whatever a test says.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;

/// A proxy that reads the request's head, writes `answer`, echoes what follows, and hands back the head.
async fn proxy(answer: String) -> (TcpStream, JoinHandle<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let head = tokio::spawn(async move {
        let (mut peer, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(peer.read_u8().await.unwrap());
        }
        peer.write_all(answer.as_bytes()).await.unwrap();
        if answer.contains(" 200 ") {
            let (mut from, mut to) = peer.split();
            let _ = tokio::io::copy(&mut from, &mut to).await;
        }
        String::from_utf8(head).unwrap()
    });
    (stream, head)
}

fn limits() -> Limits {
    Limits { handshake: Duration::from_secs(5), ..Limits::default() }
}

async fn answered(answer: impl Into<String>, authorization: Option<&Secret<String>>) -> ProxyEvidence {
    let (stream, _head) = proxy(answer.into()).await;
    let (evidence, tunnel) = tunnel(stream, "registry.test:443", authorization, &limits()).await;
    assert!(tunnel.is_none());
    evidence
}

fn denied(evidence: &ProxyEvidence) -> (u16, &str) {
    let ProxyOutcome::Denied { reason } = &evidence.outcome else { panic!("{evidence:?}") };
    (evidence.status.unwrap(), reason)
}

#[tokio::test]
async fn a_tunnel_carries_bytes_both_ways_from_the_first_one() {
    let answer = "HTTP/1.1 200 Connection established\r\nDate: Sat, 01 Jun 2024 00:00:00 GMT\r\n\r\nfirst";
    let (stream, head) = proxy(answer.to_owned()).await;
    let (evidence, tunnel) = tunnel(stream, "registry.test:443", None, &limits()).await;
    assert_eq!((evidence.outcome, evidence.status), (ProxyOutcome::Ok, Some(200)));
    assert_eq!(evidence.date, Some("2024-06-01T00:00:00Z".parse().unwrap()));
    let mut tunnel = tunnel.unwrap();
    tunnel.write_all(b" second").await.unwrap();
    tunnel.shutdown().await.unwrap();
    let mut read = String::new();
    tunnel.read_to_string(&mut read).await.unwrap();
    assert_eq!(read, "first second");
    let head = head.await.unwrap();
    assert_eq!(
        head,
        "CONNECT registry.test:443 HTTP/1.1\r\nHost: registry.test:443\r\nUser-Agent: Go-http-client/1.1\r\n\r\n"
    );
}

#[tokio::test]
async fn a_login_is_sent_only_if_given_and_never_quoted() {
    let login = Secret::from("Basic dTpwdw==".to_owned());
    let answer = "HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\nyou sent Basic dTpwdw==";
    let (stream, head) = proxy(answer.to_owned()).await;
    let (evidence, _) = tunnel(stream, "[::1]:443", Some(&login), &limits()).await;
    assert_eq!(denied(&evidence), (403, "you sent Basic ***"));
    let head = head.await.unwrap();
    assert!(head.starts_with("CONNECT [::1]:443 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nProxy-Authorization: Basic dTpwdw==\r\n"), "{head}");
}

#[tokio::test]
async fn every_status_but_200_is_a_refusal_in_the_proxys_words() {
    let evidence = answered("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", None).await;
    assert_eq!(denied(&evidence), (407, ""));
    let evidence = answered("HTTP/1.0 502 Blocked by policy\r\n\r\nnot on the\r\n list\x1b[31m", None).await;
    assert_eq!(denied(&evidence), (502, "Blocked by policy not on the list [31m"));
    let evidence =
        answered("HTTP/1.1 302 Found\r\nLocation: http://login.test/\r\nContent-Length: 0\r\n\r\n", None).await;
    assert_eq!(denied(&evidence), (302, ""));
    let evidence = answered("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", None).await;
    assert_eq!(denied(&evidence).0, 201);
}

#[tokio::test]
async fn a_long_refusal_is_cut() {
    let answer = format!("HTTP/1.1 403 Forbidden\r\n\r\n{}", "x".repeat(99_999));
    assert_eq!(denied(&answered(answer, None).await).1.len(), MAX_REASON);
}

#[tokio::test]
async fn the_words_of_a_refusal_do_not_hold_up_the_verdict() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (mut peer, _) = listener.accept().await.unwrap();
    peer.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 99\r\n\r\nbecause").await.unwrap();
    let limits = Limits { aside: Duration::from_millis(20), ..limits() };
    let (evidence, _) = tunnel(stream, "registry.test:443", None, &limits).await;
    assert_eq!(denied(&evidence), (403, "because"));
}

#[tokio::test]
async fn other_protocols_are_not_http() {
    assert_eq!(answered("\x15\x03\x01\0\x02\x02\x46", None).await.outcome, ProxyOutcome::NotHttp);
    assert_eq!(answered("SSH-2.0-OpenSSH_9.6\r\n\r\n", None).await.outcome, ProxyOutcome::NotHttp);
}

#[tokio::test]
async fn a_proxy_that_closes_is_not_one_that_is_silent() {
    assert_eq!(answered("", None).await.outcome, broken(StreamFailure::Closed));
    assert_eq!(answered("HTTP/1.1 20", None).await.outcome, broken(StreamFailure::Closed));

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let limits = Limits { handshake: Duration::from_millis(20), ..limits() };
    let (evidence, tunnel) = tunnel(stream, "registry.test:443", None, &limits).await;
    assert_eq!(evidence.outcome, broken(StreamFailure::Timeout));
    assert!(tunnel.is_none());
}

#[tokio::test]
async fn a_reset_is_told_as_such() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (peer, _) = listener.accept().await.unwrap();
    let peer = tokio::spawn(async move {
        peer.readable().await.unwrap();
        // Closing with unread bytes resets.
    });
    let (evidence, _) = tunnel(stream, "registry.test:443", None, &limits()).await;
    peer.await.unwrap();
    assert_eq!(evidence.outcome, broken(StreamFailure::Reset));
}

#[tokio::test]
async fn a_target_that_is_no_authority_is_not_asked_for() {
    let (evidence, tunnel) = tunnel(tokio::io::duplex(1).0, "not a\r\nhost", None, &limits()).await;
    assert!(matches!(evidence.outcome, ProxyOutcome::Broken { failure: StreamFailure::Failed { .. } }));
    assert!(tunnel.is_none());
}

#[track_caller]
fn check_text(page: &str, text: &str) {
    assert_eq!(clean(&without_markup(page), MAX_REASON), text);
}

#[test]
fn markup_is_left_out_of_the_words() {
    check_text("plain", "plain");
    check_text(
        "<html><head><title>ERROR</title><STYLE>p { x: y }</STYLE></head><p>Access <b>Denied",
        "ERROR Access Denied",
    );
    check_text("<!-- <b> hidden --><p>seen</p><script>if (a<b) {}</script>!", "seen !");
    check_text("a < b", "a");
    check_text("<ü>x", "x");
}

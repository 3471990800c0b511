//! The proxy: tunnels, forwarding and refusals.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use pullagent_testkit::{
    ca::{Ca, Leaf},
    listen::LOOPBACK,
    proxy::{Decision, Proxy},
    registry::Registry,
    tls::Tls,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::client::{DEADLINE, handshake};

/// What a proxy answers to these bytes, as far as the end of the first head.
async fn said_to(proxy: Proxy, request: &str) -> String {
    let proxy = proxy.start().await.expect("start");
    let mut stream = TcpStream::connect(proxy.addr()).await.expect("connect");
    head_after(&mut stream, request).await
}

pub(crate) async fn head_after(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.expect("send");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(timeout(DEADLINE, stream.read_u8()).await.expect("an answer").expect("a whole head"));
    }
    String::from_utf8(head).expect("text")
}

#[tokio::test]
async fn tunnel_leads_to_a_name_that_only_the_proxy_knows() {
    let ca = Ca::new("test root");
    let tls = Tls::new(&ca.issue(&Leaf::new(["registry.test"])));
    let registry = Registry::new().tls(tls).start().await.expect("start");
    let proxy = Proxy::new().name("registry.test", LOOPBACK).date("Thu, 01 Jan 2015 00:00:00 GMT");
    let proxy = proxy.start().await.expect("start");
    let mut stream = TcpStream::connect(proxy.addr()).await.expect("connect");
    let target = format!("registry.test:{}", registry.addr().port());
    let head = head_after(&mut stream, &format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n")).await;
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("2015"), "{head}");
    handshake(stream, Some(&ca), "registry.test", b"h2").await.expect("the registry's own TLS");
    let seen = proxy.requests();
    assert_eq!((seen[0].method.as_str(), seen[0].target.as_str(), seen[0].authorized), ("CONNECT", &*target, false));
}

#[tokio::test]
async fn plain_request_is_forwarded_without_the_proxy_login() {
    let registry = Registry::new().start().await.expect("start");
    let login = BASE64_STANDARD.encode("bob:right");
    let request = format!(
        "GET http://registry.test:{}/v2/?ns=a HTTP/1.1\r\nHost: registry.test\r\nProxy-Authorization: Basic {login}\r\n\r\n",
        registry.addr().port()
    );
    let proxy = Proxy::new().name("registry.test", LOOPBACK).login("bob", "right");
    assert!(said_to(proxy, &request).await.starts_with("HTTP/1.1 200 "));
    let seen = registry.requests().pop().expect("a request");
    assert_eq!((seen.path.as_str(), seen.query.as_str()), ("/v2/", "ns=a"));
    assert!(seen.headers.get("proxy-authorization").is_none());
}

#[tokio::test]
async fn refusals_come_as_told() {
    let request = "CONNECT registry.test:443 HTTP/1.1\r\nHost: registry.test:443\r\n\r\n";
    let denied = said_to(Proxy::new().decide(Decision::Status(403)), request).await;
    assert!(denied.starts_with("HTTP/1.1 403 Forbidden"), "{denied}");
    let login = said_to(Proxy::new().login("bob", "right"), request).await;
    assert!(login.starts_with("HTTP/1.1 407 ") && login.contains("Proxy-Authenticate: Basic"), "{login}");
    assert!(said_to(Proxy::new(), request).await.starts_with("HTTP/1.1 503 "));
}

/// What a SOCKS5 proxy says after these bytes, as far as its end or its tunnel.
async fn socks_said_to(proxy: Proxy, messages: &[&[u8]], answer: usize) -> Vec<u8> {
    let proxy = proxy.socks().start().await.expect("start");
    let mut stream = TcpStream::connect(proxy.addr()).await.expect("connect");
    stream.write_all(&messages.concat()).await.expect("send");
    let mut said = vec![0; answer];
    timeout(DEADLINE, stream.read_exact(&mut said)).await.expect("an answer").expect("a whole answer");
    said
}

fn socks_connect(name: &str, port: u16) -> Vec<u8> {
    let length = u8::try_from(name.len()).expect("a short name");
    [&[5, 1, 0, 3, length], name.as_bytes(), &port.to_be_bytes()].concat()
}

#[tokio::test]
async fn socks_tunnel_leads_to_a_name_that_only_the_proxy_knows() {
    let registry = Registry::new().start().await.expect("start");
    let proxy = Proxy::new().name("registry.test", LOOPBACK).socks().start().await.expect("start");
    let mut stream = TcpStream::connect(proxy.addr()).await.expect("connect");
    let request = socks_connect("registry.test", registry.addr().port());
    stream.write_all(&[&[5, 1, 0], request.as_slice()].concat()).await.expect("send");
    let mut said = [0; 12];
    timeout(DEADLINE, stream.read_exact(&mut said)).await.expect("an answer").expect("a whole answer");
    assert_eq!(said[..6], [5, 0, 5, 0, 0, 1]);
    let head = head_after(&mut stream, "GET /v2/ HTTP/1.1\r\nHost: registry.test\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(!proxy.requests()[0].authorized);
}

#[tokio::test]
async fn socks_refuses_by_number_and_turns_strangers_away() {
    let connect = socks_connect("registry.test", 443);
    let forbids = Proxy::new().decide(Decision::Reply(2));
    assert_eq!(socks_said_to(forbids, &[&[5, 1, 0], &connect], 4).await, [5, 0, 5, 2]);
    assert_eq!(socks_said_to(Proxy::new(), &[&[5, 1, 0], &connect], 4).await, [5, 0, 5, 4]);
    let with_login = || Proxy::new().login("bob", "right");
    assert_eq!(socks_said_to(with_login(), &[&[5, 1, 0]], 2).await, [5, 0xff]);
    let login = |password: &[u8]| [&[5, 2, 0, 2, 1, 3, b'b', b'o', b'b', 5], password].concat();
    assert_eq!(socks_said_to(with_login(), &[&login(b"wrong")], 4).await, [5, 2, 1, 1]);
    assert_eq!(socks_said_to(with_login(), &[&login(b"right"), &connect], 6).await, [5, 2, 1, 0, 5, 4]);
}

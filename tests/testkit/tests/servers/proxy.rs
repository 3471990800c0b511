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

async fn head_after(stream: &mut TcpStream, request: &str) -> String {
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

//! Who is served what: over real connections on loopback, as a scraper, a probe or a browser would ask.

use std::future::pending;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::fixtures::failing;
use crate::metrics::Build;

fn served() -> Served {
    let memory = Memory::default();
    memory.remember(None, &failing("r.io/x:1"));
    let metrics = Metrics::new(Build { version: "1", revision: "r" }, memory.clone());
    Served { memory, metrics, readiness: Readiness::default() }
}

fn loopback(reports: bool) -> Settings {
    Settings { listen: Some(([127, 0, 0, 1], 9477).into()), reports, metrics: Some(([0, 0, 0, 0], 9478).into()) }
}

/// The server of that place, on a free port.
async fn start(settings: &Settings, served: &Served, place: usize, bounds: Bounds) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = settings.places(served).remove(place).router;
    tokio::spawn(listener::serve(listener, router, bounds, pending()));
    address
}

/// Everything that comes back for these bytes, until the server closes.
async fn said(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A server that does not read all of a request may reset the connection after its answer.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

async fn get(address: SocketAddr, path: &str, host: &str) -> String {
    said(address, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await
}

#[track_caller]
fn is(answer: &str, status: u16) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "not {status}:\n{answer}");
}

#[tokio::test]
async fn health_and_metrics_are_for_all_and_reports_for_none() {
    let served = served();
    for place in [0, 1] {
        let address = start(&loopback(false), &served, place, Bounds::default()).await;
        let host = address.to_string();
        let health = get(address, "/healthz", &host).await;
        is(&health, 200);
        assert!(health.ends_with("\r\n\r\nok\n"), "{health}");
        let metrics = get(address, "/metrics", &host).await;
        is(&metrics, 200);
        assert!(metrics.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{metrics}");
        assert!(metrics.contains("pullagent_kube_connected 0\n"), "{metrics}");
        is(&get(address, "/reports", &host).await, 404);
        is(&get(address, "/", &host).await, 404);
    }
}

#[tokio::test]
async fn reports_and_page_are_on_loopback_if_asked_for() {
    let address = start(&loopback(true), &served(), 0, Bounds::default()).await;
    let reports = get(address, "/reports", "localhost").await;
    is(&reports, 200);
    assert!(reports.contains("content-type: application/json\r\n"), "{reports}");
    let body = reports.split_once("\r\n\r\n").unwrap().1;
    let list: pullagent_diagnosis::diagnosis::Reports = serde_json::from_str(body).unwrap();
    assert_eq!((list.schema.as_str(), list.items.len()), ("pullagent.dev/reports/v1", 1));
    let page = get(address, "/", "[::1]:9477").await;
    is(&page, 200);
    for header in [
        "content-security-policy: default-src 'none'; style-src 'sha256-",
        "x-content-type-options: nosniff\r\n",
        "cache-control: no-store\r\n",
        "content-type: text/html; charset=utf-8\r\n",
    ] {
        assert!(page.contains(header), "{header} is not in\n{page}");
    }
}

#[test]
fn reports_are_withheld_from_the_network() {
    let open = Settings { listen: Some(([0, 0, 0, 0], 9477).into()), reports: true, metrics: None };
    assert!(open.reports_withheld() && !loopback(true).reports_withheld() && !loopback(false).reports_withheld());
    let one = Settings { metrics: loopback(true).listen, ..loopback(true) };
    let places = one.places(&served());
    assert_eq!(places.iter().map(|place| Some(place.address)).collect::<Vec<_>>(), [one.listen]);
}

#[tokio::test]
async fn an_open_address_has_no_reports() {
    let open = Settings { listen: Some(([0, 0, 0, 0], 9477).into()), reports: true, metrics: None };
    let address = start(&open, &served(), 0, Bounds::default()).await;
    is(&get(address, "/reports", "node-7").await, 404);
    is(&get(address, "/metrics", "node-7").await, 200);
}

#[tokio::test]
async fn a_foreign_name_is_misdirected() {
    let address = start(&loopback(true), &served(), 0, Bounds::default()).await;
    for host in ["localhost", "LocalHost:1", "127.0.0.1", "127.0.0.1:8080", "[::1]", "[::1]:9477"] {
        is(&get(address, "/reports", host).await, 200);
    }
    for host in ["evil.io", "localhost.evil.io", "127.0.0.1.evil.io", "u@localhost", "127.0.0.2", "", "a b", "[::2]"] {
        is(&get(address, "/reports", host).await, 421);
        is(&get(address, "/healthz", host).await, 421);
    }
    for request in [
        "GET /reports HTTP/1.0\r\n\r\n",
        "GET /reports HTTP/1.1\r\nHost: localhost\r\nHost: evil.io\r\nConnection: close\r\n\r\n",
        "GET http://evil.io/reports HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ] {
        let answer = said(address, request).await;
        assert!(answer.contains(" 421 "), "{request}: {answer}");
    }
}

#[tokio::test]
async fn only_reading_is_allowed() {
    let address = start(&loopback(true), &served(), 0, Bounds::default()).await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let request = format!("{method} /reports HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let answer = said(address, &request).await;
        is(&answer, 405);
        assert!(answer.contains("allow: GET, HEAD\r\n"), "{answer}");
    }
    let head = said(address, "HEAD /reports HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    is(&head, 200);
    assert!(head.ends_with("\r\n\r\n"), "{head}");
    let body = "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
    is(&said(address, body).await, 413);
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let address = start(&loopback(false), &served(), 0, Bounds::default()).await;
    let long = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(20 << 10));
    is(&said(address, &long).await, 431);
    let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: y\r\n".repeat(100));
    is(&said(address, &many).await, 431);
}

#[tokio::test]
async fn a_silent_peer_gives_its_place_to_the_next() {
    let bounds = Bounds { connections: 1, head: Duration::from_millis(100), ..Bounds::default() };
    let address = start(&loopback(false), &served(), 0, bounds).await;
    let mut silent = TcpStream::connect(address).await.unwrap();
    silent.write_all(b"GET /healthz HTTP/1.1\r\n").await.unwrap();
    is(&get(address, "/healthz", "localhost").await, 200);
}

#[tokio::test]
async fn a_peer_that_never_ends_is_cut_off() {
    let bounds = Bounds { connection: Duration::from_millis(200), ..Bounds::default() };
    let address = start(&loopback(false), &served(), 0, bounds).await;
    // Without `Connection: close` only the server ends it.
    is(&said(address, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await, 200);
}

#[tokio::test]
async fn what_is_not_ready_is_said_in_words() {
    let served = served();
    let address = start(&loopback(false), &served, 0, Bounds::default()).await;
    is(&get(address, "/readyz", "localhost").await, 200);
    served.readiness.wait_for("the API server", "connection refused\u{1b}[2J");
    let answer = get(address, "/readyz", "localhost").await;
    is(&answer, 503);
    assert!(answer.ends_with("\r\n\r\nnot ready: the API server: connection refused [2J\n"), "{answer}");
    served.readiness.is_there("the API server");
    is(&get(address, "/readyz", "localhost").await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_taken_address_is_tried_again() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let router = on_socket(&served());
    let serving = tokio::spawn(keep_serving(address, router, Bounds::default(), async {
        let _ = stopped.await;
    }));
    tokio::task::yield_now().await;
    drop(taken);
    // Paused time goes on by itself where nothing else is to be done.
    tokio::time::sleep(Duration::from_mins(1)).await;
    is(&get(address, "/healthz", "any.name").await, 200);
    stop.send(()).unwrap();
    serving.await.unwrap();
}

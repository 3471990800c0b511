//! Another machine's clock: the `Date` of a plain HTTP answer. Sends no login and judges nothing.

use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{DATE, HOST};
use http::{Method, Request};
use http_body_util::Full;
use jiff::Timestamp;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::http::{Ask, Client};

/// The time by the web server at an address, asked as `name`; `None` if it does not tell until then.
pub(super) async fn clock_of(address: SocketAddr, name: &str, until: Instant) -> Option<Timestamp> {
    let stream = timeout_at(until, TcpStream::connect(address)).await.ok()?.ok()?;
    let mut client = Client::start(Box::new(stream), false, until).await.ok()?;
    let request = Request::builder().method(Method::HEAD).uri("/").header(HOST, name).body(Full::<Bytes>::default());
    let reply = client.ask(Ask { request: request.ok()?, max_body: 1, deadline: until }).await.ok()?;
    let date = httpdate::parse_http_date(reply.headers.get(DATE)?.to_str().ok()?).ok()?;
    Timestamp::try_from(date).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pullagent_testkit::registry::Registry;
    use pullagent_testkit::tcp::{Peer, Refused};

    use super::*;

    async fn check(address: SocketAddr, tells: bool) {
        let told = clock_of(address, "registry.test", Instant::now() + Duration::from_millis(300)).await;
        assert_eq!(told.is_some(), tells, "{address}: {told:?}");
    }

    #[tokio::test]
    async fn a_web_server_tells_its_time_and_nobody_else_holds_the_verdict_up() {
        let server = Registry::new().start().await.unwrap();
        check(server.addr(), true).await;
        let silent = Peer::Silent.start().await.unwrap();
        check(silent.addr(), false).await;
        check(Refused::start().unwrap().addr(), false).await;
        let other = Peer::Ssh.start().await.unwrap();
        check(other.addr(), false).await;
    }
}

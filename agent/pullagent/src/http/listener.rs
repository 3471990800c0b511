//! TCP: an address listened at, and connections served within bounds.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::ServiceExt as _;
use tracing::{debug, info, warn};

/// What a peer may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Connections at once; more wait to be accepted.
    pub(crate) connections: usize,
    /// Until a request's head is there, also the next one's on the same connection.
    pub(crate) head: Duration,
    /// A connection altogether, whatever goes on on it.
    pub(crate) connection: Duration,
    /// Bytes of a request's head.
    pub(crate) head_bytes: usize,
    /// Lines of a request's head.
    pub(crate) head_lines: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 32,
            head: Duration::from_secs(10),
            connection: Duration::from_mins(1),
            head_bytes: 16 << 10,
            head_lines: 64,
        }
    }
}

/// How long an address that is taken is left alone.
const AGAIN: Duration = Duration::from_secs(15);
/// How long nothing is accepted after accepting failed, say for want of descriptors.
const BREATH: Duration = Duration::from_millis(200);

/// Serves `router` at `address` until `stop`. An address that cannot be had is told of once and tried again: a daemon
/// that examines pulls goes on without a scraper.
pub(crate) async fn keep_serving(address: SocketAddr, router: Router, bounds: Bounds, stop: impl Future<Output = ()>) {
    let mut stop = pin!(stop);
    let mut told = false;
    let listener = loop {
        match TcpListener::bind(address).await {
            Ok(listener) => break listener,
            Err(error) => {
                if !told {
                    warn!(%address, %error, "cannot listen; trying again every {} s", AGAIN.as_secs());
                    told = true;
                }
                tokio::select! {
                    () = sleep(AGAIN) => {}
                    () = &mut stop => return,
                }
            }
        }
    };
    info!(%address, "listening");
    serve(listener, router, bounds, stop).await;
}

/// Serves connections until `stop`. Those that are open then are dropped: there is nothing to lose by it.
pub(super) async fn serve(listener: TcpListener, router: Router, bounds: Bounds, stop: impl Future<Output = ()>) {
    let mut stop = pin!(stop);
    let places = Arc::new(Semaphore::new(bounds.connections));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = async {
            // It is never closed.
            let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
            Ok::<_, io::Error>((listener.accept().await?.0, place))
        };
        tokio::select! {
            () = &mut stop => return,
            accepted = accepted => match accepted {
                Ok((stream, place)) => {
                    let router = router.clone();
                    connections.spawn(async move {
                        connection(stream, router, bounds).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    debug!(%error, "cannot accept");
                    sleep(BREATH).await;
                }
            },
        }
    }
}

async fn connection(stream: TcpStream, router: Router, bounds: Bounds) {
    let service = service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        async move {
            let response = router.oneshot(request.map(Body::new)).await;
            Ok::<_, Infallible>(response.unwrap_or_else(|never| match never {}))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head)
        .max_buf_size(bounds.head_bytes)
        .max_headers(bounds.head_lines)
        .serve_connection(TokioIo::new(stream), service);
    // What a stranger did wrong on a connection is no trouble of ours.
    match timeout(bounds.connection, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "a connection ended"),
        Err(_) => debug!("a connection was open for too long"),
    }
}

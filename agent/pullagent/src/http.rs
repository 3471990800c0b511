//! What is served over HTTP: health and metrics to the network, reports and the page to this node's people.
//!
//! It shows what is remembered and counted, and starts nothing.

mod guard;
mod listener;
mod ready;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use jiff::Timestamp;

use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::page;
use crate::socket::Peer;

pub(crate) use guard::Hosts;
pub(crate) use listener::{Bounds, keep_serving};
pub(crate) use ready::Readiness;

/// The type of Prometheus' text format.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the answers are made of; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    /// The diagnoses and checks.
    pub(crate) memory: Memory,
    /// The metrics.
    pub(crate) metrics: Metrics,
    /// What the daemon still waits for.
    pub(crate) readiness: Readiness,
}

/// What the settings say of TCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// `http.listen`: health and metrics, for this node.
    pub(crate) listen: Option<SocketAddr>,
    /// `http.reports`: reports and the page there too, if the address is a loopback one.
    pub(crate) reports: bool,
    /// `metrics.listen`: health and metrics, for a scraper on the network.
    pub(crate) metrics: Option<SocketAddr>,
}

/// An address to listen at and what is served there.
#[derive(Debug)]
pub(crate) struct Place {
    /// The address.
    pub(crate) address: SocketAddr,
    /// What is served.
    pub(crate) router: Router,
}

impl Settings {
    /// Whether reports are asked for where others could read them, which they are not served for.
    pub(crate) fn reports_withheld(&self) -> bool {
        self.reports && self.listen.is_some_and(|address| !address.ip().is_loopback())
    }

    /// The addresses and what is served at each.
    pub(crate) fn places(&self, served: &Served) -> Vec<Place> {
        let here = self.listen.map(|address| {
            // A page elsewhere must not read this one by a name of its own that leads to loopback. On other addresses
            // there is nothing to read but what every scraper may, by whatever name it has for the node.
            let is_loopback = address.ip().is_loopback();
            let hosts = if is_loopback { Hosts::Of(address) } else { Hosts::Any };
            let router = if self.reports && is_loopback { everything() } else { health_and_metrics() };
            Place { address, router: guard::guarded(router, hosts).with_state(served.clone()) }
        });
        let network = self.metrics.filter(|address| Some(*address) != self.listen).map(|address| Place {
            address,
            router: guard::guarded(health_and_metrics(), Hosts::Any).with_state(served.clone()),
        });
        here.into_iter().chain(network).collect()
    }
}

/// What is served on the unix socket beside the calls of other commands. Who may open the socket is the file's matter.
pub(crate) fn on_socket(served: &Served) -> Router {
    guard::guarded(everything(), Hosts::Any).with_state(served.clone())
}

fn health_and_metrics() -> Router<Served> {
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz)).route("/metrics", get(metrics))
}

fn everything() -> Router<Served> {
    health_and_metrics().route("/reports", get(reports)).route("/", get(the_page))
}

/// The daemon answers.
async fn healthz() -> &'static str {
    "ok\n"
}

async fn readyz(State(served): State<Served>) -> (StatusCode, String) {
    let waits = served.readiness.waits_for();
    if waits.is_empty() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    let lines = waits.iter().map(|(what, why)| format!("not ready: {what}: {why}\n"));
    (StatusCode::SERVICE_UNAVAILABLE, lines.collect())
}

async fn metrics(State(served): State<Served>) -> Response {
    ([(CONTENT_TYPE, METRICS_TYPE)], served.metrics.render()).into_response()
}

async fn reports(State(served): State<Served>, peer: Option<Extension<Peer>>) -> Response {
    let memory = &served.memory;
    let json = if is_root(peer) { memory.reports_json() } else { memory.reports_json_for_others() };
    ([(CONTENT_TYPE, "application/json")], json + "\n").into_response()
}

async fn the_page(State(served): State<Served>, peer: Option<Extension<Peer>>) -> Response {
    let snapshot = served.memory.snapshot();
    let snapshot = if is_root(peer) { snapshot } else { snapshot.for_others() };
    let mut response = Html(page::render(&snapshot, Timestamp::now())).into_response();
    if let Ok(policy) = HeaderValue::from_str(&page::CONTENT_SECURITY_POLICY) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Whether root asks, by the kernel's word. Over TCP anybody may.
fn is_root(peer: Option<Extension<Peer>>) -> bool {
    peer.is_some_and(|Extension(peer)| peer.is_root())
}

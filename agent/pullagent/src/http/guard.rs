//! What every request has to be like before it is looked at, and what every answer says to a browser.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, HOST, REFERRER_POLICY, TRANSFER_ENCODING, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::uri::Authority;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};

/// By which names the server may be addressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hosts {
    /// By any.
    Any,
    /// By those of this node's loopback, with any port (one may be forwarded), and by this address.
    Of(SocketAddr),
}

/// The router behind the guard.
pub(super) fn guarded<S: Clone + Send + Sync + 'static>(router: Router<S>, hosts: Hosts) -> Router<S> {
    router.layer(middleware::from_fn_with_state(hosts, guard))
}

async fn guard(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    let mut response = match refusal(hosts, &request) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    let headers: [(HeaderName, &str); 3] =
        [(X_CONTENT_TYPE_OPTIONS, "nosniff"), (CACHE_CONTROL, "no-store"), (REFERRER_POLICY, "no-referrer")];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The answer to a request that is not looked at.
fn refusal(hosts: Hosts, request: &Request) -> Option<Response> {
    if !is_addressed(hosts, request) {
        return Some((StatusCode::MISDIRECTED_REQUEST, "this server has another name\n").into_response());
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let answer = (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET, HEAD")], "only GET and HEAD\n");
        return Some(answer.into_response());
    }
    let headers = request.headers();
    let has_body = headers.contains_key(TRANSFER_ENCODING)
        || headers.get(CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0");
    has_body.then(|| (StatusCode::PAYLOAD_TOO_LARGE, "no body is read here\n").into_response())
}

/// Whether the request names this server, in its one Host header and, where it has one, in its target.
fn is_addressed(hosts: Hosts, request: &Request) -> bool {
    let Hosts::Of(own) = hosts else { return true };
    let mut named = request.headers().get_all(HOST).iter();
    let (Some(host), None) = (named.next(), named.next()) else { return false };
    let Ok(host) = Authority::try_from(host.as_bytes()) else { return false };
    is_own(own, &host) && request.uri().authority().is_none_or(|authority| is_own(own, authority))
}

fn is_own(own: SocketAddr, named: &Authority) -> bool {
    if named.as_str().contains('@') {
        return false;
    }
    let host = named.host();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(ip) => ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST || ip == own.ip(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

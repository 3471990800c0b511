//! The tunnel through an HTTP proxy: CONNECT over an open connection, and what the proxy said to it.
//!
//! Neither connects nor speaks TLS: for an `https://` proxy the stream handed in is already encrypted.

use std::error::Error as _;
use std::io;
use std::pin::pin;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use http::header::{DATE, HOST, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::ext::ReasonPhrase;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use pullagent_diagnosis::layer::proxy::{ProxyEvidence, ProxyOutcome};
use pullagent_diagnosis::layer::transport::StreamFailure;
use pullagent_diagnosis::secret::Secret;
use pullagent_diagnosis::text::clean;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant as Deadline, timeout_at};

use crate::limits::Limits;
use crate::stream::stream_failure;

/// Bytes of a refusal's body that are read.
const MAX_BODY: usize = 4 << 10;
/// Bytes of a refusal's body that are kept.
const MAX_REASON: usize = 300;
/// Bytes of an answer's head.
const MAX_HEAD: usize = 64 << 10;
/// What Go sends with CONNECT, whatever the program calls itself: proxies have rules for it.
const GO_USER_AGENT: HeaderValue = HeaderValue::from_static("Go-http-client/1.1");

/// The stream through a proxy.
pub type Tunnel = TokioIo<Upgraded>;

/// Asks the proxy at the other end of `stream` for a tunnel to `target`, `host:port` as the proxy is to resolve it.
///
/// `authorization` is a whole `Proxy-Authorization` value. The answer has `limits.handshake`; redirects are not
/// followed, and as in Go (net/http transport.go, `dialConn`) every status but 200 is a refusal.
pub async fn tunnel<S>(
    stream: S,
    target: &str,
    authorization: Option<&Secret<String>>,
    limits: &Limits,
) -> (ProxyEvidence, Option<Tunnel>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let started = Instant::now();
    let answer = match connect_request(target, authorization) {
        Ok(request) => ask(stream, request, authorization, limits).await,
        Err(error) => Answer::none(broken(StreamFailure::Failed { why: error.to_string() })),
    };
    let evidence = ProxyEvidence {
        outcome: answer.outcome,
        ms: u32::try_from(started.elapsed().as_millis()).unwrap_or(u32::MAX),
        status: answer.status.map(|status| status.as_u16()),
        date: answer.date,
        tls: None,
    };
    (evidence, answer.tunnel)
}

/// What came back, and the tunnel if it stands.
struct Answer {
    outcome: ProxyOutcome,
    status: Option<StatusCode>,
    date: Option<Timestamp>,
    tunnel: Option<Tunnel>,
}

impl Answer {
    fn none(outcome: ProxyOutcome) -> Self {
        Self { outcome, status: None, date: None, tunnel: None }
    }
}

fn connect_request(target: &str, authorization: Option<&Secret<String>>) -> Result<Request<Empty<Bytes>>, http::Error> {
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .uri(Uri::builder().authority(target).build()?)
        .header(HOST, target)
        .header(USER_AGENT, GO_USER_AGENT);
    if let Some(authorization) = authorization {
        let mut value = HeaderValue::from_str(authorization.expose())?;
        value.set_sensitive(true);
        request = request.header(PROXY_AUTHORIZATION, value);
    }
    request.body(Empty::new())
}

async fn ask<S>(
    stream: S,
    request: Request<Empty<Bytes>>,
    authorization: Option<&Secret<String>>,
    limits: &Limits,
) -> Answer
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let deadline = Deadline::now() + limits.handshake;
    let mut builder = Builder::new();
    builder.title_case_headers(true).max_buf_size(MAX_HEAD);
    let (sender, connection) = match builder.handshake(TokioIo::new(stream)).await {
        Ok(opened) => opened,
        Err(error) => return Answer::none(failed(&error)),
    };
    let exchange = exchange(sender, request, authorization, deadline, limits);
    let (mut exchange, mut connection) = (pin!(exchange), pin!(connection.with_upgrades()));
    // The connection moves the bytes of the exchange; how it ends is the exchange's to tell.
    tokio::select! {
        biased;
        answer = &mut exchange => answer,
        _ = &mut connection => exchange.await,
    }
}

async fn exchange(
    mut sender: SendRequest<Empty<Bytes>>,
    request: Request<Empty<Bytes>>,
    authorization: Option<&Secret<String>>,
    deadline: Deadline,
    limits: &Limits,
) -> Answer {
    let response = match timeout_at(deadline, sender.send_request(request)).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return Answer::none(failed(&error)),
        Err(_) => return Answer::none(broken(StreamFailure::Timeout)),
    };
    let status = Some(response.status());
    let date = date(response.headers());
    if response.status() != StatusCode::OK {
        // The status is the verdict; the words beside it may not hold it up.
        let deadline = deadline.min(Deadline::now() + limits.aside);
        let reason = without_secret(&reason(response, deadline).await, authorization);
        return Answer { outcome: ProxyOutcome::Denied { reason }, status, date, tunnel: None };
    }
    let (outcome, tunnel) = match timeout_at(deadline, hyper::upgrade::on(response)).await {
        Ok(Ok(upgraded)) => (ProxyOutcome::Ok, Some(TokioIo::new(upgraded))),
        Ok(Err(error)) => (failed(&error), None),
        Err(_) => (broken(StreamFailure::Timeout), None),
    };
    Answer { outcome, status, date, tunnel }
}

/// The proxy's words: the reason in its status line if it is one of its own, then the body's text.
async fn reason(response: Response<Incoming>, deadline: Deadline) -> String {
    let own = response.extensions().get::<ReasonPhrase>().map(|own| String::from_utf8_lossy(own.as_bytes()).into());
    let own: String = own.unwrap_or_default();
    let mut body = response.into_body();
    let mut read = Vec::new();
    while read.len() < MAX_BODY {
        let Ok(Some(Ok(frame))) = timeout_at(deadline, body.frame()).await else { break };
        if let Ok(data) = frame.into_data() {
            read.extend(data.iter().take(MAX_BODY - read.len()));
        }
    }
    format!("{own} {}", without_markup(&String::from_utf8_lossy(&read)))
}

/// The text of an HTML page, or plain text as it is.
fn without_markup(page: &str) -> String {
    let mut text = String::new();
    let mut rest = page;
    while let Some((before, markup)) = rest.split_once('<') {
        text.push_str(before);
        text.push(' ');
        let hidden = ["style", "script", "!--"]
            .into_iter()
            .find(|tag| markup.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag)));
        let end = match hidden {
            Some("!--") => markup.split_once("-->"),
            // What stands in between is no text; its end is the next tag that closes.
            Some(_) => markup.split_once("</").and_then(|(_, close)| close.split_once('>')),
            None => markup.split_once('>'),
        };
        rest = end.map_or("", |(_, rest)| rest);
    }
    text + rest
}

/// Cleaned and bounded; a proxy that repeats our login is not quoted with it.
fn without_secret(reason: &str, authorization: Option<&Secret<String>>) -> String {
    let login = authorization.and_then(|value| value.expose().split_whitespace().last());
    match login {
        Some(login) => clean(&reason.replace(login, "***"), MAX_REASON),
        None => clean(reason, MAX_REASON),
    }
}

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let date: SystemTime = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    Timestamp::try_from(date).ok()
}

fn broken(failure: StreamFailure) -> ProxyOutcome {
    ProxyOutcome::Broken { failure }
}

/// hyper's error by its kind, then by the stream's own error below it.
fn failed(error: &hyper::Error) -> ProxyOutcome {
    if error.is_parse() {
        return ProxyOutcome::NotHttp;
    }
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return broken(stream_failure(error));
        }
        source = error.source();
    }
    // Besides these hyper knows only misuse of its interface.
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return broken(StreamFailure::Closed);
    }
    broken(StreamFailure::Failed { why: clean(&error.to_string(), MAX_REASON) })
}

#[cfg(test)]
mod tests;

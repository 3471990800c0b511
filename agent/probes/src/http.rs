//! HTTP over an open stream: one request, one bounded answer. Never connects, never follows, knows no registry.

use std::error::Error as StdError;
use std::io;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use pullagent_diagnosis::layer::registry::Answer;
use pullagent_diagnosis::layer::transport::StreamFailure;
use pullagent_diagnosis::text;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use crate::stream::{Fault, Watch, Watched, stream_failure};
use crate::wire::BoxedStream;

/// Bytes of an answer's head.
const MAX_HEAD: u16 = u16::MAX;
/// Bytes of the body of any answer that is not a good one.
pub const MAX_REFUSAL: usize = 64 * 1024;
/// Headers of an answer.
const MAX_HEADERS: usize = 128;

/// An HTTP connection. Its driver ends with it.
pub struct Client {
    sender: Sender,
    watch: Watch,
    driver: AbortHandle,
}

enum Sender {
    H1(http1::SendRequest<Full<Bytes>>),
    H2(http2::SendRequest<Full<Bytes>>),
}

/// A request and how much of its answer is wanted.
pub struct Ask {
    /// The request: with an absolute URI for HTTP/2 and for proxies, with a path otherwise.
    pub request: Request<Full<Bytes>>,
    /// How many bytes of a good answer's body are read; what comes after them is left unread. Of any other, whose
    /// words are worth having, more is read.
    pub max_body: usize,
    /// When to give up.
    pub deadline: Instant,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, at most as long as was asked for.
    pub body: Vec<u8>,
    /// False when the body went on after that.
    pub complete: bool,
    /// It answers a HEAD: there is no body, whatever its length says.
    pub of_head: bool,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Client {
    /// Begins to speak HTTP/2 or HTTP/1.1 over a stream.
    pub async fn start(stream: BoxedStream, h2: bool, deadline: Instant) -> Result<Self, Answer> {
        let watch = Watch::default();
        let io = TokioIo::new(Watched::new(stream, watch.clone()));
        let timed_out = |_| Answer::Broken { failure: StreamFailure::Timeout, started: false };
        if h2 {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.timer(TokioTimer::new()).max_header_list_size(MAX_HEAD.into());
            let (sender, connection) = timeout_at(deadline, builder.handshake(io))
                .await
                .map_err(timed_out)?
                .map_err(|e| failure(&e, &watch, false))?;
            let driver = tokio::spawn(async move { drop(connection.await) }).abort_handle();
            return Ok(Self { sender: Sender::H2(sender), watch, driver });
        }
        let mut builder = http1::Builder::new();
        // Go writes header names in this form, and there are middle boxes that know no other.
        builder.title_case_headers(true).max_buf_size(MAX_HEAD.into()).max_headers(MAX_HEADERS);
        let (sender, connection) = timeout_at(deadline, builder.handshake(io))
            .await
            .map_err(timed_out)?
            .map_err(|e| failure(&e, &watch, false))?;
        let driver = tokio::spawn(async move { drop(connection.await) }).abort_handle();
        Ok(Self { sender: Sender::H1(sender), watch, driver })
    }

    /// Whether it can carry several requests at once.
    pub fn is_multiplexed(&self) -> bool {
        matches!(self.sender, Sender::H2(_))
    }

    /// Another handle to a connection that carries several requests at once.
    pub fn share(&self) -> Option<Shared> {
        match &self.sender {
            Sender::H2(sender) => Some(Shared(sender.clone(), self.watch.clone())),
            Sender::H1(_) => None,
        }
    }

    /// Whether the peer has left it open.
    pub fn is_open(&self) -> bool {
        match &self.sender {
            Sender::H1(sender) => !sender.is_closed(),
            Sender::H2(sender) => !sender.is_closed(),
        }
    }

    /// Sends one request and reads its answer.
    pub async fn ask(&mut self, ask: Ask) -> Result<Reply, Answer> {
        let wanted = ask.wanted();
        let head = match &mut self.sender {
            Sender::H1(sender) => {
                timeout_at(ask.deadline, sender.ready())
                    .await
                    .map_err(|_| silence(false))?
                    .map_err(|e| failure(&e, &self.watch, false))?;
                timeout_at(ask.deadline, sender.send_request(ask.request)).await
            }
            Sender::H2(sender) => timeout_at(ask.deadline, sender.send_request(ask.request)).await,
        };
        read(head, wanted, &self.watch).await
    }
}

/// A handle to an HTTP/2 connection.
pub struct Shared(http2::SendRequest<Full<Bytes>>, Watch);

impl Shared {
    /// Sends one request and reads its answer.
    pub async fn ask(&mut self, ask: Ask) -> Result<Reply, Answer> {
        let wanted = ask.wanted();
        let head = timeout_at(ask.deadline, self.0.send_request(ask.request)).await;
        read(head, wanted, &self.1).await
    }
}

type Head = Result<hyper::Result<http::Response<Incoming>>, tokio::time::error::Elapsed>;

/// How much of an answer is read, and until when.
struct Wanted {
    /// `None` for the answer to a HEAD, which has no body whatever its length says.
    max_body: Option<usize>,
    deadline: Instant,
}

impl Ask {
    fn wanted(&self) -> Wanted {
        let max_body = (self.request.method() != Method::HEAD).then_some(self.max_body.max(1));
        Wanted { max_body, deadline: self.deadline }
    }
}

async fn read(head: Head, Wanted { max_body, deadline }: Wanted, watch: &Watch) -> Result<Reply, Answer> {
    let response = head.map_err(|_| silence(false))?.map_err(|e| failure(&e, watch, false))?;
    let (parts, mut incoming) = response.into_parts();
    let max_body = max_body.map(|max| if parts.status.is_success() { max } else { MAX_REFUSAL });
    let mut body = Vec::new();
    let mut complete = true;
    while let Some(room) = max_body.map(|max| max.saturating_sub(body.len())) {
        match timeout_at(deadline, incoming.frame()).await {
            Err(_) => return Err(silence(true)),
            Ok(None) => break,
            Ok(Some(Err(error))) => return Err(failure(&error, watch, true)),
            Ok(Some(Ok(frame))) => {
                let data = frame.into_data().unwrap_or_default();
                body.extend_from_slice(&data[..data.len().min(room)]);
                // Full to the bound, unless this was the very end of it.
                if data.len() > room || data.len() == room && !incoming.is_end_stream() {
                    complete = false;
                    break;
                }
            }
        }
    }
    Ok(Reply { status: parts.status, headers: parts.headers, body, complete, of_head: max_body.is_none() })
}

fn silence(started: bool) -> Answer {
    Answer::Broken { failure: StreamFailure::Timeout, started }
}

/// What an error of hyper says of the peer: what it sent, then how the stream broke, then what HTTP/2 says.
fn failure(error: &hyper::Error, watch: &Watch, started: bool) -> Answer {
    let broken = |failure| Answer::Broken { failure, started };
    if error.is_parse() {
        return Answer::NotHttp { why: text::clean(&error.to_string(), 160) };
    }
    match watch.fault() {
        Some(Fault::Alert(name)) => return Answer::TlsAlert { name },
        Some(Fault::Stream(failure)) => return broken(failure),
        None => {}
    }
    if let Some(error) = below::<h2::Error>(error) {
        return http2_failure(error, started);
    }
    // An end that comes too early is no error of the stream, but one that HTTP makes of it.
    if let Some(error) = below::<io::Error>(error) {
        return broken(stream_failure(error));
    }
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        return broken(StreamFailure::Closed);
    }
    broken(StreamFailure::Failed { why: text::clean(&error.to_string(), 160) })
}

/// The error of this type that another one was caused by.
fn below<E: StdError + 'static>(error: &hyper::Error) -> Option<&E> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// A stream or connection of HTTP/2 that was ended by the peer, or by us because the peer broke the protocol.
fn http2_failure(error: &h2::Error, started: bool) -> Answer {
    let broken = |failure| Answer::Broken { failure, started };
    match error.reason() {
        // The peer says that it did not look at the request: another connection may take it (RFC 9113 §8.7).
        Some(h2::Reason::NO_ERROR | h2::Reason::REFUSED_STREAM) if error.is_remote() => broken(StreamFailure::Closed),
        Some(reason) if error.is_remote() => {
            broken(StreamFailure::Failed { why: format!("the peer ends it by HTTP/2 {reason:?}") })
        }
        Some(reason) => Answer::NotHttp { why: format!("its HTTP/2 is broken ({reason:?})") },
        None => broken(StreamFailure::Failed { why: text::clean(&error.to_string(), 160) }),
    }
}

#[cfg(test)]
mod tests;

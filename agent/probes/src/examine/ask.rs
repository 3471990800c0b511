//! One question to one URL: redirects followed as Go's client follows them, the answer written down.

use bytes::Bytes;
use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, LOCATION, PROXY_AUTHORIZATION, RANGE, USER_AGENT,
};
use http::{HeaderMap, Method, Request};
use http_body_util::Full;
use jiff::Timestamp;
use pullagent_diagnosis::evidence::{Question, Role};
use pullagent_diagnosis::layer::registry::{Answer, Challenge, Response, parse_challenges};
use pullagent_diagnosis::layer::transport::StreamFailure;
use pullagent_diagnosis::secret::Secret;
use tokio::time::Instant;
use url::Url;

use super::headers::rate_limit;
use super::host::Host;
use super::origin::Origin;
use super::sent::Sent;
use super::site::Site;
use crate::http::{Ask, MAX_REFUSAL, Reply};
use crate::limits::ms_since;

/// Redirects followed, as Go's client does (net/http client.go `defaultCheckRedirect`).
const MAX_REDIRECTS: usize = 10;
/// What we call ourselves.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("pullagent/", env!("CARGO_PKG_VERSION")));

/// A question as it goes out.
pub(super) struct Query<'q> {
    pub(super) question: Question,
    pub(super) method: Method,
    pub(super) url: Url,
    /// What the host that is asked first is.
    pub(super) role: Role,
    /// The value of `Authorization`; never sent to another host.
    pub(super) authorization: Option<&'q Secret<String>>,
    /// A question for a token carries the endpoint's own headers; they too never go on to another host.
    pub(super) with_headers: bool,
    pub(super) accept: Option<&'static str>,
    /// Asks for the first byte only.
    pub(super) first_byte: bool,
    /// A form to be posted.
    pub(super) form: Option<Secret<String>>,
    /// How many bytes of a good answer are read.
    pub(super) max_body: usize,
    pub(super) deadline: Instant,
}

impl<'q> Query<'q> {
    pub(super) fn get(question: Question, url: Url, role: Role, deadline: Instant) -> Self {
        Self {
            question,
            method: Method::GET,
            url,
            role,
            authorization: None,
            with_headers: false,
            accept: None,
            first_byte: false,
            form: None,
            max_body: MAX_REFUSAL,
            deadline,
        }
    }

    pub(super) fn authorized_by(mut self, authorization: Option<&'q Secret<String>>) -> Self {
        self.authorization = authorization;
        self
    }
}

/// What came back, in both forms: for the next step, and as evidence.
pub(super) struct Told {
    pub(super) hop: usize,
    pub(super) answer: Answer,
    pub(super) reply: Option<Reply>,
    pub(super) authorized: bool,
    pub(super) ms: u32,
}

impl Told {
    /// A reply with a status of 200 to 299.
    pub(super) fn success(&self) -> Option<&Reply> {
        self.reply.as_ref().filter(|_| self.answer.is_success())
    }

    pub(super) fn status(&self) -> Option<u16> {
        self.answer.response().map(|r| r.status)
    }
}

/// Asks, follows, and hands back what came, without writing it down.
pub(super) async fn ask(site: &Site<'_>, mut query: Query<'_>) -> Told {
    let begun = Instant::now();
    site.sent.add(query.authorization.map(|value| value.expose().as_str()), query.form.as_ref());
    for (_, value) in &site.terms.rules.headers {
        site.sent.add(value.to_str().ok(), None);
    }
    let first = Origin::of(&query.url);
    let mut hop = 0;
    for _ in 0..=MAX_REDIRECTS {
        let Some(origin) = Origin::of(&query.url) else {
            let scheme = site.sent.mask(query.url.scheme());
            let why = format!("a `{}` URL", pullagent_diagnosis::text::clean(&scheme, 32));
            return told(hop, Answer::BadRedirect { why }, None, &query, begun);
        };
        let host = site.host(&origin, query.role, &site.sent.mask(&shown(&query.url))).await;
        hop = host.hop;
        if !host.is_reached() {
            return told(hop, Answer::NotReached, None, &query, begun);
        }
        let reply = match exchange(site, &host, &query).await {
            Ok(reply) => reply,
            Err(answer) => return told(hop, answer, None, &query, begun),
        };
        let Some(next) = redirect(&reply, &query.url) else {
            let answer = Answer::Response(describe(&reply, &query, &site.sent));
            return told(hop, answer, Some(reply), &query, begun);
        };
        let next = match next {
            Ok(next) => next,
            Err(why) => return told(hop, Answer::BadRedirect { why }, None, &query, begun),
        };
        // A login goes to the host that asked for it and to no other, however that one was reached.
        if Origin::of(&next) != first {
            query.authorization = None;
            query.with_headers = false;
            if query.form.take().is_some() {
                query.method = Method::GET;
            }
        }
        query.role =
            if matches!(query.question, Question::Blob { .. } | Question::Config) { Role::Blob } else { query.role };
        query.url = next;
    }
    told(hop, Answer::BadRedirect { why: format!("more than {MAX_REDIRECTS} redirects") }, None, &query, begun)
}

fn told(hop: usize, answer: Answer, reply: Option<Reply>, query: &Query<'_>, begun: Instant) -> Told {
    Told { hop, answer, reply, authorized: query.authorization.is_some() || query.form.is_some(), ms: ms_since(begun) }
}

/// One request on one connection. A connection that had idled and turns out closed is replaced once.
async fn exchange(site: &Site<'_>, host: &Host, query: &Query<'_>) -> Result<Reply, Answer> {
    let mut second_try = false;
    loop {
        let mut client = host.client(site.terms.limits, query.deadline).await?;
        let request = request(site, host, query, client.is_multiplexed())
            .map_err(|error| Answer::BadRedirect { why: pullagent_diagnosis::text::clean(&error.to_string(), 160) })?;
        let ask =
            Ask { request, max_body: if query.first_byte { 1 } else { query.max_body }, deadline: query.deadline };
        let reply = if let Some(mut shared) = client.share() {
            // Several questions travel on one connection.
            host.keep(client);
            shared.ask(ask).await
        } else {
            let reply = client.ask(ask).await;
            if reply.as_ref().is_ok_and(|r| r.complete) {
                host.keep(client);
            }
            reply
        };
        match reply {
            Err(Answer::Broken { failure: StreamFailure::Closed, started: false })
                if !second_try && query.method != Method::POST =>
            {
                second_try = true;
            }
            other => return other,
        }
    }
}

fn request(site: &Site<'_>, host: &Host, query: &Query<'_>, h2: bool) -> Result<Request<Full<Bytes>>, http::Error> {
    let url = &query.url;
    let path = match url.query() {
        Some(q) => format!("{}?{q}", url.path()),
        None => url.path().to_owned(),
    };
    let absolute = h2 || host.wants_absolute_form();
    let uri = if absolute { format!("{}://{}{path}", url.scheme(), host.origin.authority) } else { path };
    let body = query.form.as_ref().map(|f| Bytes::copy_from_slice(f.expose().as_bytes())).unwrap_or_default();
    let mut request = Request::builder().method(query.method.clone()).uri(uri).body(Full::new(body))?;
    let headers = request.headers_mut();
    headers.insert(USER_AGENT, AGENT);
    if carries_headers(site, host, query) {
        for (name, value) in &site.terms.rules.headers {
            headers.append(name, value.clone());
        }
    }
    if !h2 && let Ok(value) = HeaderValue::from_str(&host.origin.authority) {
        headers.insert(HOST, value);
    }
    if let Some(accept) = query.accept {
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
    }
    if query.first_byte {
        headers.insert(RANGE, HeaderValue::from_static("bytes=0-0"));
    }
    if query.form.is_some() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    }
    insert_secret(headers, AUTHORIZATION, query.authorization);
    insert_secret(headers, PROXY_AUTHORIZATION, host.proxy_authorization().as_ref());
    Ok(request)
}

/// Whether a request carries the endpoint's own headers: to the endpoint each one does, except for a token.
fn carries_headers(site: &Site<'_>, host: &Host, query: &Query<'_>) -> bool {
    if query.question == Question::Token { query.with_headers } else { site.terms.is_endpoint_as_allowed(&host.origin) }
}

fn insert_secret(headers: &mut HeaderMap, name: http::HeaderName, value: Option<&Secret<String>>) {
    if let Some(mut value) = value.and_then(|v| HeaderValue::from_str(v.expose()).ok()) {
        value.set_sensitive(true);
        headers.insert(name, value);
    }
}

/// Where a reply leads: nowhere, to a URL, or to something that is none.
fn redirect(reply: &Reply, from: &Url) -> Option<Result<Url, String>> {
    if !matches!(reply.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = reply.headers.get(LOCATION)?;
    Some(location.to_str().map_err(|_| "a `Location` that is no text".to_owned()).and_then(|text| {
        let mut next = from.join(text).map_err(|error| format!("a `Location` that is no URL ({error})"))?;
        next.set_fragment(None);
        Ok(next)
    }))
}

/// A URL as it may be shown: without login and query.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Setting these fails only for URLs that cannot have them.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

/// A reply as evidence, without what was sent.
fn describe(reply: &Reply, query: &Query<'_>, sent: &Sent) -> Response {
    let headers = &reply.headers;
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let media_type = text("content-type").unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let media_type = sent.mask(media_type);
    let mut response = Response {
        status: reply.status.as_u16(),
        media_type: pullagent_diagnosis::text::clean(&media_type, 120).to_ascii_lowercase(),
        speaks_distribution: headers.contains_key("docker-distribution-api-version"),
        challenges: headers
            .get_all("www-authenticate")
            .iter()
            .filter_map(|v| v.to_str().ok())
            .flat_map(parse_challenges)
            .take(8)
            .map(|challenge| without_name(challenge, sent))
            .collect(),
        rate_limit: rate_limit(headers, |text| sent.mask(text)),
        retry_after: text("retry-after").and_then(|v| v.trim().parse().ok()),
        date: text("date").and_then(|v| httpdate::parse_http_date(v).ok()).and_then(|t| Timestamp::try_from(t).ok()),
        ..Response::default()
    };
    if reply.status.is_success() {
        // The bodies of blobs are bytes of the image, of whatever type their storage says.
        let blob = matches!(query.question, Question::Blob { .. } | Question::Config);
        response.html = !blob
            && (response.media_type == "text/html" || pullagent_diagnosis::manifest::looks_like_html(&reply.body));
    } else {
        // Before it is cut: what is left of a secret then would not be found any more.
        let words = String::from_utf8_lossy(&reply.body);
        let masked = sent.mask(&words);
        response.read_refusal(if masked == words { &reply.body } else { masked.as_bytes() });
    }
    response
}

/// A way of authentication that nobody knows is called by its name; where a token is had, is asked and not shown.
fn without_name(challenge: Challenge, sent: &Sent) -> Challenge {
    match challenge {
        Challenge::Other { name } => Challenge::Other { name: sent.mask(&name) },
        known @ (Challenge::Basic | Challenge::Bearer { .. }) => known,
    }
}

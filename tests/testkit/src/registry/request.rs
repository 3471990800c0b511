//! What a server remembers of a request, for assertions. Never the credential itself.

use http::{HeaderMap, header, request::Parts};

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// `GET`, `HEAD`, …
    pub method: String,
    /// The path, still percent-encoded.
    pub path: String,
    /// The query without its question mark; empty if there is none.
    pub query: String,
    /// The authority that the client named.
    pub host: String,
    /// The scheme of the Authorization header (`Basic`, `Bearer`), if there was one.
    pub authorization: Option<String>,
    /// Every other header.
    pub headers: HeaderMap,
}

impl Recorded {
    pub(super) fn of(parts: &Parts) -> Self {
        let text = |name| parts.headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
        let mut headers = parts.headers.clone();
        headers.remove(header::AUTHORIZATION);
        Self {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            // HTTP/2 names it in the pseudo header, HTTP/1.1 in Host.
            host: parts
                .uri
                .authority()
                .map_or_else(|| text(header::HOST).unwrap_or_default().to_owned(), ToString::to_string),
            authorization: text(header::AUTHORIZATION)
                .map(|value| value.split(' ').next().unwrap_or_default().to_owned()),
            headers,
        }
    }
}

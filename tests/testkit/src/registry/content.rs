//! What a registry holds and its right answers: manifests, blobs with ranges, pages of tags. Knows no login and no
//! fault.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;
use url::form_urlencoded;

use super::{
    auth::name_unknown,
    behaviour::{Answer, On},
    image::{Blob, Stored},
};

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Ping,
    Manifest { repository: String, reference: String },
    Blob { repository: String, digest: String },
    Tags { repository: String },
    Token,
    Storage { digest: String },
    Elsewhere,
}

/// A right answer whose body may still be tampered with.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    pub(super) repositories: BTreeMap<String, Repository>,
    pub(super) tag_page: Option<usize>,
    /// Where the API begins, `/v2` or a longer path.
    pub(super) prefix: String,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Repository {
    pub(super) tags: BTreeMap<String, String>,
    pub(super) stored: Stored,
}

impl Repository {
    pub(super) fn add(&mut self, tags: impl IntoIterator<Item = String>, stored: Stored) {
        self.tags.extend(tags.into_iter().map(|tag| (tag, stored.digest.clone())));
        self.stored.manifests.extend(stored.manifests);
        self.stored.blobs.extend(stored.blobs);
        self.stored.digest = stored.digest;
    }
}

impl Route {
    /// Reads a path; `prefix` is where the registry's API begins (`/v2`).
    pub(super) fn of(path: &str, prefix: &str) -> Self {
        if path == "/token" {
            return Self::Token;
        }
        if let Some(digest) = path.strip_prefix("/storage/") {
            return Self::Storage { digest: digest.to_owned() };
        }
        let rest = match path.strip_prefix(prefix) {
            _ if path == "/v2/" || path == "/v2" => return Self::Ping,
            Some(rest) => rest.strip_prefix('/').unwrap_or(rest),
            None => return Self::Elsewhere,
        };
        if rest.is_empty() {
            return Self::Ping;
        }
        if let Some(repository) = rest.strip_suffix("/tags/list") {
            return Self::Tags { repository: repository.to_owned() };
        }
        if let Some((repository, reference)) = rest.rsplit_once("/manifests/") {
            return Self::Manifest { repository: repository.to_owned(), reference: reference.to_owned() };
        }
        match rest.rsplit_once("/blobs/") {
            Some((repository, digest)) => Self::Blob { repository: repository.to_owned(), digest: digest.to_owned() },
            None => Self::Elsewhere,
        }
    }

    pub(super) fn repository(&self) -> Option<&str> {
        match self {
            Self::Manifest { repository, .. } | Self::Blob { repository, .. } | Self::Tags { repository } => {
                Some(repository)
            }
            Self::Ping | Self::Token | Self::Storage { .. } | Self::Elsewhere => None,
        }
    }
}

impl Content {
    /// The narrow kind of request that `route` is.
    pub(super) fn kind(&self, route: &Route) -> On {
        match route {
            Route::Ping => On::Ping,
            Route::Manifest { reference, .. } if reference.contains(':') => On::Digest,
            Route::Manifest { .. } => On::Tag,
            Route::Blob { digest, .. } if self.blob(digest).is_some_and(|blob| blob.is_config) => On::Config,
            Route::Blob { .. } => On::Layer,
            Route::Tags { .. } => On::Tags,
            Route::Token => On::Token,
            Route::Storage { .. } => On::Storage,
            Route::Elsewhere => On::Everything,
        }
    }

    /// The right answer; `range` is the request's header of that name.
    pub(super) fn answer(&self, route: &Route, query: &str, range: Option<&str>) -> Reply {
        match route {
            Route::Ping => Answer::status(200).json(&json!({})).into(),
            Route::Manifest { repository, reference } => self.manifest(repository, reference),
            Route::Blob { repository, digest } => match self.repositories.get(repository) {
                None => name_unknown(repository).into(),
                Some(held) => held.stored.blobs.get(digest).map_or_else(
                    || Answer::error(404, "BLOB_UNKNOWN", "blob unknown to registry").into(),
                    |blob| part(&blob.bytes, digest, range),
                ),
            },
            Route::Tags { repository } => self.tags(repository, query),
            Route::Storage { digest } => self.blob(digest).map_or_else(
                || Answer::status(404).body("application/xml", "<Error><Code>NoSuchKey</Code></Error>").into(),
                |blob| part(&blob.bytes, digest, range),
            ),
            Route::Token | Route::Elsewhere => Answer::status(404).body("text/plain", "404 page not found\n").into(),
        }
    }

    fn blob(&self, digest: &str) -> Option<&Blob> {
        self.repositories.values().find_map(|held| held.stored.blobs.get(digest))
    }

    fn manifest(&self, repository: &str, reference: &str) -> Reply {
        let Some(held) = self.repositories.get(repository) else { return name_unknown(repository).into() };
        let digest = held.tags.get(reference).map_or(reference, String::as_str);
        match held.stored.manifests.get(digest) {
            None => Answer::error(404, "MANIFEST_UNKNOWN", &format!("manifest unknown: {reference}")).into(),
            Some(manifest) => Reply::ok(manifest.bytes.clone(), &manifest.media_type)
                .with("docker-content-digest", digest)
                .with("etag", &format!("\"{digest}\"")),
        }
    }

    fn tags(&self, repository: &str, query: &str) -> Reply {
        let Some(held) = self.repositories.get(repository) else { return name_unknown(repository).into() };
        let parameter = |wanted: &str| {
            form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == wanted).map(|(_, value)| value)
        };
        let asked = match parameter("n").map(|number| number.parse::<usize>()) {
            Some(Err(_)) => return Answer::error(400, "PAGINATION_NUMBER_INVALID", "invalid number of results").into(),
            Some(Ok(number)) => Some(number),
            None => None,
        };
        let page = [asked, self.tag_page].into_iter().flatten().min().unwrap_or(usize::MAX);
        let last = parameter("last");
        let mut left = held.tags.keys().filter(|tag| last.as_ref().is_none_or(|last| tag.as_str() > last.as_ref()));
        let tags: Vec<&String> = left.by_ref().take(page).collect();
        let body = json!({ "name": repository, "tags": tags }).to_string();
        let reply = Reply::ok(body.into(), "application/json");
        match (tags.last(), left.next()) {
            (Some(last), Some(_)) => {
                let next = format!("<{}/{repository}/tags/list?last={last}&n={page}>; rel=\"next\"", self.prefix);
                reply.with("link", &next)
            }
            _ => reply,
        }
    }
}

/// The blob, or the one part of it that a single range names (RFC 9110 section 14).
fn part(bytes: &Bytes, digest: &str, range: Option<&str>) -> Reply {
    let whole = Reply::ok(bytes.clone(), "application/octet-stream")
        .with("docker-content-digest", digest)
        .with("accept-ranges", "bytes");
    let Some((from, to)) = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-')) else { return whole };
    let length = bytes.len();
    let (start, end) = match (from.parse::<usize>(), to.parse::<usize>()) {
        (Ok(start), Ok(end)) => (start, end.saturating_add(1).min(length)),
        (Ok(start), Err(_)) if to.is_empty() => (start, length),
        (Err(_), Ok(suffix)) if from.is_empty() => (length.saturating_sub(suffix), length),
        // What cannot be read is as if it were not there.
        _ => return whole,
    };
    if start >= end {
        return Reply::from(Answer::status(416)).with("content-range", &format!("bytes */{length}"));
    }
    let mut reply = whole.with("content-range", &format!("bytes {start}-{}/{length}", end - 1));
    reply.status = StatusCode::PARTIAL_CONTENT;
    reply.body = bytes.slice(start..end);
    reply
}

impl Reply {
    fn ok(body: Bytes, content_type: &str) -> Self {
        Self { status: StatusCode::OK, headers: HeaderMap::new(), body }.with("content-type", content_type)
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    /// Sets a header; one that HTTP cannot carry is a mistake of the test.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        let name: HeaderName = name.parse().expect("a header name");
        self.headers.insert(name, HeaderValue::from_bytes(value.as_bytes()).expect("a header value"));
    }
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        let mut reply = Self {
            status: StatusCode::from_u16(answer.status).expect("a status between 100 and 999"),
            headers: HeaderMap::new(),
            body: answer.body.into(),
        };
        for (name, value) in &answer.headers {
            reply.set(name, value);
        }
        reply.headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("text/plain"));
        reply
    }
}

//! What a registry can be made to do wrong, and on which of its paths. Data only: `answer` acts on it.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue};
use serde::Deserialize;

/// The requests that a behaviour applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum On {
    /// Every request, before the registry asks for a login.
    Everything,
    /// `/v2/`.
    Ping,
    /// A manifest, by tag or digest.
    Manifest,
    /// A manifest by tag.
    Tag,
    /// A manifest by digest.
    Digest,
    /// A blob of either kind.
    Blob,
    /// The blob of an image config.
    Config,
    /// Any other blob.
    Layer,
    /// The list of tags.
    Tags,
    /// The token service.
    Token,
    /// A blob at its storage address (`/storage/DIGEST`).
    Storage,
}

/// What happens instead of, or to, the right answer. Applies after the registry's own authentication, except
/// [`On::Everything`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Behaviour {
    /// Answers with this instead.
    Answer(Answer),
    /// 429 with a TOOMANYREQUESTS body and rate limit headers that say nothing is left.
    RateLimited,
    /// A login page of a captive portal: 200 and HTML.
    HtmlOk,
    /// The page of a web server that is no registry: 404 and HTML.
    HtmlNotFound,
    /// An error of this status whose message holds escape sequences, bidi overrides, a line break and a zero width
    /// space.
    HostileMessage(u16),
    /// 307 to this URL, in which `{digest}` stands for the last segment of the path.
    Redirect(String),
    /// 307 to itself.
    RedirectLoop,
    /// 200 and a body that never ends.
    Endless {
        /// The Content-Length to claim, in bytes.
        #[serde(default)]
        claimed: Option<u64>,
    },
    /// 200 and this many bytes of opening brackets as JSON.
    Nested {
        /// Length of the body.
        bytes: u64,
    },
    /// Bytes that are not HTTP, then close.
    Garbage,
    /// Takes the request and never answers.
    Hang,
    /// Closes without an answer.
    Close,
    /// Resets the connection.
    Reset,
    /// Half of the body, then closes. Content-Length promises all of it.
    Truncated,
    /// Half of the body, then nothing more; the connection stays open.
    Stall,
    /// The body in small pieces.
    Drip {
        /// Bytes in a piece.
        bytes: usize,
        /// Milliseconds between two pieces.
        every_ms: u64,
    },
    /// A body of the right length with one byte changed; the digest header keeps its promise.
    WrongContent,
    /// A Content-Length that claims this many bytes more than are sent.
    LengthOff {
        /// Bytes too many.
        by: u64,
    },
    /// Leaves Docker-Content-Digest out.
    NoDigestHeader,
    /// A Docker-Content-Digest of something else.
    WrongDigestHeader,
    /// 405 on HEAD.
    NoHead,
    /// Adds or replaces headers of the answer, `Date` included.
    Headers(BTreeMap<String, String>),
    /// 200 and a head with one header of this many bytes.
    HugeHead {
        /// Length of its value.
        bytes: usize,
    },
    /// Docker Hub's rate limit headers on the answer.
    RateLimitHeaders {
        /// Pulls allowed in six hours.
        limit: u32,
        /// Pulls left.
        remaining: u32,
    },
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Headers besides Content-Length.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body.
    #[serde(default)]
    pub body: String,
}

impl Answer {
    /// This status with an empty body.
    pub fn status(status: u16) -> Self {
        Self { status, headers: BTreeMap::new(), body: String::new() }
    }

    /// A distribution error of this status, code and message.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::status(status).json(&serde_json::json!({ "errors": [{ "code": code, "message": message }] }))
    }

    /// The same with a body of this content type.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self.header("content-type", content_type)
    }

    /// The same with a JSON body.
    #[must_use]
    pub fn json(self, body: &serde_json::Value) -> Self {
        self.body("application/json", &body.to_string())
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.to_owned());
        self
    }
}

impl Behaviour {
    /// Refuses what HTTP cannot carry.
    pub(crate) fn validate(&self) -> Result<(), &'static str> {
        let status = |status: u16| (200..=999).contains(&status).then_some(()).ok_or("not a final HTTP status");
        let header = |(name, value): (&String, &String)| {
            let name = name.parse::<HeaderName>().is_ok();
            let value = HeaderValue::from_bytes(value.as_bytes()).is_ok();
            (name && value).then_some(()).ok_or("not a header that HTTP can carry")
        };
        match self {
            Self::Answer(answer) => status(answer.status).and_then(|()| answer.headers.iter().try_for_each(header)),
            Self::HostileMessage(code) => status(*code),
            Self::Headers(headers) => headers.iter().try_for_each(header),
            Self::Redirect(to) => {
                HeaderValue::from_bytes(to.as_bytes()).map(drop).map_err(|_| "not a URL that HTTP can carry")
            }
            _ => Ok(()),
        }
    }
}

impl On {
    /// Whether a request of the narrow kind `request` is meant.
    pub(super) fn covers(self, request: Self) -> bool {
        self == request
            || match self {
                Self::Everything => true,
                Self::Manifest => matches!(request, Self::Tag | Self::Digest),
                Self::Blob => matches!(request, Self::Config | Self::Layer),
                _ => false,
            }
    }
}

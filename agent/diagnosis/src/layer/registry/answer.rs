//! An HTTP answer as far as a diagnosis needs it: bounded, cleaned, without anything secret.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::layer::transport::StreamFailure;
use crate::text;

/// How much of a message from elsewhere is kept, in bytes.
const MAX_MESSAGE: usize = 300;
/// How many errors of an error body are kept.
const MAX_ERRORS: usize = 4;

/// What came back to a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Answer {
    /// An HTTP answer.
    Response(Response),
    /// The stream broke before or within it.
    Broken {
        /// How.
        failure: StreamFailure,
        /// True once a status line had come.
        started: bool,
    },
    /// TLS 1.3 delivers the refusal of a client certificate only here.
    TlsAlert {
        /// The alert's name in RFC 8446.
        name: String,
    },
    /// Bytes that are not HTTP.
    NotHttp {
        /// What is wrong with them, in the library's words.
        why: String,
    },
    /// Redirects without an end, or to where a pull does not go.
    BadRedirect {
        /// What is wrong with them.
        why: String,
    },
    /// The host could not be reached; its hop says why.
    NotReached,
    /// The content is not what was announced.
    Corrupt {
        /// In which way.
        why: String,
    },
}

impl Answer {
    /// The HTTP answer, if it is one.
    pub fn response(&self) -> Option<&Response> {
        match self {
            Self::Response(response) => Some(response),
            _ => None,
        }
    }

    /// Whether it is an HTTP answer with a status of 200 to 299.
    pub fn is_success(&self) -> bool {
        self.response().is_some_and(|r| (200..300).contains(&r.status))
    }
}

/// An HTTP answer, without its secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The media type of the body, lower case, without parameters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub media_type: String,
    /// True when the body is a web page.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub html: bool,
    /// True when a header or an error body shows that the host speaks the distribution API.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub speaks_distribution: bool,
    /// The errors of an error body.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<RegistryError>,
    /// The beginning of any other body that is text, cleaned.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// What the host asks for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub challenges: Vec<super::Challenge>,
    /// What is left of the caller's allowance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
    /// The value of `Retry-After`, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// The host's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<Timestamp>,
    /// For a token service's 200: whether it held a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_token: Option<bool>,
}

/// One error of an error body of the distribution API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistryError {
    /// Such as `MANIFEST_UNKNOWN`.
    pub code: String,
    /// The registry's words, cleaned.
    pub message: String,
}

/// An allowance as Docker Hub and others tell it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimit {
    /// How many pulls there are in a window.
    pub limit: u64,
    /// How many are left.
    pub remaining: u64,
    /// The window, in seconds.
    pub window_seconds: u64,
    /// Whose allowance it is: an address or an account, or empty.
    pub source: String,
}

/// How the last exchange with a host ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum HttpOutcome {
    /// A status came.
    Ok,
    /// The stream was reset or closed.
    Broken,
    /// Silence until the deadline.
    Timeout,
    /// A TLS alert came in place of an answer.
    TlsAlert,
    /// Bytes that are not HTTP, or redirects without an end.
    NotHttp,
    /// Content that is not what was announced.
    Corrupt,
}

/// The last exchange with a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpEvidence {
    /// How it ended.
    pub outcome: HttpOutcome,
    /// Milliseconds of this exchange.
    pub ms: u32,
    /// The status, where one came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

impl HttpEvidence {
    /// What an answer looks like from the host's side; `None` when the host was not reached.
    pub fn of(answer: &Answer, ms: u32) -> Option<Self> {
        let outcome = match answer {
            Answer::Response(_) | Answer::BadRedirect { .. } => HttpOutcome::Ok,
            Answer::Broken { failure: StreamFailure::Timeout, .. } => HttpOutcome::Timeout,
            Answer::Broken { .. } => HttpOutcome::Broken,
            Answer::TlsAlert { .. } => HttpOutcome::TlsAlert,
            Answer::NotHttp { .. } => HttpOutcome::NotHttp,
            Answer::Corrupt { .. } => HttpOutcome::Corrupt,
            Answer::NotReached => return None,
        };
        Some(Self { outcome, ms, status: answer.response().map(|r| r.status) })
    }
}

impl Response {
    /// Reads the body of a refusal: the errors it lists, or the beginning of its text.
    pub fn read_refusal(&mut self, body: &[u8]) {
        self.html = self.media_type == "text/html" || crate::manifest::looks_like_html(body);
        let json: Option<serde_json::Value> = serde_json::from_slice(body).ok();
        self.errors = json.as_ref().map(errors_of).unwrap_or_default();
        if self.errors.is_empty() && !self.html {
            let begins = String::from_utf8_lossy(&body[..body.len().min(4096)]);
            let words = json.as_ref().and_then(single_message).or_else(|| storage_message(&begins));
            self.text = words.unwrap_or_else(|| text::clean(&begins, MAX_MESSAGE));
        }
        self.speaks_distribution |= !self.errors.is_empty();
    }

    /// The registry's own words, for quoting; empty when it gave none.
    pub fn words(&self) -> String {
        match self.errors.first() {
            Some(error) if error.message.is_empty() => error.code.clone(),
            Some(error) => error.message.clone(),
            None => self.text.clone(),
        }
    }

    /// Whether one of the errors has this code.
    pub fn has_code(&self, code: &str) -> bool {
        self.errors.iter().any(|e| e.code.eq_ignore_ascii_case(code))
    }

    /// Everything it says, in lower case, for looking for wordings.
    pub fn all_words(&self) -> String {
        let mut all = self.text.to_lowercase();
        for error in &self.errors {
            all.push(' ');
            all.push_str(&error.code.to_lowercase());
            all.push(' ');
            all.push_str(&error.message.to_lowercase());
        }
        all
    }
}

/// The `errors` of the distribution API, and the shapes that registries make of it.
fn errors_of(body: &serde_json::Value) -> Vec<RegistryError> {
    let word = |value: &serde_json::Value, key: &str| {
        value.get(key).and_then(|v| match v {
            serde_json::Value::String(s) => Some(text::clean(s, MAX_MESSAGE)),
            serde_json::Value::Number(n) => Some(n.to_string()),
            _ => None,
        })
    };
    let list = body.get("errors").and_then(serde_json::Value::as_array);
    list.into_iter()
        .flatten()
        .take(MAX_ERRORS)
        .filter(|e| e.is_object())
        .map(|e| RegistryError {
            // JFrog and others put the HTTP status where the code belongs.
            code: word(e, "code").or_else(|| word(e, "status")).unwrap_or_default(),
            message: word(e, "message").unwrap_or_default(),
        })
        .collect()
}

/// The message of a token service that does not speak of `errors`: `details`, `message`, `error_description`, `error`.
fn single_message(body: &serde_json::Value) -> Option<String> {
    ["details", "message", "error_description", "error"]
        .iter()
        .find_map(|key| body.get(key).and_then(serde_json::Value::as_str))
        .map(|words| text::clean(words, MAX_MESSAGE))
}

/// Code and message of the XML in which object storages refuse (S3, Google, Azure).
fn storage_message(body: &str) -> Option<String> {
    let inside = |tag: &str| {
        let (_, rest) = body.split_once(&format!("<{tag}>"))?;
        rest.split_once(&format!("</{tag}>")).map(|(text, _)| text)
    };
    let code = body.contains("<Error>").then(|| inside("Code"))??;
    let words = inside("Message").map_or_else(|| code.to_owned(), |message| format!("{code}: {message}"));
    Some(text::clean(&words, MAX_MESSAGE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(media_type: &str, body: &str) -> Response {
        let mut response = Response { media_type: media_type.into(), ..Response::default() };
        response.read_refusal(body.as_bytes());
        response
    }

    #[test]
    fn an_error_body_is_read_and_cleaned() {
        let r = read("application/json", r#"{"errors":[{"code":"DENIED","message":"no\u001b[2J way"}]}"#);
        assert_eq!(
            (r.errors[0].code.as_str(), r.words().as_str(), r.speaks_distribution),
            ("DENIED", "no [2J way", true)
        );
    }

    #[test]
    fn a_token_services_own_shapes_are_read() {
        assert_eq!(
            read("application/json", r#"{"details":"incorrect username or password"}"#).words(),
            "incorrect username or password"
        );
        assert_eq!(read("text/plain", "denied by policy\n").words(), "denied by policy");
    }

    #[test]
    fn an_object_storages_xml_is_read() {
        let check = |body: &str, want: &str| assert_eq!(read("application/xml", body).words(), want);
        check("<?xml?><Error><Code>AccessDenied</Code><Message>expired</Message></Error>", "AccessDenied: expired");
        check("<Error><Code>SlowDown</Code>", "SlowDown");
        check("<Error><Code>", "<Error><Code>");
    }

    #[test]
    fn a_web_page_is_not_quoted() {
        let r = read("text/html", "<html>sign in</html>");
        assert!(r.html && r.words().is_empty());
    }

    #[test]
    fn garbage_is_bounded() {
        let r = read("", &"\u{202e}x".repeat(10_000));
        assert!(r.words().len() <= MAX_MESSAGE && !r.words().contains('\u{202e}'));
    }
}

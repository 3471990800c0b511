//! URLs as Go's net/url reads and prints them, because the kubelet and the runtimes do so and WHATWG rules differ.
//!
//! Only `url.Parse`, `URL.String`, `Hostname` and `Port`; no joining, no queries. Copied rules: go1.27
//! src/net/url/url.go with its default settings (`urlstrictcolons=1`).

mod authority;
mod escape;

use std::borrow::Cow;
use std::fmt;

pub(crate) use self::authority::parse_ip;
use self::authority::{parse_authority, split_host_port};
use self::escape::{Part, escape, is_valid_encoding, unescape};
use crate::secret::Secret;

/// Why a text is no URL for Go. Never holds any of the text, which may contain a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum GoUrlError {
    /// A byte below 0x20, or 0x7f, before the `#`.
    #[error("it contains a control character")]
    ControlCharacter,
    /// The text starts with a colon.
    #[error("the scheme before the first `:` is missing")]
    MissingScheme,
    /// No scheme, yet a colon before the first slash: `10.0.0.1:8080`.
    #[error("it has no scheme and a `:` before the first `/`")]
    ColonInFirstSegment,
    /// A character that user names and passwords must escape, such as `[`, a blank or any letter beyond ASCII.
    #[error("the user name or password contains a character that must be percent-encoded")]
    UserInfo,
    /// The port is not made of digits; also a second colon in the host of an http or https URL.
    #[error("the port is not a number")]
    Port,
    /// A `%` that is not followed by two hex digits, or that escapes what a host may not escape.
    #[error("a `%` is not a valid percent-encoding at this place")]
    Escape,
    /// A blank, backslash or the like in the host.
    #[error("the host contains a character that hosts cannot contain")]
    HostCharacter,
    /// `[` without `]`.
    #[error("the `]` after the IPv6 address is missing")]
    MissingBracket,
    /// What is between the brackets is no IPv6 address, or the brackets are in the wrong place.
    #[error("the brackets do not hold an IPv6 address")]
    IpLiteral,
}

/// The user name, and the password if there was a colon; both decoded, so they need not be UTF-8.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct UserInfo {
    /// May be empty.
    pub username: Vec<u8>,
    /// `Some` and empty for `user:@host`.
    pub password: Option<Vec<u8>>,
}

/// A parsed URL (or relative reference: without scheme, host, or both).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct GoUrl {
    scheme: String,
    opaque: String,
    user: Option<Secret<UserInfo>>,
    host: Vec<u8>,
    path: Vec<u8>,
    /// The path as written, if the standard encoding of `path` differs from it.
    raw_path: Option<String>,
    /// `scheme:/path`: the empty host is not printed as `//`.
    omit_host: bool,
    /// An empty query that is printed nevertheless.
    force_query: bool,
    raw_query: String,
    fragment: Vec<u8>,
    raw_fragment: Option<String>,
}

impl GoUrl {
    /// `url.Parse`.
    pub fn parse(text: &str) -> Result<Self, GoUrlError> {
        let (before, fragment) = text.split_once('#').unwrap_or((text, ""));
        let mut url = Self::parse_without_fragment(before)?;
        url.fragment = unescape(fragment, Part::Fragment)?;
        url.raw_fragment = (escape(&url.fragment, Part::Fragment) != fragment).then(|| fragment.to_owned());
        Ok(url)
    }

    fn parse_without_fragment(text: &str) -> Result<Self, GoUrlError> {
        if text.bytes().any(|byte| byte.is_ascii_control()) {
            return Err(GoUrlError::ControlCharacter);
        }
        let mut url = Self::default();
        if text == "*" {
            url.path = b"*".to_vec();
            return Ok(url);
        }
        let (scheme, rest) = split_scheme(text)?;
        url.scheme = scheme.to_ascii_lowercase();
        let rest = match rest.split_once('?') {
            Some((rest, "")) => {
                url.force_query = true;
                rest
            }
            Some((rest, query)) => {
                query.clone_into(&mut url.raw_query);
                rest
            }
            None => rest,
        };
        if !rest.starts_with('/') {
            if !url.scheme.is_empty() {
                rest.clone_into(&mut url.opaque);
                return Ok(url);
            }
            if rest.split('/').next().is_some_and(|segment| segment.contains(':')) {
                return Err(GoUrlError::ColonInFirstSegment);
            }
        }
        let mut path = rest;
        if let Some(after) = rest.strip_prefix("//").filter(|_| !url.scheme.is_empty() || !rest.starts_with("///")) {
            let (authority, rest) = after.split_at(after.find('/').unwrap_or(after.len()));
            (url.user, url.host) = parse_authority(&url.scheme, authority)?;
            path = rest;
        } else if !url.scheme.is_empty() && rest.starts_with('/') {
            url.omit_host = true;
        }
        url.path = unescape(path, Part::Path)?;
        url.raw_path = (escape(&url.path, Part::Path) != path).then(|| path.to_owned());
        Ok(url)
    }

    /// The scheme in lower case, empty if there is none.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Go's `URL.Host`: host and port as written (IPv6 in brackets), decoded; bytes that are not UTF-8 are replaced.
    pub fn host(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.host)
    }

    /// Go's `URL.Hostname`: the host without port and without brackets.
    pub fn hostname(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(split_host_port(&self.host).0)
    }

    /// Go's `URL.Port`: the digits as written, empty if there are none.
    pub fn port(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(split_host_port(&self.host).1)
    }

    /// Go's `URL.Path`: decoded; bytes that are not UTF-8 are replaced.
    pub fn path(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.path)
    }

    /// Go's `URL.Host`, byte by byte.
    pub(crate) fn host_bytes(&self) -> &[u8] {
        &self.host
    }

    /// Go's `URL.Path`, byte by byte.
    pub(crate) fn path_bytes(&self) -> &[u8] {
        &self.path
    }

    /// User name and password, if there was an `@`.
    pub const fn user(&self) -> Option<&Secret<UserInfo>> {
        self.user.as_ref()
    }

    /// The host and port as `String` prints them: safe to show, as nothing but ASCII is left.
    pub(crate) fn escaped_host(&self) -> String {
        escape(&self.host, Part::Host)
    }

    /// Whether an `@` stands behind the host: then an unescaped `/`, `?` or `#` in a password has cut the value short,
    /// and what counts as the host is the beginning of the login.
    pub(crate) fn has_at_sign_after_host(&self) -> bool {
        self.path.contains(&b'@')
            || self.fragment.contains(&b'@')
            || self.raw_query.contains('@')
            || self.opaque.contains('@')
    }

    /// Go's `URL.String`, password included.
    pub fn full_text(&self) -> Secret<String> {
        let mut text = String::new();
        if !self.scheme.is_empty() {
            text.push_str(&self.scheme);
            text.push(':');
        }
        if self.opaque.is_empty() {
            self.push_hierarchy(&mut text);
        } else {
            text.push_str(&self.opaque);
        }
        if self.force_query || !self.raw_query.is_empty() {
            text.push('?');
            text.push_str(&self.raw_query);
        }
        if !self.fragment.is_empty() {
            text.push('#');
            match &self.raw_fragment {
                Some(raw) if is_valid_encoding(raw, Part::Fragment) => text.push_str(raw),
                _ => text.push_str(&escape(&self.fragment, Part::Fragment)),
            }
        }
        text.into()
    }

    fn push_hierarchy(&self, text: &mut String) {
        let has_authority = !self.host.is_empty() || self.user.is_some();
        let empty_host = !self.scheme.is_empty() && !self.omit_host && !self.path.is_empty();
        if has_authority || empty_host {
            text.push_str("//");
        }
        if let Some(user) = &self.user {
            let user = user.expose();
            text.push_str(&escape(&user.username, Part::UserInfo));
            if let Some(password) = &user.password {
                text.push(':');
                text.push_str(&escape(password, Part::UserInfo));
            }
            text.push('@');
        }
        text.push_str(&self.escaped_host());
        let path = match &self.raw_path {
            Some(raw) if is_valid_encoding(raw, Part::Path) => raw.clone(),
            _ if self.path == b"*" => "*".to_owned(),
            _ => escape(&self.path, Part::Path),
        };
        if !path.is_empty() && !path.starts_with('/') && !self.host.is_empty() {
            text.push('/');
        }
        if text.is_empty() && path.split('/').next().is_some_and(|segment| segment.contains(':')) {
            text.push_str("./");
        }
        text.push_str(&path);
    }
}

/// Prints scheme and host only: user, path and query may hold credentials.
impl fmt::Debug for GoUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.has_at_sign_after_host() {
            return f.write_str("GoUrl(***)");
        }
        write!(f, "GoUrl({}://{})", self.scheme, self.escaped_host())
    }
}

/// `getScheme`: without a valid scheme everything is the rest.
fn split_scheme(text: &str) -> Result<(&str, &str), GoUrlError> {
    match text.split_once(':') {
        Some(("", _)) => Err(GoUrlError::MissingScheme),
        Some((scheme, rest))
            if scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')) =>
        {
            Ok((scheme, rest))
        }
        _ => Ok(("", text)),
    }
}

#[cfg(test)]
mod tests;

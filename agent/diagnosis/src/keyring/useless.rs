//! Keys that can match no image, whatever its name. What a key misses in one image is `Miss`.

use super::HUB;
use super::key::{normalise, readable};
use crate::config::go_url::{GoUrl, GoUrlError};

/// Why a key can match no image. Display goes on after the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Useless {
    /// Go cannot read it as a URL, so the kubelet drops the entry.
    #[error("is dropped by the kubelet: {0}")]
    NotAUrl(GoUrlError),
    /// It begins with another scheme, or with one in capitals.
    #[error("has a scheme that the kubelet takes for the host: only `https://` and `http://` are taken off")]
    Scheme,
    /// There is nothing before its path.
    #[error("names no host")]
    NoHost,
    /// Docker Hub's key has a path or an empty port, so that it is not the one name that is asked for.
    #[error("serves Docker Hub only as `https://index.docker.io/v1/`, with the last slash and nothing behind it")]
    Hub,
    /// An IPv6 address without a port: its brackets are read as a class of characters.
    #[error("is an IPv6 address without a port, which the kubelet matches with nothing")]
    Ipv6,
    /// There is a `:` or `@` in its path.
    #[error("has a tag or digest, and logins are looked up without them")]
    Tag,
    /// There is a `*` in its path, where it stands for itself.
    #[error("has a `*` in its path, which matches nothing there")]
    PathWildcard,
    /// There is something else in its path that no repository's name has.
    #[error("has a path that no repository has: these are small letters, digits, `.`, `_`, `-` and single slashes")]
    Path,
}

/// Why `key` can match no image; `None` if there are names that it matches.
pub fn useless(key: &str) -> Option<Useless> {
    let has_other_scheme = key.split_once("://").is_some_and(|(scheme, _)| {
        !matches!(scheme, "https" | "http") && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    if has_other_scheme {
        return Some(Useless::Scheme);
    }
    let normalised = match normalise(key) {
        Ok(normalised) => normalised,
        Err(error) => return Some(Useless::NotAUrl(error)),
    };
    if normalised == HUB {
        return None;
    }
    // The kubelet reads it a second time when it compares (`URLsMatchStr`).
    match GoUrl::parse(&format!("https://{}", readable(&normalised))) {
        Ok(url) => useless_host(url.host_bytes()).or_else(|| useless_path(url.path_bytes())),
        Err(error) => Some(Useless::NotAUrl(error)),
    }
}

fn useless_host(host: &[u8]) -> Option<Useless> {
    // The port of `a.b:` is empty, as that of `a.b`.
    match host.strip_suffix(b":").unwrap_or(host) {
        b"" => Some(Useless::NoHost),
        // An image of that registry is one of docker.io by the time that logins are looked up.
        HUB => Some(Useless::Hub),
        host if host.starts_with(b"[") && host.ends_with(b"]") && !host.iter().any(u8::is_ascii_uppercase) => {
            Some(Useless::Ipv6)
        }
        _ => None,
    }
}

fn useless_path(path: &[u8]) -> Option<Useless> {
    if path.contains(&b'*') {
        Some(Useless::PathWildcard)
    } else if path.iter().any(|byte| matches!(byte, b':' | b'@')) {
        Some(Useless::Tag)
    } else {
        let is_known = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-/".contains(byte);
        let is_possible = path.iter().all(is_known) && !path.windows(2).any(|pair| pair == b"//");
        (!is_possible).then_some(Useless::Path)
    }
}

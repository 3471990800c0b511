//! Whether a key or an entry of a plugin's `matchImages` matches an image (`URLsMatchStr`).

use super::Miss;
use super::glob;
use crate::config::go_url::GoUrl;

/// Whether a credential provider plugin with these `matchImages` is run for `image`, a normalised name without tag and
/// digest (`isImageAllowed` of `pkg/credentialprovider/plugin/plugin.go`).
///
/// Unlike keys these keep their scheme and their `/v1/`, and match nothing then; Docker Hub has no other name.
pub fn is_image_allowed<P: AsRef<str>>(match_images: &[P], image: &str) -> bool {
    match_images.iter().any(|pattern| url_matches(pattern.as_ref(), image))
}

/// The pattern that comes nearest to matching `image`, and what is the matter with it; `None` if one matches.
pub fn nearest_miss<'a, P: AsRef<str>>(match_images: &'a [P], image: &str) -> Option<(&'a str, Miss)> {
    let misses: Result<Vec<(&str, Miss)>, ()> = match_images
        .iter()
        .map(|p| compare(p.as_ref(), image).err().map(|miss| (p.as_ref(), miss)).ok_or(()))
        .collect();
    misses.ok()?.into_iter().min_by_key(|(_, miss)| *miss)
}

/// Whether `pattern` matches `target`; both are URLs without a scheme.
pub fn url_matches(pattern: &str, target: &str) -> bool {
    compare(pattern, target).is_ok()
}

/// Equal ports, equally many labels of the host of which each matches, and the beginning of the path.
pub(super) fn compare(pattern: &str, target: &str) -> Result<(), Miss> {
    let parse = |text: &str| GoUrl::parse(&format!("https://{text}"));
    let pattern = parse(pattern).map_err(Miss::NotAUrl)?;
    // A name that is no URL is no registry's.
    let target = parse(target).map_err(|_| Miss::Host)?;
    let (pattern_host, pattern_port) = split_host_port(pattern.host_bytes());
    let (host, port) = split_host_port(target.host_bytes());
    compare_hosts(pattern_host, host)?;
    if pattern_port != port {
        return Err(Miss::Port);
    }
    let path = pattern.path_bytes();
    if target.path_bytes().starts_with(path) {
        return Ok(());
    }
    Err(if path.contains(&b'*') { Miss::PathWildcard } else { Miss::Path })
}

fn compare_hosts(pattern: &[u8], host: &[u8]) -> Result<(), Miss> {
    let as_many = labels(pattern).count() == labels(host).count();
    let is_match = |pattern: &[u8], host: &[u8]| labels(pattern).zip(labels(host)).all(|(p, h)| glob::is_match(p, h));
    if as_many && is_match(pattern, host) {
        return Ok(());
    }
    Err(if as_many && is_match(&pattern.to_ascii_lowercase(), &host.to_ascii_lowercase()) {
        Miss::Case
    } else if pattern
        .strip_prefix(b"*")
        .is_some_and(|parent| host.ends_with(parent) || parent.strip_prefix(b".") == Some(host))
    {
        Miss::Labels
    } else {
        Miss::Host
    })
}

fn labels(host: &[u8]) -> impl Iterator<Item = &[u8]> {
    host.split(|byte| *byte == b'.')
}

/// Go's `net.SplitHostPort`, and the whole host without a port where that fails: an IPv6 address keeps its brackets
/// then, which are taken for a class of characters later on.
fn split_host_port(host: &[u8]) -> (&[u8], &[u8]) {
    let whole = (host, &b""[..]);
    let Some(colon) = host.iter().rposition(|byte| *byte == b':') else { return whole };
    let (before, port) = (&host[..colon], &host[colon + 1..]);
    let name = match before.strip_prefix(b"[") {
        Some(inner) => match inner.iter().position(|byte| *byte == b']') {
            Some(end) if end + 1 == inner.len() => &inner[..end],
            _ => return whole,
        },
        None if before.iter().any(|byte| matches!(byte, b':' | b']')) => return whole,
        None => before,
    };
    if name.contains(&b'[') || port.iter().any(|byte| matches!(byte, b'[' | b']')) {
        return whole;
    }
    (name, port)
}

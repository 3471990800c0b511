//! Image references exactly as the kubelet parses them.
//!
//! Copied rules: github.com/distribution/reference v0.6.0 `ParseNormalizedNamed` and Kubernetes 1.36
//! pkg/util/parsers. Short names of CRI-O are the runtime's business and not known here.

mod error;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::error::{Quoted, ReferenceError};

/// What docker.io is called in references; the host that serves it is registry-1.docker.io.
const DOCKER_HUB: &str = "docker.io";
const LONGEST_REPOSITORY: usize = 255;
const LONGEST_TAG: usize = 128;

/// A fully qualified image reference. Display is its canonical text, which parses to the same value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    /// Host and port as written. Empty in the one case that the grammar takes as a bare path: a first segment that
    /// looks like a host but has an underscore (`foo_bar.com/x`).
    pub registry: String,
    /// The path below the registry, with `library/` where Docker Hub implies it.
    pub repository: String,
    /// `latest` if the text has neither tag nor digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Algorithm and hex digits: `sha256:…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl Reference {
    /// Parses and normalises what stands in a pod's `image`.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        if text.len() == 64 && text.bytes().all(is_lower_hex) {
            return Err(ReferenceError::HexOnly);
        }
        let (registry, rest) = split_registry(text);
        check_whole(text)?;
        let (repository, tag, digest) = split_suffixes(&rest);
        let registry_is_host = is_host_with_port(registry);
        if !registry_is_host && !is_path_part(registry) {
            return Err(registry_error(registry));
        }
        check_repository(registry, repository)?;
        let tag = tag.map(checked_tag).transpose()?;
        let digest = digest.map(checked_digest).transpose()?;
        // Upstream matches the registry and the path together: what is no host is then taken as part of the path.
        let (registry, repository) = if registry_is_host {
            (registry.to_owned(), repository.to_owned())
        } else {
            (String::new(), format!("{registry}/{repository}"))
        };
        if repository.len() > LONGEST_REPOSITORY {
            return Err(ReferenceError::TooLong(repository.len()));
        }
        let tag = tag.or(digest.is_none().then_some("latest")).map(str::to_owned);
        Ok(Self { registry, repository, tag, digest: digest.map(str::to_owned) })
    }

    /// Registry and repository without tag and digest: what the kubelet looks up in its keyring.
    pub fn name(&self) -> String {
        if self.registry.is_empty() {
            return self.repository.clone();
        }
        format!("{}/{}", self.registry, self.repository)
    }

    /// Whether Docker Hub serves it. `registry-1.docker.io` and `docker.io:443` are registries of their own.
    pub fn is_docker_hub(&self) -> bool {
        self.registry == DOCKER_HUB
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// `splitDockerDomain`: the registry and everything behind it.
fn split_registry(text: &str) -> (&str, String) {
    let Some((first, rest)) = text.split_once('/') else {
        return (DOCKER_HUB, format!("library/{text}"));
    };
    let (registry, rest) = match first {
        "index.docker.io" => (DOCKER_HUB, rest),
        "localhost" => (first, rest),
        _ if first.contains(['.', ':']) || first.bytes().any(|byte| byte.is_ascii_uppercase()) => (first, rest),
        _ => (DOCKER_HUB, text),
    };
    if registry == DOCKER_HUB && !rest.contains('/') {
        return (registry, format!("library/{rest}"));
    }
    (registry, rest.to_owned())
}

/// Repository, tag and digest; neither `:` nor `@` can be in a repository, and no `@` in a tag.
fn split_suffixes(rest: &str) -> (&str, Option<&str>, Option<&str>) {
    let (named, digest) = match rest.split_once('@') {
        Some((named, digest)) => (named, Some(digest)),
        None => (rest, None),
    };
    match named.split_once(':') {
        Some((repository, tag)) => (repository, Some(tag), digest),
        None => (named, None, digest),
    }
}

/// What is better said about the whole text than about the part it ends up in. None of it could parse.
fn check_whole(text: &str) -> Result<(), ReferenceError> {
    if text.is_empty() {
        return Err(ReferenceError::Empty);
    }
    if text.chars().any(|character| character.is_whitespace() || character.is_control()) {
        return Err(ReferenceError::Blank);
    }
    if let Some((scheme, _)) = text.split_once("://")
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    {
        return Err(ReferenceError::Scheme(Quoted::new(scheme)));
    }
    Ok(())
}

fn registry_error(registry: &str) -> ReferenceError {
    if registry.contains('@') {
        return ReferenceError::Login;
    }
    match registry.rsplit_once(':') {
        Some((host, _)) if is_host(host) => ReferenceError::Port(Quoted::new(host)),
        _ => ReferenceError::Registry(Quoted::new(registry)),
    }
}

fn check_repository(registry: &str, repository: &str) -> Result<(), ReferenceError> {
    // `library/` was put there by us: do not complain about what the person did not write.
    let written = repository.strip_prefix("library/").unwrap_or(repository);
    if written.is_empty() {
        return Err(if registry == DOCKER_HUB {
            ReferenceError::Empty
        } else {
            ReferenceError::NoRepository(Quoted::new(registry))
        });
    }
    if repository.split('/').all(is_path_part) {
        return Ok(());
    }
    if written.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(ReferenceError::UpperCase(Quoted::new(written)));
    }
    let broken = written.split('/').find(|part| !is_path_part(part)).unwrap_or_default();
    Err(if broken.is_empty() {
        ReferenceError::EmptyPart(Quoted::new(written))
    } else {
        ReferenceError::Part(Quoted::new(broken))
    })
}

pub(crate) fn checked_tag(tag: &str) -> Result<&str, ReferenceError> {
    if tag.is_empty() {
        return Err(ReferenceError::EmptyTag);
    }
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if tag.starts_with(['.', '-']) || !tag.bytes().all(|byte| is_word(byte) || matches!(byte, b'.' | b'-')) {
        return Err(ReferenceError::Tag(Quoted::new(tag)));
    }
    if tag.len() > LONGEST_TAG {
        return Err(ReferenceError::LongTag(tag.len()));
    }
    Ok(tag)
}

pub(crate) fn checked_digest(digest: &str) -> Result<&str, ReferenceError> {
    if digest.is_empty() {
        return Err(ReferenceError::EmptyDigest);
    }
    let Some((algorithm, hex)) = digest.split_once(':') else {
        return Err(ReferenceError::Digest(Quoted::new(digest)));
    };
    if hex.is_empty() || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(ReferenceError::Digest(Quoted::new(digest)));
    }
    // The kubelet links Go's sha256 and sha512 packages; other algorithms are unknown to it.
    let known = [("sha256", 64), ("sha384", 96), ("sha512", 128)];
    let Some((algorithm, expected)) = known.into_iter().find(|(name, _)| *name == algorithm) else {
        return Err(ReferenceError::Algorithm(Quoted::new(algorithm)));
    };
    if hex.len() != expected {
        return Err(ReferenceError::DigestLength { algorithm, digits: hex.len(), expected });
    }
    if !hex.bytes().all(is_lower_hex) {
        return Err(ReferenceError::UpperCaseDigest);
    }
    Ok(digest)
}

const fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// `domainAndPort`.
pub(crate) fn is_host_with_port(text: &str) -> bool {
    is_host(text)
        || text.rsplit_once(':').is_some_and(|(host, port)| {
            is_host(host) && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
        })
}

/// `host`: labels, or anything of hex digits and colons in brackets. No zone, no embedded IPv4.
fn is_host(text: &str) -> bool {
    if let Some(address) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':');
    }
    text.split('.').all(|label| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.bytes().all(inner)
    })
}

/// `pathComponent`: runs of a-z and 0-9, with one `.`, one or two `_`, or any run of `-` between two of them.
pub(crate) fn is_path_part(part: &str) -> bool {
    let is_inner = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
    let is_separator = |text: &str| matches!(text, "." | "_" | "__") || text.bytes().all(|byte| byte == b'-');
    part.starts_with(is_inner)
        && part.ends_with(is_inner)
        && part.split(is_inner).all(|between| between.is_empty() || is_separator(between))
}

#[cfg(test)]
mod tests;

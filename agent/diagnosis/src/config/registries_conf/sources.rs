//! Which entry a reference belongs to, and from where it is pulled in which order.
//!
//! Copied rules: containers-image `pkg/sysregistriesv2/system_registries_v2.go` `FindRegistry`, `refMatchingPrefix`,
//! `PullSourcesFromReference`, `rewriteReference`; `docker/docker_client.go` `newDockerClient`.

use super::{MirrorUsage, RegistriesConf, Registry};
use crate::reference::Reference;
use crate::text::clean;

/// Where a reference is pulled from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pull {
    /// The prefix of the entry that matches; `None`: there is none, and the reference is pulled as it is.
    pub prefix: Option<String>,
    /// Nothing may be pulled.
    pub blocked: bool,
    /// In order; the last is the registry itself.
    pub sources: Vec<Source>,
}

/// One place that is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Source {
    /// What is asked for there, registry and tag or digest included.
    pub reference: Reference,
    /// The location that replaced the prefix; empty if nothing did.
    pub location: String,
    /// What the entry says: TLS is not verified, and plain HTTP is tried.
    pub insecure: bool,
    /// An entry of its own for this place says so, or `insecure` is true.
    pub skip_verify: bool,
    /// An entry of its own for this place blocks it: it fails, the others do not.
    pub blocked: bool,
    /// It is a mirror, and not the registry itself.
    pub is_mirror: bool,
}

/// A location that makes no reference of a name; the whole pull fails. Docker Hub's images need `docker.io/library`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rewriting reference: `{rewritten}` is no canonical reference")]
pub struct RewriteError {
    /// What came out.
    pub rewritten: String,
}

impl Source {
    /// Host and port that are asked: Docker Hub's are others than its name.
    pub fn authority(&self) -> &str {
        if self.reference.is_docker_hub() { "registry-1.docker.io" } else { &self.reference.registry }
    }
}

impl RegistriesConf {
    /// The sources of a reference.
    pub fn sources(&self, reference: &Reference) -> Result<Pull, RewriteError> {
        let Some(registry) = self.find(&reference.name()) else {
            let source = self.source(reference.clone(), "", false, false);
            return Ok(Pull { prefix: None, blocked: false, sources: vec![source] });
        };
        let has_digest = reference.digest.is_some();
        let is_used = |usage| match usage {
            _ if registry.mirror_by_digest_only => has_digest,
            MirrorUsage::All => true,
            MirrorUsage::DigestOnly => has_digest,
            MirrorUsage::TagOnly => !has_digest,
        };
        let mut sources = Vec::new();
        for mirror in registry.mirrors.iter().filter(|mirror| is_used(mirror.usage)) {
            let rewritten = rewrite(reference, registry, &mirror.location)?;
            sources.push(self.source(rewritten, &mirror.location, mirror.insecure, true));
        }
        let own = rewrite(reference, registry, &registry.location)?;
        sources.push(self.source(own, &registry.location, registry.insecure, false));
        Ok(Pull { prefix: Some(registry.prefix.clone()), blocked: registry.blocked, sources })
    }

    /// The entry with the longest prefix of a name; of two equally long ones the first.
    fn find(&self, name: &str) -> Option<&Registry> {
        let mut found: Option<&Registry> = None;
        for registry in &self.registries {
            let longest = found.map_or(0, |found| found.prefix.len());
            if registry.prefix.len() > longest && matching_length(name, &registry.prefix).is_some() {
                found = Some(registry);
            }
        }
        found
    }

    fn source(&self, reference: Reference, location: &str, insecure: bool, is_mirror: bool) -> Source {
        let own = self.find(&reference.name());
        Source {
            skip_verify: insecure || own.is_some_and(|own| own.insecure),
            blocked: own.is_some_and(|own| own.blocked),
            location: location.to_owned(),
            reference,
            insecure,
            is_mirror,
        }
    }
}

/// Replaces the prefix as text. The outcome must be spelled as it would be normalised.
fn rewrite(reference: &Reference, registry: &Registry, location: &str) -> Result<Reference, RewriteError> {
    if location.is_empty() {
        return Ok(reference.clone());
    }
    let text = reference.to_string();
    let rest = matching_length(&text, &registry.prefix).and_then(|length| text.get(length..)).unwrap_or_default();
    let rewritten = format!("{location}{rest}");
    let parsed = Reference::parse(&rewritten).ok().filter(|parsed| parsed.to_string() == rewritten);
    parsed.ok_or_else(|| RewriteError { rewritten: clean(&rewritten, 300) })
}

/// How much of a name a prefix takes up, if it matches.
fn matching_length(name: &str, prefix: &str) -> Option<usize> {
    let end = match prefix.strip_prefix('*').filter(|domain| domain.starts_with('.')) {
        Some(domain) => {
            let start = name.find(domain)?;
            if name.get(..start)?.contains('/') {
                return None;
            }
            start + domain.len()
        }
        None => name.starts_with(prefix).then_some(prefix.len())?,
    };
    // `example.com` matches `example.com:5000`, too.
    let rest = name.get(end..)?;
    (rest.is_empty() || rest.starts_with([':', '/', '@'])).then_some(end)
}

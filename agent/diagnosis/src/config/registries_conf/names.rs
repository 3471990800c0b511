//! Image names before they are normalised: which are short, and what an alias may be.
//!
//! Copied rules: containers-image docker/reference `Parse`, pkg/sysregistriesv2/shortnames.go `validateShortName`,
//! `parseShortNameValue`.

use crate::reference::{Reference, checked_digest, checked_tag, is_host_with_port, is_path_part};

/// The longest name without tag and digest.
const LONGEST_NAME: usize = 255;

/// A name as it is typed.
pub(super) struct TypedName<'t> {
    /// Without tag and digest.
    pub(super) name: &'t str,
    /// What stands before the first slash and could be a host, be it meant so or not.
    first: Option<&'t str>,
    pub(super) tag: Option<&'t str>,
    pub(super) digest: Option<&'t str>,
}

impl<'t> TypedName<'t> {
    /// `None` for what is no reference at all.
    pub(super) fn parse(text: &'t str) -> Option<Self> {
        let (rest, digest) = text.split_once('@').map_or((text, None), |(rest, digest)| (rest, Some(digest)));
        let (name, tag) = match rest.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
            Some((name, tag)) => (name, Some(tag)),
            None => (rest, None),
        };
        let (first, path) = match name.split_once('/') {
            Some((first, path)) if is_host_with_port(first) => (Some(first), path),
            _ => (None, name),
        };
        let is_whole = name.len() <= LONGEST_NAME && path.split('/').all(is_path_part);
        let suffixes = tag.is_none_or(|tag| checked_tag(tag).is_ok())
            && digest.is_none_or(|digest| checked_digest(digest).is_ok());
        (is_whole && suffixes).then_some(Self { name, first, tag, digest })
    }

    /// Whether it names no registry.
    pub(super) fn is_short(&self) -> bool {
        !self.first.is_some_and(|first| first.contains(['.', ':']) || first == "localhost")
    }

    fn is_bare(&self) -> bool {
        self.tag.is_none() && self.digest.is_none()
    }
}

/// Whether a name can be an alias.
pub(super) fn check_alias_name(name: &str) -> Option<()> {
    TypedName::parse(name).filter(|name| name.is_short() && name.is_bare()).map(drop)
}

/// What an alias stands for, normalised.
pub(super) fn parse_alias_value(value: &str) -> Option<String> {
    TypedName::parse(value).filter(|name| !name.is_short() && name.is_bare())?;
    Some(Reference::parse(value).ok()?.name())
}

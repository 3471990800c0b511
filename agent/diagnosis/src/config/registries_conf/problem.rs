//! What makes containers-image refuse registries.conf, and what it passes over in silence.

use crate::config::files::NotRead;

/// Why no image can be pulled before the file is mended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("loading registries configuration \"{file}\": {problem}")]
pub struct RegistriesError {
    /// The file.
    pub file: String,
    /// From 1, where it can be told.
    pub line: Option<u32>,
    /// What is wrong.
    pub problem: ConfProblem,
}

impl RegistriesError {
    pub(super) fn unread(file: &str, why: &NotRead) -> Self {
        Self { file: file.to_owned(), line: None, problem: ConfProblem::Read { why: why.to_string() } }
    }
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfProblem {
    /// It cannot be read.
    #[error("{why}")]
    Read {
        /// In the words of the operating system.
        why: String,
    },
    /// It is no TOML.
    #[error("{why}")]
    Toml {
        /// One line; may name keys, never values.
        why: String,
    },
    /// A value of the wrong kind.
    #[error("`{key}` must be {expected}")]
    WrongType {
        /// Which key.
        key: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// The old format in a drop-in.
    #[error("registry must be in v2 format but is in v1")]
    OldFormatInDropIn,
    /// `[registries.…]` and newer keys in one file.
    #[error("mixing sysregistry v1/v2 is not supported")]
    Mixed,
    /// `https://` in front of a location or prefix.
    #[error("invalid location '{location}': URI schemes are not supported")]
    Scheme {
        /// As written.
        location: String,
    },
    /// Neither prefix nor location.
    #[error("invalid condition: both location and prefix are unset")]
    NoName,
    /// A location may be left out with a wildcard prefix only.
    #[error("invalid condition: location is unset and prefix is not in the format: *.example.com")]
    NoLocation,
    /// A mirror without location.
    #[error("invalid condition: mirror location is unset")]
    NoMirrorLocation,
    /// `pull-from-mirror` at the registry itself.
    #[error("pull-from-mirror must not be set for a non-mirror registry \"{prefix}\"")]
    UsageOfRegistry {
        /// The registry.
        prefix: String,
    },
    /// `pull-from-mirror` and `mirror-by-digest-only` in one entry.
    #[error("mirror-by-digest-only (\"{prefix}\") and pull-from-mirror cannot be set at the same time")]
    UsageTwice {
        /// The registry.
        prefix: String,
    },
    /// `pull-from-mirror` has an unknown value.
    #[error("unsupported pull-from-mirror value \"{value}\"")]
    Usage {
        /// As written.
        value: String,
    },
    /// Two entries of one location contradict each other.
    #[error("registry '{location}' is defined multiple times with conflicting '{setting}' setting")]
    Conflict {
        /// The location, or the prefix where that is empty.
        location: String,
        /// `insecure` or `blocked`.
        setting: &'static str,
    },
    /// An entry of `unqualified-search-registries` is no host.
    #[error("invalid unqualified-search-registries entry \"{entry}\"")]
    Search {
        /// As written.
        entry: String,
    },
    /// `short-name-mode` has an unknown value.
    #[error("invalid short-name mode: \"{value}\"")]
    Mode {
        /// As written.
        value: String,
    },
    /// A wildcard prefix with a port, path or digest.
    #[error("wildcarded prefix should be in the format: *.example.com, not \"{prefix}\"")]
    Wildcard {
        /// As written.
        prefix: String,
    },
    /// The name of an alias is not short, or has a tag.
    #[error("invalid short name \"{name}\"")]
    AliasName {
        /// As written.
        name: String,
    },
    /// The value of an alias has no registry, or has a tag.
    #[error("invalid alias \"{value}\" of \"{name}\": it must be registry and repository without tag")]
    AliasValue {
        /// The alias.
        name: String,
        /// As written.
        value: String,
    },
}

/// One fact with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistriesRemark {
    /// The file.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// What is the matter.
    pub kind: ConfRemark,
}

/// What is passed over in silence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfRemark {
    /// An unknown key, mostly a misspelled one.
    UnknownKey {
        /// With the table that it is in.
        key: String,
    },
    /// A prefix that an earlier entry of the same file has: the earlier one counts.
    SecondEntry {
        /// The prefix.
        prefix: String,
    },
    /// A later file has an entry with this prefix, which replaces this one with all its mirrors.
    Replaced {
        /// The prefix.
        prefix: String,
        /// The later file.
        by: String,
    },
    /// The format of `[registries.search]`, which newer versions refuse.
    OldFormat,
    /// TOML 1.1, which older versions refuse.
    NewToml,
}

//! What CRI-O takes a name without a registry for.
//!
//! Copied rule: containers-image pkg/shortnames/shortnames.go `Resolve`, for a process without a terminal.

use super::RegistriesConf;
use super::names::TypedName;
use crate::reference::{Reference, ReferenceError};

/// How a short name is treated that may be on several registries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShortNameMode {
    /// It is refused, as nobody can be asked which is meant.
    Enforcing,
    /// All are tried in order. The default of containers-image; CRI-O has `enforcing`.
    Permissive,
    /// All are tried in order.
    Disabled,
}

impl ShortNameMode {
    /// The mode that a word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "enforcing" => Some(Self::Enforcing),
            "permissive" => Some(Self::Permissive),
            "disabled" => Some(Self::Disabled),
            _ => None,
        }
    }
}

/// Why there is nothing to be pulled for a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShortNameError {
    /// It is no reference.
    #[error("the image's name cannot be parsed")]
    Invalid,
    /// It is none together with a registry.
    #[error("{0}")]
    Reference(#[from] ReferenceError),
    /// Neither an alias nor a registry to search.
    #[error("the short name did not resolve to an alias and no unqualified-search registries are defined")]
    Unresolved,
    /// Several registries in the mode `enforcing`.
    #[error("short name mode is enforcing, but the image's name returns an ambiguous list")]
    Ambiguous,
}

impl RegistriesConf {
    /// The references to try for a name in order; one unless the name is short. CRI-O's own `short_name_mode` comes
    /// before the files'.
    pub fn candidates(&self, name: &str, mode: Option<ShortNameMode>) -> Result<Vec<Reference>, ShortNameError> {
        let typed = TypedName::parse(name).ok_or(ShortNameError::Invalid)?;
        if !typed.is_short() {
            return Ok(vec![Reference::parse(name)?]);
        }
        if let Some(Some(alias)) = self.aliases.get(typed.name) {
            let tag = typed.tag.map_or_else(String::new, |tag| format!(":{tag}"));
            let digest = typed.digest.map_or_else(String::new, |digest| format!("@{digest}"));
            return Ok(vec![Reference::parse(&format!("{alias}{tag}{digest}"))?]);
        }
        if self.search.is_empty() {
            return Err(ShortNameError::Unresolved);
        }
        let candidates = self.search.iter().map(|registry| Reference::parse(&format!("{registry}/{name}")));
        let candidates = candidates.collect::<Result<Vec<_>, _>>()?;
        let mode = mode.or(self.short_name_mode).unwrap_or(ShortNameMode::Permissive);
        if candidates.len() > 1 && mode == ShortNameMode::Enforcing {
            return Err(ShortNameError::Ambiguous);
        }
        Ok(candidates)
    }
}

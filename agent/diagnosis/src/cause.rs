//! The catalogue of causes: one row a code. Event reasons, metric labels, `explain` and docs/causes.md come from it.
//!
//! What a code looks like on the wire stands in its layer; here stands what it means to a person.

mod catalogue;
mod document;
mod kubelet_states;
mod page;
mod registries;
mod row;
mod wrap;

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use catalogue::{CATALOGUE, Code};
pub use document::reference;
pub use kubelet_states::{KubeletState, kubelet_state, kubelet_states};
pub use page::{page, page_of_state};
pub use registries::{REGISTRIES, RegistryHabits, habits_of};
pub use row::{Check, DetailRow, Lookalike, Place, PlaceRemedy, Row, Saying, Speaker};

/// The layers of a pull, in the order in which they can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// The image's name and what it stands for.
    Reference,
    /// Who asks.
    Credentials,
    /// How often.
    Limits,
    /// Names to addresses.
    Dns,
    /// TCP and the streams on it.
    Transport,
    /// The proxy on the way.
    Proxy,
    /// Certificates and handshakes.
    Tls,
    /// The registry, its token service and its storage.
    Registry,
    /// The node itself.
    Node,
}

/// Who can mend a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Owner {
    /// Whoever writes the image's name, or builds it.
    Image,
    /// Whoever owns the namespace, its pods and secrets.
    Namespace,
    /// Whoever runs the cluster.
    Cluster,
    /// Whoever runs this node.
    Node,
    /// Whoever runs the network in between.
    Network,
    /// Whoever runs the registry.
    Registry,
}

/// How much a finding matters to the pull.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// The pull works, though less well than it should.
    Warning,
    /// The pull fails.
    Error,
}

/// How sure a cause is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// It fits, and so do others that could not be looked at.
    Possible,
    /// It rests on a deadline shorter than the runtime's, or on one thing that was not seen.
    Likely,
    /// It was seen.
    Certain,
}

impl Code {
    /// The code's row in the catalogue.
    pub fn row(self) -> &'static Row {
        &CATALOGUE[self as usize]
    }

    /// The code's stable name.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The owner of the code with this detail.
    pub fn owner(self, detail: Option<&str>) -> Option<Owner> {
        let row = self.row();
        let detail = detail.and_then(|name| row.details.iter().find(|d| d.name == name));
        detail.and_then(|d| d.owner).or(row.owner)
    }

    /// The code whose name is nearest to `text`, for a person who mistyped it.
    pub fn nearest(text: &str) -> Self {
        let distance = |row: &&Row| strsim::damerau_levenshtein(&row.name.to_lowercase(), &text.to_lowercase());
        CATALOGUE.iter().min_by_key(distance).map_or(Self::Unknown, |row| row.code)
    }
}

/// The text is no code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is no cause code; the nearest is `{nearest}`")]
pub struct UnknownCode {
    given: String,
    nearest: Code,
}

impl FromStr for Code {
    type Err = UnknownCode;

    /// Accepts the name in any case, also with the `Pull` or `Check` of an event reason before it.
    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        let find = |name: &str| CATALOGUE.iter().find(|row| row.name.eq_ignore_ascii_case(name)).map(|row| row.code);
        let bare = ["Pull", "Check"].iter().find_map(|prefix| text.strip_prefix(prefix));
        find(text)
            .or_else(|| bare.and_then(find))
            .ok_or_else(|| UnknownCode { given: crate::text::clean(text, 64), nearest: Self::nearest(text) })
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Writes the lower-case word that stands for a value in JSON and on the screen.
macro_rules! lowercase_words {
    ($($name:ident: $($variant:ident $word:literal),+;)+) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $word),+ })
            }
        }
    )+};
}

lowercase_words! {
    Layer: Reference "reference", Credentials "credentials", Limits "limits", Dns "dns", Transport "transport",
        Proxy "proxy", Tls "tls", Registry "registry", Node "node";
    Owner: Image "image", Namespace "namespace", Cluster "cluster", Node "node", Network "network", Registry "registry";
    Confidence: Possible "possible", Likely "likely", Certain "certain";
    Severity: Info "info", Warning "warning", Error "error";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_stands_at_its_code() {
        for (index, row) in CATALOGUE.iter().enumerate() {
            assert_eq!(row.code as usize, index, "{}", row.name);
            assert_eq!(row.code.row().name, row.name);
        }
    }

    #[test]
    fn a_code_is_found_by_its_name_and_by_its_event_reason() {
        assert_eq!("TagNotFound".parse(), Ok(Code::TagNotFound));
        assert_eq!("tagnotfound".parse(), Ok(Code::TagNotFound));
        assert_eq!("PullTagNotFound".parse(), Ok(Code::TagNotFound));
        assert_eq!("CheckDnsTimeout".parse(), Ok(Code::DnsTimeout));
        // A code that begins with the prefix itself is still found by its own name.
        assert_eq!("PullStalled".parse(), Ok(Code::PullStalled));
    }

    #[test]
    fn a_mistyped_code_names_the_nearest() {
        let error = "TagNotFond".parse::<Code>().unwrap_err();
        assert_eq!(error.to_string(), "`TagNotFond` is no cause code; the nearest is `TagNotFound`");
    }

    #[test]
    fn every_code_can_be_explained() {
        for row in CATALOGUE {
            assert!(!row.meaning.is_empty(), "{} has no meaning", row.name);
            assert!(row.code == Code::Unknown || !row.remedy.is_empty(), "{} has no remedy", row.name);
            assert!(
                row.severity != Severity::Error || row.code == Code::Unknown || row.owner.is_some(),
                "{}",
                row.name
            );
        }
    }
}

//! The shape of a wording: what a kubelet, runtime or registry writes, and the cause that it stands for.
//!
//! The rows themselves stand beside their layer, in `layer/<layer>/wordings.rs`; which of several wins is decided by
//! [`message`](crate::message).

use crate::cause::{Code, Confidence};

/// Nothing in the same failure can outweigh it.
pub(crate) const DECISIVE: u8 = 92;
/// Names what happened, in words of its own.
pub(crate) const SPECIFIC: u8 = 82;
/// Names what happened at this hop.
pub(crate) const CONTENT: u8 = 74;
/// Words of an error body that say more than the status beside them.
pub(crate) const BODY: u8 = 60;
/// A status number; see `message::status`.
pub(crate) const STATUS: u8 = 50;
/// Words that several causes share.
pub(crate) const GENERAL: u8 = 38;
/// What is left when a deadline or a person ended it.
pub(crate) const CANCELLED: u8 = 28;
/// What stands around the content.
pub(crate) const WRAPPER: u8 = 16;
/// No more than a gRPC code or a reason.
pub(crate) const LABEL: u8 = 8;

/// One way in which a cause is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wording {
    /// All of these, in this order and near each other. Lower case, single blanks: the text is compared without regard
    /// to case, with white space folded.
    pub(crate) phrases: &'static [&'static str],
    /// The greater, the more it says: of several wordings the greatest wins.
    pub(crate) rank: u8,
    /// What it stands for. `TagNotFound` also stands for a digest; the reference decides.
    pub(crate) code: Code,
    /// Its detail.
    pub(crate) detail: Option<&'static str>,
    /// What the text alone would allow as well.
    pub(crate) also: &'static [Code],
    /// How sure it is.
    pub(crate) confidence: Confidence,
    /// Whether only a pull is described like this, so that it is a failure without any other sign of one.
    pub(crate) is_of_pulls: bool,
}

/// A row that says `code`.
pub(crate) const fn says(rank: u8, phrases: &'static [&'static str], code: Code) -> Wording {
    Wording { phrases, rank, code, detail: None, also: &[], confidence: Confidence::Certain, is_of_pulls: false }
}

impl Wording {
    /// With this detail.
    pub(crate) const fn detail(mut self, detail: &'static str) -> Self {
        self.detail = Some(detail);
        self
    }

    /// Where the text alone would allow these too.
    pub(crate) const fn also(mut self, also: &'static [Code]) -> Self {
        self.also = also;
        self.confidence = Confidence::Likely;
        self
    }

    /// Not certain.
    pub(crate) const fn likely(mut self) -> Self {
        self.confidence = Confidence::Likely;
        self
    }

    /// Only pulls are described like this.
    pub(crate) const fn of_pulls(mut self) -> Self {
        self.is_of_pulls = true;
        self
    }
}

/// Every row of every layer.
pub(crate) fn all() -> impl Iterator<Item = &'static Wording> {
    [
        super::reference::wordings::WORDINGS,
        super::credentials::wordings::WORDINGS,
        super::limits::wordings::WORDINGS,
        super::dns::wordings::WORDINGS,
        super::transport::wordings::WORDINGS,
        super::proxy::wordings::WORDINGS,
        super::tls::wordings::WORDINGS,
        super::registry::wordings::WORDINGS,
        super::node::wordings::WORDINGS,
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_written_as_texts_are_compared() {
        for wording in all() {
            assert!(!wording.phrases.is_empty(), "{wording:?}");
            for phrase in wording.phrases {
                assert_eq!(*phrase, phrase.to_ascii_lowercase(), "{wording:?}");
                assert!(!phrase.contains("  ") && phrase.len() > 3, "{wording:?}");
            }
        }
    }

    #[test]
    fn details_are_those_of_the_catalogue() {
        for wording in all() {
            let known = wording.code.row().details.iter().any(|row| Some(row.name) == wording.detail);
            assert!(wording.detail.is_none() || known, "{wording:?}");
        }
    }

    #[test]
    fn no_phrase_alone_stands_twice() {
        let mut alone: Vec<&str> = all().filter(|w| w.phrases.len() == 1).map(|w| w.phrases[0]).collect();
        alone.sort_unstable();
        let twice: Vec<&[&str]> = alone.windows(2).filter(|pair| pair[0] == pair[1]).collect();
        assert!(twice.is_empty(), "{twice:?}");
    }
}

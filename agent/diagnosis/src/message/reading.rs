//! What one record says: nothing of pulls, an image that others speak of, or a failure.

use super::attempts::{Attempts, judge_all};
use super::image::{self, Image};
use super::phrases::{Hit, Mark, wording};
use super::record::Record;
use super::runtime::Runtime;

/// What a record says.
#[derive(Debug)]
pub(super) enum Reading {
    /// The image that the records behind it speak of.
    Context(Image),
    /// A failed pull.
    Failure(Box<Told>),
}

impl Reading {
    /// Whether there is nothing in it that would have to be quoted.
    pub(super) fn is_told(&self) -> bool {
        match self {
            Self::Context(_) => true,
            Self::Failure(told) => told.attempts.counts.is_some(),
        }
    }
}

/// What is told of a failed pull.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is told or not, whatever the others are")]
pub(super) struct Told {
    /// The image as it is named best.
    pub(super) image: Option<Image>,
    /// The runtime whose words these are.
    pub(super) runtime: Option<Runtime>,
    /// The cause, and what else was tried.
    pub(super) attempts: Attempts,
    /// The runtime has not given up: it goes on to its next endpoint.
    pub(super) is_of_one_endpoint: bool,
    /// It is the sandbox's image.
    pub(super) is_sandbox: bool,
    /// It is told by GitLab's runner.
    pub(super) is_gitlab: bool,
    /// That a secret could not be read is all that it says.
    pub(super) is_of_secrets: bool,
}

/// What `record` says. With `is_loose` a wording alone is a failure, without any word of a pull: for a text that is
/// nothing but the innermost error.
pub(super) fn read(text: &str, record: &Record<'_>, is_loose: bool) -> Option<Reading> {
    let hits = || record.hits.iter().filter(|hit| hit.end <= record.range.end);
    let marks = || hits().flat_map(Hit::marks);
    let is_of_pulls = |mark: &Mark| match mark {
        Mark::Wording(row, 0) => wording(*row).is_some_and(|w| w.is_of_pulls && w.phrases.len() == 1),
        _ => false,
    };
    if marks().any(|mark| *mark == Mark::NotAPull) {
        return None;
    }
    // A runtime that speaks of a request has failed at it, even if nothing it says is known.
    let is_spoken = |hit: &Hit| hit.marks().iter().any(|mark| matches!(mark, Mark::Runtime(_))) && hit.is(Mark::Pull);
    let spoken = hits().find(|hit| is_spoken(hit)).map(|hit| hit.end);
    let has_asked = spoken.is_some_and(|end| hits().any(|hit| hit.start >= end && hit.is(Mark::Url)));
    let is_failure = has_asked || marks().any(|mark| *mark == Mark::Failure || is_of_pulls(mark));
    let images = || hits().filter_map(|hit| image::named(text, hit));
    let context = || {
        // A key of YAML, or the word of a command: not a word in the middle of a sentence.
        let first = hits().find(|hit| hit.is(Mark::Context))?;
        let before = text[record.range.start..first.start].trim_matches([' ', '-', '$', '#', '"', ',', '{', '[']);
        let fits = !text[..first.end].ends_with("mage: ") || before.is_empty();
        image::named(text, first).filter(|_| fits).map(Reading::Context)
    };
    let may_fail = is_failure || is_loose || marks().any(|mark| *mark == Mark::Pull);
    if !may_fail {
        return context();
    }
    let attempts = judge_all(text, record.hits, &record.range);
    if !is_failure && attempts.counts.is_none() {
        return context();
    }
    let path = attempts
        .counts
        .as_ref()
        .and_then(|j| image::requested(j.host.as_deref()?, j.path.as_deref()?, j.mirror_of.as_deref()));
    let is_secret = |mark: &Mark| match mark {
        Mark::Wording(row, _) => wording(*row).is_some_and(|w| w.code == crate::cause::Code::SecretNotFound),
        _ => false,
    };
    // The `"image"` of the same JSON object is better than none.
    let image = images().filter(|image| image.rank < 8).min_by_key(|image| image.rank).or(path);
    let image = image.or_else(|| {
        let quoted = hits().find(|hit| hit.is(Mark::Context) && text[..hit.end].ends_with(['"', '\'']))?;
        image::named(text, quoted)
    });
    Some(Reading::Failure(Box::new(Told {
        runtime: marks().find_map(|mark| if let Mark::Runtime(runtime) = mark { Some(*runtime) } else { None }),
        is_of_one_endpoint: marks().any(|mark| *mark == Mark::NextHost),
        is_sandbox: marks().any(|mark| *mark == Mark::Sandbox),
        is_gitlab: marks().any(|mark| *mark == Mark::GitLab),
        is_of_secrets: image.is_none() && marks().any(is_secret),
        image,
        attempts,
    })))
}

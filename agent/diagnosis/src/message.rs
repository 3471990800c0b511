//! The cause behind any pasted text: events, logs, status, a registry's own words. Offline, pure and total.
//!
//! The way of a text: `paste` makes it readable, `record` finds its events and log entries, `phrases` finds every
//! known phrase in one pass, `reading` says what a record tells, `judge` decides between wordings, `failures`
//! joins what belongs to one failure, `explain` says it to a person. The wordings stand beside their layers.

mod attempts;
mod endpoint;
mod explain;
mod failures;
mod image;
mod judge;
mod line;
mod paste;
mod phrases;
mod reading;
mod record;
mod redact;
mod runtime;
mod sentence;
mod status;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cause::Code;
use crate::finding::{Cause, Finding, Remedy};
use failures::Failures;
use paste::View;

/// The name and version of the explanation's JSON form.
pub const SCHEMA: &str = "pullagent.dev/explain/v1";

/// The text is read in parts of at most this many bytes, cut where a line ends: what is kept besides the text itself
/// does not grow with it.
const WINDOW: usize = 1 << 20;
/// A text no longer than this may be an error without any word of a pull around it.
const SHORT: usize = 64 * 1024;

/// One failure that a text tells of, explained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    /// `pullagent.dev/explain/v1`.
    pub schema: String,
    /// The cause; null if the text tells of no failure.
    pub cause: Option<Cause>,
    /// What the text alone would allow as well.
    pub also: Vec<Code>,
    /// The image, as the text names it best.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Whose words these are: `containerd`, `cri-o` or `docker`, each also for what shares its library.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// Where the text tells of it.
    pub evidence: Vec<Span>,
    /// Other endpoints and logins that the text tells of, and what else is worth knowing.
    pub findings: Vec<Finding>,
    /// What to do, most likely first.
    pub remedy: Vec<Remedy>,
    /// What to run to know more than the text tells.
    pub next: Vec<Remedy>,
}

/// A part of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Span {
    /// Its first byte.
    pub start: usize,
    /// The byte behind its last.
    pub end: usize,
}

/// Every failed pull that `text` tells of, in the order of the text. Takes any bytes; needs a few times 1 MiB besides
/// the text, whatever its length.
pub fn classify(text: impl AsRef<[u8]>) -> Vec<Explained> {
    let text = text.as_ref();
    let mut failures = read(text, Guess::None).finish();
    // A short text is worth another look: as one that was wrapped at no usual width, and as one that is nothing but the
    // innermost error.
    if text.len() <= SHORT {
        for guess in [Guess::Wrapped, Guess::Loose] {
            if failures.iter().any(|failure| failure.judgement.is_some())
                || guess == Guess::Loose && !failures.is_empty()
            {
                break;
            }
            let guessed = read(text, guess).finish();
            if guessed.iter().any(|failure| failure.judgement.is_some()) {
                failures = guessed;
            }
        }
    }
    failures.iter().map(explain::explain).collect()
}

/// The beginning of a text as it may be quoted in a sentence.
pub(crate) fn quote(text: &str) -> String {
    redact::quote(text)
}

/// A text with everything that could be a secret hidden.
pub(crate) fn without_secrets(text: &str) -> String {
    redact::redacted(text)
}

/// What a code alone says.
pub fn of_code(code: Code) -> Explained {
    explain::of_code(code)
}

/// What is said of a text that tells of no failed pull.
pub fn nothing_found() -> Explained {
    explain::nothing_found()
}

/// The JSON schema of an explanation.
pub fn schema() -> serde_json::Value {
    crate::report::schema_of::<Explained>()
}

/// What is taken for granted of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guess {
    None,
    /// Lines that may go on were broken in the middle of a word.
    Wrapped,
    /// It is about a pull, though no word says so.
    Loose,
}

fn read(text: &[u8], guess: Guess) -> Failures {
    let mut failures = Failures::default();
    let mut start = 0;
    while start < text.len() {
        let end = window_end(text, start);
        let view = View::of(&text[start..end], start, guess == Guess::Wrapped);
        let hits = phrases::find(&view.text);
        for record in record::records(&view, &hits) {
            if let Some(reading) = reading::read(&view.text, &record, guess == Guess::Loose) {
                // Only what cannot be told is quoted.
                let words =
                    if reading.is_told() { String::new() } else { redact::quote(&view.text[record.range.clone()]) };
                failures.add(reading, view.in_input(&record.range), words);
            }
        }
        start = end;
    }
    failures
}

/// Where the part that begins at `start` ends: behind a line break, if there is one.
fn window_end(text: &[u8], start: usize) -> usize {
    let most = text.len().min(start + WINDOW);
    if most == text.len() {
        return most;
    }
    let last = text[start..most].iter().rposition(|byte| *byte == b'\n');
    last.map_or(most, |at| start + at + 1)
}

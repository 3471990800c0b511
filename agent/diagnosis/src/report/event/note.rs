//! The line of an event: the sentence, the registry's words, the fix, the owner, and where there is more.
//!
//! What does not fit gives way in this order: the registry's words, the sentence, and a long fix. The rest is always there.

use super::steady::{steady, steady_quote};
use crate::finding::{Cause, Remedy};
use crate::text::clean;

/// The longest line of an event, in bytes.
pub const LONGEST_NOTE: usize = 300;

/// Bytes of the sentence that a long fix leaves.
const SENTENCE: usize = 90;
/// Bytes of foreign words at most, and how few are not worth a quote.
const QUOTE: usize = 160;
const SHORTEST_QUOTE: usize = 12;
/// What precedes foreign words in a summary, and ends it with them.
const SPEAKERS: [&str; 2] = ["Registry said: \"", "The proxy said: \""];

/// The line for a failure.
pub(super) fn of_failure(cause: &Cause, remedy: &[Remedy]) -> String {
    let owner = cause.owner.map(|owner| format!(" Owner: {owner}.")).unwrap_or_default();
    let tail = format!("{owner} More: pullagent explain {}", cause.code);
    let fix = fix(cause, remedy).map(|fix| {
        let room = LONGEST_NOTE.saturating_sub(tail.len() + " Fix: .".len() + SENTENCE + ".".len());
        format!(" Fix: {}.", cut(fix.trim_end_matches('.'), room))
    });
    let tail = format!(".{}{tail}", fix.unwrap_or_default());

    let (own, quote) = parts(&cause.summary);
    let room = LONGEST_NOTE.saturating_sub(tail.len());
    let own = cut(&without_labels(&steady(&own)), room);
    let quoted = quote.and_then(|(speaker, words)| {
        let words = crate::message::quote(&words);
        // What was cut there is cut again, between words.
        let words = words.strip_suffix('…').map_or(words.clone(), |_| cut(&words, words.len() - 1));
        let words = steady_quote(&words).replace('"', "'");
        let room = room.checked_sub(own.len() + ". ".len() + speaker.len() + "\"".len())?.min(QUOTE);
        let is_worth_it = !words.is_empty() && (words.len() <= room || room >= SHORTEST_QUOTE);
        is_worth_it.then(|| format!(". {speaker}{}\"", cut(&words, room)))
    });
    format!("{own}{}{tail}", quoted.unwrap_or_default())
}

/// A summary as our own words, and whose words it quotes at its end. What follows the quote is ours again.
fn parts(summary: &str) -> (String, Option<(&'static str, String)>) {
    let summary = clean(summary, 4096);
    let found = SPEAKERS.iter().filter_map(|speaker| Some((summary.find(&format!(". {speaker}"))?, *speaker))).min();
    let Some((at, speaker)) = found else { return (trimmed(&summary).to_owned(), None) };
    let quoted = &summary[at + ". ".len() + speaker.len()..];
    let (words, after) = quoted.rsplit_once('"').unwrap_or((quoted, ""));
    (trimmed(&format!("{}{after}", &summary[..at])).to_owned(), Some((speaker, words.to_owned())))
}

fn trimmed(text: &str) -> &str {
    text.trim_end_matches(['.', ' ', ';', ','])
}

/// What to do: the first remedy that is more than a way to look.
fn fix(cause: &Cause, remedy: &[Remedy]) -> Option<String> {
    const LOOKS: [&str; 4] = ["look from", "see ", "ask the node", "try the login"];
    let is_look = |remedy: &&Remedy| LOOKS.iter().any(|look| remedy.text.starts_with(look));
    let first = remedy.iter().find(|remedy| !is_look(remedy)).or(remedy.first());
    let text = first.map(|remedy| remedy.text.as_str()).or(cause.code.row().remedy.first().copied())?;
    Some(without_labels(&clean(text, 1024)))
}

/// Names that others choose stand in a sentence; none of them may look like one of the line's own labels.
fn without_labels(text: &str) -> String {
    ["Fix", "Owner", "More"].iter().fold(text.to_owned(), |text, label| text.replace(&format!("{label}:"), label))
}

/// What stands for the rest.
const MARK: char = '…';

/// `text` in at most `max` bytes, cut between words where there is a border in its second half.
fn cut(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let mut end = max.saturating_sub(MARK.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let at_word = text[..end].rfind(' ').filter(|at| *at * 2 >= end && text.as_bytes().get(end) != Some(&b' '));
    let kept = text[..at_word.unwrap_or(end)].trim_end_matches([' ', ',', ';', ':', '.', '(', '"']);
    if max < MARK.len_utf8() { String::new() } else { format!("{kept}{MARK}") }
}

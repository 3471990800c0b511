//! The line of an event: the sentence, the registry's words, the fix, the owner, and where there is more.
//!
//! What does not fit gives way in this order: the registry's words, the last clauses of the sentence, the fix for a shorter
//! one, and the sentence for what the catalogue says. A clause is there as a whole or not at all.

use super::steady::{steady, steady_quote};
use crate::finding::{Cause, Remedy};
use crate::text::clean;

/// The longest line of an event, in bytes.
pub const LONGEST_NOTE: usize = 300;

/// Bytes of foreign words at most, and how few are not worth a quote.
const QUOTE: usize = 160;
const SHORTEST_QUOTE: usize = 12;
/// What precedes foreign words in a summary, and ends it with them.
const SPEAKERS: [&str; 2] = ["Registry said: \"", "The proxy said: \""];

/// The line for a failure.
pub(super) fn of_failure(cause: &Cause, remedy: &[Remedy]) -> String {
    let row = cause.code.row();
    let owner = cause.owner.map(|owner| format!(" Owner: {owner}.")).unwrap_or_default();
    let tail = format!("{owner} More: pullagent explain {}", cause.code);
    let (own, quote) = parts(&cause.summary);
    let own = without_labels(&with_one_host(&steady(&own), cause.host.as_deref()));
    let fixes = fixes(remedy, row.remedy);

    let room = LONGEST_NOTE.saturating_sub(". Fix: .".len() + tail.len());
    let fitting = |sentence: &str| {
        let shorter = shorter(sentence, &SENTENCE);
        fixes.iter().find_map(|fix| {
            let own = shorter.iter().find(|own| own.len() + fix.len() <= room)?;
            Some(((*own).to_owned(), fix.clone()))
        })
    };
    // The reason names the cause where nothing else has room. Every row of the catalogue has a fix that fits beside that.
    let rest = || fitting(trimmed(row.meaning)).or_else(|| fitting("the pull fails"));
    let (own, fix) = fitting(&own).or_else(rest).unwrap_or_default();
    let tail = if fix.is_empty() { format!(".{tail}") } else { format!(". Fix: {fix}.{tail}") };

    let room = LONGEST_NOTE.saturating_sub(own.len() + tail.len());
    let quoted = quote.and_then(|(speaker, words)| {
        let words = crate::message::quote(&words);
        // What was cut there is cut again, between words.
        let words = words.strip_suffix('…').map_or(words.clone(), |_| cut(&words, words.len() - 1));
        let words = steady_quote(&words).replace('"', "'");
        let room = room.checked_sub(". ".len() + speaker.len() + "\"".len())?.min(QUOTE);
        let is_worth_it = !words.is_empty() && (words.len() <= room || room >= SHORTEST_QUOTE);
        is_worth_it.then(|| format!(". {speaker}{}\"", cut(&words, room)))
    });
    format!("{own}{}{tail}", quoted.unwrap_or_default())
}

/// What ends a clause that a sentence does without.
const SENTENCE: [&str; 4] = ["; ", ". ", ": ", " ("];
/// The same of a fix: what it is for, how it is written, and another way. What stands before a colon may be a condition.
const FIX: [&str; 6] = ["; ", ". ", ": `", " (", ", so that ", ", or "];

/// `text` and all that is left of it when its last clauses are left out, one after the other. Nothing ends within quotes,
/// code or brackets.
fn shorter<'a>(text: &'a str, ends: &[&str]) -> Vec<&'a str> {
    let mut all = vec![text];
    let (mut depth, mut is_quoted, mut is_code) = (0_u32, false, false);
    let mut found = Vec::new();
    for (at, character) in text.char_indices() {
        if depth == 0 && !is_quoted && !is_code && at > 0 && ends.iter().any(|end| is_end(&text[at..], end)) {
            found.push(trimmed(&text[..at]));
        }
        match character {
            '`' if !is_quoted => is_code = !is_code,
            '"' if !is_code => is_quoted = !is_quoted,
            '(' if !is_quoted && !is_code => depth += 1,
            ')' if !is_quoted && !is_code => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    all.extend(found.into_iter().rev().filter(|text| !text.is_empty()));
    all
}

/// Whether `rest` begins with this end. A bracket ends a clause only where the sentence does not go on behind it.
fn is_end(rest: &str, end: &str) -> bool {
    let behind = || rest.split_once(')').map_or("", |(_, behind)| behind);
    rest.starts_with(end) && (end != " (" || behind().is_empty() || behind().starts_with([';', '.', ':']))
}

/// A host is named once: what it has is named by its path alone behind that.
fn with_one_host(text: &str, host: Option<&str>) -> String {
    let host = host.filter(|host| !host.is_empty());
    let named = host.and_then(|host| Some((text.find(&format!("{host} "))?, host)));
    let Some((at, host)) = named else { return text.to_owned() };
    let (before, after) = text.split_at(at + host.len());
    // A name that ends like the host is another name.
    let after = after.replace(&format!(" {host}/"), " ");
    format!("{before}{after}")
}

/// What can be done, the best first, each followed by what is left of it when it is too long: the remedies that are more
/// than a way to look, and what the catalogue has.
fn fixes(remedy: &[Remedy], catalogue: &[&str]) -> Vec<String> {
    const LOOKS: [&str; 4] = ["look from", "see ", "ask the node", "try the login"];
    let is_look = |text: &&str| LOOKS.iter().any(|look| text.starts_with(look));
    let of_cause = || remedy.iter().map(|remedy| remedy.text.as_str());
    let best = of_cause().find(|text| !is_look(text)).or(of_cause().next());
    let own = best.into_iter().chain(of_cause().filter(|text| !is_look(text)));
    let all = own.chain(catalogue.iter().copied()).map(|text| without_labels(&clean(text, 1024)));
    all.flat_map(|text| {
        let text = trimmed(text.strip_prefix("or ").unwrap_or(&text));
        shorter(text, &FIX).into_iter().map(str::to_owned).collect::<Vec<_>>()
    })
    .collect()
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

//! What every target holds of what comes out, whatever went in. The targets say what goes in.

pub mod world;

use pullagent_diagnosis::finding::{Finding, Remedy};
use pullagent_diagnosis::reference::Reference;
use pullagent_diagnosis::text::clean;

pub use libfuzzer_sys::Corpus;

/// Reads one format: bytes in, a panic if something does not hold.
pub type Reader = fn(&[u8]);

/// Hands the bytes behind the first to the reader of that letter. The letters stay as they are, so that a corpus stays
/// good when the table grows; a letter that is none is of no interest.
pub fn read_as(table: &[(u8, Reader)], data: &[u8]) -> Corpus {
    let Some((letter, content)) = data.split_first() else { return Corpus::Reject };
    let Some((_, reader)) = table.iter().find(|(known, _)| known == letter) else { return Corpus::Reject };
    reader(content);
    Corpus::Keep
}

/// As text, for readers to whom something else is never handed: what is no UTF-8 is replaced.
pub fn text(data: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(data)
}

/// The first line and everything behind it.
pub fn first_line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

/// Nothing in it acts on a terminal or on the order of the words around it. Line breaks may be in what has several lines.
#[track_caller]
pub fn assert_shown(text: &str) {
    for line in text.split('\n') {
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words(&clean(line, line.len())), words(line), "not safe to show");
        assert!(!line.contains(char::is_control), "{line:?}");
    }
}

/// Every text within a JSON document is safe to show, names of fields too.
#[track_caller]
pub fn assert_json_shown(json: &str) {
    let value: serde_json::Value = serde_json::from_str(json).expect("it is JSON");
    each_text(&value, &mut |text| assert_shown(text));
}

fn each_text(value: &serde_json::Value, look: &mut dyn FnMut(&str)) {
    match value {
        serde_json::Value::String(text) => look(text),
        serde_json::Value::Array(list) => list.iter().for_each(|value| each_text(value, look)),
        serde_json::Value::Object(object) => object.iter().for_each(|(name, value)| {
            look(name);
            each_text(value, look);
        }),
        _ => {}
    }
}

/// A shell takes every command as the very words that it was made of.
#[track_caller]
pub fn assert_remedies(remedies: &[Remedy]) {
    for remedy in remedies {
        assert_shown(&remedy.text);
        let Some(command) = &remedy.command else { continue };
        let words: Vec<&str> = command.split(' ').collect();
        assert_eq!(shlex::split(command).expect("every quote is closed"), words, "{command}");
        assert!(words.iter().all(|word| !word.is_empty()), "{command:?}");
        let acts = |c: char| c.is_control() || c.is_whitespace() || "|&;$`\\\"'()*?[]#~{}!^".contains(c);
        assert!(!words.iter().any(|word| word.contains(acts)), "{command:?}");
        for word in words.iter().filter(|word| word.contains(['<', '>'])) {
            // A placeholder of ours: a person has to fill it in before anything can be run.
            assert!(word.contains('<') && word.ends_with('>'), "{command}");
        }
    }
}

/// The findings of a report are safe to show.
#[track_caller]
pub fn assert_findings(findings: &[Finding]) {
    for finding in findings {
        assert_shown(&finding.summary);
        finding.host.iter().for_each(|host| assert_shown(host));
        assert_remedies(&finding.remedy);
    }
}

/// What is printed of a reference is read as the same one.
#[track_caller]
pub fn assert_reads_again(reference: &Reference) {
    assert_eq!(Reference::parse(&reference.to_string()).as_ref(), Ok(reference));
}

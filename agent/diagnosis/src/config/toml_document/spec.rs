//! The events of a well-formed file: its table headers in order, and where it uses what came with TOML 1.1.

use toml_parser::decoder::Encoding;
use toml_parser::parser::{Event, EventKind, parse_document};
use toml_parser::{Raw, Source};

use super::{Header, Lines};

/// The headers of tables, and the first line that TOML 1.0 does not allow.
pub(super) fn scan(text: &str, lines: &Lines) -> (Vec<Header>, Option<u32>) {
    let source = Source::new(text);
    let tokens = source.lex().into_vec();
    let mut scan = Scan { source, headers: Vec::new(), header: None, nesting: Vec::new(), comma: false, newer: None };
    // Whoever calls has parsed the text already: what would be reported here has been.
    parse_document(&tokens, &mut |event: Event| scan.take(&event), &mut ());
    let line = |at: usize| lines.at(at);
    let headers = scan.headers.into_iter().map(|(keys, at)| Header { keys, line: line(at) });
    (headers.collect(), scan.newer.map(line))
}

struct Scan<'t> {
    source: Source<'t>,
    headers: Vec<(Vec<String>, usize)>,
    /// The parts of the header that is being read, with where it begins.
    header: Option<(Vec<String>, usize)>,
    /// What is open; true for an inline table, false for an array.
    nesting: Vec<bool>,
    /// The last thing was a comma.
    comma: bool,
    newer: Option<usize>,
}

impl<'t> Scan<'t> {
    fn take(&mut self, event: &Event) {
        let at = event.span().start();
        let in_inline_table = self.nesting.last() == Some(&true);
        match event.kind() {
            EventKind::StdTableOpen => self.header = Some((Vec::new(), at)),
            EventKind::StdTableClose => self.headers.extend(self.header.take()),
            EventKind::SimpleKey => self.take_key(event),
            EventKind::Scalar => self.take_scalar(event),
            EventKind::InlineTableOpen => self.nesting.push(true),
            EventKind::ArrayOpen => self.nesting.push(false),
            EventKind::InlineTableClose => {
                if self.comma {
                    self.note(at);
                }
                self.nesting.pop();
            }
            EventKind::ArrayClose => drop(self.nesting.pop()),
            EventKind::Newline | EventKind::Comment if in_inline_table => self.note(at),
            _ => {}
        }
        if !matches!(event.kind(), EventKind::Whitespace | EventKind::Newline | EventKind::Comment) {
            self.comma = event.kind() == EventKind::ValueSep;
        }
    }

    fn take_key(&mut self, event: &Event) {
        let Some(raw) = self.raw(event) else { return };
        self.note_escapes(raw.as_str(), event);
        if let Some((keys, _)) = &mut self.header {
            let mut key = std::borrow::Cow::Borrowed("");
            raw.decode_key(&mut key, &mut ());
            keys.push(key.into_owned());
        }
    }

    fn take_scalar(&mut self, event: &Event) {
        let Some(raw) = self.raw(event) else { return };
        self.note_escapes(raw.as_str(), event);
        if event.encoding().is_none() && is_time_without_seconds(raw.as_str()) {
            self.note(event.span().start());
        }
    }

    fn note_escapes(&mut self, raw: &str, event: &Event) {
        let escapes = matches!(event.encoding(), Some(Encoding::BasicString | Encoding::MlBasicString));
        if escapes && has_new_escape(raw) {
            self.note(event.span().start());
        }
    }

    fn raw(&self, event: &Event) -> Option<Raw<'t>> {
        let raw = self.source.get(event.span())?;
        Some(Raw::new_unchecked(raw.as_str(), event.encoding(), event.span()))
    }

    fn note(&mut self, at: usize) {
        self.newer.get_or_insert(at);
    }
}

/// `\e` or `\x` behind an even number of backslashes.
fn has_new_escape(raw: &str) -> bool {
    let mut characters = raw.chars();
    while let Some(character) = characters.next() {
        if character == '\\' && matches!(characters.next(), Some('e' | 'x')) {
            return true;
        }
    }
    false
}

/// `07:32`, alone or behind a date.
fn is_time_without_seconds(scalar: &str) -> bool {
    let time = scalar.find(':').filter(|colon| *colon >= 2).and_then(|colon| scalar.get(colon + 1..));
    time.is_some_and(|rest| !rest.get(2..).unwrap_or_default().starts_with(':'))
}

//! A pasted text as one readable line: without colours, with escapes undone and wrapped lines joined.
//!
//! Keeps the way back to the bytes of the input. Knows how texts are pasted, not what they say.

use std::ops::Range;

use super::line::{Joint, Line};

/// A line longer than this is cut into records at its blanks, one twice as long anywhere: what a record takes to read
/// grows faster than its length.
const LONGEST: usize = 16 * 1024;

/// A readable view of a part of the input.
#[derive(Debug, Default)]
pub(super) struct View {
    /// Valid UTF-8 without control characters; white space folded into single blanks.
    pub(super) text: String,
    /// Where the lines of the input ended that were not joined for certain; each stands at a blank of `text`.
    pub(super) breaks: Vec<Break>,
    /// For each stretch that was taken over as it is: its place here and in the input.
    runs: Vec<(usize, usize)>,
}

/// The end of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Break {
    /// The blank in its place.
    pub(super) at: usize,
    /// Whether something new begins behind it; otherwise the next line may go on with the same.
    pub(super) is_certain: bool,
}

impl View {
    /// The view of `input`, which begins at byte `base` of the whole. With `is_wrapped` lines that may go on do so in the
    /// middle of a word.
    pub(super) fn of(input: &[u8], base: usize, is_wrapped: bool) -> Self {
        let mut view = Self { text: String::with_capacity(input.len()), ..Self::default() };
        let mut start = 0;
        let mut wrapped_at = None;
        let mut line = Line::at(input, start);
        while start < input.len() {
            let ends_in_backslash = view.push_line(&input[line.content.clone()], base + line.content.start);
            let next = Line::at(input, line.next);
            let joint = match line.joint(&next, wrapped_at) {
                _ if is_wrapped && line.may_be_wrapped(&next) => Joint::Wrapped,
                joint => joint,
            };
            wrapped_at = (joint == Joint::Wrapped).then_some(line.width);
            match joint {
                _ if line.next >= input.len() => {}
                Joint::Wrapped => {}
                _ if ends_in_backslash => {}
                _ => view.push_break(joint == Joint::Apart, base + line.content.end),
            }
            start = line.next;
            line = next;
        }
        view
    }

    /// The bytes of the input that a part of the view stands for.
    pub(super) fn in_input(&self, range: &Range<usize>) -> Range<usize> {
        let place = |at: usize| {
            let run = self.runs.partition_point(|(here, _)| *here <= at).checked_sub(1);
            run.and_then(|run| self.runs.get(run)).map_or(0, |(here, there)| there + (at - here))
        };
        let start = place(range.start);
        // The end is that of the last byte: what was left out behind it does not belong to it.
        start..range.end.checked_sub(1).filter(|last| *last >= range.start).map_or(start, |last| place(last) + 1)
    }

    fn push_break(&mut self, is_certain: bool, at: usize) {
        self.push(' ', at);
        if self.text.is_empty() {
            return;
        }
        let break_at = self.text.len() - 1;
        match self.breaks.last_mut() {
            Some(last) if last.at == break_at => last.is_certain |= is_certain,
            _ => self.breaks.push(Break { at: break_at, is_certain }),
        }
    }

    fn push(&mut self, c: char, at: usize) {
        if c == ' ' && (self.text.is_empty() || self.text.ends_with(' ')) {
            return;
        }
        let here = self.text.len();
        if self.runs.last().is_none_or(|(h, t)| t + (here - h) != at) {
            self.runs.push((here, at));
        }
        self.text.push(c);
    }

    /// Takes over a line; tells whether it ended in a lone backslash, which joins it with the next.
    fn push_line(&mut self, line: &[u8], base: usize) -> bool {
        let mut at = 0;
        while let Some(&byte) = line.get(at) {
            self.break_within(byte, base + at);
            match byte {
                b'\\' => {
                    let slashes = line[at..].iter().take_while(|b| **b == b'\\').count();
                    let behind = at + slashes;
                    let Some(&escaped) = line.get(behind) else { return slashes % 2 == 1 };
                    at = self.push_escape(line, at, behind, escaped, base);
                }
                0x1b => at = skip_colour(line, at),
                b' '..=b'~' => {
                    self.push(char::from(byte), base + at);
                    at += 1;
                }
                _ if byte < b' ' || byte == 0x7f => {
                    self.push(' ', base + at);
                    at += 1;
                }
                _ => {
                    let (c, length) = decode(&line[at..]);
                    if let Some(c) = readable(c) {
                        self.push(c, base + at);
                    }
                    at += length;
                }
            }
        }
        false
    }

    /// JSON on one line is many records, and no line is one record without end.
    fn break_within(&mut self, byte: u8, at: usize) {
        let length = self.text.len() - self.breaks.last().map_or(0, |last| last.at);
        let is_next_object = byte == b'{' && (self.text.ends_with("},") || self.text.ends_with("}, "));
        if is_next_object || length > LONGEST && (byte == b' ' || length > 2 * LONGEST) {
            self.push_break(true, at);
        }
    }

    /// Undoes one escape of JSON, YAML, Go's `%q` or several of them at once; the place behind it.
    fn push_escape(&mut self, line: &[u8], at: usize, behind: usize, escaped: u8, base: usize) -> usize {
        match escaped {
            b'"' | b'\'' | b'/' | b'`' => {
                self.push(char::from(escaped), base + behind);
                behind + 1
            }
            b'n' | b't' | b'r' | b' ' => {
                self.push(' ', base + behind);
                behind + 1
            }
            b'u' => {
                let digits = line.get(behind + 1..behind + 5).and_then(|hex| std::str::from_utf8(hex).ok());
                let code = digits.and_then(|hex| u32::from_str_radix(hex, 16).ok());
                match code {
                    Some(0x1b) => skip_colour(line, behind + 4),
                    Some(code) => {
                        let c = char::from_u32(code).and_then(readable).unwrap_or(' ');
                        self.push(if c.is_control() { ' ' } else { c }, base + behind);
                        behind + 5
                    }
                    None => behind + 1,
                }
            }
            _ => {
                self.push('\\', base + at);
                behind
            }
        }
    }
}

/// The place behind the escape sequence of a terminal whose first byte, whatever it is, stands at `at`.
fn skip_colour(line: &[u8], at: usize) -> usize {
    let rest = line.get(at + 1..).unwrap_or_default();
    let end_of = |end: &dyn Fn(&u8) -> bool| rest.iter().skip(1).position(end).map_or(rest.len(), |i| i + 2);
    let length = match rest.first() {
        Some(b'[') => end_of(&|b| (0x40..=0x7e).contains(b)),
        Some(b']') => end_of(&|b| *b == 0x07 || *b == b'\\'),
        Some(_) => 1,
        None => 0,
    };
    at + 1 + length
}

/// What stands for a byte that is no text; as short as the byte, so that no part of the view is longer than its input.
const NO_TEXT: char = '?';

/// The first character and its length in bytes.
fn decode(bytes: &[u8]) -> (char, usize) {
    let most = &bytes[..bytes.len().min(4)];
    let valid = match std::str::from_utf8(most) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&most[..error.valid_up_to()]).unwrap_or_default(),
    };
    valid.chars().next().map_or((NO_TEXT, 1), |c| (c, c.len_utf8()))
}

/// The character as it is read: typographic quotes plain, anything invisible gone.
fn readable(c: char) -> Option<char> {
    match c {
        '\u{201c}' | '\u{201d}' | '\u{201e}' => Some('"'),
        '\u{2018}' | '\u{2019}' => Some('\''),
        c if c.is_whitespace() => Some(' '),
        c => crate::text::is_visible(c).then_some(c),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(input: &str, text: &str) {
        assert_eq!(View::of(input.as_bytes(), 0, false).text, text);
    }

    #[test]
    fn colours_escapes_and_blanks_are_gone() {
        check("\x1b[31;1mERROR: \x1b[0;m  Job\tfailed", "ERROR: Job failed");
        check(r#"err=\"pull \\\"a\\\" \u003c\u0026 failed\n\""#, r#"err="pull "a" <& failed ""#);
        check(r"\u001b[31mred\u001b[0m \x15", r"red \x15");
        check("“a”\u{200b}b\u{a0}c", "\"a\"b c");
    }

    #[test]
    fn a_hard_wrap_loses_no_letter() {
        let message = "failed to pull and unpack image: dial tcp 10.0.0.1:443: connect: connection refused";
        check(&format!("{}\n{}\n{}", &message[..40], &message[40..80], &message[80..]), message);
    }

    #[test]
    fn bytes_that_are_no_text_are_marked() {
        let view = View::of(b"a\xff\x00b\xc3", 0, false);
        assert_eq!(view.text, "a? b?");
    }

    #[test]
    fn a_part_of_the_view_leads_back_to_its_bytes() {
        let input = "x\n  \x1b[1mpull \\\"app\\\" failed\x1b[0m";
        let view = View::of(input.as_bytes(), 100, false);
        let at = view.text.find("\"app\"").unwrap();
        let range = view.in_input(&(at..at + 5));
        assert_eq!(&input[range.start - 100..range.end - 100], "\"app\\\"");
    }

    proptest! {
        #[test]
        fn every_part_lies_within_the_input(input in proptest::collection::vec(any::<u8>(), 0..400)) {
            let view = View::of(&input, 7, false);
            prop_assert!(!view.text.chars().any(char::is_control));
            prop_assert!(!view.text.contains("  "));
            for (at, _) in view.text.char_indices() {
                let range = view.in_input(&(at..view.text.len()));
                prop_assert!(7 <= range.start && range.start < range.end && range.end <= 7 + input.len());
            }
            for b in &view.breaks {
                prop_assert_eq!(&view.text[b.at..=b.at], " ");
            }
        }
    }
}

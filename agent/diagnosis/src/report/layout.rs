//! Lines of a screen: measured in columns, wrapped, cut and painted. Knows nothing of pulls.

use anstyle::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What stands for text that was left out.
const CUT: char = '…';

/// One line, of which the head may be painted.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    head: String,
    style: Style,
    rest: String,
}

impl Line {
    /// A line without colour.
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self { rest: text.into(), ..Self::default() }
    }

    /// A line that begins with `head` in `style`.
    pub(super) fn painted(head: impl Into<String>, style: Style, rest: impl Into<String>) -> Self {
        Self { head: head.into(), style, rest: rest.into() }
    }

    /// The line as text, without spaces at its end.
    pub(super) fn text(&self, color: bool) -> String {
        let rest = self.rest.trim_end();
        let head = if rest.is_empty() { self.head.trim_end() } else { &self.head };
        if color && !head.is_empty() {
            format!("{}{head}{}{rest}", self.style.render(), self.style.render_reset())
        } else {
            format!("{head}{rest}")
        }
    }
}

/// The columns that `text` takes.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// `text` with spaces up to `to` columns.
pub(super) fn pad(text: &str, to: usize) -> String {
    format!("{text}{}", " ".repeat(to.saturating_sub(width(text))))
}

/// Words on lines: the first of at most `first` columns, the others of at most `then`. A word that is longer than a
/// line is broken where the line ends.
pub(super) fn wrap(text: &str, first: usize, then: usize) -> Vec<String> {
    let then = then.max(1);
    let mut lines = Vec::new();
    let (mut line, mut room) = (String::new(), first);
    for word in text.split_whitespace() {
        let needed = width(word) + usize::from(!line.is_empty());
        if width(&line) + needed <= room {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
            continue;
        }
        if !line.is_empty() || room < then {
            lines.push(std::mem::take(&mut line));
            room = then;
        }
        for c in word.chars() {
            if !line.is_empty() && width(&line) + c.width().unwrap_or(0) > room {
                lines.push(std::mem::take(&mut line));
                room = then;
            }
            line.push(c);
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// The first `most` of `lines`; where some are left out the last one says so.
pub(super) fn at_most(mut lines: Vec<String>, most: usize, room: usize) -> Vec<String> {
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            if width(last) + 2 > room {
                let kept = take(last.chars(), room.saturating_sub(2));
                // A whole word is left out rather than a part of it, unless it is most of the line.
                let words = kept.rfind(' ').filter(|end| *end > kept.len() / 2).unwrap_or(kept.len());
                kept[..words].trim_end().clone_into(last);
            }
            last.push(' ');
            last.push(CUT);
        }
    }
    lines
}

/// `text` in at most `room` columns, its end left out where it does not fit.
pub(super) fn cut_end(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let kept = take(text.chars(), room.saturating_sub(1));
    format!("{}{CUT}", kept.trim_end())
}

/// `text` in at most `room` columns, its middle left out where it does not fit: both ends of a name tell most.
pub(super) fn cut_middle(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let kept = room.saturating_sub(1);
    let end: String = take(text.chars().rev(), kept / 2).chars().rev().collect();
    let start = take(text.chars(), kept - width(&end));
    format!("{start}{CUT}{end}")
}

fn take(chars: impl Iterator<Item = char>, room: usize) -> String {
    let mut taken = 0;
    chars
        .take_while(|c| {
            taken += c.width().unwrap_or(0);
            taken <= room
        })
        .collect()
}

/// Rows with their columns aligned, two spaces apart. The last column is to the right if `numbers` says so.
pub(super) fn columns(rows: &[Vec<String>], numbers: bool) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |column: usize| rows.iter().filter_map(|r| r.get(column)).map(|c| width(c)).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count).map(widest).collect();
    let cell = |(column, text): (usize, &String)| {
        if numbers && column + 1 == count {
            format!("{}{text}", " ".repeat(widths[column].saturating_sub(width(text))))
        } else {
            pad(text, widths[column])
        }
    };
    rows.iter().map(|row| row.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_word_longer_than_a_line_is_broken() {
        assert_eq!(wrap("a bbbbbb c", 4, 3), ["a", "bbb", "bbb", "c"]);
        assert_eq!(wrap("", 4, 3), [""]);
    }

    #[test]
    fn the_middle_gives_way_before_the_ends() {
        assert_eq!(cut_middle("registry.example.com", 11), "regis…e.com");
        assert_eq!(cut_middle("日本語レジストリ", 9), "日本…トリ");
        assert_eq!(cut_middle("short", 5), "short");
    }

    #[test]
    fn lines_left_out_are_marked() {
        let lines = |n: usize| at_most(vec!["ab".into(), "cd".into(), "ef".into()], n, 4);
        assert_eq!(lines(2), ["ab", "cd …"]);
        assert_eq!(lines(3), ["ab", "cd", "ef"]);
    }

    proptest! {
        #[test]
        fn wrapped_lines_fit_and_lose_nothing(text in "[a-z日 ]{0,80}", first in 2usize..30, then in 2usize..30) {
            let lines = wrap(&text, first, then);
            for (index, line) in lines.iter().enumerate() {
                let room = if index == 0 { first } else { then };
                prop_assert!(width(line) <= room);
            }
            let letters = |s: &str| s.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(letters(&lines.concat()), letters(&text));
        }

        #[test]
        fn what_is_cut_fits(text in "[a-z日é]{0,40}", room in 1usize..40) {
            prop_assert!(width(&cut_end(&text, room)) <= room);
            prop_assert!(width(&cut_middle(&text, room)) <= room);
        }
    }
}

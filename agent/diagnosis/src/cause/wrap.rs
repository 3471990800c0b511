//! Text laid out on lines of a terminal: broken at blanks, never inside a literal.

use unicode_width::UnicodeWidthStr;

/// Columns of a terminal page.
pub(super) const COLUMNS: usize = 80;

/// Breaks `text` at blanks outside backticks; the first line begins with `first`, the others with `rest`.
pub(super) fn wrap(text: &str, first: &str, rest: &str) -> String {
    let mut lines = vec![first.to_owned()];
    let mut empty = true;
    for word in words(text) {
        let line = lines.last().map_or(0, |line| line.width());
        if !empty && line + 1 + word.width() > COLUMNS {
            lines.push(rest.to_owned());
            empty = true;
        }
        if let Some(line) = lines.last_mut() {
            if !empty {
                line.push(' ');
            }
            line.push_str(word);
            empty = false;
        }
    }
    lines.join("\n")
}

/// `text` beside `label`, which is as wide as `width`, two columns in.
pub(super) fn beside(label: &str, width: usize, text: &str) -> String {
    let gap = " ".repeat(width.saturating_sub(label.width()) + 2);
    wrap(text, &format!("  {label}{gap}"), &" ".repeat(width + 4))
}

/// The pieces between blanks, where a literal in backticks is one piece with what touches it.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut literal = false;
    text.split(move |c| {
        literal ^= c == '`';
        c == ' ' && !literal
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_is_never_broken() {
        let command = format!("`{}`", "word ".repeat(30).trim_end());
        assert_eq!(wrap(&format!("Run {command} now."), "", "  "), format!("Run\n  {command}\n  now."));
    }

    #[test]
    fn text_beside_a_label_hangs_under_itself() {
        let text = "a ".repeat(60);
        let laid = beside("CRI-O", 10, text.trim_end());
        assert!(laid.starts_with("  CRI-O       a a"), "{laid}");
        assert!(laid.lines().nth(1).is_some_and(|line| line.starts_with("              a")), "{laid}");
        assert!(laid.lines().all(|line| line.width() <= COLUMNS));
    }
}

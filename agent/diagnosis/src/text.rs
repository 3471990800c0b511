//! Text from elsewhere made safe to show: no control, bidirectional or zero-width characters, and a bound in bytes.

/// `text` on one line, cleaned and cut to at most `max` bytes at a character border; a cut ends in `…`.
///
/// Runs of white space and removed characters become one space. What is left can neither steer a terminal nor
/// change the order in which the surrounding words are read.
pub fn clean(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max));
    for c in text.chars() {
        let c = if is_hidden(c) || c.is_whitespace() { ' ' } else { c };
        if c == ' ' && (out.is_empty() || out.ends_with(' ')) {
            continue;
        }
        if out.len() + c.len_utf8() > max {
            while out.len() + '…'.len_utf8() > max && out.pop().is_some() {}
            out.truncate(out.trim_end().len());
            if max >= '…'.len_utf8() {
                out.push('…');
            }
            return out;
        }
        out.push(c);
    }
    out.truncate(out.trim_end().len());
    out
}

/// A number of seconds for a person, in the largest unit that makes it two or more: `90 seconds`, `6 hours`.
pub fn duration_in_words(seconds: u64) -> String {
    let of = |n: u64, unit: &str| format!("{n} {unit}{}", if n == 1 { "" } else { "s" });
    match seconds {
        ..120 => of(seconds, "second"),
        120..7_200 => of(seconds / 60, "minute"),
        7_200..172_800 => of(seconds / 3_600, "hour"),
        _ => of(seconds / 86_400, "day"),
    }
}

/// A number of bytes for a person: `512 B`, `3.4 MiB`, `12 GiB`.
pub fn size_in_words(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut tenths = bytes.saturating_mul(10) / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    let tail = if tenths < 100 { format!(".{}", tenths % 10) } else { String::new() };
    format!("{}{tail} {}", tenths / 10, UNITS[unit])
}

/// Whether a character is seen, or is a blank, and does nothing else.
pub(crate) fn is_visible(c: char) -> bool {
    !is_hidden(c)
}

/// Characters that act on the text around them instead of being seen.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_are_told_in_the_largest_unit_that_fits() {
        let sizes = [0, 1023, 1024, 3_565_158, 10 << 20, 64 << 20, 12 << 30, u64::MAX];
        let words = sizes.map(size_in_words).join(", ");
        assert_eq!(words, "0 B, 1023 B, 1.0 KiB, 3.3 MiB, 10 MiB, 64 MiB, 12 GiB, 1677721 TiB");
    }

    #[track_caller]
    fn check(text: &str, max: usize, want: &str) {
        assert_eq!(clean(text, max), want);
    }

    #[test]
    fn escapes_and_invisible_characters_are_gone() {
        check("denied\x1b[31m red\r\nnext", 100, "denied [31m red next");
        check("a\u{202e}b\u{200b}c\u{2066}d", 100, "a b c d");
        check("  spaces   fold \t", 100, "spaces fold");
    }

    #[test]
    fn a_cut_falls_on_a_character_border_and_is_marked() {
        check("ääääää", 8, "ää…");
        check("hello", 5, "hello");
        check("hello!", 5, "he…");
        check("hello", 0, "");
    }

    proptest! {
        #[test]
        fn cleaned_text_is_bounded_and_stays_as_it_is_when_cleaned_again(text in any::<String>(), max in 0usize..64) {
            let once = clean(&text, max);
            prop_assert!(once.len() <= max);
            prop_assert!(!once.chars().any(is_hidden));
            prop_assert_eq!(clean(&once, max), once);
        }
    }
}

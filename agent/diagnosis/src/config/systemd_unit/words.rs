//! How systemd takes values apart: words with quotes and escapes, and the lines of an environment file.

/// The words of a value (`src/basic/extract-word.c` with `EXTRACT_UNQUOTE | EXTRACT_CUNESCAPE`). At a quote that is not
/// closed systemd gives up on the rest, and so does this.
pub(super) fn split(value: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut chars = value.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.peek().is_none() {
            return words;
        }
        let mut word = String::new();
        let mut quote = None;
        loop {
            match (chars.next(), quote) {
                (None, Some(_)) => return words,
                (None, None) => break,
                (Some('\\'), _) => match chars.next() {
                    Some(escape) => unescape(escape, &mut chars, &mut word),
                    None => return words,
                },
                (Some(c), Some(open)) if c == open => quote = None,
                (Some(c @ ('"' | '\'')), None) => quote = Some(c),
                (Some(c), None) if c.is_whitespace() => break,
                (Some(c), _) => word.push(c),
            }
        }
        words.push(word);
    }
}

/// One escape of C; an unknown one stands for itself.
fn unescape(escape: char, rest: &mut std::iter::Peekable<std::str::Chars<'_>>, word: &mut String) {
    let mut digits = |count: usize, radix: u32| {
        let mut number = 0;
        for _ in 0..count {
            match rest.next_if(|c| c.is_digit(radix)).and_then(|c| c.to_digit(radix)) {
                Some(digit) => number = number * radix + digit,
                None => return None,
            }
        }
        char::from_u32(number)
    };
    match escape {
        'a' => word.push('\u{7}'),
        'b' => word.push('\u{8}'),
        'f' => word.push('\u{c}'),
        'n' => word.push('\n'),
        'r' => word.push('\r'),
        't' => word.push('\t'),
        'v' => word.push('\u{b}'),
        's' => word.push(' '),
        'x' => word.extend(digits(2, 16)),
        'u' => word.extend(digits(4, 16)),
        'U' => word.extend(digits(8, 16)),
        other => word.push(other),
    }
}

/// The assignments of an environment file (`src/basic/env-file.c` `parse_env_file_internal`): comments begin a line,
/// quotes may span lines, a backslash outside single quotes takes the next character as it is, blanks around an unquoted
/// value vanish.
pub(super) fn environment_file(text: &str) -> Vec<(String, String)> {
    let mut variables = Vec::new();
    let mut chars = text.chars().peekable();
    while chars.peek().is_some() {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.next_if(|c| matches!(c, '#' | ';')).is_some() {
            skip_comment(&mut chars);
            continue;
        }
        let mut name = String::new();
        while let Some(c) = chars.next_if(|c| !matches!(c, '=' | '\n')) {
            name.push(c);
        }
        if chars.next() == Some('=') {
            variables.push((name.trim().to_owned(), value(&mut chars)));
        }
    }
    variables
}

/// A comment ends with its line; a backslash carries it on.
fn skip_comment(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    while let Some(c) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '\n' => return,
            _ => {}
        }
    }
}

fn value(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    while chars.next_if(|c| *c != '\n' && c.is_whitespace()).is_some() {}
    let mut value = String::new();
    // What an unquoted value ends in is cut only as far back as the last quoted or escaped character.
    let mut fixed = 0;
    let mut quote = None;
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\n', None) => break,
            ('\\', None) => match chars.next() {
                Some('\n') | None => {}
                Some(next) => {
                    value.push(next);
                    fixed = value.len();
                }
            },
            ('\\', Some('"')) => match chars.next() {
                // Inside double quotes a backslash escapes these alone.
                Some(next @ ('"' | '\\' | '`' | '$')) => value.push(next),
                Some('\n') | None => {}
                Some(next) => value.extend(['\\', next]),
            },
            (c, Some(open)) if c == open => {
                quote = None;
                fixed = value.len();
            }
            ('"' | '\'', None) => quote = Some(c),
            (c, _) => value.push(c),
        }
    }
    let kept = value[fixed..].trim_end().len();
    value.truncate(fixed + kept);
    value
}

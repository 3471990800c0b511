//! Go's filepath.Match, for one label of a host: `*`, `?`, `[a-z]`, `[^a-z]`, and `\` before a character.
//!
//! A malformed pattern matches nothing. What Go does about slashes is left out: no host has one. Copied rules: go1.27
//! src/path/filepath/match.go.

/// Whether `pattern` matches all of `name`.
pub(super) fn is_match(mut pattern: &[u8], mut name: &[u8]) -> bool {
    while !pattern.is_empty() {
        let (star, chunk, rest) = scan_chunk(pattern);
        pattern = rest;
        if star && chunk.is_empty() {
            return true;
        }
        // The last chunk has to end where the name ends; the others are taken where they match first.
        let is_last = pattern.is_empty();
        let starts = 0..=if star { name.len() } else { 0 };
        let found =
            starts.filter_map(|start| match_chunk(chunk, &name[start..])).find(|rest| !is_last || rest.is_empty());
        match found {
            Some(rest) => name = rest,
            None => return false,
        }
    }
    name.is_empty()
}

/// Whether there are stars, what follows them up to the next one, and the rest.
fn scan_chunk(pattern: &[u8]) -> (bool, &[u8], &[u8]) {
    let stars = pattern.iter().take_while(|byte| **byte == b'*').count();
    let pattern = &pattern[stars..];
    let (mut in_class, mut at) = (false, 0);
    while let Some(byte) = pattern.get(at) {
        match byte {
            b'\\' if at + 1 < pattern.len() => at += 1,
            b'[' => in_class = true,
            b']' => in_class = false,
            b'*' if !in_class => break,
            _ => {}
        }
        at += 1;
    }
    (stars > 0, &pattern[..at], &pattern[at..])
}

/// What is left of `name` behind `chunk`; `None` if it does not begin with it.
fn match_chunk<'name>(mut chunk: &[u8], mut name: &'name [u8]) -> Option<&'name [u8]> {
    while let Some((first, after)) = chunk.split_first() {
        let (character, behind) = split_character(name)?;
        let literal = match first {
            b'[' => {
                let (is_in, rest) = match_class(after, character)?;
                if !is_in {
                    return None;
                }
                (chunk, name) = (rest, behind);
                continue;
            }
            b'?' => {
                (chunk, name) = (after, behind);
                continue;
            }
            b'\\' => after,
            _ => chunk,
        };
        let (wanted, rest) = literal.split_first()?;
        (chunk, name) = (rest, name.strip_prefix(std::slice::from_ref(wanted))?);
    }
    Some(name)
}

/// Whether `character` is in the class whose text begins behind its `[`, and what follows the class.
fn match_class(class: &[u8], character: char) -> Option<(bool, &[u8])> {
    let negated = class.first()? == &b'^';
    let mut class = if negated { &class[1..] } else { class };
    let (mut is_in, mut is_first) = (false, true);
    loop {
        if let Some(rest) = class.strip_prefix(b"]").filter(|_| !is_first) {
            return Some((is_in != negated, rest));
        }
        let (low, rest) = class_character(class)?;
        let (high, rest) = match rest.strip_prefix(b"-") {
            Some(rest) => class_character(rest)?,
            None => (low, rest),
        };
        is_in |= (low..=high).contains(&character);
        (class, is_first) = (rest, false);
    }
}

/// One character of a class, perhaps escaped (`getEsc`). A class cannot end with it.
fn class_character(class: &[u8]) -> Option<(char, &[u8])> {
    let class = match class.first()? {
        b'-' | b']' => return None,
        b'\\' => &class[1..],
        _ => class,
    };
    let (character, rest) = split_character(class)?;
    let is_broken = character == char::REPLACEMENT_CHARACTER && class.len() - rest.len() == 1;
    (!is_broken && !rest.is_empty()).then_some((character, rest))
}

/// The first character and the rest; a byte that is not UTF-8 counts as U+FFFD (`utf8.DecodeRune`).
fn split_character(text: &[u8]) -> Option<(char, &[u8])> {
    let beginning = text.get(..text.len().min(4))?;
    let chunk = beginning.utf8_chunks().next()?;
    match chunk.valid().chars().next() {
        Some(character) => Some((character, &text[character.len_utf8()..])),
        None => Some((char::REPLACEMENT_CHARACTER, &text[1..])),
    }
}

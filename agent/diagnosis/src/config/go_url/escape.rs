//! Percent-escapes as Go's net/url reads and writes them, which depends on the part of the URL.
//!
//! Copied rules: go1.27 src/net/url/url.go `unescape`, `escape`, `validEncoded`; its generator's `shouldEscape`.

use super::GoUrlError;

/// The part of a URL that a piece of text belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Path,
    Host,
    Zone,
    UserInfo,
    Fragment,
}

fn must_be_escaped(byte: u8, part: Part) -> bool {
    if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
        return false;
    }
    match part {
        Part::Host | Part::Zone => !matches!(
            byte,
            b'!' | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
                | b':'
                | b'['
                | b']'
                | b'<'
                | b'>'
                | b'"'
        ),
        Part::Path => !matches!(byte, b'$' | b'&' | b'+' | b',' | b'/' | b':' | b';' | b'=' | b'@'),
        Part::UserInfo => !matches!(byte, b'$' | b'&' | b'+' | b',' | b';' | b'='),
        Part::Fragment => !matches!(
            byte,
            b'$' | b'&' | b'+' | b',' | b'/' | b':' | b';' | b'=' | b'?' | b'@' | b'!' | b'(' | b')' | b'*'
        ),
    }
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Decodes `text`; the result need not be UTF-8.
pub(super) fn unescape(text: &str, part: Part) -> Result<Vec<u8>, GoUrlError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            if matches!(part, Part::Host | Part::Zone) && byte.is_ascii() && must_be_escaped(byte, part) {
                return Err(GoUrlError::HostCharacter);
            }
            decoded.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(hex).ok_or(GoUrlError::Escape);
        let value = (digit()? << 4) | digit()?;
        // A host may escape bytes beyond ASCII and the percent sign; a zone may escape what it could have written
        // plainly, and a blank.
        let allowed = match part {
            Part::Host => value >= 0x80 || value == b'%',
            Part::Zone => matches!(value, b'%' | b' ') || !must_be_escaped(value, Part::Host),
            Part::Path | Part::UserInfo | Part::Fragment => true,
        };
        if !allowed {
            return Err(GoUrlError::Escape);
        }
        decoded.push(value);
    }
    Ok(decoded)
}

/// Encodes `bytes` with upper-case hex digits.
pub(super) fn escape(bytes: &[u8], part: Part) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if must_be_escaped(byte, part) {
            text.push('%');
            text.push(DIGITS[usize::from(byte >> 4)]);
            text.push(DIGITS[usize::from(byte & 15)]);
        } else {
            text.push(char::from(byte));
        }
    }
    text
}

/// Whether `raw` can be printed as it is: nothing in it would have to be escaped.
pub(super) fn is_valid_encoding(raw: &str, part: Part) -> bool {
    raw.bytes().all(|byte| match byte {
        b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@' | b'[' | b']'
        | b'%' => true,
        _ => !must_be_escaped(byte, part),
    })
}

//! Lines of a pasted text: which one begins something new, and which one only goes on.

use std::ops::Range;

/// Narrower than this no terminal or editor wraps.
const NARROWEST: usize = 40;
/// Widths at which a text that was wrapped only once was most likely wrapped.
const USUAL_WIDTHS: [usize; 6] = [80, 100, 120, 132, 160, 200];
/// As long as a line must be before its end may be a wrap between words.
const LONG: usize = 60;

/// A line of the input.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is told or not, whatever the others are")]
pub(super) struct Line {
    /// Its bytes without the line break.
    pub(super) content: Range<usize>,
    /// Where the next line begins.
    pub(super) next: usize,
    /// Its width in characters.
    pub(super) width: usize,
    indent: usize,
    is_blank: bool,
    begins: bool,
    goes_on: bool,
    is_open: bool,
}

/// What stands between two lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joint {
    /// Nothing: a terminal broke the line in the middle of a word.
    Wrapped,
    /// A blank: the next line may go on with the same.
    Perhaps,
    /// The next line is something new.
    Apart,
}

impl Line {
    /// The line that begins at `start`.
    pub(super) fn at(input: &[u8], start: usize) -> Self {
        let start = start.min(input.len());
        let length = input[start..].iter().position(|b| matches!(b, b'\n' | b'\r'));
        let end = length.map_or(input.len(), |length| start + length);
        let next = match (input.get(end), input.get(end + 1)) {
            (Some(b'\r'), Some(b'\n')) => end + 2,
            (Some(_), _) => end + 1,
            (None, _) => end,
        };
        let bytes = &input[start..end];
        let trimmed = bytes.trim_ascii();
        Self {
            content: start..end,
            next,
            width: bytes.iter().filter(|b| (**b & 0xc0) != 0x80).count(),
            indent: bytes.iter().take_while(|b| b.is_ascii_whitespace()).count(),
            is_blank: trimmed.is_empty(),
            begins: begins_something(trimmed),
            goes_on: trimmed.first().is_some_and(|b| b.is_ascii_lowercase() || b"\"'([{*<,;:)]=0123456789".contains(b)),
            is_open: bytes.last().is_some_and(|b| b.is_ascii_whitespace() || b":,\\=(".contains(b))
                || ends_in_status(trimmed),
        }
    }

    /// Whether the next line may be the rest of this one at all.
    pub(super) fn may_be_wrapped(&self, next: &Self) -> bool {
        !next.begins && !next.is_blank && self.width >= NARROWEST
    }

    /// What stands between this line and the next one. `wrapped_at`: the width of the lines before, if they were
    /// wrapped.
    pub(super) fn joint(&self, next: &Self, wrapped_at: Option<usize>) -> Joint {
        if next.begins || next.is_blank || self.is_blank {
            return Joint::Apart;
        }
        let same = next.width == self.width;
        let last = next.width < self.width
            && (wrapped_at == Some(self.width) || wrapped_at.is_none() && USUAL_WIDTHS.contains(&self.width));
        if self.width >= NARROWEST && (same || last) {
            return Joint::Wrapped;
        }
        let is_below = next.indent > self.indent || next.indent > 0 && next.indent == self.indent;
        if self.is_open || is_below || self.width >= LONG && next.goes_on {
            return Joint::Perhaps;
        }
        Joint::Apart
    }
}

/// What a line begins with that is surely not the middle of a sentence.
const BEGINNINGS: &[&str] = &[
    "time=\"",
    "level=",
    "ts=",
    "{\"",
    "{kubelet",
    "FATA[",
    "ERRO[",
    "WARN[",
    "INFO[",
    "DEBU[",
    "Warning ",
    "Warning\t",
    "Normal ",
    "Normal\t",
    "Error:",
    "error:",
    "ERROR:",
    "ERROR ",
    "WARNING:",
    "WARN ",
    "FATAL",
    "Error response from",
    "docker: ",
    "ctr: ",
    "crictl ",
    "Failed to ",
    "Back-off ",
    "Pulling ",
    "Trying to pull",
    "Unable to find image",
    "$ ",
    "# ",
    "> ",
    "```",
    "---",
    "- ",
    "image:",
    "imageID:",
    "name:",
    "reason:",
    "message:",
    "state:",
    "waiting:",
    "lastState:",
    "ready:",
    "containerID:",
    "restartCount:",
    "started:",
    "Image:",
    "Image ID:",
    "State:",
    "Reason:",
    "Message:",
    "Container ID:",
    "Ready:",
    "Restart Count:",
    "Events:",
    "Conditions:",
    "Name:",
    "Namespace:",
    "Type ",
    "NAME ",
    "NAMESPACE ",
    "LAST SEEN",
    "kind:",
    "apiVersion:",
    "metadata:",
    "status:",
    "spec:",
    "Using docker image",
    "Using default tag",
    "Job failed",
    "at ",
];

/// `…: 400 Bad Request`: runtimes write the body of an answer on lines of its own.
fn ends_in_status(line: &[u8]) -> bool {
    let end = &line[line.len().saturating_sub(40)..];
    let colon = end.windows(2).rposition(|two| two == b": ");
    let behind = colon.and_then(|at| end.get(at + 2..)).unwrap_or_default();
    behind.len() > 4 && behind[..3].iter().all(u8::is_ascii_digit) && behind[3] == b' '
}

/// The keys of JSON that is printed over several lines.
const KEYS: &[&str] = &["image", "imageID", "message", "reason", "name", "state", "waiting", "ready", "type", "kind"];

/// The first bytes of all beginnings: most lines begin with none of them.
const FIRST: [bool; 256] = {
    let mut first = [false; 256];
    let mut index = 0;
    while index < BEGINNINGS.len() {
        first[BEGINNINGS[index].as_bytes()[0] as usize] = true;
        index += 1;
    }
    first
};

fn begins_something(line: &[u8]) -> bool {
    let line = &line[..line.len().min(64)];
    let Some(first) = line.first() else { return false };
    let is_known = || BEGINNINGS.iter().any(|known| line.starts_with(known.as_bytes()));
    FIRST[usize::from(*first)] && is_known() || line.len() > 3 && (is_json_key(line) || is_dated(line))
}

fn is_json_key(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"\"") else { return false };
    let Some(end) = rest.iter().position(|b| *b == b'"') else { return false };
    rest.get(end + 1) == Some(&b':') && KEYS.iter().any(|key| key.as_bytes() == &rest[..end])
}

/// A klog header, a date, a time, or the age in a table of events.
fn is_dated(line: &[u8]) -> bool {
    let line = line.strip_prefix(b"[").unwrap_or(line);
    let mut shape = [0; 16];
    for (shape, byte) in shape.iter_mut().zip(line) {
        *shape = match byte {
            b'0'..=b'9' => b'0',
            b'A'..=b'Z' | b'a'..=b'z' => b'a',
            b'\t' => b' ',
            other => *other,
        };
    }
    let known: [&[u8]; 8] = [
        b"a0000 00:",    // klog: E0613 09:
        b"0000-00-00",   // 2025-03-02
        b"0000/00/00",   // 2025/03/02
        b"00:00:00",     // 11:08:54
        b"aaa 00 00:00", // Mar 02 11:08
        b"aaa  0 00:00", // Mar  2 11:08
        b"aaa 0 00:00",  // Mar 2 11:08
        b"<00>",         // syslog
    ];
    if known.iter().any(|known| shape.starts_with(known)) {
        return true;
    }
    // `17s  Warning`, `3m40s  Normal`, `2m (x6 over 3m40s)`
    let digits = shape.iter().take_while(|b| **b == b'0').count();
    let unit = line.get(digits).copied().unwrap_or_default();
    let behind = shape.get(digits + 1).copied().unwrap_or_default();
    (1..=3).contains(&digits) && b"smhd".contains(&unit) && matches!(behind, b' ' | b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(first: &str, second: &str, joint: Joint) {
        let text = format!("{first}\n{second}");
        let line = Line::at(text.as_bytes(), 0);
        assert_eq!(line.joint(&Line::at(text.as_bytes(), line.next), None), joint, "{text}");
    }

    #[test]
    fn records_of_logs_and_events_stand_apart() {
        for next in [
            "E0613 09:41:27.118232   71234 log.go:32] x",
            "Mar 02 11:08:54 node-3 crio[1402]: x",
            "time=\"2025\" level=error",
            "  Warning  Failed  17s",
            "17s   Warning   Failed   pod/x",
            "[2026-01-31T03:09] x",
            "    image: nginx",
            "\"image\": \"nginx\",",
        ] {
            check("some words that are long enough to have been wrapped by an editor somewhere", next, Joint::Apart);
        }
    }

    #[test]
    fn a_sentence_may_go_on() {
        check("Failed to pull image \"a\": ", "rpc error: code = Unknown", Joint::Perhaps);
        check("        message: Back-off pulling", "          image", Joint::Perhaps);
        check("unexpected status from GET request to https://a.b/v2/x: 403 Forbidden", "denied", Joint::Perhaps);
        check("one", "two", Joint::Apart);
        check("one", "", Joint::Apart);
    }
}

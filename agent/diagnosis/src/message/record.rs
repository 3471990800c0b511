//! The text in records: an event, a log entry, a line of YAML, each with the phrases found in it.

use std::ops::Range;

use super::paste::View;
use super::phrases::{Hit, Mark};

/// Longer than this no record goes on: a log without any mark between its lines must not become one.
const LONGEST: usize = 16 * 1024;

/// One record.
#[derive(Clone, Debug)]
pub(super) struct Record<'hits> {
    /// Its place in the view.
    pub(super) range: Range<usize>,
    /// What was found in it, in order of beginning.
    pub(super) hits: &'hits [Hit],
}

/// The records of a view. Lines that may go on do so where what was said so far is about a pull, or where a phrase
/// spans the end of the line.
pub(super) fn records<'hits>(view: &View, hits: &'hits [Hit]) -> Vec<Record<'hits>> {
    let mut records = Vec::new();
    let (mut start, mut first, mut next) = (0, 0, 0);
    let mut is_of_a_pull = false;
    let mut spans_to = 0;
    for line_end in &view.breaks {
        while let Some(hit) = hits.get(next).filter(|hit| hit.start < line_end.at) {
            is_of_a_pull |= hit.marks().iter().any(|mark| matches!(mark, Mark::Failure | Mark::Pull));
            spans_to = spans_to.max(hit.end);
            next += 1;
        }
        let goes_on = !line_end.is_certain && (is_of_a_pull || spans_to > line_end.at + 1);
        if goes_on && line_end.at - start < LONGEST {
            continue;
        }
        if first < next {
            records.push(Record { range: start..line_end.at, hits: &hits[first..next] });
        }
        (start, first, is_of_a_pull, spans_to) = (line_end.at + 1, next, false, 0);
    }
    if first < hits.len() {
        records.push(Record { range: start..view.text.len(), hits: &hits[first..] });
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::phrases::find;

    #[track_caller]
    fn check(text: &str, wanted: &[&str]) {
        let view = View::of(text.as_bytes(), 0, false);
        let hits = find(&view.text);
        let got: Vec<&str> = records(&view, &hits).iter().map(|r| &view.text[r.range.clone()]).collect();
        assert_eq!(got, wanted);
    }

    #[test]
    fn a_message_on_several_lines_is_one_record() {
        check(
            "Failed to pull image \"a/b\": \nGet https://a/v2/: \nEOF\nother",
            &["Failed to pull image \"a/b\": Get https://a/v2/: EOF"],
        );
        check("  x failed to pull and\n    unpack image \"a\": x", &["x failed to pull and unpack image \"a\": x"]);
    }

    #[test]
    fn events_are_records_of_their_own() {
        check(
            "Warning Failed 1s kubelet Failed to pull image \"a\": EOF\nWarning Failed 1s kubelet Error: ErrImagePull",
            &[
                "Warning Failed 1s kubelet Failed to pull image \"a\": EOF",
                "Warning Failed 1s kubelet Error: ErrImagePull",
            ],
        );
    }
}

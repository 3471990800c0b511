//! A summary as text that is never too long: what matters least is left out first, and counted.

use super::attribute::REGISTRY;
use super::{CheckSummary, LONGEST, NodeSummary};
use crate::diagnosis::Verdict;

/// Changes that stay longest: whoever looks for the cause of trouble wants the latest.
const LATEST: usize = 5;
/// Namespaces that stay longest.
const NAMESPACES: usize = 8;

/// A step of leaving out: takes one thing away, or says that there is none left of its kind.
type Step = fn(&mut NodeSummary) -> bool;

/// What is left out, in this order. Without all of it a summary has the node's name and little else, and fits.
const STEPS: [Step; 9] = [
    |summary| pop_beyond(&mut summary.changes, LATEST),
    |summary| strip(summary.checks.iter_mut().rev().filter(|check| is_healthy(check))),
    |summary| cut_namespaces(summary, NAMESPACES),
    // The ones of the settings come first.
    |summary| take_last(&mut summary.checks, is_healthy),
    part_of_registries,
    |summary| pop_beyond(&mut summary.changes, 0),
    |summary| cut_namespaces(summary, 1),
    |summary| pop_beyond(&mut summary.checks, 1) || pop_beyond(&mut summary.failing, 1),
    |summary| {
        pop_beyond(&mut summary.checks, 0)
            || pop_beyond(&mut summary.failing, 0)
            || summary.fingerprint.pop_last().is_some()
    },
];

impl NodeSummary {
    /// Its JSON on one line, of at most [`LONGEST`] bytes, in which old changes, details of healthy checks, namespaces and
    /// healthy checks may be left out, in this order. It can be read again with [`parse`](super::parse).
    pub fn to_json(&self) -> String {
        let mut fitting = self.clone();
        fitting.bound();
        let mut steps = STEPS.iter();
        let mut step = steps.next();
        loop {
            // Values that are texts, numbers and times: there is nothing to fail.
            let json = serde_json::to_string(&fitting).unwrap_or_default();
            if json.len() <= LONGEST {
                return json;
            }
            while let Some(take) = step {
                if take(&mut fitting) {
                    fitting.left_out = fitting.left_out.saturating_add(1);
                    break;
                }
                step = steps.next();
            }
            if step.is_none() {
                return json;
            }
        }
    }
}

fn is_healthy(check: &CheckSummary) -> bool {
    check.verdict == Verdict::Pullable
}

fn pop_beyond<T>(list: &mut Vec<T>, kept: usize) -> bool {
    list.len() > kept && list.pop().is_some()
}

fn take_last<T>(list: &mut Vec<T>, wanted: impl Fn(&T) -> bool) -> bool {
    let found = list.iter().rposition(wanted);
    found.map(|at| list.remove(at)).is_some()
}

/// Takes the details of the first that has any.
fn strip<'a>(mut checks: impl Iterator<Item = &'a mut CheckSummary>) -> bool {
    checks.any(|check| {
        let had =
            [check.digest.take().is_some(), check.certificate_ends.take().is_some(), check.headroom.take().is_some()];
        had.contains(&true)
    })
}

fn cut_namespaces(summary: &mut NodeSummary, kept: usize) -> bool {
    let longest = summary.failing.iter_mut().max_by_key(|failing| failing.namespaces.len());
    longest.is_some_and(|failing| pop_beyond(&mut failing.namespaces, kept))
}

fn part_of_registries(summary: &mut NodeSummary) -> bool {
    let part = summary.fingerprint.keys().rfind(|name| name.starts_with(REGISTRY)).cloned();
    part.and_then(|part| summary.fingerprint.remove(&part)).is_some()
}

#[cfg(test)]
mod tests;

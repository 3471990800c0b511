//! A summary read again. Any agent of a node that was taken over may have written it: what comes out is bounded and
//! clean, and no text makes this panic.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{Change, CheckSummary, FailingPods, Headroom, MOST_CHANGES, NodeSummary, VERSION};
use crate::cause::{CATALOGUE, Code};
use crate::diagnosis::Verdict;
use crate::text::clean;

/// The longest text that is read, in bytes: as many as are written, and room for what a later version adds.
const LONGEST_READ: usize = 2 * super::LONGEST;
/// This many versions back are understood.
const VERSIONS_BACK: u32 = 2;
/// How far a node's clock may be ahead of the reader's.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// Bytes of an image's name, which may name a digest.
pub(super) const IMAGE: usize = 300;
/// Bytes of a host with its port, and of a name in Kubernetes.
pub(super) const NAME: usize = 260;
/// Bytes of a version, a digest or whose allowance it is.
pub(super) const WORD: usize = 128;
/// Bytes of an attribute's value.
pub(super) const VALUE: usize = 256;
/// As many checks are kept, failing pods of one reason, namespaces of those, and attributes.
pub(super) const MOST: usize = 128;

/// Why a text is no summary of a node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SummaryError {
    /// It is longer than any that is written.
    #[error("it has {0} bytes, more than any summary")]
    TooLong(usize),
    /// It is no JSON, or a field is missing or of another kind; where.
    #[error("it is no summary of a node (line {line}, column {column})")]
    Shape {
        /// The line, from 1.
        line: usize,
        /// The column, from 1; 0 at the end of the text.
        column: usize,
    },
    /// A newer agent wrote it.
    #[error("it is of version {0}, newer than version {VERSION} that is understood here; update pullagent")]
    Newer(u64),
    /// It is too old.
    #[error("it is of version {0}, older than what is understood here; update the node's agent")]
    Older(u64),
    /// It says that it is another node's.
    #[error("it says that it is of node `{0}`")]
    OtherNode(String),
}

/// Reads a summary. Every text in it is made safe to show and cut, and lists are cut, which counts as left out. A code or
/// a verdict of another version becomes `Unknown` or inconclusive.
///
/// # Errors
/// See [`SummaryError`].
pub fn parse(text: &str) -> Result<NodeSummary, SummaryError> {
    if text.len() > LONGEST_READ {
        return Err(SummaryError::TooLong(text.len()));
    }
    let Head { version } = serde_json::from_str(text).map_err(|error| SummaryError::of(&error))?;
    if version > u64::from(VERSION) {
        return Err(SummaryError::Newer(version));
    }
    if version == 0 || version < u64::from(VERSION.saturating_sub(VERSIONS_BACK)) {
        return Err(SummaryError::Older(version));
    }
    let wire: Wire = serde_json::from_str(text).map_err(|error| SummaryError::of(&error))?;
    Ok(wire.into_summary())
}

/// Reads the summary that stands in the Lease of `node`. Times that are still to come by the reader's clock `now` are
/// `now`: a node must not look fresh, or its trouble young, because its clock is wrong.
///
/// # Errors
/// See [`SummaryError`].
pub fn parse_of(text: &str, node: &str, now: Timestamp) -> Result<NodeSummary, SummaryError> {
    let mut summary = parse(text)?;
    if summary.node != node {
        return Err(SummaryError::OtherNode(summary.node));
    }
    let past = |time: &mut Timestamp| {
        if time.duration_since(now) > AHEAD {
            *time = now;
        }
    };
    past(&mut summary.at);
    for check in &mut summary.checks {
        past(&mut check.at);
        past(&mut check.since);
    }
    summary.failing.iter_mut().for_each(|failing| past(&mut failing.since));
    summary.changes.iter_mut().for_each(|change| past(&mut change.at));
    Ok(summary)
}

impl SummaryError {
    /// The parser's own words may quote the text.
    fn of(error: &serde_json::Error) -> Self {
        Self::Shape { line: error.line(), column: error.column() }
    }
}

/// What every version has.
#[derive(Deserialize)]
struct Head {
    version: u64,
}

/// What was written, not yet checked. Fields that are not known are passed over.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(default)]
    agent: String,
    node: String,
    at: Timestamp,
    #[serde(default)]
    checks: Vec<WireCheck>,
    #[serde(default)]
    failing: Vec<WireFailing>,
    #[serde(default)]
    fingerprint: BTreeMap<String, String>,
    #[serde(default)]
    changes: Vec<WireChange>,
    #[serde(default)]
    left_out: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireCheck {
    name: String,
    registry: String,
    verdict: String,
    code: Option<String>,
    host: Option<String>,
    since: Timestamp,
    at: Timestamp,
    ms: u32,
    digest: Option<String>,
    headroom: Option<WireHeadroom>,
    certificate_ends: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireHeadroom {
    limit: u64,
    remaining: u64,
    #[serde(default)]
    source: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireFailing {
    code: String,
    #[serde(default)]
    host: String,
    pods: u32,
    #[serde(default)]
    namespaces: Vec<String>,
    since: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireChange {
    at: Timestamp,
    attribute: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
}

impl Wire {
    fn into_summary(self) -> NodeSummary {
        let mut left_out = self.left_out;
        let checks = bounded(self.checks, MOST, &mut left_out);
        let failing = bounded(self.failing, MOST, &mut left_out);
        let fingerprint = bounded(self.fingerprint.into_iter().collect(), MOST, &mut left_out);
        let changes = bounded(self.changes, MOST_CHANGES, &mut left_out);
        NodeSummary {
            version: VERSION,
            agent: clean(&self.agent, WORD),
            node: clean(&self.node, NAME),
            at: self.at,
            checks: checks.into_iter().map(WireCheck::into_check).collect(),
            failing: failing.into_iter().map(|failing| failing.into_failing(&mut left_out)).collect(),
            fingerprint: fingerprint
                .into_iter()
                .map(|(attribute, value)| (clean(&attribute, NAME), clean(&value, VALUE)))
                .collect(),
            changes: changes.into_iter().map(WireChange::into_change).collect(),
            left_out,
        }
    }
}

impl WireCheck {
    fn into_check(self) -> CheckSummary {
        CheckSummary {
            name: clean(&self.name, IMAGE),
            registry: clean(&self.registry, NAME),
            verdict: verdict(&self.verdict),
            code: self.code.map(|name| code(&name)),
            host: self.host.map(|host| clean(&host, NAME)),
            since: self.since,
            at: self.at,
            ms: self.ms,
            digest: self.digest.map(|digest| clean(&digest, WORD)),
            headroom: self.headroom.map(|headroom| Headroom {
                limit: headroom.limit,
                remaining: headroom.remaining,
                source: clean(&headroom.source, WORD),
            }),
            certificate_ends: self.certificate_ends,
        }
    }
}

impl WireFailing {
    fn into_failing(self, left_out: &mut u32) -> FailingPods {
        let namespaces = bounded(self.namespaces, MOST, left_out);
        FailingPods {
            code: code(&self.code),
            host: clean(&self.host, NAME),
            pods: self.pods,
            namespaces: namespaces.iter().map(|namespace| clean(namespace, NAME)).collect(),
            since: self.since,
        }
    }
}

impl WireChange {
    fn into_change(self) -> Change {
        Change {
            at: self.at,
            attribute: clean(&self.attribute, NAME),
            from: clean(&self.from, VALUE),
            to: clean(&self.to, VALUE),
        }
    }
}

fn bounded<T>(mut list: Vec<T>, most: usize, left_out: &mut u32) -> Vec<T> {
    let over = list.len().saturating_sub(most);
    *left_out = left_out.saturating_add(u32::try_from(over).unwrap_or(u32::MAX));
    list.truncate(most);
    list
}

fn code(name: &str) -> Code {
    CATALOGUE.iter().find(|row| row.name == name).map_or(Code::Unknown, |row| row.code)
}

fn verdict(word: &str) -> Verdict {
    let known = [Verdict::Pullable, Verdict::Degraded, Verdict::Failing];
    known.into_iter().find(|verdict| verdict.word() == word).unwrap_or(Verdict::Inconclusive)
}

#[cfg(test)]
mod tests;

//! A summary read again. Any agent of a node that was taken over may have written it: what comes out is bounded and
//! clean, and no text makes this panic.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{Change, CheckSummary, FailingPods, Headroom, NodeSummary, VERSION};
use crate::cause::{CATALOGUE, Code};
use crate::diagnosis::Verdict;

/// The longest text that is read, in bytes: as many as are written, and room for what a later version adds.
const LONGEST_READ: usize = 2 * super::LONGEST;
/// This many versions back are understood.
const VERSIONS_BACK: u32 = 2;
/// How far a node's clock may be ahead of the reader's.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

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
    Ok(wire.into())
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

impl From<Wire> for NodeSummary {
    fn from(wire: Wire) -> Self {
        let mut summary = Self {
            version: VERSION,
            agent: wire.agent,
            node: wire.node,
            at: wire.at,
            checks: wire.checks.into_iter().map(CheckSummary::from).collect(),
            failing: wire.failing.into_iter().map(FailingPods::from).collect(),
            fingerprint: wire.fingerprint,
            changes: wire.changes.into_iter().map(Change::from).collect(),
            left_out: wire.left_out,
        };
        summary.bound();
        summary
    }
}

impl From<WireCheck> for CheckSummary {
    fn from(wire: WireCheck) -> Self {
        Self {
            name: wire.name,
            registry: wire.registry,
            verdict: verdict(&wire.verdict),
            code: wire.code.map(|name| code(&name)),
            host: wire.host,
            since: wire.since,
            at: wire.at,
            ms: wire.ms,
            digest: wire.digest,
            headroom: wire.headroom.map(|headroom| Headroom {
                limit: headroom.limit,
                remaining: headroom.remaining,
                source: headroom.source,
            }),
            certificate_ends: wire.certificate_ends,
        }
    }
}

impl From<WireFailing> for FailingPods {
    fn from(wire: WireFailing) -> Self {
        let WireFailing { code: name, host, pods, namespaces, since } = wire;
        Self { code: code(&name), host, pods, namespaces, since }
    }
}

impl From<WireChange> for Change {
    fn from(wire: WireChange) -> Self {
        let WireChange { at, attribute, from, to } = wire;
        Self { at, attribute, from, to }
    }
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

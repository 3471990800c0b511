//! What is told of a container or a node as a Kubernetes event: reason, labels, and one line that does not vary.
//!
//! Whether, when and how often an event is written is not decided here.

mod note;
mod steady;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::cause::{Code, Layer, Severity};
use crate::diagnosis::{Diagnosis, Verdict};
use crate::finding::{Cause, Remedy};

pub use note::LONGEST_NOTE;

/// The label that holds the code.
pub const LABEL_CODE: &str = "pullagent.dev/code";
/// The label that holds the layer.
pub const LABEL_LAYER: &str = "pullagent.dev/layer";
/// The label that holds the owner.
pub const LABEL_OWNER: &str = "pullagent.dev/owner";
/// The reason of the event that says that a pull would work now.
pub const PULL_NOW_POSSIBLE: &str = "PullNowPossible";
/// The reason of the event that says that the kubelet has pulled.
pub const PULL_RECOVERED: &str = "PullRecovered";
/// The reason of the event that says that a check of the node passes again.
pub const CHECK_RECOVERED: &str = "CheckRecovered";

/// Whether an event is bad news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// It is not.
    Normal,
    /// It is.
    Warning,
}

impl EventKind {
    /// The `type` of the event.
    pub fn word(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// The text of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullEvent {
    /// Its reason: `Pull` or `Check` and a code, or one of the three words for good news.
    pub reason: String,
    /// Whether it is bad news.
    pub kind: EventKind,
    /// One line of at most [`LONGEST_NOTE`] bytes. Of a failure it is the same at every examination.
    pub note: String,
    /// The event's labels; none for good news.
    pub labels: Vec<(&'static str, String)>,
    /// The place in the pod that it is about; none for a node, a volume or a pod's sandbox.
    pub field_path: Option<String>,
}

/// The event that says why the pull of a container fails; `None` unless the diagnosis names a cause.
pub fn pull_failed(diagnosis: &Diagnosis, field_path: Option<String>) -> Option<PullEvent> {
    let cause = diagnosis.cause.as_ref().filter(|_| diagnosis.verdict == Verdict::Failing)?;
    pull_fails_by(cause, &diagnosis.remedy, field_path)
}

/// The same of a cause that was read from the kubelet's words alone.
pub fn pull_fails_by(cause: &Cause, remedy: &[Remedy], field_path: Option<String>) -> Option<PullEvent> {
    failure("Pull", cause, remedy, field_path)
}

/// The event that says that the kubelet's next attempt succeeds, as far as was examined. `retry_by` is when it makes it
/// at the latest.
pub fn pull_now_possible(retry_by: Option<Timestamp>, field_path: Option<String>) -> PullEvent {
    let when = retry_by
        .map_or_else(|| "within 5 minutes".to_owned(), |time| format!("by {} at the latest", time.strftime("%H:%M")));
    let note = format!("the image can be pulled now: kubelet retries {when}; deleting the pod retries now");
    good_news(PULL_NOW_POSSIBLE, note, field_path)
}

/// The event that says that the kubelet has pulled an image whose pull had failed.
pub fn pull_recovered(field_path: Option<String>) -> PullEvent {
    good_news(PULL_RECOVERED, "the kubelet has pulled the image".to_owned(), field_path)
}

/// The event about the node that says why a scheduled check fails; `None` unless the diagnosis names a cause, and none
/// for a wrong name or a login, which are no trouble of the node.
pub fn check_failed(diagnosis: &Diagnosis) -> Option<PullEvent> {
    let cause = diagnosis.cause.as_ref().filter(|_| diagnosis.verdict == Verdict::Failing)?;
    if matches!(cause.layer, Some(Layer::Reference | Layer::Credentials)) {
        return None;
    }
    failure("Check", cause, &diagnosis.remedy, None)
}

/// The event about the node that says that the check of `what`, an image or a registry, passes again.
pub fn check_recovered(what: &str) -> PullEvent {
    let what = crate::text::clean(what, LONGEST_NOTE / 2);
    good_news(CHECK_RECOVERED, format!("the check of {what} passes again"), None)
}

fn failure(prefix: &str, cause: &Cause, remedy: &[Remedy], field_path: Option<String>) -> Option<PullEvent> {
    let row = cause.code.row();
    if cause.code == Code::Unknown || row.severity < Severity::Error {
        return None;
    }
    let mut labels = vec![(LABEL_CODE, cause.code.name().to_owned())];
    labels.extend(cause.layer.map(|layer| (LABEL_LAYER, layer.to_string())));
    labels.extend(cause.owner.map(|owner| (LABEL_OWNER, owner.to_string())));
    Some(PullEvent {
        reason: format!("{prefix}{}", cause.code),
        kind: EventKind::Warning,
        note: note::of_failure(cause, remedy),
        labels,
        field_path,
    })
}

fn good_news(reason: &str, note: String, field_path: Option<String>) -> PullEvent {
    PullEvent { reason: reason.to_owned(), kind: EventKind::Normal, note, labels: Vec::new(), field_path }
}

/// The longest name that the API server takes, in bytes.
const LONGEST_NAME: usize = 253;
/// Bytes of the hash that a name shows.
const SHOWN_OF_HASH: usize = 16;

/// The name of the event: the same whenever this node tells the same of the same object, so that a restarted agent finds
/// what it has written. A DNS subdomain if `object`, the name of the pod or node, is one.
pub fn event_name(object: &str, node: &str, uid: &str, event: &PullEvent) -> String {
    let mut hash = Sha256::new();
    for part in [node, uid, event.field_path.as_deref().unwrap_or_default(), &event.reason] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut tail = String::with_capacity(1 + 2 * SHOWN_OF_HASH);
    tail.push('.');
    for byte in hash.finalize().iter().take(SHOWN_OF_HASH) {
        // Writing to a String cannot fail.
        let _ = write!(tail, "{byte:02x}");
    }
    let mut end = object.len().min(LONGEST_NAME - tail.len());
    while !object.is_char_boundary(end) {
        end -= 1;
    }
    // A label ends in a letter or digit.
    let head = object[..end].trim_end_matches(['-', '.']);
    let head = if head.is_empty() { "pullagent" } else { head };
    format!("{head}{tail}")
}

//! What a pod's kubelet says, in sentences. Knows no layout.

use jiff::Timestamp;

use super::pulled::{essence, short_digests};
use crate::diagnosis::Diagnosis;
use crate::pod::KubeletWords;
use crate::text::{clean, duration_in_words};

/// What the kubelet said of its last attempt; `None` where it said nothing. `most` bounds its words, in bytes.
pub(super) fn sentence(diagnosis: &Diagnosis, most: usize) -> Option<String> {
    let kubelet = diagnosis.kubelet.as_ref()?;
    let agrees = match diagnosis.pull.agrees {
        Some(true) => " (agrees)",
        Some(false) => " (disagrees)",
        None => "",
    };
    // The text of an error stands for its own reason.
    let reason = clean(&kubelet.reason, most);
    if kubelet.message.is_empty() || kubelet.message == kubelet.reason {
        return Some(format!("{reason}{agrees}"));
    }
    let message =
        if most < usize::MAX { short_digests(essence(cause(&kubelet.message))) } else { kubelet.message.clone() };
    Some(format!("{reason}{agrees}: \"{}\"", clean(&message, most)))
}

/// Since when it fails, and for how long by `now`.
pub(super) fn since(kubelet: &KubeletWords, now: Timestamp) -> String {
    let seconds = u64::try_from(kubelet.since.duration_until(now).as_secs()).unwrap_or(0);
    format!("{} ({})", in_utc(kubelet.since), duration_in_words(seconds))
}

/// When the kubelet tries again.
pub(super) fn retry_by(kubelet: &KubeletWords) -> Option<String> {
    let time = in_utc(kubelet.retry_by?);
    Some(format!("{time} at the latest; deleting the pod retries at once"))
}

/// The time to the second.
fn in_utc(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// What a back-off's message repeats of the failure before it.
fn cause(message: &str) -> &str {
    let behind = message.strip_prefix("Back-off pulling image \"").and_then(|rest| rest.split_once("\": "));
    let error = behind.map_or(message, |(_, rest)| rest);
    error.strip_prefix("ErrImagePull: ").unwrap_or(error)
}

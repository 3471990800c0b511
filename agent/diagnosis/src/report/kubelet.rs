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

/// When the kubelet tries again, seen at `now`.
pub(super) fn retry_by(kubelet: &KubeletWords, now: Timestamp) -> Option<String> {
    let time = kubelet.retry_by?;
    // It may be pulling right now, or nobody has written down that it did.
    let end = if time < now {
        ", which is past; it may be pulling"
    } else {
        " at the latest; deleting the pod retries at once"
    };
    Some(format!("{}{end}", in_utc(time)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_is_ahead_or_past() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let check = |now: &str, want: &str| {
            let (since, retry_by) = (time("2026-07-01T03:00:00Z"), Some(time("2026-07-01T03:19:00Z")));
            let words = KubeletWords { reason: String::new(), message: String::new(), since, retry_by };
            assert_eq!(super::retry_by(&words, time(now)).unwrap(), format!("2026-07-01 03:19:00 UTC{want}"));
        };
        check("2026-07-01T03:18:00Z", " at the latest; deleting the pod retries at once");
        check("2026-07-01T03:20:00Z", ", which is past; it may be pulling");
    }
}

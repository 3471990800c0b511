//! How far the kubelet is with each image of a pod, read from the container's status first and from events second.

use jiff::{SignedDuration, Timestamp};

use super::{Container, ContainerKind, ContainerState, KubeletWords, Pod, PodEvent};
use crate::cause::Code;
use crate::message::classify;

/// The reasons of a waiting container that its image is the matter (`pkg/kubelet/images/types.go`).
const IMAGE_REASONS: [&str; 7] = [
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImageInspectError",
    "ImagePullBackOff",
    "InvalidImageName",
    "RegistryUnavailable",
    "SignatureValidationFailed",
];

/// The longest back-off (`pkg/kubelet/kubelet.go` `imageBackOffPeriod`, `MaxContainerBackOff`).
const LONGEST: SignedDuration = SignedDuration::from_secs(300);
/// The first back-off; each failure doubles it.
const FIRST: SignedDuration = SignedDuration::from_secs(10);
/// The back-off is no alarm: it is looked at when the pod is synchronised, 10 s after a failure and up to half as much
/// later (`pkg/kubelet/pod_workers.go`).
const SYNC: SignedDuration = SignedDuration::from_secs(15);
/// An event that was written so soon after the pod was created is the first of its kind.
const FROM_THE_START: SignedDuration = SignedDuration::from_secs(120);

/// How far the kubelet is with one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PullState {
    /// It does not get it.
    Failing(KubeletWords),
    /// It is at it.
    Pulling {
        /// Since when.
        since: Option<Timestamp>,
    },
    /// It has not come to it: the pod is new, or other containers come first.
    NotYet,
    /// The image is not the matter.
    Had {
        /// The kubelet's word for what the container does: `Running`, or why it does not.
        word: String,
    },
}

/// Whether a reason is no word but the text of an error, which only images bring about: a pull secret that does not decode, a
/// record that cannot be written.
pub fn is_error_text(reason: &str) -> bool {
    !reason.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Whether a waiting container waits for its image.
pub fn is_image_failure(reason: &str) -> bool {
    IMAGE_REASONS.contains(&reason) || is_error_text(reason)
}

/// Whether the message of a waiting container says nothing of why its pull failed. Up to 1.31 the kubelet did not repeat the
/// error while it backs off (`pkg/kubelet/images/image_manager.go`).
pub fn tells_no_cause(message: &str) -> bool {
    message.is_empty() || message.starts_with("Back-off pulling image") && message.ends_with('"')
}

/// How far the kubelet is with each image of `pod`, in the order of its containers.
pub fn pull_states(pod: &Pod, events: &[PodEvent], now: Timestamp) -> Vec<PullState> {
    let reading = Reading { pod, events, now };
    pod.containers.iter().map(|container| reading.state(container)).collect()
}

/// A sandbox image that the runtime does not get: it needs one for every pod, and the kubelet has no part in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxFailure {
    /// The image.
    pub image: String,
    /// What the kubelet heard.
    pub words: KubeletWords,
}

/// Whether a pod fails for its sandbox image.
pub fn sandbox_failure(pod: &Pod, events: &[PodEvent], now: Timestamp) -> Option<SandboxFailure> {
    let started =
        |container: &Container| matches!(container.state, ContainerState::Running | ContainerState::Ended { .. });
    if pod.containers.iter().any(started) {
        return None;
    }
    let event =
        events.iter().filter(|event| event.reason == "FailedCreatePodSandBox").max_by_key(|event| event.last)?;
    let told = classify(&event.message).into_iter().find(|told| {
        told.image.is_some() && told.findings.iter().any(|finding| finding.code == Code::SandboxImageMissing)
    })?;
    let words = KubeletWords {
        reason: event.reason.clone(),
        message: event.message.clone(),
        since: event.first.or(pod.created).unwrap_or(now),
        retry_by: later(event.last.unwrap_or(now), SYNC),
    };
    Some(SandboxFailure { image: told.image?, words })
}

struct Reading<'a> {
    pod: &'a Pod,
    events: &'a [PodEvent],
    now: Timestamp,
}

impl Reading<'_> {
    fn state(&self, container: &Container) -> PullState {
        if container.kind == ContainerKind::Volume {
            return self.of_volume(container);
        }
        match &container.state {
            ContainerState::Waiting { reason, message } if is_image_failure(reason) => {
                // A volume's failure is told as that of each container that mounts it.
                match self.volume_in(message, &container.image) {
                    Some(_) => PullState::NotYet,
                    None => PullState::Failing(self.words(container, reason, message)),
                }
            }
            ContainerState::Waiting { reason, .. } if is_before_the_start(reason) => self.of_events(container),
            ContainerState::Unknown => self.of_events(container),
            ContainerState::Waiting { reason, .. } | ContainerState::Ended { reason } => {
                PullState::Had { word: reason.clone() }
            }
            ContainerState::Running => PullState::Had { word: "Running".to_owned() },
        }
    }

    fn of_volume(&self, volume: &Container) -> PullState {
        let told = self.pod.containers.iter().find_map(|container| match &container.state {
            ContainerState::Waiting { reason, message } if is_image_failure(reason) => {
                let is_it = self.volume_in(message, &container.image) == Some(volume.image.as_str());
                is_it.then_some((reason, message))
            }
            _ => None,
        });
        let runs =
            |container: &Container| matches!(container.state, ContainerState::Running | ContainerState::Ended { .. });
        match told {
            Some((reason, message)) => PullState::Failing(self.words(volume, reason, message)),
            None if self.pod.containers.iter().any(runs) => PullState::Had { word: "Running".to_owned() },
            None => self.of_events(volume),
        }
    }

    /// The volume's image that a message names where it does not name the container's own.
    fn volume_in(&self, message: &str, own: &str) -> Option<&str> {
        let names = |image: &str| message.contains(&format!("\"{image}\""));
        let volumes = self.pod.containers.iter().filter(|container| container.kind == ContainerKind::Volume);
        volumes.map(|volume| volume.image.as_str()).find(|image| names(image)).filter(|_| !names(own))
    }

    /// What events alone tell of a container that has not started.
    fn of_events(&self, container: &Container) -> PullState {
        let last = |reason: &str, begins: &str| {
            let of_it = self.about(container).filter(|event| event.reason == reason);
            of_it.filter(|event| event.message.starts_with(begins)).filter_map(|event| event.last).max()
        };
        let Some(begun) = last("Pulling", "") else { return PullState::NotYet };
        let over = last("Pulled", "").max(last("Failed", "Failed to pull image"));
        if over.is_some_and(|over| over >= begun) {
            return PullState::NotYet;
        }
        PullState::Pulling { since: Some(begun) }
    }

    fn words(&self, container: &Container, reason: &str, message: &str) -> KubeletWords {
        let failures: Vec<&PodEvent> = self.about(container).filter(|event| failed_to_pull(event).is_some()).collect();
        let newest = failures.iter().max_by_key(|event| event.last);
        let told_by_event = || newest.and_then(|event| failed_to_pull(event)).map(str::to_owned);
        let message = if tells_no_cause(message) { told_by_event().unwrap_or_default() } else { message.to_owned() };
        let first = failures.iter().filter_map(|event| event.first).min();
        KubeletWords {
            reason: reason.to_owned(),
            message,
            since: first.or(self.pod.created).unwrap_or(self.now),
            retry_by: self.retry_by(reason, &failures),
        }
    }

    /// When the kubelet tries again at the latest.
    fn retry_by(&self, reason: &str, failures: &[&PodEvent]) -> Option<Timestamp> {
        let pulls =
            matches!(reason, "ErrImagePull" | "ImagePullBackOff" | "RegistryUnavailable" | "SignatureValidationFailed");
        if !pulls {
            return later(self.now, SYNC);
        }
        let last = failures.iter().filter_map(|event| event.last).max();
        let first = failures.iter().filter_map(|event| event.first).min();
        let is_whole =
            first.zip(self.pod.created).is_some_and(|(first, created)| created.duration_until(first) <= FROM_THE_START);
        let attempts: u32 = failures.iter().fold(0, |sum, event| sum.saturating_add(event.count.max(1)));
        let back_off = match attempts.checked_sub(1) {
            Some(doublings) if is_whole && doublings < 5 => FIRST * (1 << doublings),
            _ => LONGEST,
        };
        later(last.unwrap_or(self.now), back_off + SYNC)
    }

    fn about<'b>(&'b self, container: &'b Container) -> impl Iterator<Item = &'b PodEvent> {
        let path = container.field_path();
        // Those of a volume hang on the pod and name its image alone.
        let quoted = format!("\"{}\"", container.image);
        self.events.iter().filter(move |event| match &path {
            Some(path) => event.field_path.as_ref() == Some(path),
            None => event.field_path.is_none() && event.message.contains(&quoted),
        })
    }
}

/// The error in the kubelet's event of a failed pull.
fn failed_to_pull(event: &PodEvent) -> Option<&str> {
    let rest = event.message.strip_prefix("Failed to pull image \"").filter(|_| event.reason == "Failed")?;
    rest.split_once("\": ").map(|(_, error)| error)
}

/// Whether a waiting container has not come to its start, for whatever reason.
fn is_before_the_start(reason: &str) -> bool {
    matches!(reason, "ContainerCreating" | "PodInitializing" | "")
}

fn later(time: Timestamp, span: SignedDuration) -> Option<Timestamp> {
    time.checked_add(span).ok()
}

#[cfg(test)]
mod tests;

//! What a pod waits for, as far as images go: which of them to examine, or that none is the matter.

use jiff::Timestamp;

use super::{Container, Pod, PodEvent, PullState, SandboxFailure, pull_states, sandbox_failure};

/// What a pod waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outlook<'a> {
    /// Images that the kubelet does not get, each once.
    Failing(Vec<(&'a Container, super::KubeletWords)>),
    /// The image of every pod's sandbox.
    Sandbox(SandboxFailure),
    /// Nothing that failed.
    Waiting(Waiting<'a>),
}

/// Why there is nothing to examine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiting<'a> {
    /// The kubelet is pulling.
    StillPulling {
        /// For which container.
        container: &'a Container,
        /// Since when.
        since: Option<Timestamp>,
    },
    /// No image is the matter.
    NotAnImageProblem {
        /// What is, as far as the pod tells it: goes on after its name.
        why: String,
    },
}

/// What `pod` waits for.
pub fn outlook<'a>(pod: &'a Pod, events: &[PodEvent], now: Timestamp) -> Outlook<'a> {
    let states: Vec<(&Container, PullState)> = pod.containers.iter().zip(pull_states(pod, events, now)).collect();
    let mut failing: Vec<(&Container, super::KubeletWords)> = Vec::new();
    for (container, state) in &states {
        let is_new =
            || failing.iter().all(|(known, _)| (&known.image, known.policy) != (&container.image, container.policy));
        if let PullState::Failing(words) = state
            && is_new()
        {
            failing.push((container, words.clone()));
        }
    }
    if !failing.is_empty() {
        return Outlook::Failing(failing);
    }
    if let Some(sandbox) = sandbox_failure(pod, events, now) {
        return Outlook::Sandbox(sandbox);
    }
    let pulling = states.iter().find_map(|(container, state)| match state {
        PullState::Pulling { since } => Some((*container, *since)),
        _ => None,
    });
    Outlook::Waiting(match pulling {
        Some((container, since)) => Waiting::StillPulling { container, since },
        None => Waiting::NotAnImageProblem { why: otherwise(pod, &states) },
    })
}

/// What a pod waits for that waits for no image.
fn otherwise(pod: &Pod, states: &[(&Container, PullState)]) -> String {
    if pod.is_deleted {
        return "is being deleted".to_owned();
    }
    if pod.node.is_none() {
        return "is bound to no node yet: nobody pulls for it".to_owned();
    }
    let had = |(container, state): &(&Container, PullState)| match state {
        PullState::Had { word } if word != "Running" => Some((container.name.clone(), word.clone())),
        _ => None,
    };
    let ends_well = |word: &str| matches!(word, "Completed" | "");
    if let Some((name, word)) = states.iter().filter_map(had).find(|(_, word)| !ends_well(word)) {
        return format!("has its images; the container {name} says {word}");
    }
    if states.iter().any(|(_, state)| *state == PullState::NotYet) {
        return "waits to be started: no pull of its images was seen".to_owned();
    }
    "has all its images".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod::{ContainerKind, ContainerState, PullPolicy};

    fn waiting(reason: &str) -> ContainerState {
        ContainerState::Waiting { reason: reason.into(), message: String::new() }
    }

    #[track_caller]
    fn check(states: &[(&str, ContainerState)], events: &[PodEvent], want: &str) {
        let container = |(image, state): &(&str, ContainerState)| Container {
            name: format!("c-{image}"),
            kind: ContainerKind::Regular,
            image: (*image).into(),
            policy: PullPolicy::Always,
            state: state.clone(),
        };
        let containers = states.iter().map(container).collect();
        let pod = Pod { node: Some("n".into()), containers, ..Pod::default() };
        let now = "2026-07-01T03:10:00Z".parse().unwrap();
        let shown = match outlook(&pod, events, now) {
            Outlook::Failing(list) => list.iter().map(|(c, _)| c.image.as_str()).collect::<Vec<_>>().join(" "),
            Outlook::Sandbox(failure) => failure.image,
            Outlook::Waiting(Waiting::StillPulling { container, .. }) => format!("pulling {}", container.image),
            Outlook::Waiting(Waiting::NotAnImageProblem { why }) => why,
        };
        assert_eq!(shown, want);
    }

    #[test]
    fn failing_images_come_first_and_each_once() {
        let bad = || waiting("ErrImagePull");
        check(&[("a", ContainerState::Running), ("b", bad()), ("b", bad()), ("c", bad())], &[], "b c");
        check(&[("a", waiting("CrashLoopBackOff"))], &[], "has its images; the container c-a says CrashLoopBackOff");
        check(&[("a", ContainerState::Running)], &[], "has all its images");
        check(&[("a", ContainerState::Ended { reason: "Completed".into() })], &[], "has all its images");
        let creating = || waiting("ContainerCreating");
        check(&[("a", creating())], &[], "waits to be started: no pull of its images was seen");
        let pulling = PodEvent {
            reason: "Pulling".into(),
            message: "Pulling image \"a\"".into(),
            field_path: Some("spec.containers{c-a}".into()),
            first: None,
            last: Some("2026-07-01T03:09:00Z".parse().unwrap()),
            count: 1,
        };
        check(&[("a", creating())], &[pulling], "pulling a");
    }
}

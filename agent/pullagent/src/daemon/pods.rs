//! The node's pods as they are now, with what their kubelet said of them lately. Decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use pullagent_diagnosis::cause::Code;
use pullagent_diagnosis::diagnosis::Verdict;
use pullagent_diagnosis::pod::{KubeletWords, Pod, PodEvent, PullState, SandboxFailure, pull_states, sandbox_failure};

use pullagent_diagnosis::summary::FailingPods;

use super::said::Unclear;
use crate::kube::PodChange;
use crate::schedule::{Answer, Subject};

/// Events of one pod that are kept: the newest.
const MOST_EVENTS: usize = 32;
/// Bytes of an event's message that are kept.
const LONGEST_MESSAGE: usize = 4096;
/// Pods that are kept; a node has 110, or a few hundred.
const MOST_PODS: usize = 2048;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Pods {
    pods: BTreeMap<String, Known>,
}

#[derive(Debug, Default)]
struct Known {
    pod: Pod,
    events: Vec<PodEvent>,
    /// What was told of each container that fails, by its name: the cause, its host, and since when it fails.
    told: BTreeMap<String, (Code, String, Timestamp)>,
}

/// What a change came to.
#[derive(Debug, Default)]
pub(super) struct Changed {
    /// Pods that are gone.
    pub(super) pods: Vec<Pod>,
    /// The uids of pods that are new or otherwise now.
    pub(super) changed: Vec<String>,
}

impl Pods {
    /// Takes note of a change.
    pub(super) fn apply(&mut self, change: PodChange) -> Changed {
        match change {
            PodChange::Restarted(pods) => {
                let there: BTreeSet<&str> = pods.iter().map(|pod| pod.uid.as_str()).collect();
                let gone: Vec<String> = self.pods.keys().filter(|uid| !there.contains(uid.as_str())).cloned().collect();
                let pods_gone = gone.iter().filter_map(|uid| self.pods.remove(uid)).map(|known| known.pod).collect();
                let changed = pods.into_iter().filter_map(|pod| self.note(pod)).collect();
                Changed { pods: pods_gone, changed }
            }
            PodChange::Applied(pod) => Changed { pods: Vec::new(), changed: self.note(pod).into_iter().collect() },
            PodChange::Deleted { uid, .. } => Changed {
                pods: self.pods.remove(&uid).map(|known| known.pod).into_iter().collect(),
                changed: Vec::new(),
            },
        }
    }

    /// Takes note of what the kubelet tells of a pod in events, in place of what it told before; whether that is news of a
    /// pod that is here.
    pub(super) fn said(&mut self, uid: &str, mut events: Vec<PodEvent>) -> bool {
        let Some(known) = self.pods.get_mut(uid) else { return false };
        events.retain(tells_a_failure);
        events.sort_by_key(|event| std::cmp::Reverse(event.last));
        events.truncate(MOST_EVENTS);
        for event in &mut events {
            event.message.truncate(event.message.floor_char_boundary(LONGEST_MESSAGE));
        }
        let is_news = known.events != events;
        known.events = events;
        is_news
    }

    /// The pods whose status does not tell why they wait, by their uids.
    pub(super) fn unclear(&self) -> BTreeMap<String, Unclear> {
        let there = self.pods.iter().filter(|(_, known)| !known.pod.is_deleted);
        there.filter_map(|(uid, known)| Some((uid.clone(), Unclear::of(&known.pod)?))).collect()
    }

    /// A pod is there; nothing where it is as it was, or there is no room.
    fn note(&mut self, pod: Pod) -> Option<String> {
        let uid = pod.uid.clone();
        if self.pods.len() >= MOST_PODS && !self.pods.contains_key(&uid) {
            return None;
        }
        let known = self.pods.entry(uid.clone()).or_default();
        if known.pod == pod {
            return None;
        }
        known.pod = pod;
        let fails = |name: &String| {
            let container = known.pod.containers.iter().find(|container| container.name == *name);
            name.is_empty() || container.is_some_and(Subject::fails)
        };
        known.told.retain(|name, _| fails(name));
        Some(uid)
    }

    pub(super) fn get(&self, uid: &str) -> Option<&Pod> {
        self.pods.get(uid).map(|known| &known.pod)
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Pod> {
        self.pods.values().map(|known| &known.pod)
    }

    pub(super) fn len(&self) -> usize {
        self.pods.len()
    }

    /// Pods of which something was told that still holds.
    pub(super) fn failing(&self) -> usize {
        self.pods.values().filter(|known| !known.told.is_empty()).count()
    }

    /// The cause and host of each pod that fails.
    pub(super) fn causes(&self) -> impl Iterator<Item = (Code, &str)> {
        self.pods.values().filter_map(|known| known.told.values().next()).map(|(code, host, _)| (*code, host.as_str()))
    }

    /// The pods that fail, one entry a code and host, with their namespaces in the order of their names.
    pub(super) fn failing_pods(&self) -> Vec<FailingPods> {
        let mut found: BTreeMap<(&str, &str), (FailingPods, BTreeSet<&str>)> = BTreeMap::new();
        for known in self.pods.values() {
            let Some((code, host, since)) = known.told.values().next() else { continue };
            let (failing, namespaces) = found.entry((code.name(), host)).or_insert_with(|| {
                let failing =
                    FailingPods { code: *code, host: host.clone(), pods: 0, namespaces: Vec::new(), since: *since };
                (failing, BTreeSet::new())
            });
            failing.pods = failing.pods.saturating_add(1);
            failing.since = failing.since.min(*since);
            namespaces.insert(&known.pod.namespace);
        }
        let named = |(failing, namespaces): (FailingPods, BTreeSet<&str>)| FailingPods {
            namespaces: namespaces.into_iter().map(str::to_owned).collect(),
            ..failing
        };
        found.into_values().map(named).collect()
    }

    /// Whether the runtime gets no sandbox image for a pod.
    pub(super) fn sandbox_failure(&self, uid: &str, now: Timestamp) -> Option<SandboxFailure> {
        let known = self.pods.get(uid)?;
        sandbox_failure(&known.pod, &known.events, now)
    }

    /// What the kubelet says of a subject.
    pub(super) fn words(&self, subject: &Subject, now: Timestamp) -> Option<KubeletWords> {
        let known = self.pods.get(&subject.uid)?;
        if subject.is_sandbox() {
            return sandbox_failure(&known.pod, &known.events, now).map(|failure| failure.words);
        }
        let states = pull_states(&known.pod, &known.events, now);
        let place =
            known.pod.containers.iter().position(|container| Subject::container(&known.pod, container) == *subject)?;
        match states.into_iter().nth(place)? {
            PullState::Failing(words) => Some(words),
            _ => None,
        }
    }

    /// Something was told of a subject that fails since then; the cause, where it is another than before.
    pub(super) fn told(&mut self, subject: &Subject, answer: &Answer, since: Timestamp) -> Option<Code> {
        let known = self.pods.get_mut(&subject.uid)?;
        let failure = answer.cause.as_ref().filter(|_| answer.verdict == Verdict::Failing);
        let Some(cause) = failure else {
            known.told.remove(&subject.container);
            return None;
        };
        let host = cause.host.clone().unwrap_or_default();
        let before = known.told.get(&subject.container);
        let is_new = before.map(|(code, ..)| *code) != Some(cause.code);
        // The kubelet's own count begins anew with each of its attempts.
        let since = before.map_or(since, |(.., before)| since.min(*before));
        known.told.insert(subject.container.clone(), (cause.code, host, since));
        is_new.then_some(cause.code)
    }

    /// The pull secrets of pods that fail, as namespace and name.
    pub(super) fn failing_secrets(&self) -> BTreeSet<(String, String)> {
        let failing = self.pods.values().filter(|known| known.pod.containers.iter().any(Subject::fails));
        let names = failing
            .flat_map(|known| known.pod.pull_secrets.iter().map(|name| (known.pod.namespace.clone(), name.clone())));
        names.collect()
    }
}

/// Whether the event says why an image was not got; others repeat a word of the status.
fn tells_a_failure(event: &PodEvent) -> bool {
    match event.reason.as_str() {
        "FailedCreatePodSandBox" => true,
        "Failed" => event.message.starts_with("Failed to pull image"),
        _ => false,
    }
}

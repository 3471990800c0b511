//! What was told of whom: one warning an episode, refreshed while it lasts, and the good news at its end, within budgets.
//!
//! Pure: time is an argument, and nothing is written here. What is held back stays and is told once there is room.

#[cfg(test)]
mod tests;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use pullagent_diagnosis::cause::{Code, Confidence};
use pullagent_diagnosis::diagnosis::Verdict;
use pullagent_diagnosis::pod::{Container, ContainerState, Pod};
use pullagent_diagnosis::report::event::{PullEvent, event_name, pull_fails_by, pull_now_possible, pull_recovered};

use crate::schedule::{Answer, Subject, after};

pub(crate) use tokens::Rate;

/// How often a warning is refreshed: events live for an hour.
const REFRESH: SignedDuration = SignedDuration::from_mins(30);
/// Episodes that are kept in mind.
const MOST_EPISODES: usize = 4096;
/// Events of one pod: so many at once, and so many an hour.
const OBJECT_BURST: u32 = 5;
const OBJECT_PER_HOUR: u32 = 12;

/// How many events may be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventLimits {
    /// On the node a minute.
    pub(crate) per_minute: u32,
    /// On the node at once.
    pub(crate) burst: u32,
}

/// An event to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publication {
    /// Whom it is about.
    pub(crate) subject: Arc<Subject>,
    /// Its name: the same for the same news, also after a restart.
    pub(crate) name: String,
    /// What it says.
    pub(crate) event: PullEvent,
}

/// A warning and when it was last written.
#[derive(Debug)]
struct Warning {
    event: PullEvent,
    confidence: Confidence,
    /// Whether it is about a moment of the node's, which hides why the image cannot be had.
    is_passing: bool,
    written: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Episode {
    image: String,
    warning: Option<Warning>,
    /// Whether the last answer was a failure, so that the warning still holds.
    fails: bool,
    /// That it would work now, until it is written.
    possible: Option<PullEvent>,
    was_possible: bool,
    /// That the kubelet has pulled, until it is written. Nothing follows.
    recovered: Option<PullEvent>,
    is_counted: bool,
}

/// News of an episode, the first to be told first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum News {
    Warning,
    Recovered,
    Possible,
    Refresh,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Episodes {
    node: String,
    rates: [Rate; 3],
    node_full: Timestamp,
    namespaces_full: BTreeMap<String, Timestamp>,
    objects_full: BTreeMap<String, Timestamp>,
    open: BTreeMap<Arc<Subject>, Episode>,
    last: String,
    held_back: u64,
    dropped: u64,
    wake: Option<Timestamp>,
}

impl Episodes {
    /// No episode yet, on the node of this name.
    pub(crate) fn new(node: &str, limits: EventLimits) -> Self {
        Self {
            node: node.to_owned(),
            rates: rates(limits),
            node_full: Timestamp::MIN,
            namespaces_full: BTreeMap::new(),
            objects_full: BTreeMap::new(),
            open: BTreeMap::new(),
            last: String::new(),
            held_back: 0,
            dropped: 0,
            wake: None,
        }
    }

    /// Other limits from now on. What was written before counts.
    pub(crate) fn limit(&mut self, limits: EventLimits) {
        self.rates = rates(limits);
    }

    /// Takes note of an answer for a failing subject and this image of it. `retry_by` is when the kubelet tries again at
    /// the latest.
    pub(crate) fn answered(
        &mut self,
        subject: &Arc<Subject>,
        image: &str,
        answer: &Answer,
        retry_by: Option<Timestamp>,
    ) {
        let failure = answer.cause.as_ref().filter(|_| answer.verdict == Verdict::Failing);
        let warning = failure.and_then(|cause| {
            let event = pull_fails_by(cause, &answer.remedy, subject.field_path.clone())?;
            let is_passing = matches!(cause.code, Code::KubeletThrottled | Code::RuntimeUnavailable);
            Some(Warning { event, confidence: cause.confidence, is_passing, written: None })
        });
        let works = matches!(answer.verdict, Verdict::Pullable | Verdict::Degraded);
        if warning.is_none() && !works {
            return;
        }
        if self.open.len() >= MOST_EPISODES && !self.open.contains_key(subject) {
            self.dropped += 1;
            return;
        }
        let episode = self.open.entry(subject.clone()).or_default();
        if episode.image != image {
            // Another image is another failure, whatever was told of the first one.
            *episode = Episode { image: image.to_owned(), ..Episode::default() };
        }
        episode.fails = warning.is_some();
        if let Some(new) = warning {
            let replaces = episode.warning.as_ref().is_none_or(|old| old.gives_way_to(&new));
            if replaces {
                episode.warning = Some(new);
            }
            // It was never told that it would work, and now it would not.
            if episode.possible.take().is_some() {
                episode.was_possible = false;
            }
        } else if !std::mem::replace(&mut episode.was_possible, true) {
            episode.possible = Some(pull_now_possible(retry_by, subject.field_path.clone()));
        }
    }

    /// Takes note of how a pod's containers are: an episode ends where the kubelet has pulled.
    pub(crate) fn pod(&mut self, pod: &Pod) {
        if pod.is_deleted {
            return self.gone(&pod.uid);
        }
        let pulled: BTreeSet<Subject> =
            pod.containers.iter().filter(|c| has_pulled(c)).map(|c| Subject::container(pod, c)).collect();
        // A container that has come this far has a sandbox.
        let has_sandbox = !pulled.is_empty();
        self.open.retain(|subject, episode| {
            let is_over =
                subject.uid == pod.uid && (pulled.contains(subject.as_ref()) || subject.is_sandbox() && has_sandbox);
            if !is_over || episode.recovered.is_some() {
                return true;
            }
            let was_told = episode.warning.as_ref().is_some_and(|warning| warning.written.is_some());
            *episode = Episode {
                recovered: was_told.then(|| pull_recovered(subject.field_path.clone())),
                ..Episode::default()
            };
            was_told
        });
    }

    /// The pod with this uid is gone: nobody would read what was held back.
    pub(crate) fn gone(&mut self, uid: &str) {
        self.open.retain(|subject, _| subject.uid != uid);
        self.objects_full.remove(uid);
    }

    /// What is to be written now, namespace by namespace in turn.
    pub(crate) fn publish(&mut self, now: Timestamp) -> Vec<Publication> {
        self.namespaces_full.retain(|_, full| *full > now);
        self.objects_full.retain(|_, full| *full > now);
        let mut publications = Vec::new();
        while let Some(subject) = self.next(now) {
            publications.extend(self.write(&subject, now));
        }
        self.wake = None;
        let mut wake: Option<Timestamp> = None;
        for (subject, episode) in &mut self.open {
            let at = match episode.news(now) {
                Some(_) => {
                    if !std::mem::replace(&mut episode.is_counted, true) {
                        self.held_back += 1;
                    }
                    let [of_node, of_namespace, of_object] = self.rates;
                    let full = |map: &BTreeMap<String, Timestamp>, key| map.get(key).copied().unwrap_or(Timestamp::MIN);
                    of_node
                        .available(self.node_full)
                        .max(of_namespace.available(full(&self.namespaces_full, &subject.namespace)))
                        .max(of_object.available(full(&self.objects_full, &subject.uid)))
                }
                None => match episode.refresh_at() {
                    Some(at) => at,
                    None => continue,
                },
            };
            wake = Some(wake.map_or(at, |wake| wake.min(at)));
        }
        self.wake = wake.filter(|at| *at < Timestamp::MAX);
        publications
    }

    /// Takes one of the node's tokens for an event about something else than a pod.
    ///
    /// Errors: there is none before this time.
    pub(crate) fn take_token(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        let [of_node, ..] = self.rates;
        let available = of_node.available(self.node_full);
        if available > now {
            return Err(available);
        }
        self.node_full = of_node.take(self.node_full, now);
        Ok(())
    }

    /// When to ask for publications again at the latest.
    pub(crate) fn wake_at(&self) -> Option<Timestamp> {
        self.wake
    }

    /// News that had to wait for their turn, and episodes for which there was no room.
    pub(crate) fn held_back(&self) -> (u64, u64) {
        (self.held_back, self.dropped)
    }

    /// Whose news come next, as far as there are tokens.
    fn next(&self, now: Timestamp) -> Option<Arc<Subject>> {
        let [of_node, of_namespace, of_object] = self.rates;
        if of_node.available(self.node_full) > now {
            return None;
        }
        let full = |map: &BTreeMap<String, Timestamp>, key: &str| map.get(key).copied().unwrap_or(Timestamp::MIN);
        let mut firsts: BTreeMap<&str, (News, &Arc<Subject>)> = BTreeMap::new();
        for (subject, episode) in &self.open {
            let Some(news) = episode.news(now) else { continue };
            let has_tokens = of_namespace.available(full(&self.namespaces_full, &subject.namespace)) <= now
                && of_object.available(full(&self.objects_full, &subject.uid)) <= now;
            if has_tokens {
                let first = firsts.entry(&subject.namespace).or_insert((news, subject));
                *first = (news, subject).min(*first);
            }
        }
        let turn = firsts.iter().find(|(namespace, _)| **namespace > self.last.as_str()).or(firsts.iter().next())?;
        Some(turn.1.1.clone())
    }

    fn write(&mut self, subject: &Arc<Subject>, now: Timestamp) -> Option<Publication> {
        let [of_node, of_namespace, of_object] = self.rates;
        self.node_full = of_node.take(self.node_full, now);
        for (map, key, rate) in [
            (&mut self.namespaces_full, &subject.namespace, of_namespace),
            (&mut self.objects_full, &subject.uid, of_object),
        ] {
            let full = map.entry(key.clone()).or_insert(Timestamp::MIN);
            *full = rate.take(*full, now);
        }
        self.last.clone_from(&subject.namespace);
        let episode = self.open.get_mut(subject)?;
        episode.is_counted = false;
        let event = match episode.news(now)? {
            News::Recovered => episode.recovered.take(),
            News::Possible => episode.possible.take(),
            News::Warning | News::Refresh => episode.warning.as_mut().map(|warning| {
                warning.written = Some(now);
                warning.event.clone()
            }),
        }?;
        if episode.is_over() {
            self.open.remove(subject);
        }
        let name = event_name(&subject.pod, &self.node, &subject.uid, &event);
        Some(Publication { subject: subject.clone(), name, event })
    }
}

/// How fast tokens return on the node, in a namespace and for a pod.
fn rates(limits: EventLimits) -> [Rate; 3] {
    let per_hour = limits.per_minute.saturating_mul(60);
    // One that fails alone may use all of it: what returns goes round in turn, so that another namespace waits for one token
    // at most.
    [Rate::new(per_hour, limits.burst), Rate::new(per_hour, limits.burst), Rate::new(OBJECT_PER_HOUR, OBJECT_BURST)]
}

impl Warning {
    /// Whether another cause takes its place: what was told stays, unless the other one is surer, or the first one was of
    /// the moment and the other one is not.
    fn gives_way_to(&self, new: &Self) -> bool {
        match self.written {
            _ if self.is_passing != new.is_passing => self.is_passing,
            None => new.confidence >= self.confidence,
            Some(_) => new.event.reason != self.event.reason && new.confidence > self.confidence,
        }
    }
}

impl Episode {
    fn news(&self, now: Timestamp) -> Option<News> {
        if self.recovered.is_some() {
            return Some(News::Recovered);
        }
        let untold = self.fails && self.warning.as_ref().is_some_and(|warning| warning.written.is_none());
        if untold {
            return Some(News::Warning);
        }
        if self.possible.is_some() {
            return Some(News::Possible);
        }
        self.refresh_at().filter(|at| *at <= now).map(|_| News::Refresh)
    }

    fn refresh_at(&self) -> Option<Timestamp> {
        let written = self.warning.as_ref().filter(|_| self.fails)?.written?;
        Some(after(written, REFRESH))
    }

    /// Whether there is nothing left to be told or to be compared with.
    fn is_over(&self) -> bool {
        self.warning.is_none() && self.possible.is_none() && self.recovered.is_none() && !self.was_possible
    }
}

/// Whether the kubelet has the image: it runs, has run, or fails at what comes after the pull
/// (`pkg/kubelet/kuberuntime/kuberuntime_container.go` `startContainer`).
fn has_pulled(container: &Container) -> bool {
    match &container.state {
        ContainerState::Running | ContainerState::Ended { .. } => true,
        ContainerState::Waiting { reason, .. } => matches!(
            reason.as_str(),
            "CrashLoopBackOff"
                | "CreateContainerConfigError"
                | "CreateContainerError"
                | "PreCreateHookError"
                | "PreStartHookError"
                | "PostStartHookError"
                | "RunContainerError"
        ),
        ContainerState::Unknown => false,
    }
}

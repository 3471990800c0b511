//! The daemon's loop: what happened goes into the schedule, what it commands is carried out, and the news go to the API
//! server. One task owns all of it; everything that takes time runs beside it and reports back.

mod checks;
mod clock;
mod desk;
mod examine;
mod look;
mod opening;
mod places;
mod pods;
mod said;
mod secrets;
#[cfg(test)]
mod tests;
mod watching;

use std::collections::HashMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pullagent_diagnosis::diagnosis::Diagnosis;
use pullagent_diagnosis::message::classify;
use pullagent_diagnosis::pod::{Pod, PodEvent};
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, info, warn};

use crate::checks::Input as CheckInput;
use crate::episodes::{Episodes, EventLimits, Publication};
use crate::http::Served;
use crate::kube::{About, Cluster, EventToWrite, PodChange, Publisher};
use crate::memory::PodName;
use crate::schedule::{Answer, Command, Input, Job, JobId, Limits, Schedule, Subject};
use crate::service::{Signals, Supervisor, Wish};
use crate::settings::Settings;
use checks::Checking;
use clock::Clock;
use pods::Pods;
use said::Said;
use secrets::Secrets;
use watching::{PODS, Watching};

pub(crate) use desk::{Asks, Desk, Ruling};
pub(crate) use look::{Look, Looks, keep_looking};
pub(crate) use opening::{Opened, open_once_it_can_be};
pub(crate) use places::serve;

/// The longest time without a look at what is due.
const LONGEST: Duration = Duration::from_mins(1);
/// The shortest time between two looks at what is due.
const SHORTEST: Duration = Duration::from_millis(10);
/// How long an examination may take, the reading of secrets and of the node included. Its own deadlines are shorter; this
/// one keeps a node that hangs from taking the place of the others for ever.
const LONGEST_EXAMINATION: Duration = Duration::from_mins(2);

/// What the loop is made of.
pub(crate) struct Daemon {
    settings: Arc<Settings>,
    opened: Opened,
    asks: Asks,
    looks: Looks,
    /// Whether the node's configuration was seen yet: what comes after it is a change.
    has_looked: bool,
    /// The API server, once it is there; with it come the publisher, the watch, and whatever else asks it.
    cluster: Option<Arc<Cluster>>,
    publisher: Option<Publisher>,
    watching: Watching,
    served: Served,
    clock: Clock,
    pods: Pods,
    schedule: Schedule,
    checking: Checking,
    episodes: Episodes,
    said: Said,
    secrets: Secrets,
    running: JoinSet<Option<Diagnosis>>,
    /// The job of each task that runs: as many as run at once, and those that were cancelled and have not ended.
    jobs: HashMap<Id, (JobId, AbortHandle)>,
}

/// How the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It was asked to.
    Stopped,
    /// A person interrupted it.
    Interrupted,
}

impl Daemon {
    /// A daemon that has seen nothing yet, begins to ask the API server once that is opened, and hears those who ask. Must
    /// be called within the event loop.
    pub(crate) fn new(settings: Arc<Settings>, opened: Opened, asks: Asks, looks: Looks, served: Served) -> Self {
        served.readiness.wait_for(PODS, "the API server was not asked yet");
        let clock = Clock::start();
        let mut daemon = Self {
            checking: Checking::new(&settings, clock.now()),
            clock,
            schedule: Schedule::new(Limits { settle: settle(&settings), ..Limits::default() }),
            episodes: Episodes::new(&settings.node.name, event_limits(&settings)),
            said: Said::start(None, settings.watch.settle),
            secrets: Secrets::start(None),
            pods: Pods::default(),
            running: JoinSet::new(),
            jobs: HashMap::new(),
            cluster: None,
            publisher: None,
            watching: Watching::default(),
            settings,
            opened,
            asks,
            looks,
            has_looked: false,
            served,
        };
        daemon.list_checks();
        daemon
    }

    /// Goes round until it is asked to stop.
    pub(crate) async fn run(
        mut self,
        mut signals: Signals,
        mut supervisor: Supervisor,
        mut reload: impl FnMut() -> Option<Arc<Settings>>,
    ) -> Ended {
        supervisor.ready(&self.status());
        self.check();
        let ended = loop {
            let wake = self.wake_at();
            tokio::select! {
                cluster = opening(&mut self.opened), if self.cluster.is_none() => self.opened(cluster),
                change = self.watching.next() => self.changed(change),
                (uid, events) = self.said.next() => self.said(&uid, events),
                Some(ended) = self.running.join_next_with_id(), if !self.running.is_empty() => self.ended(ended),
                ended = self.checking.next() => self.checked(ended),
                () = self.asks.next() => {}
                () = another(&mut self.looks) => self.looked(),
                () = sleep_until(wake) => self.take(Input::Tick),
                changed = self.secrets.next() => {
                    for (namespace, name) in changed {
                        debug!(namespace, name, "a pull secret has changed");
                        self.take(Input::Secret { namespace: &namespace, name: &name });
                        self.hand_to_checks(CheckInput::SecretChanged { namespace: &namespace, name: &name });
                    }
                }
                wish = signals.next() => match wish {
                    Wish::Stop => break Ended::Stopped,
                    Wish::Interrupt => break Ended::Interrupted,
                    Wish::Reload => {
                        supervisor.reloading();
                        let settings = reload();
                        self.served.metrics.reloaded(settings.is_some());
                        if let Some(settings) = settings {
                            self.reloaded(settings);
                        }
                        supervisor.ready(&self.status());
                    }
                },
                () = progress(&mut self.publisher) => {}
                () = supervisor.sign_of_life_due() => {
                    supervisor.alive();
                    supervisor.status(&self.status());
                    continue;
                }
            }
            self.hear();
            self.check();
            self.publish();
        };
        supervisor.stopping();
        self.running.shutdown().await;
        self.checking.stop().await;
        info!("stopped");
        ended
    }

    /// What can be changed while it runs follows the new settings.
    fn reloaded(&mut self, settings: Arc<Settings>) {
        self.schedule.settle_after(settle(&settings));
        self.episodes.limit(event_limits(&settings));
        self.said = Said::start(self.cluster.clone(), settings.watch.settle);
        self.said.read(self.pods.unclear());
        let before = std::mem::replace(&mut self.settings, settings);
        self.configure_checks();
        // The node is looked at from elsewhere, or by other means.
        if before.host_root != self.settings.host_root
            || before.runtime != self.settings.runtime
            || before.credentials != self.settings.credentials
        {
            self.hand_to_checks(CheckInput::ConfigurationChanged);
        }
        self.ask();
    }

    /// The API server can be asked from now on.
    fn opened(&mut self, cluster: Arc<Cluster>) {
        self.said = Said::start(Some(cluster.clone()), self.settings.watch.settle);
        self.secrets = Secrets::start(Some(cluster.clone()));
        self.cluster = Some(cluster);
        self.ask();
    }

    /// Asks the API server for what the settings want to be asked for, and for no more.
    fn ask(&mut self) {
        let Some(cluster) = &self.cluster else { return };
        let node = &self.settings.node.name;
        if !self.settings.events.pods && !self.settings.events.node {
            self.publisher = None;
        } else if self.publisher.is_none() {
            self.publisher = Some(Publisher::start(cluster.clone(), node.clone()));
        }
        match (self.settings.watch.pods, self.watching.is_on()) {
            (true, false) => self.watching = Watching::start(cluster.clone(), node, self.served.clone()),
            (false, was_on) => {
                info!("watch.pods is off: no pod is watched");
                self.watching = Watching::default();
                self.served.readiness.is_there(PODS);
                if was_on {
                    self.served.metrics.connected(false);
                    // What nobody tells of any more is as good as gone.
                    self.changed(PodChange::Restarted(Vec::new()));
                }
            }
            (true, true) => {}
        }
    }

    fn status(&self) -> String {
        let trouble = self.publisher.as_ref().and_then(Publisher::trouble);
        let trouble = trouble.map(|why| format!("; events are not written: {why}")).unwrap_or_default();
        let (pods, failing, running) = (self.pods.len(), self.pods.failing(), self.running.len());
        format!("{pods} pods, {failing} failing, {running} examinations{trouble}")
    }

    /// When something is due at the latest.
    fn wake_at(&self) -> Instant {
        let checks = self.checking.wake_at(self.publisher.is_some() && self.settings.events.node);
        let due = self.schedule.wake_at().into_iter().chain(self.episodes.wake_at()).chain(checks).min();
        let left =
            due.map_or(LONGEST, |due| Duration::try_from(self.clock.now().duration_until(due)).unwrap_or_default());
        Instant::now() + left.clamp(SHORTEST, LONGEST)
    }

    fn changed(&mut self, change: PodChange) {
        let gone = self.pods.apply(change);
        for pod in &gone.pods {
            self.served.memory.forget_pod(&PodName { namespace: pod.namespace.clone(), name: pod.name.clone() });
            self.episodes.gone(&pod.uid);
            self.take(Input::PodGone(&pod.uid));
        }
        for uid in &gone.changed {
            let Some(pod) = self.pods.get(uid).cloned() else { continue };
            self.episodes.pod(&pod);
            self.take(Input::Pod(&pod));
            self.look_at_sandbox(&pod);
        }
        self.said.read(self.pods.unclear());
        self.watch_secrets();
    }

    /// Has those secrets looked at whose change may mend something.
    fn watch_secrets(&self) {
        let mut secrets = self.pods.failing_secrets();
        secrets.extend(self.checking.refused_secrets(&self.schedule));
        self.secrets.watch(secrets);
    }

    /// The kubelet has told this of a pod in events.
    fn said(&mut self, uid: &str, events: Vec<PodEvent>) {
        if !self.pods.said(uid, events) {
            return;
        }
        let Some(pod) = self.pods.get(uid).cloned() else { return };
        for container in pod.containers.iter().filter(|container| Subject::is_unclear(container)) {
            let subject = Subject::container(&pod, container);
            let words = self.pods.words(&subject, Timestamp::now());
            if let Some(words) = words.filter(|words| !words.message.is_empty()) {
                self.take(Input::Words { subject: &subject, message: &words.message });
            }
        }
        self.look_at_sandbox(&pod);
    }

    fn look_at_sandbox(&mut self, pod: &Pod) {
        if let Some(sandbox) = self.pods.sandbox_failure(&pod.uid, Timestamp::now()) {
            self.take(Input::Sandbox { pod, image: &sandbox.image, message: &sandbox.words.message });
        }
    }

    /// Hands `input` to the schedule and carries out what it commands.
    fn take(&mut self, input: Input<'_>) {
        for command in self.schedule.handle(input, self.clock.now()) {
            match command {
                Command::Examine(job) => self.examine(job),
                Command::Cancel(id) => {
                    if let Some((_, handle)) = self.jobs.values().find(|(job, _)| *job == id) {
                        handle.abort();
                    }
                }
                Command::Answer { subjects, question, answer } => self.answer(&subjects, &question.image, &answer),
                Command::Classify { subjects, question, message } => {
                    let told = classify(&message).into_iter().find(|told| told.cause.is_some());
                    if let Some(told) = told {
                        self.answer(&subjects, &question.image, &Answer::from(&told));
                    }
                }
            }
        }
        self.served.metrics.skipped(self.schedule.skipped());
    }

    /// Begins a job. Its end is told to the schedule in any case, or its place would stay taken.
    fn examine(&mut self, job: Job) {
        let id = job.id;
        let handle = match self.pods.get(&job.subject.uid).cloned() {
            Some(pod) => {
                let words = self.pods.words(&job.subject, Timestamp::now());
                debug!(namespace = pod.namespace, pod = pod.name, image = job.question.image, "examining");
                let examination = examine::examine(self.settings.clone(), self.cluster.clone(), pod, job, words);
                self.running.spawn(async { timeout(LONGEST_EXAMINATION, Box::pin(examination)).await.ok().flatten() })
            }
            // It went in the same moment; the schedule hears of it next.
            None => self.running.spawn(async { None }),
        };
        self.jobs.insert(handle.id(), (id, handle));
    }

    /// Lets those examine who have asked and may. What each of them does is a job as any other.
    fn hear(&mut self) {
        for (job, found) in self.asks.rule(&mut self.schedule, self.clock.now()) {
            let found = async { timeout(LONGEST_EXAMINATION, found).await.ok()?.ok() };
            let handle = self.running.spawn(found);
            self.jobs.insert(handle.id(), (job.id, handle));
        }
    }

    fn answer(&mut self, subjects: &[Arc<Subject>], image: &str, answer: &Answer) {
        let now = Timestamp::now();
        for subject in subjects {
            let words = self.pods.words(subject, now);
            let since = words.as_ref().map_or(now, |words| words.since);
            let retry_by = words.and_then(|words| words.retry_by);
            self.episodes.answered(subject, image, answer, retry_by);
            if let Some(cause) = self.pods.told(subject, answer, since) {
                self.served.metrics.pull_failed(cause);
            }
        }
    }

    /// An examination is over, or was stopped.
    fn ended(&mut self, ended: Result<(Id, Option<Diagnosis>), tokio::task::JoinError>) {
        let (task, diagnosis) = match ended {
            Ok((task, diagnosis)) => (task, diagnosis),
            Err(error) => {
                if !error.is_cancelled() {
                    warn!("an examination broke off");
                }
                (error.id(), None)
            }
        };
        let Some((id, _)) = self.jobs.remove(&task) else { return };
        if let Some(diagnosis) = &diagnosis {
            let pod = diagnosis.pod.as_ref();
            let name = pod.map(|pod| PodName { namespace: pod.namespace.clone(), name: pod.name.clone() });
            self.served.metrics.examined(diagnosis);
            self.served.memory.set_node(diagnosis.node.clone());
            self.served.memory.remember(name.as_ref(), diagnosis);
        }
        self.take(Input::Finished(id, diagnosis.as_ref()));
    }

    /// Hands on what is to be told.
    fn publish(&mut self) {
        let now = self.clock.now();
        if let Some(publisher) = self.publisher.as_ref().filter(|_| self.settings.events.node) {
            let news = self.checking.publish(now, || self.episodes.take_token(now));
            news.for_each(|one| publisher.publish(one));
        }
        let news = self.episodes.publish(now);
        if let Some(publisher) = &self.publisher {
            for one in news.into_iter().filter(|_| self.settings.events.pods) {
                publisher.publish(to_write(one));
            }
            let (waited, dropped) = self.episodes.held_back();
            let held_back = waited.saturating_add(dropped).saturating_add(self.checking.held_back());
            self.served.metrics.events(publisher.results(), held_back);
        }
        self.served.metrics.pods_failing(self.pods.causes(), now);
        self.served.memory.set_failing_pods(self.pods.failing_pods());
    }
}

fn settle(settings: &Settings) -> SignedDuration {
    SignedDuration::try_from(settings.watch.settle).unwrap_or(SignedDuration::MAX)
}

fn event_limits(settings: &Settings) -> EventLimits {
    EventLimits { per_minute: settings.events.per_minute, burst: settings.events.burst }
}

/// Waits until something has become of an event, so that it is counted at once.
async fn progress(publisher: &mut Option<Publisher>) {
    match publisher {
        Some(publisher) => publisher.progress().await,
        None => pending().await,
    }
}

/// Another look at the node's configuration has shown something new.
async fn another(looks: &mut Looks) {
    if looks.changed().await.is_err() {
        pending::<()>().await;
    }
}

/// The API server, as soon as it is there.
async fn opening(opened: &mut Opened) -> Arc<Cluster> {
    if let Ok(opened) = opened.wait_for(Option::is_some).await
        && let Some(cluster) = &*opened
    {
        return cluster.clone();
    }
    pending().await
}

fn to_write(news: Publication) -> EventToWrite {
    let subject = &news.subject;
    let about =
        About::Pod { namespace: subject.namespace.clone(), name: subject.pod.clone(), uid: subject.uid.clone() };
    EventToWrite { about, name: news.name, event: news.event }
}

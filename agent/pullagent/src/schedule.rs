//! When which image is examined: what has settled into failure, once for all that ask the same, within budgets, in turn.
//!
//! Pure: time is an argument, which must come from a clock that does not jump. Whoever runs it carries out the commands.

mod answer;
mod budget;
mod command;
mod failure;
mod grant;
mod holds;
mod room;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
mod turn;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use pullagent_diagnosis::diagnosis::Diagnosis;
use pullagent_diagnosis::pod::{Pod, tells_no_cause};

use holds::{Hold, Holds};

pub(crate) use answer::Answer;
pub(crate) use budget::{Budget, Spent};
pub(crate) use command::{Command, Input, Job, JobId, Limits, Skip};
pub(crate) use failure::{Question, Secrets, Subject, awaits_sandbox};
pub(crate) use grant::Grant;
pub(crate) use holds::RefusedLogin;

/// The pauses before a failure that stays is examined again; after the last one only something new is a reason.
const PAUSES: [SignedDuration; 5] = [
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(2),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(10),
    SignedDuration::from_mins(30),
];
/// How long a question is remembered that nobody asks any more.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(30);

/// One subject that fails.
#[derive(Debug)]
struct Failing {
    question: Arc<Question>,
    since: Timestamp,
    is_backing_off: bool,
    message: String,
    stage: Stage,
}

/// How far a subject has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It has just begun to fail, or was not looked at since.
    Settling,
    /// It has settled, and there is no room for its question.
    WithoutRoom,
    /// It asks.
    Asks,
    /// It was told something.
    Told,
}

/// A question and what has become of it.
#[derive(Debug)]
struct Asked {
    subjects: BTreeSet<Arc<Subject>>,
    attempts: usize,
    state: State,
    answer: Option<Arc<Answer>>,
    /// Whether it was counted as one that has to wait.
    is_counted: bool,
    /// Since when nobody asks.
    left: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// To be examined then.
    Due(Timestamp),
    /// Being examined.
    Running(JobId),
    /// Examined often enough, the last time then.
    Done(Timestamp),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Schedule {
    limits: Limits,
    failing: BTreeMap<Arc<Subject>, Failing>,
    questions: BTreeMap<Arc<Question>, Asked>,
    /// Everything that was begun and has not ended; `None` once it was cancelled.
    running: BTreeMap<JobId, Option<Arc<Question>>>,
    /// Those of them that somebody asked for.
    granted: BTreeSet<JobId>,
    /// Places that are left to somebody who waits for one.
    kept_free: usize,
    budget: Budget,
    holds: Holds,
    skipped: BTreeMap<Skip, u64>,
    jobs: u64,
    /// Whose turn it was.
    last: String,
    wake: Option<Timestamp>,
}

impl Schedule {
    /// A schedule that has seen nothing yet.
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            failing: BTreeMap::new(),
            questions: BTreeMap::new(),
            running: BTreeMap::new(),
            granted: BTreeSet::new(),
            kept_free: 0,
            budget: Budget::new(limits.per_namespace, limits.per_node),
            holds: Holds::default(),
            skipped: BTreeMap::new(),
            jobs: 0,
            last: String::new(),
            wake: None,
        }
    }

    /// Takes note of what happened at `now`, and says what is to be done.
    pub(crate) fn handle(&mut self, input: Input<'_>, now: Timestamp) -> Vec<Command> {
        let mut commands = Vec::new();
        self.budget.advance(now);
        self.holds.advance(now);
        match input {
            Input::Pod(pod) if pod.is_deleted => self.gone(&pod.uid, now, &mut commands),
            Input::Pod(pod) => self.pod(pod, now, &mut commands),
            Input::PodGone(uid) => self.gone(uid, now, &mut commands),
            Input::Sandbox { pod, image, message } => {
                let shown = failure::Shown {
                    subject: Subject::sandbox(pod),
                    question: Question::of_sandbox(image),
                    is_backing_off: true,
                    message: failure::message_of(message),
                };
                self.fails(shown, now, &mut commands);
            }
            Input::Words { subject, message } => {
                if let Some(failing) = self.failing.get_mut(subject) {
                    failing.message = failure::message_of(message);
                }
            }
            Input::Secret { namespace, name } => self.secret(namespace, name, now, &mut commands),
            Input::Finished(job, diagnosis) => self.finished(job, diagnosis, now, &mut commands),
            Input::Tick => {}
        }
        self.wake = None;
        self.settle(now, &mut commands);
        self.forget(now);
        self.dispatch(now, &mut commands);
        commands
    }

    /// A failure counts from now on once it has lasted that long.
    pub(crate) fn settle_after(&mut self, settle: SignedDuration) {
        self.limits.settle = settle;
    }

    /// Until when an earlier answer forbids to ask this, whoever asks: its host wants rest, or its login was refused.
    pub(crate) fn forbids(&self, question: &Question, now: Timestamp) -> Option<Timestamp> {
        let (Hold::Host(until) | Hold::Login(until)) = self.holds.of(question)?;
        Some(until).filter(|until| *until > now)
    }

    /// The logins that are not to be offered for this, whoever asks.
    pub(crate) fn withheld(&self, question: &Question) -> Vec<RefusedLogin> {
        self.holds.withheld(question)
    }

    /// Takes note of what was answered to somebody else who asked this.
    pub(crate) fn learn(&mut self, question: &Question, diagnosis: &Diagnosis, now: Timestamp) {
        self.holds.learn(question, diagnosis, now);
    }

    /// Places for examinations that are free.
    pub(crate) fn free(&self) -> usize {
        self.limits.at_once.saturating_sub(self.running.len())
    }

    /// When a [`Input::Tick`] is due at the latest.
    pub(crate) fn wake_at(&self) -> Option<Timestamp> {
        self.wake
    }

    /// What was not examined, by reason.
    pub(crate) fn skipped(&self) -> impl Iterator<Item = (Skip, u64)> {
        self.skipped.iter().map(|(reason, count)| (*reason, *count))
    }

    fn pod(&mut self, pod: &Pod, now: Timestamp, commands: &mut Vec<Command>) {
        let shown = failure::shown(pod);
        let awaits_sandbox = failure::awaits_sandbox(pod);
        let still = |subject: &Subject, failing: &Failing| {
            shown.iter().any(|s| s.subject == *subject && s.question == *failing.question)
                || subject.is_sandbox() && awaits_sandbox
        };
        let of_pod = self.failing.iter().filter(|(subject, _)| subject.uid == pod.uid);
        let well: Vec<_> = of_pod.filter(|(s, f)| !still(s, f)).map(|(subject, _)| subject.clone()).collect();
        for subject in well {
            self.leave(&subject, now, commands);
        }
        for shown in shown {
            self.fails(shown, now, commands);
        }
    }

    fn gone(&mut self, uid: &str, now: Timestamp, commands: &mut Vec<Command>) {
        let subjects: Vec<_> = self.failing.keys().filter(|subject| subject.uid == uid).cloned().collect();
        for subject in subjects {
            self.leave(&subject, now, commands);
        }
    }

    /// Notes a failure, whether it is new or not.
    fn fails(&mut self, shown: failure::Shown, now: Timestamp, commands: &mut Vec<Command>) {
        let subject = Arc::new(shown.subject);
        if self.failing.get(&subject).is_some_and(|failing| *failing.question != shown.question) {
            self.leave(&subject, now, commands);
        }
        if let Some(failing) = self.failing.get_mut(&subject) {
            failing.is_backing_off |= shown.is_backing_off;
            if !tells_no_cause(&shown.message) {
                failing.message = shown.message;
            }
            return;
        }
        if self.failing.len() >= self.limits.most_subjects && !self.make_way(&subject.namespace, now, commands) {
            return self.skip(Skip::Capacity);
        }
        let known = self.questions.get_key_value(&shown.question).map(|(question, _)| question.clone());
        let question = known.unwrap_or_else(|| Arc::new(shown.question));
        let (is_backing_off, message) = (shown.is_backing_off, shown.message);
        let failing = Failing { question, since: now, is_backing_off, message, stage: Stage::Settling };
        self.failing.insert(subject, failing);
    }

    /// A subject fails no more, or is gone.
    fn leave(&mut self, subject: &Arc<Subject>, now: Timestamp, commands: &mut Vec<Command>) {
        let Some(failing) = self.failing.remove(subject) else { return };
        let Some(asked) = self.questions.get_mut(&failing.question) else { return };
        asked.subjects.remove(subject);
        if asked.subjects.is_empty() {
            asked.left = Some(now);
            cancel(asked, &mut self.running, now, commands);
        }
    }

    fn secret(&mut self, namespace: &str, name: &str, now: Timestamp, commands: &mut Vec<Command>) {
        self.holds.forget_secret(namespace, name);
        let concerned =
            |question: &Question| question.secrets.as_ref().is_some_and(|secrets| secrets.has(namespace, name));
        for (_, asked) in self.questions.iter_mut().filter(|(question, _)| concerned(question)) {
            cancel(asked, &mut self.running, now, commands);
            asked.state = State::Due(now);
            asked.attempts = 0;
            asked.answer = None;
            asked.is_counted = false;
        }
    }

    fn finished(&mut self, job: JobId, diagnosis: Option<&Diagnosis>, now: Timestamp, commands: &mut Vec<Command>) {
        let was_granted = self.granted.remove(&job);
        let Some(Some(question)) = self.running.remove(&job) else { return };
        if let Some(diagnosis) = diagnosis {
            self.holds.learn(&question, diagnosis, now);
        }
        let Some(asked) = self.questions.get_mut(&question) else { return };
        if was_granted && diagnosis.is_none() {
            // Whoever asked has gone: that was no attempt of ours.
            asked.state = State::Due(now);
            return;
        }
        asked.state = PAUSES.get(asked.attempts).map_or(State::Done(now), |pause| State::Due(after(now, *pause)));
        asked.attempts += 1;
        let Some(diagnosis) = diagnosis else { return };
        let answer = Arc::new(Answer::from(diagnosis));
        asked.answer = Some(answer.clone());
        let subjects: Vec<Arc<Subject>> = asked.subjects.iter().cloned().collect();
        for subject in &subjects {
            self.failing.entry(subject.clone()).and_modify(|failing| failing.stage = Stage::Told);
        }
        commands.push(Command::Answer { subjects, question, answer });
    }

    /// Lets what has lasted long enough ask.
    fn settle(&mut self, now: Timestamp, commands: &mut Vec<Command>) {
        let mut wake = None;
        let mut settled = Vec::new();
        for (subject, failing) in self.failing.iter().filter(|(_, failing)| !failing.stage.asks()) {
            // What only an event tells is waited for, but not longer than for any other failure.
            let is_clear = failing.is_backing_off && !tells_no_cause(&failing.message);
            let at = if is_clear { now } else { after(failing.since, self.limits.settle) };
            if at <= now {
                settled.push((subject.clone(), failing.question.clone()));
            } else {
                wake = earlier(wake, at);
            }
        }
        // Within one pass nobody gets room that was refused once.
        let mut refused = BTreeSet::new();
        for (subject, question) in settled {
            let has_room = self.questions.contains_key(&question)
                || !refused.contains(&subject.namespace) && self.make_room(&subject.namespace, now, commands);
            if has_room {
                self.ask(subject, question, now, commands);
            } else {
                refused.insert(subject.namespace.clone());
                self.without_room(&subject);
            }
        }
        self.wake = earlier_of(self.wake, wake);
    }

    fn without_room(&mut self, subject: &Arc<Subject>) {
        let Some(failing) = self.failing.get_mut(subject) else { return };
        if std::mem::replace(&mut failing.stage, Stage::WithoutRoom) == Stage::Settling {
            self.skip(Skip::Capacity);
        }
    }

    fn ask(&mut self, subject: Arc<Subject>, question: Arc<Question>, now: Timestamp, commands: &mut Vec<Command>) {
        let running = self.job_of(&question);
        let Some(failing) = self.failing.get_mut(&subject) else { return };
        failing.stage = Stage::Asks;
        // Somebody may have asked before it had settled.
        let state = running.map_or(State::Due(now), State::Running);
        let asked = self.questions.entry(question.clone()).or_insert_with(|| Asked {
            subjects: BTreeSet::new(),
            attempts: 0,
            state,
            answer: None,
            is_counted: false,
            left: None,
        });
        asked.left = None;
        asked.subjects.insert(subject.clone());
        let is_old = |since: Timestamp| PAUSES.last().is_some_and(|pause| after(since, *pause) <= now);
        match asked.state {
            State::Done(since) if is_old(since) => asked.state = State::Due(now),
            State::Due(at) if at <= now => {}
            State::Due(_) | State::Running(_) | State::Done(_) => {
                if let Some(answer) = &asked.answer {
                    failing.stage = Stage::Told;
                    commands.push(Command::Answer { subjects: vec![subject], question, answer: answer.clone() });
                }
            }
        }
    }

    fn forget(&mut self, now: Timestamp) {
        self.questions.retain(|_, asked| asked.left.is_none_or(|left| after(left, REMEMBERED) > now));
    }

    fn skip(&mut self, reason: Skip) {
        *self.skipped.entry(reason).or_default() += 1;
    }
}

impl Stage {
    fn asks(self) -> bool {
        matches!(self, Self::Asks | Self::Told)
    }
}

/// Stops the examination of a question. Its place stays taken until the end is told.
fn cancel(
    asked: &mut Asked,
    running: &mut BTreeMap<JobId, Option<Arc<Question>>>,
    now: Timestamp,
    commands: &mut Vec<Command>,
) {
    if let State::Running(job) = asked.state {
        running.insert(job, None);
        commands.push(Command::Cancel(job));
        asked.state = State::Due(now);
    }
}

fn earlier(wake: Option<Timestamp>, at: Timestamp) -> Option<Timestamp> {
    earlier_of(wake, Some(at))
}

fn earlier_of(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

/// `time` and that much; the end of time where that is later.
pub(crate) fn after(time: Timestamp, span: SignedDuration) -> Timestamp {
    time.checked_add(span).unwrap_or(Timestamp::MAX)
}

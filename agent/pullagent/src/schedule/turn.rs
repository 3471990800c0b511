//! Whose turn it is: what is due and allowed begins, namespace by namespace; the others are told what is known already.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use pullagent_diagnosis::pod::tells_no_cause;

use super::budget::Spent;
use super::holds::Hold;
use super::{Asked, Command, Question, Schedule, Skip, Stage, State, earlier};

impl Schedule {
    /// Begins what is due, namespace by namespace, and tells the others what their text means.
    pub(super) fn dispatch(&mut self, now: Timestamp, commands: &mut Vec<Command>) {
        while self.running.len() < self.limits.at_once.saturating_sub(self.kept_free) {
            let Some((namespace, question)) = self.next(now) else { break };
            self.begin(namespace, &question, now, commands);
        }
        let waiting: Vec<(Arc<Question>, Skip, Timestamp)> = self
            .due(now)
            .filter_map(|(question, asked)| {
                let (reason, until) = self.obstacle(question, asked)?;
                Some((question.clone(), reason, until))
            })
            .collect();
        for (question, reason, until) in waiting {
            self.wake = earlier(self.wake, until);
            self.wait(&question, reason, commands);
        }
        let later = self.questions.values().filter(|asked| !asked.subjects.is_empty());
        for asked in later {
            match asked.state {
                State::Due(at) if at > now => self.wake = earlier(self.wake, at),
                _ => {}
            }
        }
    }

    fn due(&self, now: Timestamp) -> impl Iterator<Item = (&Arc<Question>, &Asked)> {
        let is_due = move |asked: &Asked| matches!(asked.state, State::Due(at) if at <= now);
        self.questions.iter().filter(move |(_, asked)| is_due(asked) && !asked.subjects.is_empty())
    }

    /// What comes next: the first question of the namespace whose turn it is, new failures before repeats.
    fn next(&self, now: Timestamp) -> Option<(String, Arc<Question>)> {
        let mut firsts: BTreeMap<&str, (usize, Timestamp, &Arc<Question>)> = BTreeMap::new();
        for (question, asked) in self.due(now) {
            let State::Due(at) = asked.state else { continue };
            if self.holds.of(question).is_some() {
                continue;
            }
            for namespace in namespaces(asked) {
                if self.budget.admits(namespace, asked.attempts > 0).is_ok() {
                    let candidate = (asked.attempts, at, question);
                    let first = firsts.entry(namespace).or_insert(candidate);
                    *first = candidate.min(*first);
                }
            }
        }
        let turn = firsts.iter().find(|(namespace, _)| **namespace > self.last.as_str()).or(firsts.iter().next())?;
        Some(((*turn.0).to_owned(), turn.1.2.clone()))
    }

    fn begin(&mut self, namespace: String, question: &Arc<Question>, now: Timestamp, commands: &mut Vec<Command>) {
        let Some(asked) = self.questions.get(question) else { return };
        let Some(subject) = asked.subjects.iter().find(|subject| subject.namespace == namespace).cloned() else {
            return;
        };
        self.budget.begin(&namespace, now);
        self.last = namespace;
        commands.push(Command::Examine(self.started(question, subject)));
    }

    /// Why a question that is due may not be examined, and until when.
    fn obstacle(&self, question: &Question, asked: &Asked) -> Option<(Skip, Timestamp)> {
        match self.holds.of(question) {
            Some(Hold::Host(until)) => return Some((Skip::HostPaused, until)),
            Some(Hold::Login(until)) => return Some((Skip::LoginRefused, until)),
            None => {}
        }
        let mut first = None;
        for namespace in namespaces(asked) {
            let obstacle = match self.budget.admits(namespace, asked.attempts > 0) {
                Ok(()) => return None,
                Err(Spent::Namespace(until)) => (Skip::NamespaceBudget, until),
                Err(Spent::Node(until)) => (Skip::NodeBudget, until),
            };
            first = first.filter(|(_, until)| *until <= obstacle.1).or(Some(obstacle));
        }
        first
    }

    /// Tells those who have been told nothing yet what is known without an examination.
    fn wait(&mut self, question: &Arc<Question>, reason: Skip, commands: &mut Vec<Command>) {
        let Some(asked) = self.questions.get_mut(question) else { return };
        let is_new = !std::mem::replace(&mut asked.is_counted, true);
        let mut untold = Vec::new();
        let mut message = String::new();
        for subject in &asked.subjects {
            let Some(failing) = self.failing.get_mut(subject) else { continue };
            if tells_no_cause(&message) {
                message.clone_from(&failing.message);
            }
            // Words that tell nothing are no answer: better ones may come.
            let tells = asked.answer.is_some() || !tells_no_cause(&failing.message);
            if tells && std::mem::replace(&mut failing.stage, Stage::Told) != Stage::Told {
                untold.push(subject.clone());
            }
        }
        if !untold.is_empty() {
            let (subjects, question) = (untold, question.clone());
            commands.push(match asked.answer.clone() {
                Some(answer) => Command::Answer { subjects, question, answer },
                None => Command::Classify { subjects, question, message },
            });
        }
        if is_new {
            self.skip(reason);
        }
    }
}

/// The namespaces that ask, each once: subjects are in their order.
fn namespaces(asked: &Asked) -> impl Iterator<Item = &str> {
    let mut last = None;
    let namespaces = asked.subjects.iter().map(|subject| subject.namespace.as_str());
    namespaces.filter(move |namespace| last.replace(*namespace) != Some(*namespace))
}

//! What somebody who asks about a pod is granted: an examination at once, within the same holds and budgets as all others.

use std::sync::Arc;

use jiff::Timestamp;

use super::budget::Spent;
use super::holds::Hold;
use super::{Job, JobId, Question, Schedule, Skip, State, Subject};

/// What somebody who asks is granted.
#[derive(Clone, Debug)]
pub(crate) enum Grant {
    /// The examination is his: its end is told as that of any other, and serves all that ask the same.
    Examine(Job),
    /// Every place is taken, or the same is being examined.
    Later,
    /// Nothing is examined before then.
    HeldBack(Skip, Timestamp),
}

impl Schedule {
    /// Somebody asks at `now` about a subject. He counts as a repeat: a third of the budget stays for failures that nobody
    /// has examined yet.
    pub(crate) fn grant(&mut self, subject: Subject, question: Question, now: Timestamp) -> Grant {
        self.budget.advance(now);
        self.holds.advance(now);
        let held_back = match self.holds.of(&question) {
            Some(Hold::Host(until)) => Some((Skip::HostPaused, until)),
            Some(Hold::Login(until)) => Some((Skip::LoginRefused, until)),
            None => match self.budget.admits(&subject.namespace, true) {
                Ok(()) => None,
                Err(Spent::Namespace(until)) => Some((Skip::NamespaceBudget, until)),
                Err(Spent::Node(until)) => Some((Skip::NodeBudget, until)),
            },
        };
        if let Some((reason, until)) = held_back {
            self.skip(reason);
            return Grant::HeldBack(reason, until);
        }
        if self.running.len() >= self.limits.at_once || self.job_of(&question).is_some() {
            return Grant::Later;
        }
        let known = self.questions.get_key_value(&question).map(|(question, _)| question.clone());
        let question = known.unwrap_or_else(|| Arc::new(question));
        self.budget.begin(&subject.namespace, now);
        let job = self.started(&question, Arc::new(subject));
        self.granted.insert(job.id);
        Grant::Examine(job)
    }

    /// Whether somebody waits for a place: then the schedule leaves one free.
    pub(crate) fn leave_a_place(&mut self, is_wanted: bool) {
        self.kept_free = usize::from(is_wanted);
    }

    /// The examination of a question that is going on.
    pub(super) fn job_of(&self, question: &Question) -> Option<JobId> {
        let of = |running: &Option<Arc<Question>>| running.as_deref() == Some(question);
        self.running.iter().find(|(_, running)| of(running)).map(|(id, _)| *id)
    }

    /// Takes a place for a question.
    pub(super) fn started(&mut self, question: &Arc<Question>, subject: Arc<Subject>) -> Job {
        let id = JobId(self.jobs);
        self.jobs += 1;
        if let Some(asked) = self.questions.get_mut(question) {
            asked.state = State::Running(id);
            asked.is_counted = false;
        }
        self.running.insert(id, Some(question.clone()));
        Job { id, question: question.clone(), subject, withheld: self.holds.withheld(question) }
    }
}

//! Who gives way where there is no room: the namespace that has the most.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Command, Question, Schedule, Skip, Stage, Subject, cancel};

impl Schedule {
    /// Whether room was made for a subject of `namespace`: the newest of the namespace that has the most gives way, unless
    /// that is this one itself.
    pub(super) fn make_way(&mut self, namespace: &str, now: Timestamp, commands: &mut Vec<Command>) -> bool {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for subject in self.failing.keys() {
            *counts.entry(&subject.namespace).or_default() += 1;
        }
        let Some(greediest) = greediest(&counts, namespace).map(str::to_owned) else { return false };
        let of_it = self.failing.iter().filter(|(subject, _)| subject.namespace == greediest);
        // One that was told nothing yet loses least.
        let newest = of_it.max_by_key(|(_, failing)| (failing.stage != Stage::Told, failing.since));
        let Some(subject) = newest.map(|(subject, _)| subject.clone()) else { return false };
        self.leave(&subject, now, commands);
        self.skip(Skip::Capacity);
        true
    }

    /// Whether there is room for one more question of `namespace`: one that nobody asks any more gives way, or else one of
    /// those that only the namespace asks that has the most of them.
    pub(super) fn make_room(&mut self, namespace: &str, now: Timestamp, commands: &mut Vec<Command>) -> bool {
        if self.questions.len() < self.limits.most_questions {
            return true;
        }
        let left = self.questions.iter().filter_map(|(question, asked)| Some((asked.left?, question.clone())));
        if let Some((_, oldest)) = left.min() {
            return self.questions.remove(&oldest).is_some();
        }
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for asked in self.questions.values() {
            if let Some(owner) = owner(&asked.subjects) {
                *counts.entry(owner).or_default() += 1;
            }
        }
        let Some(greediest) = greediest(&counts, namespace).map(str::to_owned) else { return false };
        let of_it = self.questions.iter().filter(|(_, asked)| owner(&asked.subjects) == Some(greediest.as_str()));
        let least = of_it.max_by_key(|(_, asked)| (asked.answer.is_none(), asked.attempts));
        let Some(question) = least.map(|(question, _)| question.clone()) else { return false };
        self.give_up(&question, now, commands);
        true
    }

    /// Those who ask this are without room from now on.
    fn give_up(&mut self, question: &Arc<Question>, now: Timestamp, commands: &mut Vec<Command>) {
        let Some(mut asked) = self.questions.remove(question) else { return };
        cancel(&mut asked, &mut self.running, now, commands);
        for subject in &asked.subjects {
            if let Some(failing) = self.failing.get_mut(subject) {
                failing.stage = Stage::WithoutRoom;
            }
        }
        self.skip(Skip::Capacity);
    }
}

/// The namespace that has the most, if one more of `namespace` does not make that as many.
fn greediest<'a>(counts: &BTreeMap<&'a str, usize>, namespace: &str) -> Option<&'a str> {
    let own = counts.get(namespace).copied().unwrap_or(0);
    let (greediest, most) = counts.iter().max_by_key(|(_, count)| **count)?;
    (own + 1 < *most).then_some(*greediest)
}

/// The namespace that alone asks.
fn owner<'a>(subjects: impl IntoIterator<Item = &'a Arc<Subject>>) -> Option<&'a str> {
    let mut subjects = subjects.into_iter();
    let first = subjects.next()?.namespace.as_str();
    subjects.all(|other| other.namespace == first).then_some(first)
}

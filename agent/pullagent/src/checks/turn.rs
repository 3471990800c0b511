//! When which check runs: spread over the fleet, sooner while it fails, and never where an earlier answer forbids it.
//!
//! Pure: time is an argument, which must come from a clock that does not jump. Whoever runs it carries out the runs.

mod publish;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use pullagent_diagnosis::cause::Code;
use pullagent_diagnosis::diagnosis::Diagnosis;
use pullagent_diagnosis::pod::Pod;

use super::spread::{Grid, Purpose, Share, below, number};
use super::standing::{Outcome, Standing};
use super::wanted::{Discovery, Wanted, wanted};
use crate::episodes::Rate;
use crate::memory::MAX_CHECKS;
use crate::schedule::{Budget, Question, Spent, after};
use crate::settings;

pub(crate) use publish::News;

/// Checks that run at once.
const AT_ONCE: usize = 2;
/// The first run, and one for a changed configuration, comes within this time: many nodes may have started, or were given
/// the same file, in one moment.
const WITHIN: SignedDuration = SignedDuration::from_secs(60);
/// The pauses before a check that fails runs again, none of them longer than its interval. The first one confirms, the
/// others tell early that it passes again. After them it keeps to its interval: to ask what is down costs less than to ask
/// what is well, and that it is well again is to be known as soon as the settings want to know that it is not. So a check
/// that fails asks at most five times more than one that passes, however long it lasts; and a registry that is itself in
/// trouble, or says that it is asked too often, is left alone for longer than that.
const PAUSES: [SignedDuration; 5] = [
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(2),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(10),
    SignedDuration::from_mins(30),
];
/// Runs of checks within an hour for one registry, of at most some six requests each; what is beyond waits.
const PER_REGISTRY: usize = 360;
/// The same for a registry that everybody uses. A node's address is shared by many there.
const PER_PUBLIC_REGISTRY: usize = 30;
/// The same for all registries together.
const PER_NODE: usize = 1200;
/// How long a registry of which little may still be asked is left alone at least and at most, whatever window it tells.
const WINDOW: [SignedDuration; 2] = [SignedDuration::from_mins(15), SignedDuration::from_hours(24)];

/// What has happened.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input<'a> {
    /// A run has ended; without a diagnosis if it came to none.
    Finished(RunId, Option<&'a Diagnosis>),
    /// The node's own pull configuration is another now.
    ConfigurationChanged,
    /// A pull secret has other content now, came or went.
    SecretChanged {
        /// Its namespace.
        namespace: &'a str,
        /// Its name.
        name: &'a str,
    },
    /// Time has passed, or something else has changed.
    Tick,
}

/// Names a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RunId(u64);

/// A run to be made, and to be told of with [`Input::Finished`].
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// Its name.
    pub(crate) id: RunId,
    /// What is checked.
    pub(crate) wanted: Arc<Wanted>,
}

#[derive(Clone, Copy, Debug)]
struct Due {
    at: Timestamp,
    /// Whether it is the share's turn that decides, at a public registry. What has begun to fail is followed up.
    is_sampled: bool,
}

#[derive(Debug)]
struct Entry {
    wanted: Arc<Wanted>,
    grid: Grid,
    due: Due,
    running: Option<RunId>,
    /// Whether the configuration or the secret has changed since the run began.
    is_outdated: bool,
    /// Runs in a row that failed.
    failures: usize,
    standing: Standing,
    /// Whether its news were counted as held back.
    is_counted: bool,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Checks {
    node: String,
    settings: settings::Checks,
    share: Share,
    discovery: Discovery,
    entries: Vec<Entry>,
    /// The registries of which little may still be asked, and until when they are left alone.
    low: BTreeMap<String, Timestamp>,
    budget: Budget,
    public_budget: Budget,
    runs: u64,
    wake: Option<Timestamp>,
    object: Rate,
    object_full: Timestamp,
    news_wake: Option<Timestamp>,
    held_back: u64,
}

impl Checks {
    /// The checks of a node of this name.
    pub(crate) fn new(node: &str, settings: settings::Checks, now: Timestamp) -> Self {
        let mut checks = Self {
            node: node.to_owned(),
            share: Share::new(settings.sample),
            settings,
            discovery: Discovery::default(),
            entries: Vec::new(),
            low: BTreeMap::new(),
            budget: Budget::new(PER_REGISTRY, PER_NODE),
            public_budget: Budget::new(PER_PUBLIC_REGISTRY, PER_NODE),
            runs: 0,
            wake: None,
            object: publish::rate(),
            object_full: Timestamp::MIN,
            news_wake: None,
            held_back: 0,
        };
        checks.renew(now);
        checks
    }

    /// Other settings count from now on. What is known of a check that stays is kept.
    pub(crate) fn configure(&mut self, settings: settings::Checks, now: Timestamp) {
        self.share = Share::new(settings.sample);
        self.settings = settings;
        self.renew(now);
    }

    /// Takes note of the node's pods; whether there are other checks now.
    pub(crate) fn observe<'a>(&mut self, pods: impl Iterator<Item = &'a Pod>, now: Timestamp) -> bool {
        self.discovery.observe(pods, self.settings.discover, now);
        self.renew(now)
    }

    /// What is checked, the configured checks first.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = &Wanted> {
        self.entries.iter().map(|entry| &*entry.wanted)
    }

    /// How many configured checks there was no room for.
    pub(crate) fn left_out(&self) -> usize {
        (self.settings.images.len() + self.settings.registries.len()).saturating_sub(MAX_CHECKS)
    }

    fn renew(&mut self, now: Timestamp) -> bool {
        let all = wanted(&self.settings, &self.discovery, MAX_CHECKS);
        if all.iter().eq(self.entries.iter().map(|entry| &entry.wanted)) {
            return false;
        }
        let mut old = std::mem::take(&mut self.entries);
        for wanted in all {
            let same = |entry: &Entry| entry.wanted.name == wanted.name && entry.wanted.check == wanted.check;
            let entry = match old.iter().position(same) {
                Some(place) => {
                    let mut entry = old.swap_remove(place);
                    if entry.wanted.every != wanted.every {
                        entry.grid = Grid::new(&self.node, &wanted.name, wanted.every);
                        let next = entry.grid.after(now);
                        entry.due.at = entry.due.at.min(next);
                    }
                    entry.wanted = wanted;
                    entry
                }
                None => Entry {
                    grid: Grid::new(&self.node, &wanted.name, wanted.every),
                    due: Due { at: after(now, soon(&self.node, &wanted)), is_sampled: true },
                    wanted,
                    running: None,
                    is_outdated: false,
                    failures: 0,
                    standing: Standing::default(),
                    is_counted: false,
                },
            };
            self.entries.push(entry);
        }
        true
    }

    /// Takes note of what happened at `now`, and says what is to be run: no more than there is `room` for. `forbids` tells
    /// until when a question must not be asked.
    pub(crate) fn handle(
        &mut self,
        input: Input<'_>,
        room: usize,
        forbids: impl Fn(&Question) -> Option<Timestamp>,
        now: Timestamp,
    ) -> Vec<Run> {
        self.budget.advance(now);
        self.public_budget.advance(now);
        self.low.retain(|_, until| *until > now);
        match input {
            Input::Finished(run, diagnosis) => self.finished(run, diagnosis, now),
            Input::ConfigurationChanged => {
                for entry in &mut self.entries {
                    entry.is_outdated = entry.running.is_some();
                    entry.hurry(after(now, soon(&self.node, &entry.wanted)));
                }
            }
            Input::SecretChanged { namespace, name } => {
                let offers =
                    |entry: &Entry| entry.wanted.question.secrets.as_ref().is_some_and(|s| s.has(namespace, name));
                for entry in self.entries.iter_mut().filter(|entry| offers(entry)) {
                    entry.is_outdated = entry.running.is_some();
                    entry.hurry(after(now, soon(&self.node, &entry.wanted)));
                }
            }
            Input::Tick => {}
        }
        self.dispatch(room, forbids, now)
    }

    /// When an [`Input::Tick`] is due at the latest.
    pub(crate) fn wake_at(&self) -> Option<Timestamp> {
        self.wake
    }

    fn finished(&mut self, run: RunId, diagnosis: Option<&Diagnosis>, now: Timestamp) {
        // It may be gone since, and then nobody wants to know.
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.running == Some(run)) else { return };
        entry.running = None;
        let (every, soon) = (entry.wanted.every, soon(&self.node, &entry.wanted));
        match diagnosis.and_then(Outcome::of) {
            Some(Outcome::Fails | Outcome::FailsUntold) => entry.failures = entry.failures.saturating_add(1),
            Some(Outcome::Passes) => entry.failures = 0,
            None => {}
        }
        if let Some(diagnosis) = diagnosis {
            entry.standing.learn(&entry.wanted.name, diagnosis);
            if let Some(until) = low_until(diagnosis, now) {
                self.low.insert(entry.wanted.question.registry.clone(), until);
            }
        }
        // Half an interval at least lies between a run out of turn and the next regular one.
        let regular = Due { at: entry.grid.after(after(now, every / 2)), is_sampled: true };
        let pause = match entry.failures {
            0 => entry.standing.is_open().then_some(PAUSES[0]),
            failures => PAUSES.get(failures - 1).copied(),
        };
        entry.due = match pause.filter(|_| diagnosis.is_some_and(|diagnosis| Outcome::of(diagnosis).is_some())) {
            Some(pause) => Due { at: after(now, pause.min(every)), is_sampled: false },
            None => regular,
        };
        if std::mem::take(&mut entry.is_outdated) {
            entry.hurry(after(now, soon));
        }
    }

    fn dispatch(&mut self, room: usize, forbids: impl Fn(&Question) -> Option<Timestamp>, now: Timestamp) -> Vec<Run> {
        let running = self.entries.iter().filter(|entry| entry.running.is_some()).count();
        let mut room = room.min(AT_ONCE.saturating_sub(running));
        let mut due: Vec<usize> = (0..self.entries.len()).filter(|place| self.entries[*place].is_due(now)).collect();
        due.sort_by_key(|place| self.entries[*place].due.at);
        let mut runs = Vec::new();
        for place in due {
            if let Some(later) = self.later(place, &forbids, now) {
                self.entries[place].due = later;
            } else if room > 0 {
                room -= 1;
                runs.push(self.begin(place, now));
            }
        }
        let waiting = self.entries.iter().filter(|entry| entry.running.is_none());
        // Without room there is nothing to be done before something ends, and of that an input tells.
        self.wake = waiting.map(|entry| entry.due.at).filter(|at| room > 0 || *at > now).min();
        runs
    }

    /// When a check that is due has to be asked instead, if not now.
    fn later(&self, place: usize, forbids: impl Fn(&Question) -> Option<Timestamp>, now: Timestamp) -> Option<Due> {
        let entry = self.entries.get(place)?;
        let wanted = &entry.wanted;
        let rotation = || number(&self.node, &wanted.host, Purpose::Rotation);
        if wanted.is_public && entry.due.is_sampled && !self.share.has_turn(rotation(), entry.grid.interval(now)) {
            return Some(Due { at: entry.grid.after(now), is_sampled: true });
        }
        let registry = &wanted.question.registry;
        let low = self.low.get(registry).copied();
        let spent = self.budget_of(wanted).admits(registry, false).err();
        let spent = spent.map(|(Spent::Namespace(until) | Spent::Node(until))| until);
        let until = [low, spent, forbids(&wanted.question)].into_iter().flatten().max()?;
        Some(Due { at: until, ..entry.due }).filter(|_| until > now)
    }

    fn budget_of(&self, wanted: &Wanted) -> &Budget {
        if wanted.is_public { &self.public_budget } else { &self.budget }
    }

    fn begin(&mut self, place: usize, now: Timestamp) -> Run {
        let id = RunId(self.runs);
        self.runs += 1;
        let entry = &mut self.entries[place];
        entry.running = Some(id);
        let wanted = entry.wanted.clone();
        let budget = if wanted.is_public { &mut self.public_budget } else { &mut self.budget };
        budget.begin(&wanted.question.registry, now);
        Run { id, wanted }
    }
}

impl Entry {
    fn is_due(&self, now: Timestamp) -> bool {
        self.running.is_none() && self.due.at <= now
    }

    /// It is due then at the latest.
    fn hurry(&mut self, at: Timestamp) {
        if at < self.due.at {
            self.due = Due { at, is_sampled: true };
        }
    }
}

/// How long a run is put off for which many nodes have a reason in the same moment.
fn soon(node: &str, wanted: &Wanted) -> SignedDuration {
    below(WITHIN.min(wanted.every), number(node, &wanted.name, Purpose::Jitter))
}

/// Until when a registry is left alone that says that little of its allowance is left: until the window is over.
fn low_until(diagnosis: &Diagnosis, now: Timestamp) -> Option<Timestamp> {
    let is_low = diagnosis.findings.iter().any(|finding| finding.code == Code::RateLimitLow);
    let limit = diagnosis.rate_limit.as_ref().filter(|_| is_low)?;
    let window = SignedDuration::from_secs(i64::try_from(limit.window_seconds).unwrap_or(i64::MAX));
    Some(after(now, window.clamp(WINDOW[0], WINDOW[1])))
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

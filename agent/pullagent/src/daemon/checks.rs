//! The checks beside the pods: what the schedule of checks commands is run, remembered, counted and told on the node.

use std::collections::{BTreeSet, HashMap};
use std::future::pending;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use pullagent_diagnosis::case::Withheld;
use pullagent_diagnosis::cause::{Code, Severity};
use pullagent_diagnosis::diagnosis::{Diagnosis, Verdict};
use pullagent_probes::{Contents, Limits};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::timeout;
use tracing::{debug, warn};

use super::{Daemon, LONGEST_EXAMINATION};
use crate::checks::examine::{With, run};
use crate::checks::{Checks, Input, News, Run, Wanted};
use crate::examination::denied_to_pods;
use crate::kube::{About, Cluster, EventToWrite};
use crate::memory::{CheckRun, CheckState};
use crate::schedule::{RefusedLogin, Schedule, after};
use crate::settings::Settings;

/// The time between two looks at what the pods use.
const LOOK: SignedDuration = SignedDuration::from_mins(1);

/// The checks, and those that run.
#[derive(Debug)]
pub(super) struct Checking {
    schedule: Checks,
    running: JoinSet<Option<Diagnosis>>,
    /// The run of each task.
    runs: HashMap<Id, Run>,
    /// When it was last looked at what the pods use.
    looked: Timestamp,
    /// What was fetched before.
    known: Arc<Contents>,
}

/// A task that has ended.
pub(super) type Ended = Result<(Id, Option<Diagnosis>), JoinError>;

impl Checking {
    /// The checks of these settings; nothing runs yet.
    pub(super) fn new(settings: &Settings, now: Timestamp) -> Self {
        let schedule = Checks::new(&settings.node.name, settings.checks.clone(), now);
        Self { schedule, running: JoinSet::new(), runs: HashMap::new(), looked: Timestamp::MIN, known: Arc::default() }
    }

    /// Waits until a run has ended.
    pub(super) async fn next(&mut self) -> Ended {
        match self.running.join_next_with_id().await {
            Some(ended) => ended,
            None => pending().await,
        }
    }

    /// How many run.
    #[cfg(test)]
    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    /// Ends all runs.
    pub(super) async fn stop(&mut self) {
        self.running.shutdown().await;
    }

    /// When something is due at the latest. That there are news counts only where they `are_told`.
    pub(super) fn wake_at(&self, are_told: bool) -> Option<Timestamp> {
        let news = self.schedule.news_at().filter(|_| are_told);
        self.schedule.wake_at().into_iter().chain(news).min()
    }

    /// The secrets whose logins a registry has refused to a check, as namespace and name.
    pub(super) fn refused_secrets(&self, schedule: &Schedule) -> BTreeSet<(String, String)> {
        let refused = self.schedule.wanted().filter(|wanted| !schedule.withheld(&wanted.question).is_empty());
        let secrets = refused.filter_map(|wanted| wanted.question.secrets.as_ref());
        secrets.flat_map(|of| of.names.iter().map(|name| (of.namespace.clone(), name.clone()))).collect()
    }

    /// What is to be told about the node at `now`; see [`Checks::publish`].
    pub(super) fn publish(
        &mut self,
        now: Timestamp,
        token: impl FnMut() -> Result<(), Timestamp>,
    ) -> impl Iterator<Item = EventToWrite> {
        let news = self.schedule.publish(now, token).into_iter();
        news.map(|News { name, event }| EventToWrite { about: About::Node, name, event })
    }

    /// News that had to wait for their turn so far.
    pub(super) fn held_back(&self) -> u64 {
        self.schedule.held_back()
    }
}

impl Daemon {
    /// The settings have other checks. What is known of those that stay is kept.
    pub(super) fn configure_checks(&mut self) {
        self.checking.schedule.configure(self.settings.checks.clone(), self.clock.now());
        self.list_checks();
    }

    /// Shows which checks there are.
    pub(super) fn list_checks(&mut self) {
        let left_out = self.checking.schedule.left_out();
        if left_out > 0 {
            warn!(left_out, "there are more checks than a node makes: the first ones are made");
        }
        self.served.memory.set_checks(self.checking.schedule.wanted().map(|wanted| CheckState {
            name: wanted.name.clone(),
            host: wanted.host.clone(),
            configured: wanted.is_configured,
            last: None,
        }));
    }

    /// Makes the checks that are due, as far as pods leave room for them.
    pub(super) fn check(&mut self) {
        let now = self.clock.now();
        if after(self.checking.looked, LOOK) <= now {
            self.checking.looked = now;
            if self.checking.schedule.observe(self.pods.iter(), now) {
                self.list_checks();
            }
        }
        self.hand_to_checks(Input::Tick);
    }

    /// Hands `input` to the schedule of checks and begins what it commands.
    pub(super) fn hand_to_checks(&mut self, input: Input<'_>) {
        let now = self.clock.now();
        let (room, schedule) = (self.schedule.free(), &self.schedule);
        let runs = self.checking.schedule.handle(input, room, |question| schedule.forbids(question, now), now);
        for run in runs {
            debug!(check = run.wanted.name, "checking");
            let withheld = self.schedule.withheld(&run.wanted.question);
            let known = self.checking.known.clone();
            let check = examine(self.settings.clone(), self.cluster.clone(), run.wanted.clone(), withheld, known);
            let check = async { timeout(LONGEST_EXAMINATION, Box::pin(check)).await.ok().flatten() };
            let task = self.checking.running.spawn(check);
            self.checking.runs.insert(task.id(), run);
        }
    }

    /// Something is new about the node's configuration. What is seen first was so before.
    pub(super) fn looked(&mut self) {
        if std::mem::replace(&mut self.has_looked, true) {
            debug!("the node's configuration has changed: what is checked is checked again");
            self.hand_to_checks(Input::ConfigurationChanged);
        }
    }

    /// A run of a check is over.
    pub(super) fn checked(&mut self, ended: Ended) {
        let (task, diagnosis) = match ended {
            Ok((task, diagnosis)) => (task, diagnosis),
            Err(error) => {
                warn!("a check broke off");
                (error.id(), None)
            }
        };
        let Some(Run { id, wanted }) = self.checking.runs.remove(&task) else { return };
        if let Some(diagnosis) = &diagnosis {
            let run = in_short(diagnosis, Timestamp::now());
            let cause = run.cause.map(Code::name);
            debug!(check = wanted.name, verdict = diagnosis.verdict.word(), cause, "checked");
            self.schedule.learn(&wanted.question, diagnosis, self.clock.now());
            self.served.metrics.examined(diagnosis);
            self.served.memory.set_node(diagnosis.node.clone());
            self.served.memory.remember(None, diagnosis);
            self.served.memory.check_told(&wanted.name, diagnosis, run.at);
            self.served.memory.checked(&wanted.name, run);
        }
        self.hand_to_checks(Input::Finished(id, diagnosis.as_ref()));
        self.watch_secrets();
    }
}

/// Examines what is checked; `None` where the node itself could not be looked at.
async fn examine(
    settings: Arc<Settings>,
    cluster: Option<Arc<Cluster>>,
    wanted: Arc<Wanted>,
    withheld: Vec<RefusedLogin>,
    known: Arc<Contents>,
) -> Option<Diagnosis> {
    let cluster = cluster.as_deref();
    // What the settings name was named by who may go anywhere; what was discovered, by whoever may run a pod.
    let denied = if wanted.is_configured { None } else { Some(denied_to_pods(&settings, cluster).await) };
    let with = With {
        settings: &settings,
        cluster: cluster.ok_or("it is not opened"),
        known: &known,
        limits: &Limits::default(),
        withheld: withheld.into_iter().map(|login| Withheld { source: login.source, key: login.key }).collect(),
        denied,
    };
    match run(&wanted.check, &with).await {
        Ok(diagnosis) => Some(diagnosis),
        Err(error) => {
            warn!(error = format!("{error:#}"), "cannot look at the node");
            None
        }
    }
}

/// A run as it is remembered. Of one that passes with a warning it is the warning that is remembered for a cause: above all
/// that little is left of an allowance, since that is why nothing is asked for a while.
fn in_short(diagnosis: &Diagnosis, at: Timestamp) -> CheckRun {
    let warnings = || diagnosis.findings.iter().filter(|finding| finding.severity == Severity::Warning);
    let warning = warnings().find(|finding| finding.code == Code::RateLimitLow).or_else(|| warnings().next());
    let cause = diagnosis.cause.as_ref().map(|cause| (cause.code, cause.summary.clone()));
    let told = cause.or_else(|| {
        let warning = warning.filter(|_| diagnosis.verdict != Verdict::Pullable)?;
        Some((warning.code, warning.summary.clone()))
    });
    let (cause, summary) = told.unzip();
    CheckRun { verdict: diagnosis.verdict, cause, summary, at, took_ms: diagnosis.took_ms }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn a_run_is_remembered_with_its_cause_or_with_what_it_warns_of() {
        let of = |diagnosis: &Diagnosis| {
            let run = in_short(diagnosis, Timestamp::UNIX_EPOCH);
            (run.verdict, run.cause, run.summary.is_some())
        };
        let mut diagnosis = fixtures::failing("r.io/a:1");
        assert_eq!(of(&diagnosis), (Verdict::Failing, Some(Code::TlsCertificateExpired), true));
        let mut warning = diagnosis.findings[0].clone();
        (warning.severity, warning.code) = (Severity::Warning, Code::MirrorUnavailable);
        let low = pullagent_diagnosis::finding::Finding { code: Code::RateLimitLow, ..warning.clone() };
        (diagnosis.verdict, diagnosis.cause, diagnosis.findings) = (Verdict::Degraded, None, vec![warning]);
        assert_eq!(of(&diagnosis), (Verdict::Degraded, Some(Code::MirrorUnavailable), true));
        diagnosis.findings.push(low);
        assert_eq!(of(&diagnosis), (Verdict::Degraded, Some(Code::RateLimitLow), true));
        diagnosis.verdict = Verdict::Pullable;
        assert_eq!(of(&diagnosis), (Verdict::Pullable, None, false));
    }
}

//! How one check stands, and what of it is to be told on the node. Knows no budget.

use jiff::{SignedDuration, Timestamp};
use pullagent_diagnosis::cause::Confidence;
use pullagent_diagnosis::diagnosis::{Diagnosis, Verdict};
use pullagent_diagnosis::report::event::{PullEvent, check_failed, check_recovered};

use crate::schedule::after;

/// How often a warning is refreshed: events live for an hour.
const REFRESH: SignedDuration = SignedDuration::from_mins(30);

/// What of a run counts for the standing. That nothing could be found out counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Passes,
    /// It fails, and that is a trouble of the node.
    Fails,
    /// It fails for what is no trouble of the node, such as a wrong name or login: nothing is told of it.
    FailsUntold,
}

impl Outcome {
    pub(super) fn of(diagnosis: &Diagnosis) -> Option<Self> {
        match diagnosis.verdict {
            Verdict::Pullable | Verdict::Degraded => Some(Self::Passes),
            Verdict::Failing if check_failed(diagnosis).is_some() => Some(Self::Fails),
            Verdict::Failing => Some(Self::FailsUntold),
            Verdict::Inconclusive => None,
        }
    }
}

/// A turn counts once two runs in a row agree, in both directions: of a balancer with one dead member of two every other
/// run fails, and neither that nor a registry's restart is worth an event each time. A first run of which nothing is told
/// needs no second one. What is served and counted is every run as it was.
#[derive(Debug, Default)]
pub(super) struct Standing {
    settled: Option<Outcome>,
    /// What the last run was, where that is not settled yet.
    candidate: Option<Outcome>,
    warning: Option<Warning>,
    /// That it passes again, until it is written.
    recovered: Option<PullEvent>,
}

#[derive(Debug)]
struct Warning {
    event: PullEvent,
    confidence: Confidence,
    /// Whether the last run failed in a way that is told of a node, so that the warning still holds.
    holds: bool,
    written: Option<Timestamp>,
}

impl Standing {
    /// Takes note of a run of the check of this name.
    pub(super) fn learn(&mut self, name: &str, diagnosis: &Diagnosis) {
        let Some(outcome) = Outcome::of(diagnosis) else { return };
        if self.settled == Some(outcome) {
            self.candidate = None;
        } else if self.candidate == Some(outcome) || self.settled.is_none() && outcome != Outcome::Fails {
            self.settled = Some(outcome);
            self.candidate = None;
        } else {
            self.candidate = Some(outcome);
        }
        if let Some(warning) = &mut self.warning {
            warning.holds = outcome == Outcome::Fails;
        }
        if self.settled != Some(outcome) {
            return;
        }
        match outcome {
            Outcome::Fails => self.fails(diagnosis),
            Outcome::Passes => {
                let was_told = self.warning.take().is_some_and(|warning| warning.written.is_some());
                self.recovered = was_told.then(|| check_recovered(name)).or(self.recovered.take());
            }
            Outcome::FailsUntold => {}
        }
    }

    /// Whether one more run decides whether the check has turned.
    pub(super) fn is_open(&self) -> bool {
        self.candidate.is_some()
    }

    /// What is told stays, unless another cause is surer, as it is for pods.
    fn fails(&mut self, diagnosis: &Diagnosis) {
        // It has failed again before it was told that it passes: there is nothing to take back.
        self.recovered = None;
        let new = check_failed(diagnosis).zip(diagnosis.cause.as_ref().map(|cause| cause.confidence));
        let Some((event, confidence)) = new else { return };
        let new = Warning { event, confidence, holds: true, written: None };
        if self.warning.as_ref().is_none_or(|old| old.gives_way_to(&new)) {
            self.warning = Some(new);
        }
    }

    /// What is to be told at `now`, if anything is.
    pub(super) fn news(&self, now: Timestamp) -> Option<&PullEvent> {
        if let Some(recovered) = &self.recovered {
            return Some(recovered);
        }
        self.warning
            .as_ref()
            .filter(|warning| warning.due().is_some_and(|due| due <= now))
            .map(|warning| &warning.event)
    }

    /// When there is something to be told at the latest.
    pub(super) fn news_at(&self) -> Option<Timestamp> {
        if self.recovered.is_some() {
            return Some(Timestamp::MIN);
        }
        self.warning.as_ref().and_then(Warning::due)
    }

    /// It was told at `now`.
    pub(super) fn told(&mut self, now: Timestamp) {
        if self.recovered.take().is_none() {
            self.warning.iter_mut().for_each(|warning| warning.written = Some(now));
        }
    }
}

impl Warning {
    fn gives_way_to(&self, new: &Self) -> bool {
        match self.written {
            None => new.confidence >= self.confidence,
            Some(_) => new.event.reason != self.event.reason && new.confidence > self.confidence,
        }
    }

    /// When it is to be written, for the first time or once more.
    fn due(&self) -> Option<Timestamp> {
        self.holds.then(|| self.written.map_or(Timestamp::MIN, |written| after(written, REFRESH)))
    }
}

#[cfg(test)]
mod tests {
    use pullagent_diagnosis::cause::{Code, Layer};

    use super::*;
    use crate::fixtures;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap()
    }

    /// What is told of runs that pass (`+`), fail (`-`), fail for a login (`l`), fail otherwise (`o`) or come to nothing
    /// (`?`), ten minutes apart.
    #[track_caller]
    fn check(runs: &str, want: &str) {
        let mut standing = Standing::default();
        let mut told = Vec::new();
        for (minute, run) in (0..).step_by(10).zip(runs.chars()) {
            let mut diagnosis =
                if run == '+' { fixtures::diagnosis("r.io/x:1") } else { fixtures::failing("r.io/x:1") };
            if let (Some(cause), 'l') = (diagnosis.cause.as_mut(), run) {
                (cause.code, cause.layer) = (Code::CredentialsRejected, Some(Layer::Credentials));
            }
            if let (Some(cause), 'o') = (diagnosis.cause.as_mut(), run) {
                cause.code = Code::ConnectionRefused;
            }
            if run == '?' {
                diagnosis.verdict = Verdict::Inconclusive;
            }
            standing.learn("r.io", &diagnosis);
            let was_due = standing.news_at().is_some_and(|due| due <= at(minute));
            let news = standing.news(at(minute)).map(|event| event.reason.clone());
            assert_eq!(was_due, news.is_some(), "{runs}");
            if let Some(reason) = news {
                standing.told(at(minute));
                told.push(format!("{minute} {reason}"));
            }
            assert_eq!(standing.news(at(minute)), None, "{runs}: once");
        }
        assert_eq!(told.join(", "), want, "{runs}");
    }

    #[test]
    fn a_turn_is_told_once_a_second_run_says_the_same() {
        check("++++", "");
        check("-+-+-+", "");
        check("+-+-+", "");
        check("--", "10 CheckTlsCertificateExpired");
        check("+--+-++", "20 CheckTlsCertificateExpired, 60 CheckRecovered");
        check("-?-", "20 CheckTlsCertificateExpired");
        check("+--?", "20 CheckTlsCertificateExpired");
    }

    #[test]
    fn what_holds_is_told_again_every_half_hour_and_a_cause_that_was_told_stays() {
        check("-------", "10 CheckTlsCertificateExpired, 40 CheckTlsCertificateExpired");
        check("--oooo", "10 CheckTlsCertificateExpired, 40 CheckTlsCertificateExpired");
        check("-o", "10 CheckConnectionRefused");
    }

    #[test]
    fn a_login_is_no_trouble_of_the_node() {
        check("llll++", "");
        // The first failure is over, and it does not pass yet.
        check("--llllll++", "10 CheckTlsCertificateExpired, 90 CheckRecovered");
        check("ll--", "30 CheckTlsCertificateExpired");
        check("ll-l-l", "");
    }

    #[test]
    fn news_that_nobody_heard_are_not_taken_back() {
        let mut standing = Standing::default();
        for diagnosis in ["-", "-", "+", "+"].map(|run| match run {
            "-" => fixtures::failing("r.io/x:1"),
            _ => fixtures::diagnosis("r.io/x:1"),
        }) {
            standing.learn("r.io", &diagnosis);
        }
        assert_eq!(standing.news(Timestamp::MAX), None);
    }
}

//! A summary put together from what the agent remembers, and whether two of them tell the same. Reads nothing.

use jiff::Timestamp;
use pullagent_diagnosis::diagnosis::Verdict;
use pullagent_diagnosis::summary::{Changes, CheckSummary, NodeSummary, VERSION};

use crate::memory::{CheckState, Memory};

/// The summary of the node of this name at `now`.
pub(super) fn gather(node: &str, memory: &Memory, changes: &Changes, now: Timestamp) -> NodeSummary {
    let checks = memory.checks();
    NodeSummary {
        version: VERSION,
        agent: env!("CARGO_PKG_VERSION").to_owned(),
        node: node.to_owned(),
        at: now,
        checks: checks.iter().filter_map(|check| summary_of(check, memory)).collect(),
        failing: memory.failing_pods(),
        fingerprint: changes.fingerprint().clone(),
        changes: changes.latest().cloned().collect(),
        left_out: 0,
    }
}

/// How a check stands; nothing before its first run.
fn summary_of(check: &CheckState, memory: &Memory) -> Option<CheckSummary> {
    let run = check.last.as_ref()?;
    let details = memory.details(&check.name).unwrap_or_default();
    Some(CheckSummary {
        name: check.name.clone(),
        registry: check.host.clone(),
        verdict: run.verdict,
        code: run.cause,
        host: details.host.filter(|host| *host != check.host),
        since: details.since.unwrap_or(run.at),
        at: run.at,
        ms: run.took_ms,
        digest: details.digest,
        headroom: details.headroom,
        certificate_ends: details.certificate_ends,
    })
}

/// What of a summary is worth a write: not when it was made, nor how long a check took, nor each pull that an allowance has
/// lost.
pub(super) fn essence(summary: &NodeSummary) -> NodeSummary {
    let mut essence = summary.clone();
    essence.at = Timestamp::UNIX_EPOCH;
    for check in &mut essence.checks {
        check.at = Timestamp::UNIX_EPOCH;
        check.ms = 0;
        check.headroom = None;
    }
    essence
}

/// The summary in a few words, for a person who sees the event.
pub(super) fn in_words(summary: &NodeSummary) -> String {
    let checks = summary.checks.len();
    let failing = summary.checks.iter().filter(|check| check.verdict == Verdict::Failing).count();
    let pods: u32 = summary.failing.iter().map(|failing| failing.pods).sum();
    format!("checks: {checks}, failing: {failing}; pods that fail for their images: {pods}")
}

#[cfg(test)]
mod tests {
    use pullagent_diagnosis::cause::Code;
    use pullagent_diagnosis::summary::FailingPods;

    use super::*;
    use crate::fixtures::failing;
    use crate::memory::CheckRun;

    fn run(second: i64, verdict: Verdict) -> CheckRun {
        let cause = (verdict == Verdict::Failing).then_some(Code::DnsTimeout);
        CheckRun { verdict, cause, summary: None, at: at(second), took_ms: u32::try_from(second).unwrap() }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_check_is_in_it_once_it_has_run_and_what_only_ticks_is_no_news() {
        let memory = Memory::default();
        let check = |name: &str| CheckState { name: name.into(), host: "r.io".into(), configured: true, last: None };
        memory.set_checks([check("r.io/a:1"), check("r.io/b:1")]);
        let changes = Changes::default();
        let summary = |second| gather("n", &memory, &changes, at(second));
        assert_eq!(summary(0).checks, []);
        memory.checked("r.io/a:1", run(1, Verdict::Pullable));
        memory.check_told("r.io/a:1", &crate::fixtures::diagnosis("r.io/a:1"), at(1));
        let first = summary(1);
        assert_eq!((first.checks.len(), first.checks[0].since), (1, at(1)));
        memory.checked("r.io/a:1", run(60, Verdict::Pullable));
        memory.check_told("r.io/a:1", &crate::fixtures::diagnosis("r.io/a:1"), at(60));
        let second = summary(60);
        assert_eq!((second.checks[0].since, second.checks[0].at), (at(1), at(60)));
        assert_eq!(essence(&first), essence(&second));
        memory.checked("r.io/a:1", run(120, Verdict::Failing));
        memory.check_told("r.io/a:1", &failing("r.io/a:1"), at(120));
        let third = summary(120);
        assert_eq!(third.checks[0].since, at(120));
        assert_ne!(essence(&second), essence(&third));
        memory.set_failing_pods(vec![FailingPods {
            code: Code::TagNotFound,
            host: "r.io".into(),
            pods: 3,
            namespaces: vec!["prod".into()],
            since: at(100),
        }]);
        assert_eq!(in_words(&summary(121)), "checks: 1, failing: 1; pods that fail for their images: 3");
    }
}

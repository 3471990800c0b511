//! What is said of the endpoints of a pull with mirrors: the cause, and the failures beside it.

use std::fmt::Write as _;

use super::end::{self, End};
use super::link::{Failure, Outcome, Point};
use crate::cause::{Code, Severity};
use crate::evidence::{EndpointEvidence, Evidence, Question, Role};
use crate::finding::Finding;
use crate::plan::{Endpoint, Plan, TrustPlace};
use crate::reference::Reference;
use crate::runtime::{self, Kind, Runtime, RuntimeVersion};
use crate::text::{clean, duration_in_words};

/// Bytes of a path from a configuration.
const PATH: usize = 300;

/// The cause of a pull that fails, in the light of the other endpoints.
pub(super) fn cause(plan: &Plan, reference: &Reference, outcomes: &[Outcome], end: End) -> Option<Finding> {
    let End::Failed(index) = end else { return None };
    let failure = outcomes.get(index).and_then(Outcome::failure)?;
    let endpoint = plan.endpoints.get(index).filter(|endpoint| endpoint.role == Role::Mirror);
    let Some(mirror) = endpoint else { return Some(failure.finding.clone()) };
    let registry = &reference.registry;
    if end::ends_the_pull(plan, failure.point) {
        let mut cause = naming_the_mirror(&failure.finding, mirror);
        cause.summary.push_str("; the runtime takes the mirror's answer and asks nobody else");
        return Some(cause.fix(format!("until the mirror is mended, take it out of {}", named_in(plan, mirror))));
    }
    let mut cause = if failure.status() == Some(404) {
        lacking(failure, mirror, reference).fix("let the mirror have the image")
    } else {
        naming_the_mirror(&failure.finding, mirror)
    };
    let _ = write!(cause.summary, "; {registry} itself cannot be reached");
    Some(cause.fix(format!("or open the way from this node to {registry}")))
}

/// Where the configuration names a mirror.
fn named_in(plan: &Plan, mirror: &Endpoint) -> String {
    if let Some(TrustPlace::HostsToml { file, .. }) = &mirror.trusted_by {
        return clean(file, PATH);
    }
    let kind = plan.runtime.as_ref().and_then(Runtime::version).map(RuntimeVersion::kind);
    match kind {
        Some(Kind::CriO) => "registries.conf",
        Some(Kind::Docker) => "/etc/docker/daemon.json",
        Some(Kind::Containerd | Kind::Other) | None => "the runtime's configuration",
    }
    .to_owned()
}

/// What is worth knowing of the endpoints that fail and are not the cause.
pub(super) fn worth_knowing(
    plan: &Plan,
    reference: &Reference,
    evidence: &Evidence,
    outcomes: &[Outcome],
    end: End,
) -> Vec<Finding> {
    let told = |(index, outcome): (usize, &Outcome)| {
        let failure = outcome.failure().filter(|_| end != End::Failed(index))?;
        let endpoint = plan.endpoints.get(index)?;
        Some(match endpoint.role {
            Role::Mirror if failure.status() == Some(404) => lacked(failure, endpoint, reference),
            Role::Mirror => {
                let loss = match end {
                    End::Served(served) if index > served && endpoint.resolves => {
                        "; it is not asked while another one serves".to_owned()
                    }
                    End::Served(_) => cost(plan, evidence.endpoints.get(index)?, &failure.finding),
                    End::Failed(_) | End::Open => String::new(),
                };
                unavailable(failure, endpoint, &loss)
            }
            _ => of_registry(plan, failure, end),
        })
    };
    outcomes.iter().enumerate().filter_map(told).collect()
}

/// A registry that fails beside a mirror: no trouble while the mirror serves.
fn of_registry(plan: &Plan, failure: &Failure, end: End) -> Finding {
    let finding = failure.finding.clone();
    match end {
        End::Served(_) => {
            let serves = if plan.is_of_registry() { "answers" } else { "serves the image" };
            let summary = format!("{}; a mirror {serves} all the same", finding.summary);
            Finding { summary, ..finding }.severity(Severity::Info)
        }
        End::Failed(_) | End::Open => finding.severity(Severity::Warning),
    }
}

/// A mirror without the image is no trouble: caches do not have everything, and the runtime goes on.
fn lacked(failure: &Failure, mirror: &Endpoint, reference: &Reference) -> Finding {
    let lacking = lacking(failure, mirror, reference).fix("nothing, if it is a cache; a replica should have it");
    Finding { code: Code::MirrorUnavailable, detail: None, ..lacking }.severity(Severity::Info)
}

/// A mirror's 404 in its own words: what the registry of the image has is not said by it.
fn lacking(failure: &Failure, mirror: &Endpoint, reference: &Reference) -> Finding {
    let what = if matches!(failure.point, Point::Part { .. }) { "all parts of " } else { "" };
    let summary = format!("the mirror {} does not have {what}{reference}", clean(&mirror.authority, PATH));
    Finding { summary, remedy: Vec::new(), ..failure.finding.clone() }
}

/// A mirror that fails in any other way, and what a pull loses by it.
fn unavailable(failure: &Failure, mirror: &Endpoint, loss: &str) -> Finding {
    let mut finding = naming_the_mirror(&failure.finding, mirror);
    finding.summary.push_str(loss);
    Finding { code: Code::MirrorUnavailable, detail: None, ..finding }.severity(Severity::Warning)
}

/// Says which mirror it is where the sentence does not.
fn naming_the_mirror(finding: &Finding, mirror: &Endpoint) -> Finding {
    let mut finding = finding.clone();
    if !finding.summary.contains("the mirror") {
        finding.summary = format!("the mirror {}: {}", clean(&mirror.authority, PATH), finding.summary);
    }
    finding
}

/// What the failure costs each pull: the runtime's own patience with silence, else the time that it took here.
fn cost(plan: &Plan, seen: &EndpointEvidence, failure: &Finding) -> String {
    if let Some(patience) = runtime::gives_up_after(&failure.to_cause()) {
        let who = plan.runtime.as_ref().map_or_else(|| "the runtime".to_owned(), Runtime::called);
        return format!("; {who} waits {} for it at each pull", duration_in_words(patience.as_secs()));
    }
    let hop = seen.hops.first();
    let phases = hop.map_or([0; 4], |hop| {
        [
            hop.dns.as_ref().map_or(0, |dns| dns.ms),
            hop.connect.as_ref().map_or(0, |connect| connect.ms),
            hop.proxy.as_ref().map_or(0, |proxy| proxy.ms),
            hop.tls.as_ref().map_or(0, |tls| tls.ms),
        ]
    });
    let asked = seen.exchanges.iter().filter(|x| matches!(x.question, Question::Manifest | Question::Token));
    let ms = phases.into_iter().chain(asked.map(|x| x.ms)).fold(0_u32, u32::saturating_add);
    if ms < 100 {
        "; each pull loses less than 0.1 s".to_owned()
    } else {
        format!("; each pull loses {:.1} s", f64::from(ms) / 1000.0)
    }
}

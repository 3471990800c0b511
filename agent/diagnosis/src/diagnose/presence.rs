//! An image that is on the node, or has to be: where the pod's policy lets that decide, no registry does.

use super::Judged;
use crate::case::Case;
use crate::cause::{Code, Confidence, Severity};
use crate::config::pull_records::Access;
use crate::diagnosis::Verdict;
use crate::evidence::Evidence;
use crate::finding::Finding;
use crate::layer::reference::{not_present_never_pull, present_but_not_allowed};
use crate::plan::Plan;
use crate::pod::PullPolicy;
use crate::reference::Reference;

/// The verdict where the node alone decides; `None` where a registry does.
pub(super) fn judge(case: &Case, plan: &Plan, evidence: &Evidence, reference: &Reference) -> Option<Judged> {
    let pod = case.pod.as_ref()?;
    let held = evidence.store.as_ref().filter(|store| !store.held_unknown).map(|store| store.held.is_some());
    let access = evidence.on_node.as_ref().map(|on_node| &on_node.access);
    let judged = |verdict, findings| Judged { verdict, findings, served: None, failures: Vec::new() };
    let present = || judged(Verdict::Pullable, plan.findings.clone());
    let not_allowed = || {
        let proven = evidence.on_node.as_ref().and_then(|on_node| on_node.proven.as_ref());
        present_but_not_allowed(reference, pod.policy, proven)
    };
    let refused = pod.said.as_ref().is_some_and(|said| said.reason == "ErrImageNeverPull");
    let absent = || {
        let version = plan.runtime.as_ref().and_then(crate::runtime::Runtime::version);
        judged(Verdict::Failing, vec![not_present_never_pull(reference, version)])
    };
    match (pod.policy, held, access) {
        (PullPolicy::IfNotPresent, Some(true), Some(Access::Allowed { .. })) => Some(present()),
        (PullPolicy::Always | PullPolicy::IfNotPresent, ..) => None,
        (PullPolicy::Never, Some(false), _) => Some(absent()),
        (PullPolicy::Never, None, _) if refused => Some(absent()),
        (PullPolicy::Never, Some(true), Some(Access::MustPull { .. })) => {
            Some(judged(Verdict::Failing, vec![not_allowed()]))
        }
        // The kubelet calls it not present, and it is: it may have come since.
        (PullPolicy::Never, Some(true), Some(Access::NotKnown { .. }) | None) if refused => {
            Some(judged(Verdict::Failing, vec![not_allowed().at_most(Confidence::Possible)]))
        }
        (PullPolicy::Never, Some(true), _) => Some(present()),
        (PullPolicy::Never, None, _) => {
            let summary = "the pull policy is Never, and whether the image is on the node could not be seen";
            let finding = Finding::new(Code::Unknown, summary).severity(Severity::Error);
            Some(judged(Verdict::Inconclusive, vec![finding.run("look", &["crictl", "images"])]))
        }
    }
}

/// The same failure where the image is on the node and only a pull stands in the way: what is wrong is that the pod has
/// nothing to show for it.
pub(super) fn on_node_but_not_allowed(
    refused: Finding,
    case: &Case,
    evidence: &Evidence,
    reference: &Reference,
) -> Finding {
    let is_about_the_login = matches!(
        refused.code,
        Code::CredentialsMissing | Code::CredentialsRejected | Code::CredentialsNotMatching | Code::AccessDenied
    );
    let policy = case.pod.as_ref().map(|pod| pod.policy);
    match (&evidence.on_node, policy) {
        (Some(on_node), Some(policy @ PullPolicy::IfNotPresent))
            if is_about_the_login && matches!(on_node.access, Access::MustPull { .. }) =>
        {
            let finding = present_but_not_allowed(reference, policy, on_node.proven.as_ref());
            let finding = Finding { summary: format!("{}: {}", finding.summary, refused.summary), ..finding };
            let finding = finding.at_most(refused.confidence);
            refused.host.as_deref().map_or(finding.clone(), |host| finding.at(host))
        }
        _ => refused,
    }
}

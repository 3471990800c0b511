//! The examination beside what the kubelet said of its last attempt, where no pull was made for us: the attempt was
//! real, and it is past.

use super::Judged;
use super::reconcile::{allows, fails_by, in_words, of_message, tells_of_another};
use crate::case::Case;
use crate::cause::{Code, Confidence, Layer, Severity};
use crate::config::pull_records::Access;
use crate::diagnosis::{PullReport, Verdict};
use crate::evidence::Evidence;
use crate::finding::Finding;
use crate::layer::credentials::not_matching;
use crate::layer::credentials::secret::secret_lost;
use crate::layer::node;
use crate::message::{Explained, classify};
use crate::plan::Plan;
use crate::pod::KubeletWords;
use crate::runtime::Runtime;

/// What the examination came to, corrected by what the kubelet heard from the runtime.
pub(super) fn reconcile(
    judged: Judged,
    pull: PullReport,
    case: &Case,
    plan: &Plan,
    evidence: &Evidence,
) -> (Judged, PullReport) {
    let said = case.pod.as_ref().and_then(|pod| pod.said.as_ref());
    // A pull that was made since is newer; a runtime that is gone is newer, too.
    let is_gone = plan.runtime.as_ref().and_then(node::unavailable).is_some();
    let Some(words) = said.filter(|_| !pull.attempted && !is_gone) else { return (judged, pull) };
    let (judged, agrees) = match (told(words), judged.verdict) {
        (Some(told), Verdict::Failing) => failing(judged, &told, plan),
        (Some(told), Verdict::Inconclusive) => (fails_by(judged, by_words(&told, plan), None), None),
        (Some(told), Verdict::Pullable | Verdict::Degraded) => (pullable(judged, &told, plan, evidence), None),
        (None, Verdict::Failing) if !words.message.is_empty() => (doubted(judged), None),
        (None, Verdict::Pullable | Verdict::Degraded) if !words.message.is_empty() => (puzzled(judged, words), None),
        (None, _) => (judged, None),
    };
    (judged, PullReport { agrees, ..pull })
}

/// The cause that the words tell, with what is known of the pod's secrets: a login that was wanted is one that a secret
/// does not give.
fn by_words(told: &Explained, plan: &Plan) -> Finding {
    let theirs = of_message(told);
    let code = theirs.code;
    let lost = secret_lost(theirs, plan);
    let found = match plan.reference() {
        Some(reference) => not_matching(lost, plan, reference),
        None => lost,
    };
    // The same words are said of an image that does not exist.
    if found.code == code { found } else { found.at_most(Confidence::Likely) }
}

/// What the kubelet's words tell, if they tell a cause.
fn told(words: &KubeletWords) -> Option<Explained> {
    let text = if words.message.is_empty() { &words.reason } else { &words.message };
    let is_cause = |told: &Explained| told.cause.as_ref().is_some_and(|cause| cause.code != Code::Unknown);
    classify(text).into_iter().find(is_cause)
}

fn failing(mut judged: Judged, told: &Explained, plan: &Plan) -> (Judged, Option<bool>) {
    let Some(ours) = judged.findings.iter_mut().find(|finding| finding.severity == Severity::Error) else {
        return (fails_by(judged, by_words(told, plan), None), None);
    };
    if ours.confidence == Confidence::Possible && !plan.knows_every_credential() {
        // What a registry says to us is no evidence while the kubelet has logins that we have not: its words decide.
        let theirs = by_words(told, plan).at_most(Confidence::Possible);
        let is_same = theirs.code == ours.code;
        return if is_same { (judged, Some(true)) } else { (fails_by(judged, theirs, None), None) };
    }
    if allows(told, ours) || tells_of_another(told, &judged.failures) {
        let is_same = told.cause.as_ref().is_some_and(|cause| cause.code == ours.code);
        // What rested on our own, shorter patience was seen to the end.
        if is_same && ours.confidence == Confidence::Likely && plan.knows_every_credential() {
            ours.confidence = Confidence::Certain;
        }
        return (judged, Some(true));
    }
    let theirs = by_words(told, plan);
    let warning = node::disagrees(plan.runtime.as_ref(), &in_words(ours), &format!("failed with {}", theirs.code));
    (fails_by(judged, theirs, Some(warning)), Some(false))
}

/// It can be pulled now, as far as we see: what the kubelet heard stands only where we do not see it.
fn pullable(judged: Judged, told: &Explained, plan: &Plan, evidence: &Evidence) -> Judged {
    let code = told.cause.as_ref().map_or(Code::Unknown, |cause| cause.code);
    // The kubelet needs no pull any more.
    let is_there = evidence.on_node.as_ref().is_some_and(|on_node| matches!(on_node.access, Access::Allowed { .. }));
    if is_there || is_seen(code, plan, evidence) {
        return judged;
    }
    fails_by(judged, by_words(told, plan).at_most(Confidence::Likely), None)
}

/// Whether an examination that finds nothing wrong shows that this is mended.
fn is_seen(code: Code, plan: &Plan, evidence: &Evidence) -> bool {
    match code {
        Code::NotPresentNeverPull
        | Code::PresentButNotAllowed
        | Code::BlobUnavailable
        | Code::ContentCorrupt
        | Code::KubeletThrottled => false,
        Code::RuntimeUnavailable => plan.runtime.as_ref().is_some_and(|runtime| Runtime::version(runtime).is_some()),
        Code::DiskFull => evidence.store.as_ref().is_some_and(|store| store.filesystem.is_some()),
        _ => match code.row().layer {
            Some(Layer::Node) | None => false,
            Some(Layer::Credentials) => plan.knows_every_credential(),
            Some(_) => true,
        },
    }
}

/// A failure of ours beside words that tell none: they may be of another one.
fn doubted(mut judged: Judged) -> Judged {
    for finding in judged.findings.iter_mut().filter(|finding| finding.severity == Severity::Error) {
        finding.confidence = finding.confidence.min(Confidence::Likely);
    }
    judged
}

/// Words that tell no cause, of a pull that nothing seems to hinder.
fn puzzled(mut judged: Judged, words: &KubeletWords) -> Judged {
    let quote = crate::message::quote(&words.message);
    let summary = format!("the kubelet's last attempt failed, for a reason that its words do not tell: \"{quote}\"");
    let finding = Finding::new(Code::Unknown, summary)
        .fix("see whether its next attempt fails as well; the runtime's log tells more")
        .severity(Severity::Error);
    judged.findings.insert(0, finding);
    judged.verdict = Verdict::Inconclusive;
    judged
}

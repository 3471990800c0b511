//! The examination beside the runtime's own pull: a finished pull decides.

use super::Judged;
use crate::cause::{Code, Confidence, Severity};
use crate::diagnosis::{PullReport, PullVerdict, Verdict};
use crate::evidence::Evidence;
use crate::finding::Finding;
use crate::layer::node;
use crate::message::{Explained, classify};
use crate::plan::Plan;
use crate::pull::{Brought, Growth, Pull, PullEvidence, PullOutcome};
use crate::runtime::{Runtime, gives_up_after};
use crate::text::clean;

/// Bytes of the runtime's message in a report.
const MESSAGE: usize = 4096;

/// What the examination came to, corrected by what the runtime's own pull came to.
pub(super) fn reconcile(mut judged: Judged, plan: &Plan, evidence: &Evidence) -> (Judged, PullReport) {
    if let Some(dead) = plan.runtime.as_ref().and_then(node::unavailable).filter(|_| plan.reference().is_some()) {
        // Nobody is there to pull, whatever the registry would say.
        judged.findings.insert(0, dead);
        judged.verdict = Verdict::Failing;
        return (judged, PullReport::default());
    }
    let (Some(runtime), Some(PullEvidence::Made(pull))) = (&plan.runtime, &evidence.pull) else {
        return (judged, PullReport::default());
    };
    let report = |outcome: Option<PullVerdict>, agrees: Option<bool>| PullReport {
        attempted: true,
        outcome,
        message: pull.message().map(|message| clean(&crate::message::without_secrets(&message), MESSAGE)),
        ms: Some(pull.ms),
        agrees,
        kept: pull.brought.as_ref().map(|brought| matches!(brought, Brought::Kept { .. })),
    };
    match pull.outcome() {
        Some(PullOutcome::Ok) => {
            let (judged, agrees) = succeeded(judged, runtime);
            (judged, report(Some(PullVerdict::Ok), agrees))
        }
        Some(PullOutcome::Failed { .. }) => {
            let (judged, agrees) = failed(judged, runtime, &pull.message().unwrap_or_default());
            (judged, report(Some(PullVerdict::Failed), agrees))
        }
        Some(PullOutcome::Lost { why }) => {
            let lost = node::lost(runtime, why);
            (fails_by(judged, lost, None), report(Some(PullVerdict::Failed), None))
        }
        Some(PullOutcome::Cancelled) => (cancelled(judged, runtime, pull), report(Some(PullVerdict::Cancelled), None)),
        None => (judged, report(None, None)),
    }
}

/// The runtime has the image: whatever else was seen, it can be pulled.
fn succeeded(mut judged: Judged, runtime: &Runtime) -> (Judged, Option<bool>) {
    match judged.verdict {
        Verdict::Pullable | Verdict::Degraded => (judged, Some(true)),
        Verdict::Inconclusive => {
            judged.findings.retain(|finding| finding.severity < Severity::Error);
            let warned = judged.findings.iter().any(|finding| finding.severity == Severity::Warning);
            judged.verdict = if warned { Verdict::Degraded } else { Verdict::Pullable };
            (judged, None)
        }
        Verdict::Failing => {
            let ours = judged.findings.iter().find(|finding| finding.severity == Severity::Error).map(in_words);
            judged.findings.retain(|finding| finding.severity < Severity::Error);
            judged.findings.push(node::disagrees(Some(runtime), &ours.unwrap_or_default(), "has pulled it"));
            judged.verdict = Verdict::Degraded;
            (judged, Some(false))
        }
    }
}

/// The runtime does not get the image: the cause is ours where its words allow it, else what they say.
fn failed(mut judged: Judged, runtime: &Runtime, message: &str) -> (Judged, Option<bool>) {
    let Some(told) = classify(message).into_iter().find(|explained| explained.cause.is_some()) else {
        return disagreement(judged, runtime, quoted(message));
    };
    let is_failing = judged.verdict == Verdict::Failing;
    match judged.findings.iter_mut().find(|finding| is_failing && finding.severity == Severity::Error) {
        Some(ours) if allows(&told, ours) || tells_of_another(&told, &judged.failures) => {
            // What rested on our own, shorter patience was seen to the end.
            let is_same = told.cause.as_ref().is_some_and(|cause| cause.code == ours.code);
            if is_same && ours.confidence == Confidence::Likely {
                ours.confidence = Confidence::Certain;
            }
            (judged, Some(true))
        }
        _ => {
            let mut theirs = of_message(&told);
            if theirs.code == Code::Unknown {
                theirs = quoted(message);
            }
            disagreement(judged, runtime, theirs)
        }
    }
}

/// The runtime's cause in place of ours, and a warning where ours was another one.
fn disagreement(judged: Judged, runtime: &Runtime, theirs: Finding) -> (Judged, Option<bool>) {
    let ours = match judged.verdict {
        Verdict::Inconclusive => None,
        Verdict::Failing => judged.findings.iter().find(|finding| finding.severity == Severity::Error).map(in_words),
        Verdict::Pullable | Verdict::Degraded => Some("that it can be pulled".to_owned()),
    };
    let says = if theirs.code == Code::Unknown {
        "failed for a reason that its words do not tell".to_owned()
    } else {
        format!("failed with {}", theirs.code)
    };
    let agrees = ours.as_ref().map(|_| false);
    let warning = ours.map(|ours| node::disagrees(Some(runtime), &ours, &says));
    (fails_by(judged, theirs, warning), agrees)
}

/// At the deadline: what the examination found stands, unless it found nothing and the pull stands still. A pull that waits
/// for a silent mirror stands still too, and goes on afterwards.
fn cancelled(judged: Judged, runtime: &Runtime, pull: &Pull) -> Judged {
    let waits = judged.failures.iter().any(|failure| gives_up_after(&failure.to_cause()).is_some());
    match pull.growth {
        Growth::Still { seconds } if judged.verdict != Verdict::Failing && !waits => {
            fails_by(judged, node::stalled(runtime, seconds), None)
        }
        _ => judged,
    }
}

/// `judged` with another cause. What was the cause before is told by the warning, not as a second failure.
pub(super) fn fails_by(mut judged: Judged, cause: Finding, warning: Option<Finding>) -> Judged {
    judged.findings.retain(|finding| finding.severity < Severity::Error);
    judged.findings.insert(0, cause.severity(Severity::Error));
    judged.findings.extend(warning);
    judged.verdict = Verdict::Failing;
    judged
}

pub(super) fn in_words(finding: &Finding) -> String {
    format!("{}: {}", finding.code, finding.summary)
}

/// Words that tell no cause, quoted.
fn quoted(message: &str) -> Finding {
    let quote = crate::message::quote(message);
    Finding::new(
        Code::Unknown,
        format!("the runtime's own pull failed, for a reason that its words do not tell: \"{quote}\""),
    )
    .fix("read the runtime's log of this pull; please report the message, so that it is told next time")
}

pub(super) fn of_message(told: &Explained) -> Finding {
    let cause = told.cause.as_ref();
    let mut finding = Finding::new(cause.map_or(Code::Unknown, |c| c.code), cause.map_or("", |c| c.summary.as_str()));
    if let Some(cause) = cause {
        finding.detail.clone_from(&cause.detail);
        finding.host.clone_from(&cause.host);
        finding.confidence = cause.confidence;
    }
    finding.remedy.clone_from(&told.remedy);
    finding
}

/// Whether the runtime's words are those of an endpoint whose failure we saw, though another one's is the cause: of
/// several that fail containerd reports one, 1.x the first that is not a 404, 2.x the first of the worst kind
/// (`core/remotes/docker/resolver.go` `Resolve`).
pub(super) fn tells_of_another(told: &Explained, failures: &[Finding]) -> bool {
    let host = told.cause.as_ref().and_then(|cause| cause.host.as_deref());
    // `not found` names the image, or a part of it, and no endpoint.
    let nameless = |code| {
        matches!(code, Code::TagNotFound | Code::DigestNotFound | Code::RepositoryNotFound | Code::BlobUnavailable)
    };
    failures.iter().any(|failure| {
        let is_there = host.is_none() || host == failure.host.as_deref() || nameless(failure.code);
        is_there && allows(told, failure)
    })
}

/// Whether the runtime's words are what it says when `ours` is the case. A text tells less than an examination sees: a
/// clock is not in it, nor which key a secret has.
pub(super) fn allows(told: &Explained, ours: &Finding) -> bool {
    let said = told.cause.iter().map(|cause| cause.code).chain(told.also.iter().copied());
    said.into_iter().any(|said| said == ours.code || looks_like(ours.code).contains(&said))
}

/// The codes that a runtime's words can only tell when this one is the case.
fn looks_like(code: Code) -> &'static [Code] {
    use Code::{
        AccessDenied, BlobUnavailable, ConnectionReset, ConnectionTimeout, ContentCorrupt, CredentialProviderFailed,
        CredentialsMissing, CredentialsNotMatching, CredentialsRejected, DigestNotFound, DnsServerFailure, DnsTimeout,
        NetworkUnreachable, NodeClockWrong, NotARegistry, NotPresentNeverPull, PresentButNotAllowed, ProxyDenied,
        ProxyUnreachable, PullStalled, RegistryUnavailable, RepositoryNotFound, SecretMalformed, SecretNotFound,
        TagNotFound, TlsCertificateExpired, TlsHandshakeFailure, TlsHandshakeTimeout, TlsNotYetValid,
        UnsupportedManifest,
    };
    match code {
        NodeClockWrong => &[TlsCertificateExpired, TlsNotYetValid],
        // No runtime knows of the kubelet's plugins.
        CredentialProviderFailed => {
            &[CredentialsMissing, CredentialsRejected, AccessDenied, RepositoryNotFound, TagNotFound, DigestNotFound]
        }
        // It calls it not present, or pulls what it has.
        PresentButNotAllowed => {
            &[NotPresentNeverPull, CredentialsMissing, CredentialsRejected, AccessDenied, RepositoryNotFound]
        }
        CredentialsNotMatching | SecretNotFound | SecretMalformed => {
            &[CredentialsMissing, CredentialsRejected, AccessDenied, RepositoryNotFound]
        }
        // Registries blur who may see a repository and whether it exists.
        RepositoryNotFound | CredentialsMissing | AccessDenied => {
            &[CredentialsMissing, CredentialsRejected, AccessDenied, RepositoryNotFound, TagNotFound]
        }
        CredentialsRejected => &[CredentialsMissing, AccessDenied],
        // containerd writes `not found` for each of these.
        TagNotFound | DigestNotFound => &[TagNotFound, DigestNotFound, RepositoryNotFound],
        // Name servers that are silent, closed or broken end in one of two texts, by which was asked last.
        DnsTimeout | DnsServerFailure => &[DnsTimeout, DnsServerFailure],
        // Silence ends where the runtime's patience ends first.
        ConnectionTimeout | NetworkUnreachable => &[ConnectionTimeout, NetworkUnreachable, PullStalled],
        TlsHandshakeTimeout | PullStalled => &[ConnectionTimeout, PullStalled],
        TlsHandshakeFailure => &[ConnectionReset, NotARegistry],
        ConnectionReset => &[TlsHandshakeFailure],
        BlobUnavailable => &[TagNotFound, RepositoryNotFound, AccessDenied, CredentialsMissing, RegistryUnavailable],
        NotARegistry => &[UnsupportedManifest, ContentCorrupt, TagNotFound],
        // The text of a refused tunnel is the proxy's status alone.
        ProxyUnreachable => &[ProxyDenied, ConnectionTimeout, PullStalled],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_like_is_never_the_code_of_a_warning() {
        for row in crate::cause::CATALOGUE {
            for code in looks_like(row.code) {
                assert_eq!(code.row().severity, Severity::Error, "{} looks like {code}", row.code);
            }
        }
    }
}

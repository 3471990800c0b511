//! From evidence to one cause: the earliest broken link wins, and its consequences stay quiet. Pure and total.

mod end;
mod endpoint;
mod identity;
mod link;
mod mirrors;
mod presence;
mod reconcile;
mod registry;
mod rows;
mod told;
mod unread;

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::case::Case;
use crate::cause::{Code, Confidence, Severity};
use crate::diagnosis::{Diagnosis, ExaminedBy, NodeReport, SCHEMA, Verdict};
use crate::evidence::{EndpointEvidence, Evidence};
use crate::finding::Finding;
use crate::layer;
use crate::plan::{Plan, Target};
use end::End;
use link::{Outcome, Seen};

/// Names the cause that the evidence shows, and everything else worth knowing.
pub fn diagnose(case: &Case, plan: &Plan, evidence: &Evidence) -> Diagnosis {
    let (judged, pull) = reconcile::reconcile(judge(case, plan, evidence), plan, evidence);
    let (judged, pull) = told::reconcile(judged, pull, case, plan, evidence);
    let mut findings = judged.findings;
    // The cause leads; then what fails, what warns, what informs.
    findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
    let broken = match judged.verdict {
        Verdict::Failing | Verdict::Inconclusive => findings.first().filter(|f| f.severity == Severity::Error).cloned(),
        Verdict::Pullable | Verdict::Degraded => None,
    };
    let (named, mut remedy) = broken
        .map(|finding| (finding.to_cause(), finding.remedy))
        .map_or((None, Vec::new()), |(cause, remedy)| (Some(cause), remedy));
    if let Some(pod) = &case.pod {
        let remedies = findings.iter_mut().flat_map(|finding| &mut finding.remedy);
        remedies.chain(&mut remedy).for_each(|remedy| remedy.fill("<namespace>", &pod.namespace));
    }
    let target = rows::target(case, plan);
    let fingerprint = digest(&[
        named.as_ref().map_or("", |c| c.code.name()),
        named.as_ref().and_then(|c| c.host.as_deref()).unwrap_or_default(),
        target.repository.as_deref().unwrap_or_default(),
    ]);
    let served = judged.served.map(|index| &evidence.endpoints[index]);
    Diagnosis {
        schema: SCHEMA.to_owned(),
        id: digest(&[&plan.node.name, &case.image, &evidence.started_at.to_string()]),
        fingerprint,
        examined_by: ExaminedBy::Myself,
        verdict: judged.verdict,
        cause: named,
        remedy,
        findings,
        node: NodeReport {
            name: plan.node.name.clone(),
            os: plan.node.platform.os.clone(),
            arch: plan.node.platform.arch.clone(),
            runtime: rows::runtime(plan),
        },
        hops: evidence.endpoints.iter().flat_map(|e| e.hops.iter().cloned()).collect(),
        credentials: rows::credentials(plan, evidence),
        image: rows::image(served.or(evidence.endpoints.iter().find(|e| e.image.is_some())), plan, evidence),
        pull,
        rate_limit: rows::rate_limits(evidence).map(|(_, limit)| limit).next().cloned(),
        not_checked: rows::not_checked(plan, evidence),
        target,
        pod: rows::pod(case),
        kubelet: case.pod.as_ref().and_then(|pod| pod.said.as_ref()).map(rows::said),
        started_at: evidence.started_at,
        took_ms: evidence.took_ms,
    }
}

/// The verdict, with what it rests on.
struct Judged {
    verdict: Verdict,
    findings: Vec<Finding>,
    /// The endpoint that served the image.
    served: Option<usize>,
    /// Why each endpoint that fails does so, whether or not the pull does.
    failures: Vec<Finding>,
}

impl Judged {
    fn failing(findings: Vec<Finding>) -> Self {
        Self { verdict: Verdict::Failing, findings, served: None, failures: Vec::new() }
    }
}

fn judge(case: &Case, plan: &Plan, evidence: &Evidence) -> Judged {
    let reference = match &plan.target {
        Target::Image(reference) | Target::Registry(reference) => reference,
        Target::Invalid { why } => return Judged::failing(vec![layer::reference::invalid(&case.image, why)]),
    };
    if let Some(judged) = presence::judge(case, plan, evidence, reference) {
        return judged;
    }
    let seen = |(index, of_one)| Seen {
        plan,
        reference,
        endpoint: plan.endpoints.get(index),
        evidence: of_one,
        clocks: &evidence.clocks,
    };
    let judge = if plan.is_of_registry() { registry::judge } else { endpoint::judge };
    let outcomes: Vec<Outcome> = evidence.endpoints.iter().enumerate().map(|one| judge(seen(one))).collect();
    let end = end::of(plan, &outcomes);
    let served = if let End::Served(index) = end { Some(index) } else { None };
    let mut findings = worth_knowing(plan, evidence, reference, served);
    if plan.is_of_registry() {
        findings.extend(evidence.endpoints.iter().enumerate().flat_map(|one| registry::worth_knowing(seen(one))));
    }
    findings.extend(plan.findings.iter().cloned());
    let failures = outcomes.iter().filter_map(Outcome::failure).map(|failure| failure.finding.clone()).collect();
    let judged = |verdict, findings| Judged { verdict, findings, served, failures };
    // A configuration that fails every pull comes first; then the kubelet, which gives up on a pod whose secret it cannot
    // read, whatever the registry would say.
    let before = plan.refusal.clone().or_else(|| layer::credentials::unreadable(plan));
    let no_room = || no_room(served.and_then(|index| evidence.endpoints.get(index))?, evidence);
    if let Some(finding) = before.or_else(no_room) {
        findings.push(finding);
        return judged(Verdict::Failing, findings);
    }
    findings.extend(mirrors::worth_knowing(plan, reference, evidence, &outcomes, end));
    if let Some(unread) = unread::judge(case, plan, &outcomes, end) {
        findings.insert(0, unread);
        return judged(Verdict::Inconclusive, findings);
    }
    match end {
        End::Served(_) => {
            let degraded = findings.iter().any(|f| f.severity == Severity::Warning);
            judged(if degraded { Verdict::Degraded } else { Verdict::Pullable }, findings)
        }
        End::Open => {
            findings.insert(0, undecided(evidence));
            judged(Verdict::Inconclusive, findings)
        }
        End::Failed(_) => {
            let broken = mirrors::cause(plan, reference, &outcomes, end).unwrap_or_else(|| undecided(evidence));
            // What follows from the cause is no news beside it.
            findings.retain(|f| {
                // The cause tells it already.
                let is_told = f.code == broken.code && broken.summary.starts_with(&f.summary);
                !is_told
                    && !matches!(
                        (broken.code, f.code),
                        (Code::NodeClockWrong, Code::ClockSkew)
                            | (Code::RateLimited, Code::RateLimitLow)
                            | (Code::CredentialProviderFailed, Code::CredentialProviderFailed)
                    )
            });
            let is_open = broken.code == Code::Unknown || rests_on_unseen_authorities(&broken, plan);
            let verdict = if is_open { Verdict::Inconclusive } else { Verdict::Failing };
            let broken = presence::on_node_but_not_allowed(in_doubt(broken, plan), case, evidence, reference);
            findings.insert(0, broken);
            judged(verdict, findings)
        }
    }
}

/// Why the node cannot take what an endpoint serves.
fn no_room(endpoint: &EndpointEvidence, evidence: &Evidence) -> Option<Finding> {
    let (store, image) = (evidence.store.as_ref()?, endpoint.image.as_ref()?);
    if store.held.as_ref().is_some_and(|held| held.is_served_at(&image.digest)) {
        return None;
    }
    let missing = image.chosen.as_ref().unwrap_or(&image.manifest).bytes();
    layer::node::disk_full(store.filesystem.as_ref()?, missing)
}

/// Nothing that was seen decides.
fn undecided(evidence: &Evidence) -> Finding {
    let unseen = evidence.endpoints.iter().flat_map(|e| &e.not_checked).next();
    match unseen.filter(|_| !evidence.cut_short) {
        Some(unseen) => {
            let summary = format!("what decides was not looked at: {} ({})", unseen.what, unseen.why);
            Finding::new(Code::Unknown, summary).run("let the runtime say it", &["crictl", "pull", "<image>"])
        }
        None => Finding::new(Code::Unknown, "the examination ended before anything was decided")
            .fix("give it more time with `--timeout`"),
    }
}

/// What a registry says to a stranger is no evidence while the kubelet has logins that were not offered.
fn in_doubt(cause: Finding, plan: &Plan) -> Finding {
    let by_stranger = matches!(
        cause.code,
        Code::CredentialsMissing
            | Code::CredentialsNotMatching
            | Code::AccessDenied
            | Code::RepositoryNotFound
            | Code::TagNotFound
            | Code::DigestNotFound
    );
    let is_doubtful = (by_stranger && !plan.knows_every_credential()) || rests_on_unseen_authorities(&cause, plan);
    if is_doubtful { cause.at_most(Confidence::Possible) } else { cause }
}

/// Whether nothing of the node's authorities was seen, as in a container of its own: then none is known to be lacking.
/// A node that really has none has a runtime, which is seen or tells by its own pull.
fn rests_on_unseen_authorities(cause: &Finding, plan: &Plan) -> bool {
    cause.code == Code::TlsUnknownAuthority && plan.runtime.is_none() && plan.network.trust.sources.is_empty()
}

/// Everything that does not fail the pull: of the hosts that count, of clocks, and of the image.
fn worth_knowing(
    plan: &Plan,
    evidence: &Evidence,
    reference: &crate::reference::Reference,
    served: Option<usize>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for hop in evidence.endpoints.iter().flat_map(|e| &e.hops) {
        findings.extend(layer::dns::degraded(hop));
        findings.extend(layer::transport::family_broken(hop, &plan.node));
        findings.extend(layer::tls::expiring(hop, evidence.started_at));
        findings.extend(layer::tls::further(hop));
    }
    findings.extend(layer::credentials::plugin::warning(plan));
    findings.extend(layer::credentials::secret::warnings(plan));
    findings.extend(rows::expiring(plan, evidence));
    findings.extend(layer::tls::clock_skew(&evidence.clocks));
    findings.extend(rows::rate_limits(evidence).find_map(|(hop, limit)| layer::limits::low(hop, limit)));
    let image = served.and_then(|index| evidence.endpoints[index].image.as_ref());
    findings.extend(image.and_then(|i| layer::registry::platform_warning(i, plan, reference)));
    let held = evidence.store.as_ref().and_then(|store| store.held.as_ref());
    findings.extend(image.zip(held).and_then(|(i, held)| layer::node::stale_image(held, &i.digest, reference)));
    findings.extend(evidence.absent_sandbox_image.as_deref().map(layer::node::sandbox_image_missing));
    // One sentence is enough for what several hops show alike.
    let mut seen = std::collections::BTreeSet::new();
    findings.retain(|f| seen.insert((f.code, f.summary.clone())));
    findings
}

/// A short name for several words: the beginning of the SHA-256 of them.
fn digest(words: &[&str]) -> String {
    let mut hash = Sha256::new();
    for word in words {
        hash.update(word.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().take(8).fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

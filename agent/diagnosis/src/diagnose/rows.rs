//! The parts of a diagnosis that only retell the plan and the evidence. Judges nothing.

use super::identity;
use crate::case::{Case, NotChecked};
use crate::diagnosis::{CredentialReport, ImageReport, OnNodeReport, PodReport, RuntimeReport, TargetReport};
use crate::evidence::{EndpointEvidence, Evidence, Hop};
use crate::finding::Finding;
use crate::layer::credentials::expiry::{self, expires_at};
use crate::layer::registry::RateLimit;
use crate::plan::Plan;
use crate::pod::KubeletWords;
use crate::pull::PullEvidence;
use crate::runtime::RuntimeAnswer;

/// What is not checked without a runtime that can be asked.
const OWN_PULL: &str = "the runtime's own pull";
/// Bytes of a foreign name.
const NAME: usize = 200;

pub(super) fn target(case: &Case, plan: &Plan) -> TargetReport {
    let image = crate::text::clean(&case.image, 400);
    match plan.reference() {
        None => TargetReport {
            image,
            registry: plan.name().map(|registry| registry.registry.clone()),
            ..TargetReport::default()
        },
        Some(reference) => TargetReport {
            image,
            reference: Some(reference.to_string()),
            registry: Some(reference.registry.clone()),
            repository: Some(reference.repository.clone()),
            tag: reference.tag.clone(),
            digest: reference.digest.clone(),
            platform: Some(plan.platform.clone()),
        },
    }
}

/// The container that the image is for.
pub(super) fn pod(case: &Case) -> Option<PodReport> {
    let name = |text: &str| crate::text::clean(text, 253);
    case.pod.as_ref().map(|pod| PodReport {
        namespace: name(&pod.namespace),
        name: name(&pod.name),
        uid: name(&pod.uid),
        container: name(&pod.container),
    })
}

/// What the kubelet says, as it may be shown.
pub(super) fn said(words: &KubeletWords) -> KubeletWords {
    KubeletWords {
        reason: crate::text::clean(&crate::message::without_secrets(&words.reason), NAME),
        message: crate::text::clean(&crate::message::without_secrets(&words.message), 4096),
        ..words.clone()
    }
}

/// One row a credential, then the anonymous one, by what the registry itself said; a mirror where it was not asked.
pub(super) fn credentials(plan: &Plan, evidence: &Evidence) -> Vec<CredentialReport> {
    if plan.is_of_registry() {
        // Nobody was to be let in.
        return Vec::new();
    }
    let asked = asked_last(evidence);
    let mut rows: Vec<CredentialReport> = plan
        .credentials
        .iter()
        .enumerate()
        .map(|(index, credential)| CredentialReport {
            source: credential.source.clone(),
            key: credential.key.clone(),
            user: credential.user.as_deref().map(|user| crate::text::clean(user, 100)),
            outcome: identity::outcome_of_credential(credential, index, asked),
            expires_at: expires_at(credential.user.as_deref().unwrap_or_default(), &credential.password),
        })
        .collect();
    rows.push(CredentialReport {
        source: "anonymous".to_owned(),
        key: None,
        user: None,
        outcome: identity::outcome_of_stranger(asked),
        expires_at: None,
    });
    rows
}

/// The logins that work and will not for long.
pub(super) fn expiring(plan: &Plan, evidence: &Evidence) -> Vec<Finding> {
    let asked = asked_last(evidence);
    let outcomes = plan.credentials.iter().enumerate().map(|(index, credential)| {
        let outcome = identity::outcome_of_credential(credential, index, asked);
        expiry::expiring(credential, outcome, evidence.started_at)
    });
    outcomes.flatten().collect()
}

/// The endpoint that decides over logins: the registry, a mirror where it was not asked.
fn asked_last(evidence: &Evidence) -> Option<&EndpointEvidence> {
    evidence.endpoints.iter().rev().find(|e| !e.exchanges.is_empty())
}

/// What is served under the reference and what the node holds under it, as far as either is known.
pub(super) fn image(endpoint: Option<&EndpointEvidence>, plan: &Plan, evidence: &Evidence) -> Option<ImageReport> {
    plan.reference()?;
    let held = evidence.store.as_ref().and_then(|store| store.held.as_ref());
    let on_node = held.map(|held| OnNodeReport {
        digest: crate::text::clean(held.digest().unwrap_or(&held.id), NAME),
        bytes: held.bytes,
    });
    let Some(image) = endpoint.and_then(|endpoint| endpoint.image.as_ref()) else {
        return on_node.map(|on_node| ImageReport { on_node: Some(on_node), ..ImageReport::default() });
    };
    let platforms = image.manifest.platforms();
    Some(ImageReport {
        digest: Some(image.digest.clone()).filter(|d| !d.is_empty()),
        media_type: Some(image.media_type.clone()).filter(|m| !m.is_empty()),
        platforms: if platforms.is_empty() { image.platform.clone().into_iter().collect() } else { platforms },
        bytes: image.chosen.as_ref().unwrap_or(&image.manifest).bytes(),
        on_node,
    })
}

/// The runtime, if it told what it is.
pub(super) fn runtime(plan: &Plan) -> Option<RuntimeReport> {
    let runtime = plan.runtime.as_ref()?;
    let version = runtime.version()?;
    Some(RuntimeReport {
        name: crate::text::clean(&version.name, NAME),
        version: crate::text::clean(&version.version, NAME),
        endpoint: crate::text::clean(&runtime.endpoint, NAME),
    })
}

/// Every allowance told, with who told it.
pub(super) fn rate_limits(evidence: &Evidence) -> impl Iterator<Item = (&Hop, &RateLimit)> {
    evidence.endpoints.iter().flat_map(|endpoint| {
        let told = endpoint.exchanges.iter().rev();
        told.filter_map(|x| Some((endpoint.hops.get(x.hop)?, x.answer.response()?.rate_limit.as_ref()?)))
    })
}

pub(super) fn not_checked(plan: &Plan, evidence: &Evidence) -> Vec<NotChecked> {
    if plan.name().is_none() {
        // There was nothing to look at.
        return Vec::new();
    }
    let mut list = plan.not_checked.clone();
    list.extend(
        plan.unread_credentials
            .iter()
            .map(|place| NotChecked::new(place.clone(), "its logins are not read, the kubelet would offer them")),
    );
    list.extend(evidence.endpoints.iter().flat_map(|e| e.not_checked.iter().cloned()));
    list.extend(evidence.store.iter().flat_map(|store| store.not_checked.iter().cloned()));
    let runtime = plan.runtime.as_ref();
    match runtime.filter(|_| !plan.is_of_registry()).map(|runtime| &runtime.answer) {
        None if plan.is_of_registry() => {}
        None => list.push(NotChecked::new(OWN_PULL, "no socket of a container runtime was found")),
        Some(RuntimeAnswer::NotAsked { why }) => list.push(NotChecked::new(OWN_PULL, why.clone())),
        Some(RuntimeAnswer::Broken(_)) => {}
        Some(RuntimeAnswer::Version(_)) => {
            if let Some(PullEvidence::NotMade { why }) = &evidence.pull {
                list.push(NotChecked::new(OWN_PULL, why.clone()));
            }
        }
    }
    if evidence.cut_short {
        list.push(NotChecked::new("what was still outstanding", "the examination's time was over"));
    }
    list
}

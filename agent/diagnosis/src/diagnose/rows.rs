//! The parts of a diagnosis that only retell the plan and the evidence. Judges nothing.

use super::identity;
use crate::case::{Case, NotChecked};
use crate::diagnosis::{CredentialReport, ImageReport, TargetReport};
use crate::evidence::{EndpointEvidence, Evidence, Hop};
use crate::layer::registry::RateLimit;
use crate::plan::Plan;

pub(super) fn target(case: &Case, plan: &Plan) -> TargetReport {
    let image = crate::text::clean(&case.image, 400);
    match plan.reference() {
        None => TargetReport { image, ..TargetReport::default() },
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

/// One row a credential, then the anonymous one, by what the registry itself said; a mirror where it was not asked.
pub(super) fn credentials(plan: &Plan, evidence: &Evidence) -> Vec<CredentialReport> {
    let asked = evidence.endpoints.iter().rev().find(|e| !e.exchanges.is_empty());
    let mut rows: Vec<CredentialReport> = plan
        .credentials
        .iter()
        .enumerate()
        .map(|(index, credential)| CredentialReport {
            source: credential.source.clone(),
            key: credential.key.clone(),
            user: credential.user.clone(),
            outcome: identity::outcome_of_credential(credential, index, asked),
        })
        .collect();
    rows.push(CredentialReport {
        source: "anonymous".to_owned(),
        key: None,
        user: None,
        outcome: identity::outcome_of_stranger(asked),
    });
    rows
}

pub(super) fn image(endpoint: &EndpointEvidence, plan: &Plan) -> Option<ImageReport> {
    let image = endpoint.image.as_ref()?;
    let platforms = image.manifest.platforms();
    Some(ImageReport {
        digest: Some(image.digest.clone()).filter(|d| !d.is_empty()),
        media_type: Some(image.media_type.clone()).filter(|m| !m.is_empty()),
        platforms: if platforms.is_empty() { image.platform.clone().into_iter().collect() } else { platforms },
        bytes: image.chosen.as_ref().unwrap_or(&image.manifest).bytes(),
    })
    .filter(|_| plan.reference().is_some())
}

/// Every allowance told, with who told it.
pub(super) fn rate_limits(evidence: &Evidence) -> impl Iterator<Item = (&Hop, &RateLimit)> {
    evidence.endpoints.iter().flat_map(|endpoint| {
        let told = endpoint.exchanges.iter().rev();
        told.filter_map(|x| Some((endpoint.hops.get(x.hop)?, x.answer.response()?.rate_limit.as_ref()?)))
    })
}

pub(super) fn not_checked(plan: &Plan, evidence: &Evidence) -> Vec<NotChecked> {
    if plan.reference().is_none() {
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
    if evidence.cut_short {
        list.push(NotChecked::new("what was still outstanding", "the examination's time was over"));
    }
    list
}

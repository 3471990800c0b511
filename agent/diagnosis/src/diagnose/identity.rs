//! Who may pull: the outcome of each credential, and of the stranger.

use crate::cause::Code;
use crate::evidence::{EndpointEvidence, Exchange, Identity, Question};
use crate::finding::Finding;
use crate::layer::credentials::expiry::if_expired;
use crate::layer::credentials::plugin::plugin_failed;
use crate::layer::credentials::secret::secret_lost;
use crate::layer::credentials::{CredentialOutcome, in_its_secret, not_matching, without_user};
use crate::layer::reference::{announced_and_missing, not_found_in_context};
use crate::layer::registry::Challenge;
use crate::plan::{Credential, Offer};

use super::link::{Failure, Outcome, Seen, failure};

/// Whether anybody may have the manifest. With credentials at hand the runtime never asks as a stranger.
pub(super) fn judge(seen: Seen<'_>) -> Outcome {
    let logins: Vec<Identity> = seen.plan.logins().map(|(index, _)| Identity::Credential(index)).collect();
    let identities = if logins.is_empty() { vec![Identity::Anonymous] } else { logins };
    let mut failures = Vec::new();
    for identity in identities {
        match ask(seen, identity) {
            Outcome::Fails(failure) => failures.push(failure),
            Outcome::Serves => return Outcome::Serves,
            Outcome::Undecided => {}
        }
    }
    // The login that got furthest tells most: what it was refused is nearer to the image than a wrong password.
    let furthest = failures.into_iter().min_by_key(|failure| match failure.finding.code {
        Code::CredentialsRejected => 2,
        Code::AccessDenied | Code::CredentialsMissing => 1,
        _ => 0,
    });
    match furthest {
        Some(Failure { finding, point }) => {
            let refused = secret_lost(plugin_failed(with_stranger(finding, seen), seen.plan), seen.plan);
            let finding = not_matching(refused, seen.plan, seen.reference);
            Outcome::Fails(Failure { finding, point })
        }
        None => Outcome::Undecided,
    }
}

/// What the registry said to one identity: its last word on the manifest, or on the token for it.
fn ask(seen: Seen<'_>, identity: Identity) -> Outcome {
    let Some(last) = last_word(seen.evidence, identity) else { return Outcome::Undecided };
    let nameless = nameless(seen, identity);
    if nameless.is_none() && was_withheld(identity, last) {
        return Outcome::Undecided;
    }
    if let (Some(hop), Some(told)) = (seen.evidence.hops.get(last.hop), context(seen, last)) {
        return Outcome::Fails(Failure::at(last, told.at(&hop.host)));
    }
    match failure(seen, last) {
        Some(finding) => {
            let finding = match nameless {
                Some(credential) => without_user(finding, last, credential, seen.reference),
                None => match credential(seen, identity) {
                    Some(credential) => {
                        let finding = if_expired(finding, credential, seen.clocks);
                        in_its_secret(finding, &credential.source)
                    }
                    None => finding,
                },
            };
            Outcome::Fails(Failure::at(last, finding))
        }
        None if last.question == Question::Manifest && last.answer.is_success() => Outcome::Serves,
        None => Outcome::Undecided,
    }
}

/// The credential of an identity, if it has no user.
fn nameless(seen: Seen<'_>, identity: Identity) -> Option<&Credential> {
    credential(seen, identity).filter(|credential| credential.is_nameless())
}

fn credential(seen: Seen<'_>, identity: Identity) -> Option<&Credential> {
    match identity {
        Identity::Credential(index) => seen.plan.credentials.get(index),
        Identity::Anonymous => None,
    }
}

/// Whether a registry's wish for a login says nothing of it, because we did not send it: the examination says so under
/// what was not checked.
fn was_withheld(identity: Identity, last: &Exchange) -> bool {
    let wish = |challenge: &Challenge| match challenge {
        // A stranger asks for a token too, and has nothing to answer the other with.
        Challenge::Bearer { .. } => true,
        Challenge::Basic => identity != Identity::Anonymous,
        Challenge::Other { .. } => false,
    };
    !last.authorized && last.answer.response().is_some_and(|r| r.status == 401 && r.challenges.iter().any(wish))
}

fn context(seen: Seen<'_>, exchange: &Exchange) -> Option<Finding> {
    let hop = seen.evidence.hops.get(exchange.hop)?;
    if exchange.question == Question::Manifest && announced(seen.evidence, exchange) {
        let missing = exchange.answer.response().filter(|r| r.status == 404 && !r.html)?;
        return Some(announced_and_missing(hop, seen.reference, missing));
    }
    let find = |question: &Question| seen.evidence.exchanges.iter().rev().find(|x| x.question == *question);
    let tags = find(&Question::Tags).map(|x| (x, seen.evidence.tags.as_ref()));
    not_found_in_context(hop, exchange, seen.reference, tags, find(&Question::Ping))
}

/// Whether the same question had a good answer before: the digest in that one is what was asked for now.
fn announced(evidence: &EndpointEvidence, exchange: &Exchange) -> bool {
    let alike = |x: &&Exchange| x.question == exchange.question && x.identity == exchange.identity;
    evidence.exchanges.iter().take_while(|x| !std::ptr::eq(*x, exchange)).filter(alike).any(|x| x.answer.is_success())
}

fn last_word(evidence: &EndpointEvidence, identity: Identity) -> Option<&Exchange> {
    let of_identity =
        |x: &&Exchange| x.identity == identity && matches!(x.question, Question::Manifest | Question::Token);
    evidence.exchanges.iter().rev().find(of_identity)
}

/// Adds what is known of the anonymous pull: a login that is refused where a stranger is not breaks a public image.
fn with_stranger(finding: Finding, seen: Seen<'_>) -> Finding {
    let refused = matches!(finding.code, Code::CredentialsRejected | Code::AccessDenied);
    if !refused || outcome_of_stranger(Some(seen.evidence)) != CredentialOutcome::Accepted {
        return finding;
    }
    let mut finding = finding;
    finding.summary.push_str("; without any login the image could be pulled");
    finding.remedy.insert(
        0,
        crate::finding::Remedy {
            text: "take that login out of the pod's pull secrets: this image is public".to_owned(),
            command: None,
        },
    );
    finding
}

/// The outcome of one credential at an endpoint.
pub(super) fn outcome_of_credential(
    credential: &Credential,
    index: usize,
    asked: Option<&EndpointEvidence>,
) -> CredentialOutcome {
    match credential.offer {
        Offer::NotMatching { .. } => CredentialOutcome::NotMatching,
        Offer::Unreadable { .. }
        | Offer::PassedOver { .. }
        | Offer::Absent { .. }
        | Offer::NotRead { .. }
        | Offer::PluginFailed { .. } => CredentialOutcome::Unreadable,
        Offer::Withheld => CredentialOutcome::NotTried,
        Offer::Yes => asked.map_or(CredentialOutcome::NotTried, |e| outcome(e, Identity::Credential(index))),
    }
}

/// The outcome of asking without a login.
pub(super) fn outcome_of_stranger(asked: Option<&EndpointEvidence>) -> CredentialOutcome {
    asked.map_or(CredentialOutcome::NotTried, |e| outcome(e, Identity::Anonymous))
}

fn outcome(evidence: &EndpointEvidence, identity: Identity) -> CredentialOutcome {
    let Some(last) = last_word(evidence, identity) else { return CredentialOutcome::NotTried };
    let Some(response) = last.answer.response() else { return CredentialOutcome::NotTried };
    let offered =
        identity == Identity::Anonymous || evidence.exchanges.iter().any(|x| x.identity == identity && x.authorized);
    match (response.status, offered) {
        (_, false) => CredentialOutcome::NotTried,
        (200..=299 | 404, _) if last.question == Question::Manifest => CredentialOutcome::Accepted,
        (401 | 403, _) => {
            if identity != Identity::Anonymous && crate::layer::credentials::is_rejection(last, response) {
                CredentialOutcome::Rejected
            } else {
                CredentialOutcome::Denied
            }
        }
        _ => CredentialOutcome::NotTried,
    }
}

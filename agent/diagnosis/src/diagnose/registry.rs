//! One endpoint of a registry that is asked about by itself: does it answer as a registry does, and its token service.
//! That either wants a login is as it should be.

use super::link::{Failure, Outcome, Point, Seen, leads_to_no_contact, unreachable};
use crate::evidence::{Exchange, Question};
use crate::finding::Finding;
use crate::layer::registry;

/// The endpoint's outcome: the host, then its API, then its token service.
pub(super) fn judge(seen: Seen<'_>) -> Outcome {
    let Some(host) = seen.evidence.hops.first() else { return Outcome::Undecided };
    if let Some(finding) = unreachable(seen, host) {
        return Outcome::Fails(Failure { finding, point: Point::Unreached });
    }
    let mut asked = asked(seen).peekable();
    if asked.peek().is_none() {
        return Outcome::Undecided;
    }
    let is_unseen = asked.clone().any(|exchange| leads_to_no_contact(seen, exchange));
    match asked.find_map(|exchange| broken(seen, exchange)) {
        // Nothing of an image was asked for, so no answer ends a pull.
        Some(finding) => Outcome::Fails(Failure { finding, point: Point::Refused { status: None } }),
        None if is_unseen => Outcome::Undecided,
        None => Outcome::Serves,
    }
}

/// What is worth knowing of an endpoint that answers.
pub(super) fn worth_knowing(seen: Seen<'_>) -> impl Iterator<Item = Finding> {
    asked(seen).filter_map(move |exchange| registry::closed_to_node(seen.evidence.hops.get(exchange.hop)?, exchange))
}

fn asked(seen: Seen<'_>) -> impl Iterator<Item = &Exchange> + Clone {
    seen.evidence.exchanges.iter().filter(|x| matches!(x.question, Question::Ping | Question::Token))
}

fn broken(seen: Seen<'_>, exchange: &Exchange) -> Option<Finding> {
    let hop = seen.evidence.hops.get(exchange.hop)?;
    // Below a path of its own a mirror has repositories and no API to ask for.
    let begins_there = seen.endpoint.is_none_or(|endpoint| endpoint.base_path.ends_with("/v2"));
    unreachable(seen, hop).or_else(|| registry::finding_of_api(hop, exchange, seen.reference, begins_there))
}

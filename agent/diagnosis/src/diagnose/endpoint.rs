//! One endpoint: does it serve the image, and if not, which link is broken first.

use crate::evidence::{Exchange, Question};
use crate::layer;

use super::identity;
use super::link::{Failure, Outcome, Point, Seen, failure, leads_to_no_contact, unreachable};

/// The endpoint's outcome: the host, then who may ask, then the content, then every part of it.
pub(super) fn judge(seen: Seen<'_>) -> Outcome {
    let Some(host) = seen.evidence.hops.first() else { return Outcome::Undecided };
    if let Some(finding) = unreachable(seen, host) {
        return Outcome::Fails(Failure { finding, point: Point::Unreached });
    }
    match identity::judge(seen) {
        Outcome::Serves => {}
        other => return other,
    }
    let Some(image) = &seen.evidence.image else { return Outcome::Undecided };
    if let Some(unfit) = layer::registry::content(host, image, seen.plan, seen.reference) {
        return Outcome::Fails(Failure { finding: unfit, point: Point::Taken });
    }
    let parts =
        |x: &&Exchange| matches!(x.question, Question::PlatformManifest | Question::Config | Question::Blob { .. });
    let mut asked = seen.evidence.exchanges.iter().filter(parts).peekable();
    if asked.peek().is_none() {
        return Outcome::Undecided;
    }
    let is_unseen = asked.clone().any(|exchange| leads_to_no_contact(seen, exchange));
    match asked.find_map(|exchange| Some(Failure::at(exchange, failure(seen, exchange)?))) {
        Some(broken) => Outcome::Fails(broken),
        None if is_unseen => Outcome::Undecided,
        None => Outcome::Serves,
    }
}

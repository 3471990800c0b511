//! The links of the chain that leads to one endpoint's answer: what was seen of them, and which is broken.

use crate::evidence::{ClockSample, EndpointEvidence, Exchange, Hop, Question};
use crate::finding::Finding;
use crate::layer;
use crate::layer::registry::Answer;
use crate::plan::{Endpoint, Plan};
use crate::reference::Reference;

/// What a judgement of one endpoint rests on.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) plan: &'a Plan,
    pub(super) reference: &'a Reference,
    /// The endpoint as planned, where the plan still has it.
    pub(super) endpoint: Option<&'a Endpoint>,
    pub(super) evidence: &'a EndpointEvidence,
    pub(super) clocks: &'a [ClockSample],
}

/// What an endpoint is good for.
pub(super) enum Outcome {
    /// The image can be pulled from it.
    Serves,
    /// It cannot.
    Fails(Failure),
    /// Not enough was seen to tell.
    Undecided,
}

/// Why an image cannot be pulled from an endpoint.
#[derive(Clone)]
pub(super) struct Failure {
    pub(super) finding: Finding,
    pub(super) point: Point,
}

/// How far a pull gets at an endpoint, which decides whether the runtime goes on to the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Point {
    /// Not to its HTTP: name, connection, proxy or TLS fail.
    Unreached,
    /// To no manifest.
    Refused {
        /// The status, if one came.
        status: Option<u16>,
    },
    /// The reference is resolved; a part of the image is lacking.
    Part {
        /// The status, if one came.
        status: Option<u16>,
    },
    /// An answer that is taken for good: no other endpoint is asked.
    Taken,
}

impl Outcome {
    pub(super) fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Fails(failure) => Some(failure),
            Self::Serves | Self::Undecided => None,
        }
    }
}

impl Failure {
    /// A failure that an answer shows.
    pub(super) fn at(exchange: &Exchange, finding: Finding) -> Self {
        Self { finding, point: Point::of(exchange) }
    }

    /// The status that the endpoint refuses with.
    pub(super) fn status(&self) -> Option<u16> {
        match self.point {
            Point::Refused { status } | Point::Part { status } => status,
            Point::Unreached | Point::Taken => None,
        }
    }
}

impl Point {
    fn of(exchange: &Exchange) -> Self {
        let status = exchange.answer.response().map(|response| response.status);
        match exchange.question {
            Question::Token => Self::Refused { status },
            _ if is_taken(&exchange.answer) => Self::Taken,
            Question::Manifest => Self::Refused { status },
            _ => Self::Part { status },
        }
    }
}

/// Whether containerd takes an answer and never asks the next host, though it is of no use: a 200 decides, whatever its
/// content (`core/remotes/docker/resolver.go` `Resolve`, `fetcher.go` `Fetch`).
fn is_taken(answer: &Answer) -> bool {
    answer.is_success() || matches!(answer, Answer::Corrupt { .. } | Answer::Broken { started: true, .. })
}

/// Why a question was not answered as it should be: the host that was asked, else its answer.
pub(super) fn failure(seen: Seen<'_>, exchange: &Exchange) -> Option<Finding> {
    let hop = seen.evidence.hops.get(exchange.hop)?;
    unreachable(seen, hop).or_else(|| layer::registry::finding(hop, exchange, seen.reference))
}

/// Whether a question came to a host that is not contacted: what the runtime hears there is not known.
pub(super) fn leads_to_no_contact(seen: Seen<'_>, exchange: &Exchange) -> bool {
    seen.evidence.hops.get(exchange.hop).is_some_and(|hop| hop.not_contacted().is_some())
}

/// Which layer below HTTP is broken: through a proxy everything up to the tunnel is the proxy's.
pub(super) fn unreachable(seen: Seen<'_>, hop: &Hop) -> Option<Finding> {
    let way = if hop.is_proxied() {
        layer::proxy::finding(hop)
    } else {
        layer::dns::finding(hop).or_else(|| layer::transport::finding(hop))
    };
    let trusted_by = seen.endpoint.and_then(|endpoint| endpoint.trusted_by.as_ref());
    way.or_else(|| layer::tls::finding(hop, seen.clocks, trusted_by))
}

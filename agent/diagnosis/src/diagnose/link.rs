//! The links of the chain that leads to one endpoint's answer: what was seen of them, and which is broken.

use crate::evidence::{ClockSample, EndpointEvidence, Exchange, Hop};
use crate::finding::Finding;
use crate::layer;
use crate::plan::Plan;
use crate::reference::Reference;

/// What a judgement of one endpoint rests on.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) plan: &'a Plan,
    pub(super) reference: &'a Reference,
    pub(super) evidence: &'a EndpointEvidence,
    pub(super) clocks: &'a [ClockSample],
}

/// What an endpoint is good for.
pub(super) enum Outcome {
    /// The image can be pulled from it.
    Serves,
    /// It cannot, for this reason.
    Fails(Finding),
    /// Not enough was seen to tell.
    Undecided,
}

impl Outcome {
    pub(super) fn failure(&self) -> Option<&Finding> {
        match self {
            Self::Fails(finding) => Some(finding),
            Self::Serves | Self::Undecided => None,
        }
    }
}

/// Why a question was not answered as it should be: the host that was asked, else its answer.
pub(super) fn failure(seen: Seen<'_>, exchange: &Exchange) -> Option<Finding> {
    let hop = seen.evidence.hops.get(exchange.hop)?;
    unreachable(hop, seen.clocks).or_else(|| layer::registry::finding(hop, exchange, seen.reference))
}

/// Which layer below HTTP is broken: through a proxy everything up to the tunnel is the proxy's.
pub(super) fn unreachable(hop: &Hop, clocks: &[ClockSample]) -> Option<Finding> {
    let way = if hop.is_proxied() {
        layer::proxy::finding(hop)
    } else {
        layer::dns::finding(hop).or_else(|| layer::transport::finding(hop))
    };
    way.or_else(|| layer::tls::finding(hop, clocks, None))
}

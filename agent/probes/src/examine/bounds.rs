//! Where an examination may go for one host. Decides by the rules that it was given; dials nothing.

use std::net::IpAddr;
use std::sync::Arc;

use pullagent_diagnosis::denied_addresses::{DeniedAddresses, NamedBy};

use super::origin::Origin;
use super::terms::Terms;

/// At which addresses one host is contacted.
#[derive(Clone)]
pub(super) struct Bounds {
    /// `None` where a person asks: everything is contacted.
    denied: Option<(Arc<DeniedAddresses>, NamedBy)>,
}

impl Bounds {
    /// The bounds of a host that is met at an endpoint, on the direct way.
    pub(super) fn of(terms: &Terms<'_>, origin: &Origin) -> Self {
        let named_by = NamedBy::of(terms.reference, terms.endpoint, terms.is_endpoint(origin));
        Self { denied: terms.denied.map(|denied| (Arc::clone(denied), named_by)) }
    }

    /// No bounds: the node's proxy is the node's own, wherever it is.
    ///
    /// Whom the proxy contacts for a name is for the proxy to decide: it resolves and dials. Only an address that stands
    /// in a URL is refused before it is asked for one, by [`Bounds::denied_literal`].
    pub(super) fn none() -> Self {
        Self { denied: None }
    }

    /// Why an address is not contacted, in a sentence; `None` if it may be.
    pub(super) fn denies(&self, ip: IpAddr) -> Option<String> {
        let (denied, named_by) = self.denied.as_ref()?;
        let reason = denied.denies(ip, *named_by)?;
        Some(format!("{ip} is not contacted for a pod's image: {reason}"))
    }

    /// The address that a host's name is, if it is one and not contacted.
    pub(super) fn denied_literal(&self, host: &str) -> Option<IpAddr> {
        host.parse().ok().filter(|ip| self.denies(*ip).is_some())
    }
}

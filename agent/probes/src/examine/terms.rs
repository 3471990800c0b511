//! The terms of one endpoint's examination: what is asked, of whom, by which clock, until when. Values only.

use std::sync::Arc;

use pullagent_diagnosis::denied_addresses::DeniedAddresses;
use pullagent_diagnosis::plan::{Endpoint, Plan};
use pullagent_diagnosis::reference::Reference;
use tokio::time::Instant;
use url::Url;

use super::Clock;
use super::origin::Origin;
use super::rules::Rules;
use crate::contents::Contents;
use crate::limits::Limits;

/// What everything that is asked at one endpoint goes by.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    pub(super) plan: &'a Plan,
    pub(super) reference: &'a Reference,
    pub(super) endpoint: &'a Endpoint,
    /// The endpoint's own rules, made ready.
    pub(super) rules: &'a Rules,
    pub(super) limits: &'a Limits,
    pub(super) clock: Clock<'a>,
    /// When the examination ends in any case.
    pub(super) deadline: Instant,
    /// What is not contacted for an image that somebody else names.
    pub(super) denied: Option<&'a Arc<DeniedAddresses>>,
    /// What was fetched before, where this is a check.
    pub(super) known: Option<&'a Contents>,
}

impl Terms<'_> {
    /// A URL below the repository. `base` is where the endpoint's URLs begin.
    pub(super) fn in_repository(&self, base: &Url, rest: &str) -> Url {
        self.below(base, &format!("{}/{rest}", self.repository()))
    }

    /// A URL below the endpoint's path, with the namespace that a mirror needs to know whose image is meant.
    pub(super) fn below(&self, base: &Url, rest: &str) -> Url {
        let mut url = base.clone();
        url.set_path(&format!("{}/{rest}", self.endpoint.base_path));
        self.in_namespace(&mut url);
        url
    }

    /// Adds the namespace to a URL of the endpoint that lacks it.
    pub(super) fn in_namespace(&self, url: &mut Url) {
        if let Some(namespace) = &self.endpoint.namespace
            && !url.query_pairs().any(|(key, _)| key == "ns")
        {
            url.query_pairs_mut().append_pair("ns", namespace);
        }
    }

    /// The repository by its name at the endpoint.
    pub(super) fn repository(&self) -> &str {
        self.endpoint.repository(self.reference)
    }

    /// Whether an origin is the endpoint itself, spoken to as the node's configuration allows: a redirect does not lead
    /// its secrets into plain text.
    pub(super) fn is_endpoint_as_allowed(&self, origin: &Origin) -> bool {
        self.is_endpoint(origin) && (origin.scheme == self.endpoint.scheme || self.endpoint.http_fallback)
    }

    /// Whether an origin is the endpoint itself, under either scheme.
    pub(super) fn is_endpoint(&self, origin: &Origin) -> bool {
        origin.host().eq_ignore_ascii_case(self.endpoint.host()) && origin.port() == self.endpoint.port(origin.scheme)
    }
}

//! The terms of one endpoint's examination: what is asked, of whom, by which clock, until when. Values only.

use pullagent_diagnosis::plan::{Endpoint, Plan};
use pullagent_diagnosis::reference::Reference;
use tokio::time::Instant;
use url::Url;

use super::Clock;
use crate::limits::Limits;

/// What everything that is asked at one endpoint goes by.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    pub(super) plan: &'a Plan,
    pub(super) reference: &'a Reference,
    pub(super) endpoint: &'a Endpoint,
    pub(super) limits: &'a Limits,
    pub(super) clock: Clock<'a>,
    /// When the examination ends in any case.
    pub(super) deadline: Instant,
}

impl Terms<'_> {
    /// A URL below the repository. `base` is where the endpoint's URLs begin.
    pub(super) fn in_repository(&self, base: &Url, rest: &str) -> Url {
        let mut url = base.clone();
        url.set_path(&format!("{}/{}/{rest}", self.endpoint.base_path, self.reference.repository));
        url
    }
}

//! What a fleet wants to know of a check besides what a page shows: since when it stands so, and what it met.

use jiff::Timestamp;
use pullagent_diagnosis::cause::Code;
use pullagent_diagnosis::diagnosis::{Diagnosis, Verdict};
use pullagent_diagnosis::evidence::Role;
use pullagent_diagnosis::summary::Headroom;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CheckDetails {
    /// What came of the last run.
    stands: Option<(Verdict, Option<Code>)>,
    /// Since when that comes of it.
    pub(crate) since: Option<Timestamp>,
    /// The host that failed.
    pub(crate) host: Option<String>,
    /// The digest that the registry serves.
    pub(crate) digest: Option<String>,
    /// The registry's allowance.
    pub(crate) headroom: Option<Headroom>,
    /// When the first certificate of the registry's chain ends.
    pub(crate) certificate_ends: Option<Timestamp>,
}

impl CheckDetails {
    /// After a run at `at`. What a failing run could not learn stays as it was.
    pub(crate) fn follow(&mut self, diagnosis: &Diagnosis, at: Timestamp) {
        let stands = Some((diagnosis.verdict, diagnosis.cause.as_ref().map(|cause| cause.code)));
        if self.stands != stands {
            self.stands = stands;
            self.since = Some(at);
        }
        self.host = diagnosis.cause.as_ref().and_then(|cause| cause.host.clone());
        let digest = diagnosis.image.as_ref().and_then(|image| image.digest.clone());
        let headroom = diagnosis.rate_limit.as_ref().map(|limit| Headroom {
            limit: limit.limit,
            remaining: limit.remaining,
            source: limit.source.clone(),
        });
        let registry = diagnosis.hops.iter().filter(|hop| hop.role == Role::Registry);
        let chain = registry.flat_map(|hop| hop.tls.iter().flat_map(|tls| &tls.chain));
        let ends = chain.map(|certificate| certificate.not_after).min();
        self.digest = digest.or(self.digest.take());
        self.headroom = headroom.or(self.headroom.take());
        self.certificate_ends = ends.or(self.certificate_ends);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{diagnosis, failing};

    #[test]
    fn it_stands_so_since_it_turned_and_what_was_known_stays() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut details = CheckDetails::default();
        details.follow(&diagnosis("r.io/a:1"), at(1));
        let digest = details.digest.clone();
        assert!(digest.is_some() && details.host.is_none());
        details.follow(&diagnosis("r.io/a:1"), at(2));
        assert_eq!(details.since, Some(at(1)));
        details.follow(&failing("r.io/a:1"), at(3));
        assert_eq!((details.since, &details.digest), (Some(at(3)), &digest));
        assert!(details.host.is_some() && details.certificate_ends.is_some());
        details.follow(&diagnosis("r.io/a:1"), at(4));
        assert_eq!((details.since, details.host), (Some(at(4)), None));
    }
}

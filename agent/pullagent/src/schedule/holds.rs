//! What an earlier answer forbids for a while: hosts that want rest, and logins that were refused.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use pullagent_diagnosis::cause::Code;
use pullagent_diagnosis::diagnosis::Diagnosis;
use pullagent_diagnosis::layer::credentials::CredentialOutcome;

use super::after;
use super::failure::{Class, Question, Secrets, host};

const REST: SignedDuration = SignedDuration::from_mins(15);
const UNTIL_OFFERED_AGAIN: SignedDuration = SignedDuration::from_hours(6);
/// Hosts, and kinds of logins, that are remembered.
const MOST: usize = 256;
/// Refused logins of one kind that are remembered.
const MOST_LOGINS: usize = 32;

/// A login by where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefusedLogin {
    /// Where it came from, as the diagnosis names it.
    pub(crate) source: String,
    /// The key it stands under.
    pub(crate) key: Option<String>,
}

/// Who is asked with which secrets.
type Offer = (String, Option<Secrets>);

#[derive(Debug)]
struct Refused {
    until: Timestamp,
    logins: Vec<RefusedLogin>,
    /// Whether the pull failed by it, so that asking without it tells nothing.
    decided: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Holds {
    hosts: BTreeMap<String, Timestamp>,
    refused: BTreeMap<Offer, Refused>,
}

/// Why a question has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    Host(Timestamp),
    Login(Timestamp),
}

impl Holds {
    pub(super) fn advance(&mut self, now: Timestamp) {
        self.hosts.retain(|_, until| *until > now);
        self.refused.retain(|_, refused| refused.until > now);
    }

    /// Remembers what `diagnosis` forbids.
    pub(super) fn learn(&mut self, question: &Question, diagnosis: &Diagnosis, now: Timestamp) {
        let wants_rest = |status: u16| status == 429 || (500..=599).contains(&status);
        let by_status = diagnosis
            .hops
            .iter()
            .filter(|hop| hop.http.as_ref().and_then(|http| http.status).is_some_and(wants_rest))
            .map(|hop| hop.host.as_str());
        let by_finding = diagnosis
            .findings
            .iter()
            .filter(|finding| matches!(finding.code, Code::RateLimited | Code::RegistryUnavailable))
            .filter_map(|finding| finding.host.as_deref());
        let mut resting: Vec<String> = by_status.chain(by_finding).map(|name| host(name).to_owned()).collect();
        // Its token service and its storage are met again with the next image of the same registry.
        if !resting.is_empty() && !question.registry.is_empty() {
            resting.push(question.registry.clone());
        }
        for name in resting {
            self.hosts.insert(name, after(now, REST));
        }
        bound(&mut self.hosts, |until| *until);

        let rejected = diagnosis.credentials.iter().filter(|row| row.outcome == CredentialOutcome::Rejected);
        let logins: Vec<RefusedLogin> = rejected
            .take(MOST_LOGINS)
            .map(|row| RefusedLogin { source: row.source.clone(), key: row.key.clone() })
            .collect();
        if !logins.is_empty() {
            let decided = diagnosis.cause.as_ref().is_some_and(|cause| cause.code == Code::CredentialsRejected);
            let refused = Refused { until: after(now, UNTIL_OFFERED_AGAIN), logins, decided };
            self.refused.insert(offer(question), refused);
            bound(&mut self.refused, |refused| refused.until);
        }
    }

    /// Why the question must wait.
    pub(super) fn of(&self, question: &Question) -> Option<Hold> {
        if let Some(until) = self.hosts.get(&question.registry) {
            return Some(Hold::Host(*until));
        }
        if question.class == Class::Registry {
            return None;
        }
        let refused = self.refused.get(&offer(question)).filter(|refused| refused.decided)?;
        Some(Hold::Login(refused.until))
    }

    /// The logins that are not to be offered for the question.
    pub(super) fn withheld(&self, question: &Question) -> Vec<RefusedLogin> {
        self.refused.get(&offer(question)).map(|refused| refused.logins.clone()).unwrap_or_default()
    }

    /// A secret is another now: what was refused with it may be right.
    pub(super) fn forget_secret(&mut self, namespace: &str, name: &str) {
        self.refused.retain(|(_, secrets), _| !secrets.as_ref().is_some_and(|s| s.has(namespace, name)));
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.hosts.len().max(self.refused.len())
    }

    #[cfg(test)]
    pub(super) const MOST: usize = MOST;
}

impl Secrets {
    /// Whether this secret is one of them.
    pub(crate) fn has(&self, namespace: &str, name: &str) -> bool {
        self.namespace == namespace && self.names.iter().any(|own| own == name)
    }
}

fn offer(question: &Question) -> Offer {
    (question.registry.clone(), question.secrets.clone())
}

/// Lets go of what ends first.
fn bound<K: Ord + Clone, V>(map: &mut BTreeMap<K, V>, until: impl Fn(&V) -> Timestamp) {
    while map.len() > MOST {
        let Some(first) = map.iter().min_by_key(|(_, value)| until(value)).map(|(key, _)| key.clone()) else { return };
        map.remove(&first);
    }
}

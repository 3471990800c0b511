//! One endpoint under examination: the hosts met so far, and the ledger of what they said.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use pullagent_diagnosis::authority::split_authority;
use pullagent_diagnosis::case::NotChecked;
use pullagent_diagnosis::evidence::{
    ClockSample, EndpointEvidence, Exchange, Hop, Identity, ImageEvidence, Question, Role, TagsEvidence,
};
use pullagent_diagnosis::layer::registry::{Answer, HttpEvidence};
use pullagent_diagnosis::layer::tls::{CertificateFault, TlsOutcome};
use pullagent_diagnosis::manifest::Manifest;
use pullagent_diagnosis::platform::Platform;
use tokio::time::{Duration, Instant};

use super::host::{Host, Underway};
use super::origin::Origin;
use super::sent::Sent;
use super::terms::Terms;
use super::witness;

/// Where a web server tells the time without TLS.
const HTTP_PORT: u16 = 80;

/// Everything that the examination of one endpoint shares.
pub(super) struct Site<'a> {
    pub(super) terms: Terms<'a>,
    /// The secrets that were sent, so that nobody is quoted with them.
    pub(super) sent: Sent,
    /// The digest that is asked for where the reference is not resolved.
    digest: OnceLock<String>,
    hosts: tokio::sync::Mutex<HashMap<Origin, Arc<Host>>>,
    ledger: Mutex<Ledger>,
}

#[derive(Default)]
struct Ledger {
    evidence: EndpointEvidence,
    underway: Vec<Underway>,
    clocks: Vec<ClockSample>,
    /// Time spent on reaching hosts, that is before HTTP.
    unreached: Duration,
}

impl<'a> Site<'a> {
    pub(super) fn new(terms: Terms<'a>) -> Self {
        Self {
            terms,
            sent: Sent::default(),
            digest: OnceLock::new(),
            hosts: tokio::sync::Mutex::default(),
            ledger: Mutex::default(),
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the reference is resolved here, and not content asked for alone.
    pub(super) fn resolves(&self) -> bool {
        self.terms.endpoint.resolves
    }

    /// From here on this digest is asked for in the place of the reference's tag.
    pub(super) fn ask_for(&self, digest: String) {
        // It is set once.
        let _ = self.digest.set(digest);
    }

    /// The tag or digest that is asked for.
    pub(super) fn wanted(&self) -> &str {
        let reference = self.terms.reference;
        let named = || reference.digest.as_deref().or(reference.tag.as_deref()).unwrap_or("latest");
        self.digest.get().map_or_else(named, String::as_str)
    }

    /// The digest of the manifest that was served here, if it is one of an image.
    pub(super) fn served(&self) -> Option<String> {
        let ledger = self.ledger();
        let image = ledger.evidence.image.as_ref()?;
        matches!(image.manifest, Manifest::Index { .. } | Manifest::Image { .. }).then(|| image.digest.clone())
    }

    /// The host at an origin, reached if this is the first question to it. `url` is shown with its hop.
    pub(super) async fn host(&self, origin: &Origin, role: Role, url: &str) -> Arc<Host> {
        let mut hosts = self.hosts.lock().await;
        if let Some(host) = hosts.get(origin) {
            return Arc::clone(host);
        }
        let begun = Instant::now();
        let left = self.terms.limits.unreached.saturating_sub(self.ledger().unreached);
        let until = self.terms.deadline.min(begun + left);
        let (host, hop, underway) = Host::reach(&self.terms, origin.clone(), role, url, until).await;
        self.ledger().unreached += begun.elapsed();
        if let Some(theirs) = hop.proxy.as_ref().and_then(|p| p.date) {
            self.ledger().clocks.push(ClockSample { host: hop.via.clone(), theirs, ours: (self.terms.clock)() });
        }
        self.ask_for_the_time(&hop, &underway).await;
        if let Some(why) = underway.not_contacted() {
            self.not_checked(format!("what {} says", hop.name()), why);
        }
        let mut ledger = self.ledger();
        let index = ledger.evidence.hops.len();
        ledger.evidence.hops.push(hop);
        ledger.underway.push(underway);
        drop(ledger);
        let host = Arc::new(host.at(index));
        hosts.insert(origin.clone(), Arc::clone(&host));
        host
    }

    /// Where a certificate's days are over by our clock, and no other clock was met: the same machine is asked for its
    /// own, without TLS, at the address to which there was a connection.
    async fn ask_for_the_time(&self, hop: &Hop, underway: &Underway) {
        let Some(TlsOutcome::CertificateRefused { fault, .. }) = hop.tls.as_ref().map(|tls| &tls.outcome) else {
            return;
        };
        let of_time = matches!(fault, CertificateFault::Expired { .. } | CertificateFault::NotYetValid { .. });
        let Some(address) = underway.address().filter(|_| of_time && !hop.is_proxied()) else { return };
        if !self.ledger().clocks.is_empty() {
            return;
        }
        let (name, _) = split_authority(&hop.host);
        let until = self.terms.deadline.min(Instant::now() + self.terms.limits.aside);
        if let Some(theirs) = witness::clock_of(SocketAddr::new(address.ip(), HTTP_PORT), name, until).await {
            let host = format!("http://{name}");
            self.ledger().clocks.push(ClockSample { host, theirs, ours: (self.terms.clock)() });
        }
    }

    /// Forgets a host that does not speak TLS, so that it can be asked in plain HTTP as containerd does
    /// (`core/remotes/docker/resolver.go` `HTTPFallback`). False, and nothing forgotten, for any other failure.
    pub(super) async fn fall_back_to_http(&self, origin: &Origin) -> bool {
        let mut hosts = self.hosts.lock().await;
        let mut ledger = self.ledger();
        let tls = ledger.evidence.hops.last().and_then(|hop| hop.tls.as_ref());
        let plain = tls.is_some_and(|tls| matches!(tls.outcome, TlsOutcome::Plaintext | TlsOutcome::Timeout));
        if plain {
            hosts.remove(origin);
            ledger.evidence.hops.pop();
            ledger.underway.pop();
        }
        plain
    }

    /// Writes an exchange down.
    pub(super) fn record(
        &self,
        hop: usize,
        question: Question,
        identity: Identity,
        authorized: bool,
        answer: Answer,
        ms: u32,
    ) {
        let mut ledger = self.ledger();
        if let Some(theirs) = answer.response().and_then(|r| r.date)
            && let Some(host) = ledger.evidence.hops.get(hop).map(|h| h.host.clone())
            && !ledger.clocks.iter().any(|c| c.host == host)
        {
            ledger.clocks.push(ClockSample { host, theirs, ours: (self.terms.clock)() });
        }
        // What was asked only to explain another answer does not stand for the host.
        let aside = match question {
            Question::Tags => true,
            Question::Ping => !self.terms.plan.is_of_registry(),
            _ => false,
        };
        let evidence = HttpEvidence::of(&answer, ms).filter(|_| !aside);
        if let (Some(evidence), Some(hop)) = (evidence, ledger.evidence.hops.get_mut(hop)) {
            hop.http = Some(evidence);
        }
        ledger.evidence.exchanges.push(Exchange { hop, question, identity, authorized, answer, ms });
    }

    /// Writes down what the manifest says.
    pub(super) fn record_image(&self, image: ImageEvidence) {
        self.ledger().evidence.image = Some(image);
    }

    /// Writes down what the manifest chosen from the index says.
    pub(super) fn record_chosen(&self, manifest: Manifest) {
        if let Some(image) = &mut self.ledger().evidence.image {
            image.chosen = Some(manifest);
        }
    }

    /// Writes down what the configuration names.
    pub(super) fn record_platform(&self, platform: Option<Platform>) {
        if let Some(image) = &mut self.ledger().evidence.image {
            image.platform = platform;
        }
    }

    /// Writes down the tags.
    pub(super) fn record_tags(&self, tags: TagsEvidence) {
        self.ledger().evidence.tags = Some(tags);
    }

    /// Writes down what is not asked.
    pub(super) fn not_checked(&self, what: impl Into<String>, why: impl Into<String>) {
        self.ledger().evidence.not_checked.push(NotChecked::new(what, why));
    }

    /// Gives what is still outstanding its last moment and hands the evidence over.
    pub(super) async fn finish(self) -> (EndpointEvidence, Vec<ClockSample>) {
        let until = Instant::now() + self.terms.limits.aside;
        let ledger = self.ledger.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut evidence = ledger.evidence;
        let hops = evidence.hops.iter_mut().zip(ledger.underway);
        futures_util::future::join_all(hops.map(|(hop, underway)| underway.finish(hop, until))).await;
        (evidence, ledger.clocks)
    }
}

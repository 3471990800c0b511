//! A side question after a host was not reached: does the way that the runtime does not take lead there?
//!
//! Goes as far as the host's TLS and asks nothing; a login goes to the proxy on that way alone, as the runtime sends it.

use pullagent_diagnosis::case::Network;
use pullagent_diagnosis::config::proxy_env::OtherRoute;
use pullagent_diagnosis::evidence::DIRECT;
use pullagent_diagnosis::layer::proxy::{OtherWay, OtherWayOutcome};
use tokio::time::{Instant, timeout_at};

use super::bounds::Bounds;
use super::origin::Origin;
use super::terms::Terms;
use super::way::{Said, Way};
use crate::limits::{Limits, ms_since};
use crate::outstanding::Outstanding;
use crate::{dns, tcp};

/// The question while it is asked.
pub(super) struct Look {
    route: OtherRoute,
    begun: Instant,
    asked: Outstanding<(OtherWayOutcome, u32)>,
}

impl Look {
    /// Begins to ask; it ends within `limits.aside`. `None` where there is no other way, or none that a tunnel shows.
    pub(super) fn begin(terms: &Terms<'_>, origin: &Origin) -> Option<Self> {
        let network = &terms.plan.network;
        let route = network.proxy.other_route(origin.scheme.word(), origin.host(), Some(origin.port()))?;
        if route.proxy.as_ref().is_some_and(|proxy| !origin.is_tunnelled_by(proxy)) {
            return None;
        }
        let begun = Instant::now();
        let deadline = begun + terms.limits.aside;
        let (network, limits) = (network.clone(), terms.limits.until(deadline));
        let bounds = if route.proxy.is_some() { Bounds::none() } else { Bounds::of(terms, origin) };
        let (way, origin) = (Way::planned(terms, origin, route.proxy.clone()), origin.clone());
        let mut asked = Outstanding::new();
        asked.begin(async move {
            let outcome = timeout_at(deadline, walk(&way, &origin, &network, &bounds, &limits)).await;
            (outcome.unwrap_or(OtherWayOutcome::NotWaitedFor), ms_since(begun))
        });
        Some(Self { route, begun, asked })
    }

    /// What came of it until then.
    pub(super) async fn finish(mut self, until: Instant) -> OtherWay {
        let answer = self.asked.next(until).await;
        let (outcome, ms) = answer.unwrap_or_else(|| (OtherWayOutcome::NotWaitedFor, ms_since(self.begun)));
        let via = self.route.proxy.as_ref().map_or_else(|| DIRECT.to_owned(), ToString::to_string);
        OtherWay { via, variable: self.route.variable, entries: self.route.entries, outcome, ms }
    }
}

async fn walk(way: &Way, origin: &Origin, network: &Network, bounds: &Bounds, limits: &Limits) -> OtherWayOutcome {
    let Some((name, port)) = way.dials(origin) else { return OtherWayOutcome::NotConnected };
    let resolution = dns::resolve(&name, &network.resolver, &network.hosts, limits).await;
    if resolution.addresses().is_empty() {
        return OtherWayOutcome::NotResolved;
    }
    let connection = tcp::connect(resolution.addresses(), port, limits, |ip| bounds.denies(ip)).await;
    if connection.not_contacted().is_some() {
        return OtherWayOutcome::NotContacted;
    }
    let Some(stream) = connection.stream else { return OtherWayOutcome::NotConnected };
    let mut said = Said::default();
    match way.lead(stream, origin, limits, &mut said).await {
        Some(_) => OtherWayOutcome::Works,
        None if said.tls.is_some() => OtherWayOutcome::TlsFails,
        None => OtherWayOutcome::ProxyFails,
    }
}

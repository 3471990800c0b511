//! One host of a pull: its name, its connection, the proxy before it, TLS, and the HTTP connections to it.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use futures_util::future::{OptionFuture, join3};
use pullagent_diagnosis::config::proxy_env::{ProxyUrl, Route};
use pullagent_diagnosis::evidence::{Hop, Role};
use pullagent_diagnosis::layer::proxy::{ProxyEvidence, ProxyOutcome};
use pullagent_diagnosis::layer::registry::Answer;
use pullagent_diagnosis::layer::tls::{TlsEvidence, TlsOutcome};
use pullagent_diagnosis::layer::transport::{ConnectOutcome, StreamFailure};
use pullagent_diagnosis::secret::Secret;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::bounds::Bounds;
use super::origin::Origin;
use super::other_way::Look;
use super::terms::Terms;
use super::way::{Said, Way};
use crate::dns::{self, Resolution};
use crate::http::Client;
use crate::limits::Limits;
use crate::tcp::{self, Connection};

/// Side questions of a hop that may still be outstanding.
#[derive(Default)]
pub(super) struct Underway {
    resolution: Option<Resolution>,
    connection: Option<Connection>,
    other_way: Option<Look>,
    /// What was dialled may be the beginning of a password.
    is_hidden: bool,
}

impl Underway {
    /// The address that the host, or its proxy, was reached at.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.connection.as_ref().and_then(Connection::address)
    }

    /// Why the host was not contacted, if its address is denied.
    pub(super) fn not_contacted(&self) -> Option<&str> {
        self.connection.as_ref().and_then(Connection::not_contacted)
    }

    fn is_connected(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| *connection.outcome() == ConnectOutcome::Ok)
    }

    /// Gives what is outstanding until then and completes the hop.
    pub(super) async fn finish(self, hop: &mut Hop, until: Instant) {
        let dns = OptionFuture::from(self.resolution.map(|resolution| resolution.finish(until)));
        let connect = OptionFuture::from(self.connection.map(|connection| connection.finish(until)));
        let other_way = OptionFuture::from(self.other_way.map(|look| look.finish(until)));
        (hop.dns, hop.connect, hop.other_way) = join3(dns, connect, other_way).await;
        if self.is_hidden {
            if let Some(dns) = &mut hop.dns {
                dns.name = None;
                dns.queries.clear();
            }
            if let Some(connect) = &mut hop.connect {
                connect.port = 0;
            }
            if let Some(proxy) = &mut hop.proxy {
                proxy.tls = None;
            }
        }
    }
}

/// A host that was reached, or was not.
pub(super) struct Host {
    pub(super) hop: usize,
    pub(super) origin: Origin,
    way: Option<(SocketAddr, Way)>,
    overlooked: bool,
    idle: Mutex<Vec<Client>>,
}

impl Host {
    /// Reaches a host for the first time, phase by phase, each with its evidence.
    pub(super) async fn reach(
        terms: &Terms<'_>,
        origin: Origin,
        role: Role,
        url: &str,
        until: Instant,
    ) -> (Self, Hop, Underway) {
        let route = terms.plan.network.proxy.route(origin.scheme.word(), origin.host(), Some(origin.port()));
        let mut hop = Hop { route: route.to_string(), ..Hop::new(role, &origin.authority, url) };
        let mut underway = Underway::default();
        let mut host = Self { hop: 0, origin, way: None, overlooked: false, idle: Mutex::default() };
        let proxy = match &route {
            Route::Direct { .. } => None,
            Route::Proxy { url, .. } | Route::CgiRefused { url, .. } => Some(url.clone()),
        };
        if let Some(proxy) = &proxy {
            hop.via = proxy.to_string();
            underway.is_hidden = proxy.is_hidden();
        }
        if matches!(route, Route::CgiRefused { .. }) {
            hop.proxy = Some(unasked(ProxyOutcome::CgiRefused));
            return (host, hop, underway);
        }
        let direct = Bounds::of(terms, &host.origin);
        if let Some(literal) = proxy.as_ref().and_then(|_| direct.denied_literal(host.origin.host())) {
            // The proxy is not asked for it either.
            let refused = tcp::connect(&[literal], host.origin.port(), terms.limits, |ip| direct.denies(ip)).await;
            underway.connection = Some(refused);
            return (host, hop, underway);
        }
        let bounds = if proxy.is_some() { Bounds::none() } else { direct };
        let way = Way::planned(terms, &host.origin, proxy);
        let Some((name, port)) = way.dials(&host.origin) else {
            hop.proxy = Some(unasked(ProxyOutcome::NoPort));
            underway.other_way = Look::begin(terms, &host.origin);
            return (host, hop, underway);
        };
        if let Some((stream, address)) = dial(terms, &name, port, &bounds, until, &mut underway).await {
            let mut said = Said::default();
            let reached = way.speak(stream, &host.origin, terms.limits, until, &mut said).await;
            (hop.proxy, hop.tls) = (said.proxy, said.tls);
            host.overlooked = hop.tls.as_ref().is_some_and(TlsEvidence::is_overlooked);
            if let Some(opened) = reached {
                // Where HTTP did not begin, the first question opens another one and writes down how that ends.
                host.idle = Mutex::new(opened.into_iter().collect());
                host.way = Some((address, way));
            }
        }
        if host.way.is_none() && underway.not_contacted().is_none() && has_another_way(&route, &hop, &underway) {
            underway.other_way = Look::begin(terms, &host.origin);
        }
        (host, hop, underway)
    }

    /// The same host with its place among the hops.
    pub(super) fn at(self, hop: usize) -> Self {
        Self { hop, ..self }
    }

    /// Whether it was reached.
    pub(super) fn is_reached(&self) -> bool {
        self.way.is_some()
    }

    /// Whether its certificate would be refused if it were verified: no secret is sent there.
    pub(super) fn is_overlooked(&self) -> bool {
        self.overlooked
    }

    /// Whether requests name the whole URL: over plain HTTP through a proxy they do.
    pub(super) fn wants_absolute_form(&self) -> bool {
        self.untunnelled().is_some()
    }

    /// The login for a proxy that each plain request carries.
    pub(super) fn proxy_authorization(&self) -> Option<Secret<String>> {
        self.untunnelled().and_then(ProxyUrl::authorization)
    }

    /// The proxy that reads the requests itself.
    fn untunnelled(&self) -> Option<&ProxyUrl> {
        self.way.as_ref()?.1.proxy.as_ref().filter(|proxy| !self.origin.is_tunnelled_by(proxy))
    }

    /// An open connection: an idle one, or a new one made the same way.
    pub(super) async fn client(&self, limits: &Limits, until: Instant) -> Result<Client, Answer> {
        let idle = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.retain(Client::is_open);
            idle.pop()
        };
        if let Some(client) = idle {
            return Ok(client);
        }
        // The very address that was judged when the host was reached; its name is not resolved again.
        let Some((address, way)) = &self.way else { return Err(Answer::NotReached) };
        let until_connected = until.min(Instant::now() + limits.connect);
        let stream = match tokio::time::timeout_at(until_connected, TcpStream::connect(*address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                return Err(Answer::Broken { failure: crate::stream::stream_failure(&error), started: false });
            }
            Err(_) => return Err(Answer::Broken { failure: StreamFailure::Timeout, started: false }),
        };
        let mut said = Said::default();
        match way.speak(stream, &self.origin, limits, until, &mut said).await {
            Some(opened) => opened,
            None => Err(said.failure()),
        }
    }

    /// Takes a connection back for the next request.
    pub(super) fn keep(&self, client: Client) {
        if client.is_open() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(client);
        }
    }
}

/// Whether another way may lead past what went wrong: past a proxy always; through one, where an exception kept the host
/// from it, only if the network is in the way.
fn has_another_way(route: &Route, hop: &Hop, underway: &Underway) -> bool {
    match route {
        Route::Proxy { .. } => true,
        Route::Direct { .. } => {
            !underway.is_connected() || hop.tls.as_ref().is_some_and(|tls| tls.outcome == TlsOutcome::Timeout)
        }
        Route::CgiRefused { .. } => false,
    }
}

/// What is known of a proxy that was not contacted.
fn unasked(outcome: ProxyOutcome) -> ProxyEvidence {
    ProxyEvidence { outcome, ms: 0, status: None, date: None, tls: None }
}

async fn dial(
    terms: &Terms<'_>,
    name: &str,
    port: u16,
    bounds: &Bounds,
    until: Instant,
    underway: &mut Underway,
) -> Option<(TcpStream, SocketAddr)> {
    let resolution =
        dns::resolve(name, &terms.plan.network.resolver, &terms.plan.network.hosts, &terms.limits.until(until)).await;
    let addresses = resolution.addresses().to_vec();
    underway.resolution = Some(resolution);
    if addresses.is_empty() {
        return None;
    }
    let limits = terms.limits.until(until);
    let connection = tcp::connect(&addresses, port, &limits, |ip| bounds.denies(ip)).await;
    let connection = underway.connection.insert(connection);
    Some((connection.stream.take()?, connection.address()?))
}

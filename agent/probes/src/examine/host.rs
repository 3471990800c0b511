//! One host of a pull: its name, its connection, the proxy before it, TLS, and the HTTP connections to it.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use pullagent_diagnosis::authority::Scheme;
use pullagent_diagnosis::config::proxy_env::{ProxyProtocol, ProxyUrl, Route};
use pullagent_diagnosis::evidence::{Hop, Role};
use pullagent_diagnosis::layer::dns::DnsEvidence;
use pullagent_diagnosis::layer::proxy::{ProxyEvidence, ProxyOutcome};
use pullagent_diagnosis::layer::registry::Answer;
use pullagent_diagnosis::layer::transport::{ConnectEvidence, StreamFailure};
use pullagent_diagnosis::secret::Secret;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::origin::Origin;
use super::terms::Terms;
use super::way::{Said, Way, tls_settings};
use crate::dns::{self, Resolution};
use crate::http::Client;
use crate::limits::Limits;
use crate::tcp::{self, Connection};

/// Side questions of a hop that may still be outstanding.
#[derive(Default)]
pub(super) struct Underway {
    resolution: Option<Resolution>,
    connection: Option<Connection>,
}

impl Underway {
    /// The address that the host, or its proxy, was reached at.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.connection.as_ref().and_then(Connection::address)
    }

    pub(super) async fn finish(self, until: Instant) -> (Option<DnsEvidence>, Option<ConnectEvidence>) {
        let dns = async {
            match self.resolution {
                Some(resolution) => Some(resolution.finish(until).await),
                None => None,
            }
        };
        let connect = async {
            match self.connection {
                Some(connection) => Some(connection.finish(until).await),
                None => None,
            }
        };
        futures_util::future::join(dns, connect).await
    }
}

/// A host that was reached, or was not.
pub(super) struct Host {
    pub(super) hop: usize,
    pub(super) origin: Origin,
    way: Option<Way>,
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
        let (host, port) = (origin.host().to_owned(), origin.port());
        let route = terms.plan.network.proxy.route(origin.scheme.word(), &host, Some(port));
        let (via, decided_by, proxy) = match &route {
            Route::Direct { because } => ("direct".to_owned(), because.to_string(), None),
            Route::Proxy { url, variable } => (url.to_string(), variable.clone(), Some(url.clone())),
            Route::CgiRefused { .. } => ("direct".to_owned(), route.to_string(), None),
        };
        let mut hop = Hop {
            role,
            host: origin.authority.clone(),
            url: url.to_owned(),
            via,
            route: decided_by,
            dns: None,
            connect: None,
            proxy: None,
            tls: None,
            http: None,
        };
        let mut underway = Underway::default();
        let mut way = None;
        let mut idle = Vec::new();
        match dialled(&origin, proxy.as_ref()) {
            Ok((name, port)) => {
                let stream = dial(terms, &name, port, until, &mut underway).await;
                if let Some((stream, address)) = stream {
                    let planned = Way { address, proxy, tls: tls_settings(terms, &origin), now: (terms.clock)() };
                    let mut said = Said::default();
                    let reached = planned.clone().speak(stream, &origin, terms.limits, until, &mut said).await;
                    (hop.proxy, hop.tls) = (said.proxy, said.tls);
                    if let Some(opened) = reached {
                        // Where HTTP did not begin, the first question opens another one and writes down how that ends.
                        idle.extend(opened);
                        way = Some(planned);
                    }
                }
            }
            Err(scheme) => {
                hop.proxy = Some(ProxyEvidence {
                    outcome: ProxyOutcome::Unsupported { scheme },
                    ms: 0,
                    status: None,
                    date: None,
                    tls: None,
                });
            }
        }
        (Self { hop: 0, origin, way, idle: Mutex::new(idle) }, hop, underway)
    }

    /// The same host with its place among the hops.
    pub(super) fn at(self, hop: usize) -> Self {
        Self { hop, ..self }
    }

    /// Whether it was reached.
    pub(super) fn is_reached(&self) -> bool {
        self.way.is_some()
    }

    /// Whether requests name the whole URL: over plain HTTP through a proxy they do.
    pub(super) fn wants_absolute_form(&self) -> bool {
        self.origin.scheme == Scheme::Http && self.proxy().is_some()
    }

    /// The login for a proxy that each plain request carries.
    pub(super) fn proxy_authorization(&self) -> Option<Secret<String>> {
        self.proxy().filter(|_| self.origin.scheme == Scheme::Http).and_then(ProxyUrl::authorization)
    }

    fn proxy(&self) -> Option<&ProxyUrl> {
        self.way.as_ref().and_then(|way| way.proxy.as_ref())
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
        let Some(way) = &self.way else { return Err(Answer::NotReached) };
        let until_connected = until.min(Instant::now() + limits.connect);
        let stream = match tokio::time::timeout_at(until_connected, TcpStream::connect(way.address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                return Err(Answer::Broken { failure: crate::stream::stream_failure(&error), started: false });
            }
            Err(_) => return Err(Answer::Broken { failure: StreamFailure::Timeout, started: false }),
        };
        let mut said = Said::default();
        match way.clone().speak(stream, &self.origin, limits, until, &mut said).await {
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

/// Which name and port are dialled: the host's, or its proxy's. Names the scheme of a proxy that is not spoken.
fn dialled(origin: &Origin, proxy: Option<&ProxyUrl>) -> Result<(String, u16), String> {
    match proxy {
        None => Ok((origin.host().to_owned(), origin.port())),
        Some(proxy) => match (proxy.protocol(), proxy.port()) {
            (ProxyProtocol::Http | ProxyProtocol::Https, Some(port)) => Ok((proxy.host(), port)),
            _ => Err(proxy.scheme().to_owned()),
        },
    }
}

async fn dial(
    terms: &Terms<'_>,
    name: &str,
    port: u16,
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
    let connection = underway.connection.insert(tcp::connect(&addresses, port, &terms.limits.until(until)).await);
    Some((connection.stream.take()?, connection.address()?))
}

//! From an open TCP connection to an HTTP connection: the proxy's TLS, the tunnel, the host's TLS. Dials nothing.

use std::sync::Arc;

use jiff::Timestamp;
use pullagent_diagnosis::authority::Scheme;
use pullagent_diagnosis::config::proxy_env::{ProxyProtocol, ProxyUrl};
use pullagent_diagnosis::config::trust::Trust;
use pullagent_diagnosis::layer::proxy::{ProxyEvidence, ProxyOutcome};
use pullagent_diagnosis::layer::registry::Answer;
use pullagent_diagnosis::layer::tls::{TlsEvidence, TlsOutcome};
use pullagent_diagnosis::layer::transport::StreamFailure;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::origin::Origin;
use super::terms::Terms;
use crate::http::Client;
use crate::limits::Limits;
use crate::proxy::tunnel;
use crate::socks;
use crate::tls::{TlsSettings, handshake};
use crate::wire::BoxedStream;

/// Where Go dials a proxy whose URL has no host.
const THIS_NODE: &str = "127.0.0.1";

/// What stands between an open TCP connection and a host, each time the same.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) proxy: Option<ProxyUrl>,
    /// How the host's certificate is verified; `None` over plain HTTP.
    tls: Option<TlsSettings>,
    /// The system's authorities, by which a proxy's certificate is judged.
    trust: Trust,
    /// This node's time when the host was first reached.
    now: Timestamp,
}

/// What a proxy and TLS said on the way to a host.
#[derive(Default)]
pub(super) struct Said {
    pub(super) proxy: Option<ProxyEvidence>,
    pub(super) tls: Option<TlsEvidence>,
}

impl Said {
    /// A further connection that came no farther than this, though the first one did.
    pub(super) fn failure(&self) -> Answer {
        let broken = |failure| Answer::Broken { failure, started: false };
        match (self.tls.as_ref().map(|tls| &tls.outcome), self.proxy.as_ref().map(|proxy| &proxy.outcome)) {
            (Some(TlsOutcome::Alert { name }), _) => Answer::TlsAlert { name: name.clone() },
            (Some(TlsOutcome::Broken { failure }), _) | (None, Some(ProxyOutcome::Broken { failure })) => {
                broken(failure.clone())
            }
            (Some(TlsOutcome::Timeout), _) => broken(StreamFailure::Timeout),
            _ => broken(StreamFailure::Closed),
        }
    }
}

impl Way {
    pub(super) fn planned(terms: &Terms<'_>, origin: &Origin, proxy: Option<ProxyUrl>) -> Self {
        let trust = terms.plan.network.trust.clone();
        Self { proxy, tls: tls_settings(terms, origin), trust, now: (terms.clock)() }
    }

    /// Which name and port are dialled: the host's, or its proxy's; `None` where the proxy has no port to dial.
    pub(super) fn dials(&self, origin: &Origin) -> Option<(String, u16)> {
        let Some(proxy) = &self.proxy else { return Some((origin.host().to_owned(), origin.port())) };
        let host = Some(proxy.host()).filter(|host| !host.is_empty());
        Some((host.unwrap_or_else(|| THIS_NODE.to_owned()), proxy.port()?))
    }

    /// From an open TCP connection to an HTTP connection.
    pub(super) async fn speak(
        &self,
        stream: TcpStream,
        origin: &Origin,
        limits: &Limits,
        until: Instant,
        said: &mut Said,
    ) -> Option<Result<Client, Answer>> {
        let (stream, h2) = self.lead(stream, origin, &limits.until(until), said).await?;
        Some(Client::start(stream, h2, until).await)
    }

    /// From an open TCP connection to the host: the proxy's TLS, the tunnel, the host's TLS. True with HTTP/2.
    pub(super) async fn lead(
        &self,
        stream: TcpStream,
        origin: &Origin,
        limits: &Limits,
        said: &mut Said,
    ) -> Option<(BoxedStream, bool)> {
        let mut stream: BoxedStream = Box::new(stream);
        if let Some(proxy) = &self.proxy {
            stream = self.through(proxy, stream, origin, limits, said).await?;
        }
        let mut h2 = false;
        if let Some(settings) = &self.tls {
            let (evidence, encrypted) = handshake(stream, origin.host(), settings, self.now, limits).await;
            h2 = matches!(&evidence.outcome, TlsOutcome::Ok { protocol: Some(protocol), .. } if protocol == "h2");
            said.tls = Some(evidence);
            stream = Box::new(encrypted?);
        }
        Some((stream, h2))
    }

    async fn through(
        &self,
        proxy: &ProxyUrl,
        mut stream: BoxedStream,
        origin: &Origin,
        limits: &Limits,
        said: &mut Said,
    ) -> Option<BoxedStream> {
        if proxy.protocol() == ProxyProtocol::Https {
            // A proxy's certificate is judged by the system's authorities alone.
            let settings = TlsSettings { trust: self.trust.clone(), ..TlsSettings::default() };
            let (evidence, encrypted) = handshake(stream, &proxy.host(), &settings, self.now, limits).await;
            let Some(encrypted) = encrypted else {
                let outcome = ProxyOutcome::TlsFailed;
                said.proxy =
                    Some(ProxyEvidence { outcome, ms: evidence.ms, status: None, date: None, tls: Some(evidence) });
                return None;
            };
            stream = Box::new(encrypted);
        }
        if !origin.is_tunnelled_by(proxy) {
            return Some(stream);
        }
        let (evidence, tunnelled): (ProxyEvidence, Option<BoxedStream>) = if proxy.protocol() == ProxyProtocol::Socks5 {
            let (evidence, stream) =
                socks::connect(stream, origin.host(), origin.port(), proxy.credentials(), limits).await;
            (evidence, stream)
        } else {
            let (evidence, tunnel) = tunnel(stream, &origin.target(), proxy.authorization().as_ref(), limits).await;
            (evidence, tunnel.map(|tunnel| Box::new(tunnel) as BoxedStream))
        };
        said.proxy = Some(evidence);
        tunnelled
    }
}

/// How the certificate of an origin is verified; `None` over plain HTTP.
///
/// The endpoint's authorities count wherever a pull from it leads, for the runtimes talk to its token service and its
/// storage by the same settings (containerd `core/remotes/docker/config/hosts.go`, one client for each host entry). To
/// spare verification, and to show who asks, is for the endpoint alone.
fn tls_settings(terms: &Terms<'_>, origin: &Origin) -> Option<TlsSettings> {
    let is_endpoint = terms.is_endpoint(origin);
    (origin.scheme == Scheme::Https).then(|| TlsSettings {
        trust: terms.plan.network.trust.clone(),
        extra_roots: Arc::clone(&terms.rules.roots),
        client_keys: if is_endpoint { Arc::clone(&terms.rules.client_keys) } else { Arc::default() },
        skip_verify: is_endpoint && terms.endpoint.skip_verify,
        alpn: true,
    })
}

//! From an open TCP connection to an HTTP connection: the proxy's TLS, the tunnel, the host's TLS. Dials nothing.

use std::net::SocketAddr;

use jiff::Timestamp;
use pullagent_diagnosis::authority::Scheme;
use pullagent_diagnosis::config::proxy_env::{ProxyProtocol, ProxyUrl};
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
use crate::tls::{TlsSettings, handshake};
use crate::wire::BoxedStream;

/// What it takes to open another connection the same way.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) address: SocketAddr,
    pub(super) proxy: Option<ProxyUrl>,
    pub(super) tls: Option<TlsSettings>,
    /// This node's time when the host was first reached.
    pub(super) now: Timestamp,
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
    /// From an open TCP connection to an HTTP connection: the proxy's TLS, the tunnel, the host's TLS.
    pub(super) async fn speak(
        self,
        stream: TcpStream,
        origin: &Origin,
        limits: &Limits,
        until: Instant,
        said: &mut Said,
    ) -> Option<Result<Client, Answer>> {
        let limits = &limits.until(until);
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
        Some(Client::start(stream, h2, until).await)
    }

    async fn through(
        &self,
        proxy: &ProxyUrl,
        stream: BoxedStream,
        origin: &Origin,
        limits: &Limits,
        said: &mut Said,
    ) -> Option<BoxedStream> {
        let mut stream = stream;
        if proxy.protocol() == ProxyProtocol::Https {
            // A proxy's certificate is judged by the system's authorities alone.
            let settings = TlsSettings { trust: self.tls.clone().unwrap_or_default().trust, ..TlsSettings::default() };
            let (evidence, encrypted) = handshake(stream, &proxy.host(), &settings, self.now, limits).await;
            let Some(encrypted) = encrypted else {
                let outcome = ProxyOutcome::TlsFailed;
                said.proxy =
                    Some(ProxyEvidence { outcome, ms: evidence.ms, status: None, date: None, tls: Some(evidence) });
                return None;
            };
            stream = Box::new(encrypted);
        }
        if origin.scheme == Scheme::Http {
            return Some(stream);
        }
        let (evidence, tunnelled) = tunnel(stream, &origin.target(), proxy.authorization().as_ref(), limits).await;
        said.proxy = Some(evidence);
        Some(Box::new(tunnelled?))
    }
}

/// How the certificate of an origin is verified; `None` over plain HTTP. The endpoint's own rules are for it alone.
pub(super) fn tls_settings(terms: &Terms<'_>, origin: &Origin) -> Option<TlsSettings> {
    let is_endpoint = origin.host().eq_ignore_ascii_case(terms.endpoint.host())
        && origin.port() == terms.endpoint.port(origin.scheme);
    (origin.scheme == Scheme::Https).then(|| TlsSettings {
        trust: terms.plan.network.trust.clone(),
        skip_verify: is_endpoint && terms.endpoint.skip_verify,
        alpn: true,
        ..TlsSettings::default()
    })
}

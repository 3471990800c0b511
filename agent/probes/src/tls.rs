//! TLS with one host: the handshake, what the server sent, and the verdict that a Go process would give.
//!
//! A refused certificate ends the stream: nothing but the alert is sent after it. No host is looked up and no
//! connection is made here.

mod certificate;
mod chain;
mod client;
mod first_bytes;
mod name;
mod verify;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use pullagent_diagnosis::config::trust::Trust;
use pullagent_diagnosis::layer::tls::{CertificateFacts, CertificateFault, TlsEvidence, TlsOutcome};
use pullagent_diagnosis::text::clean;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, ProtocolVersion, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use self::certificate::Certificate;
use self::chain::Authorities;
pub use self::client::ClientKey;
pub use self::first_bytes::FirstBytes;
use self::verify::certificate_faults;
use crate::limits::Limits;
use crate::stream::{alert_name, rustls_error, stream_failure};

/// Certificates of a chain that are described.
const MAX_CHAIN: usize = 8;
/// Bytes shown of another protocol's greeting.
const MAX_GREETING: usize = 32;
/// Bytes of the library's word for a failure.
const MAX_WHY: usize = 200;

/// How the node's configuration has this host verified.
#[derive(Clone, Debug, Default)]
pub struct TlsSettings {
    /// The system's authorities.
    pub trust: Trust,
    /// Authorities for this host alone, in DER form: they are added to the system's.
    pub extra_roots: Arc<Vec<Vec<u8>>>,
    /// Certificates that are shown to a server that asks for one: the first that it takes.
    pub client_keys: Arc<Vec<ClientKey>>,
    /// Verification is off: everything is accepted, and still examined.
    pub skip_verify: bool,
    /// Offer HTTP/2 besides HTTP/1.1. Without it no protocol is offered, as towards a proxy.
    pub alpn: bool,
}

/// Shakes hands over `stream` as `host`: a name, or an IP address with or without brackets.
///
/// The stream comes back only if it may be used. `now` is this node's clock, by which certificates are judged.
pub async fn handshake<S>(
    stream: S,
    host: &str,
    settings: &TlsSettings,
    now: Timestamp,
    limits: &Limits,
) -> (TlsEvidence, Option<TlsStream<FirstBytes<S>>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let started = Instant::now();
    let verifier = Arc::new(Verifier::new(host, settings, now));
    let (outcome, stream) = match connector(host, settings, &verifier) {
        Ok((connector, name)) => {
            let connect = connector.connect(name, FirstBytes::of(stream)).into_fallible();
            match timeout(limits.handshake, connect).await {
                Ok(Ok(stream)) => (agreed(&stream, settings, &verifier), Some(stream)),
                Ok(Err((error, stream))) => (verifier.refusal().unwrap_or_else(|| failed(&error, stream.read())), None),
                // Only the alert can be outstanding when the verdict is there.
                Err(_) => (verifier.refusal().unwrap_or(TlsOutcome::Timeout), None),
            }
        }
        Err(why) => (TlsOutcome::Failed { why }, None),
    };
    let ms = u32::try_from(started.elapsed().as_millis()).unwrap_or(u32::MAX);
    (TlsEvidence { outcome, ms, chain: verifier.seen().chain }, stream)
}

fn connector(
    host: &str,
    settings: &TlsSettings,
    verifier: &Arc<Verifier>,
) -> Result<(TlsConnector, ServerName<'static>), String> {
    // Go leaves the final dot out of the name that it sends, and sends none for an address.
    let name = match name::as_ip(host) {
        Some(ip) => ServerName::from(ip),
        None => ServerName::try_from(host.strip_suffix('.').unwrap_or(host).to_owned())
            .map_err(|_| format!("`{}` is no name that TLS could carry", clean(host, MAX_WHY)))?,
    };
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(verifier) as Arc<dyn ServerCertVerifier>)
        .with_client_cert_resolver(Arc::new(client::Choice(Arc::clone(&settings.client_keys))));
    // Every handshake is to show its certificates.
    config.resumption = Resumption::disabled();
    if settings.alpn {
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    }
    Ok((TlsConnector::from(Arc::new(config)), name))
}

/// The one cryptography library, whatever the process has installed as its default.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider())))
}

fn agreed<S>(stream: &TlsStream<FirstBytes<S>>, settings: &TlsSettings, verifier: &Verifier) -> TlsOutcome {
    let (_, session) = stream.get_ref();
    let version = match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => "TLS 1.2".to_owned(),
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3".to_owned(),
        other => format!("{other:?}"),
    };
    TlsOutcome::Ok {
        version,
        protocol: session.alpn_protocol().map(|protocol| String::from_utf8_lossy(protocol).into_owned()),
        verified: !settings.skip_verify,
        overlooked: verifier.seen().faults,
    }
}

/// What the server sent, and what is wrong with it.
#[derive(Clone, Debug, Default)]
struct Seen {
    chain: Vec<CertificateFacts>,
    faults: Vec<CertificateFault>,
}

/// Go's verdict in rustls' place: records what it saw, then accepts or refuses.
#[derive(Debug)]
struct Verifier {
    host: String,
    roots: Vec<CertificateDer<'static>>,
    skip_verify: bool,
    now: Timestamp,
    provider: Arc<CryptoProvider>,
    seen: Mutex<Seen>,
}

impl Verifier {
    fn new(host: &str, settings: &TlsSettings, now: Timestamp) -> Self {
        let roots = settings.trust.roots.iter().chain(settings.extra_roots.iter());
        Self {
            host: host.to_owned(),
            roots: roots.map(|root| CertificateDer::from(root.clone())).collect(),
            skip_verify: settings.skip_verify,
            now,
            provider: provider(),
            seen: Mutex::default(),
        }
    }

    fn seen(&self) -> Seen {
        // Only a panic in the verifier could poison it, and then what was recorded is still true.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn refusal(&self) -> Option<TlsOutcome> {
        let mut faults = self.seen().faults.into_iter().filter(|_| !self.skip_verify);
        let fault = faults.next()?;
        Some(TlsOutcome::CertificateRefused { fault, further: faults.collect() })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let authorities =
            Authorities { roots: &self.roots, algorithms: self.provider.signature_verification_algorithms };
        let faults = certificate_faults(leaf, others, &self.host, &authorities, self.now);
        let sent = std::iter::once(leaf).chain(others).take(MAX_CHAIN);
        let chain = sent.filter_map(|der| Some(Certificate::parse(der)?.facts())).collect();
        let refused = !faults.is_empty() && !self.skip_verify;
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Seen { chain, faults };
        if refused {
            return Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, leaf, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, leaf, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// A failed handshake by its first bytes, then by the TLS library's error, then by the stream's.
fn failed(error: &io::Error, first: &[u8]) -> TlsOutcome {
    if first.starts_with(b"HTTP/") {
        return TlsOutcome::Plaintext;
    }
    // The record types of TLS; everything else is another protocol's greeting.
    if first.first().is_some_and(|byte| !(0x14..=0x18).contains(byte)) {
        return TlsOutcome::NotTls { starts: clean(&String::from_utf8_lossy(first), MAX_GREETING) };
    }
    match rustls_error(error) {
        Some(Error::AlertReceived(received)) => TlsOutcome::Alert { name: alert_name(*received) },
        Some(other) => TlsOutcome::Failed { why: clean(&other.to_string(), MAX_WHY) },
        None => TlsOutcome::Broken { failure: stream_failure(error) },
    }
}

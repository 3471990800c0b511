//! Handshakes with real servers, each broken in one way; whose certificates, stands in `certificates`.

mod certificates;

use std::time::Duration;

use pullagent_diagnosis::layer::tls::ChainShape;
use pullagent_diagnosis::layer::transport::StreamFailure;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;
use crate::stream::late_alert;

const HOST: &str = "registry.corp.test";
type Issuer = CertifiedIssuer<'static, KeyPair>;

fn now() -> Timestamp {
    "2024-06-01T00:00:00Z".parse().unwrap()
}

fn params(common_name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2025, 1, 1);
    params
}

fn authority_params(common_name: &str) -> CertificateParams {
    let mut params = params(common_name, &[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn root(params: CertificateParams) -> Issuer {
    Issuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn intermediate(params: CertificateParams, issuer: &Issuer) -> Issuer {
    Issuer::signed_by(params, KeyPair::generate().unwrap(), issuer).unwrap()
}

/// A server's certificates and key, and what the node trusts.
struct World {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
    trusted: Vec<Vec<u8>>,
}

impl World {
    fn issued(params: &CertificateParams, issuer: &Issuer) -> Self {
        let key = KeyPair::generate().unwrap();
        let leaf = params.signed_by(&key, issuer).unwrap().der().clone();
        Self { chain: vec![leaf], key, trusted: vec![issuer.der().to_vec()] }
    }

    fn self_signed(params: &CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let leaf = params.self_signed(&key).unwrap().der().clone();
        Self { chain: vec![leaf], key, trusted: Vec::new() }
    }

    fn sending(mut self, issuers: &[&Issuer]) -> Self {
        self.chain.extend(issuers.iter().map(|issuer| issuer.der().clone()));
        self
    }

    fn trusting(mut self, issuers: &[&Issuer]) -> Self {
        self.trusted = issuers.iter().map(|issuer| issuer.der().to_vec()).collect();
        self
    }

    fn trusting_the_leaf(mut self) -> Self {
        self.trusted = vec![self.chain[0].to_vec()];
        self
    }

    fn settings(&self) -> TlsSettings {
        let trust = Trust { roots: Arc::new(self.trusted.clone()), ..Trust::default() };
        TlsSettings { trust, alpn: true, ..TlsSettings::default() }
    }

    fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }

    fn config(&self) -> ServerConfig {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.private_key())
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        config
    }

    async fn shake(&self, host: &str) -> TlsOutcome {
        with_server(self.config(), host, &self.settings()).await.0.outcome
    }

    #[track_caller]
    fn check(&self, host: &str, faults: &[&str]) {
        let outcome = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let outcome = outcome.block_on(self.shake(host));
        let found: Vec<_> = match outcome {
            TlsOutcome::Ok { verified: true, overlooked, .. } => overlooked,
            TlsOutcome::CertificateRefused { fault, further } => std::iter::once(fault).chain(further).collect(),
            other => panic!("{other:?}"),
        };
        assert_eq!(found.iter().map(told).collect::<Vec<_>>(), faults);
    }
}

fn told(fault: &CertificateFault) -> String {
    match fault {
        CertificateFault::Expired { subject, .. } => format!("expired {subject}"),
        CertificateFault::NotYetValid { subject, .. } => format!("not yet valid {subject}"),
        CertificateFault::NameMismatch { names, .. } => format!("for {}", names.join(" ")),
        CertificateFault::UnknownAuthority { issuer, chain } => format!("{chain:?} {issuer}"),
        CertificateFault::Unsuitable { why } => why.clone(),
    }
}

type Shaken = (TlsEvidence, Option<TlsStream<FirstBytes<DuplexStream>>>);

async fn with_server(config: ServerConfig, host: &str, settings: &TlsSettings) -> Shaken {
    with_peer(host, settings, async move |peer| {
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        if let Ok(mut stream) = acceptor.accept(peer).await {
            // Holds the connection until the client is done.
            let _ = stream.read(&mut [0]).await;
        }
    })
    .await
}

async fn with_peer<F>(host: &str, settings: &TlsSettings, peer: impl FnOnce(DuplexStream) -> F) -> Shaken
where
    F: Future<Output = ()> + Send + 'static,
{
    let (ours, theirs) = duplex(1 << 16);
    tokio::spawn(peer(theirs));
    let limits = Limits { handshake: Duration::from_secs(5), ..Limits::default() };
    handshake(ours, host, settings, now(), &limits).await
}

#[tokio::test]
async fn the_evidence_of_a_good_handshake_is_complete() {
    let root = root(authority_params("Root"));
    let world = World::issued(&params("leaf", &[HOST]), &root).sending(&[&root; 10]);
    let (evidence, stream) = with_server(world.config(), HOST, &world.settings()).await;
    let TlsOutcome::Ok { version, protocol, .. } = &evidence.outcome else { panic!("{evidence:?}") };
    assert_eq!((version.as_str(), protocol.as_deref()), ("TLS 1.3", Some("h2")));
    assert_eq!(evidence.chain.len(), MAX_CHAIN);
    assert_eq!((evidence.chain[0].subject.as_str(), evidence.chain[0].issuer.as_str()), ("CN=leaf", "CN=Root"));
    assert_eq!(stream.unwrap().get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
}

#[tokio::test]
async fn skipped_verification_accepts_and_records_what_it_overlooked() {
    let world = World::self_signed(&params("leaf", &["other.test"]));
    let settings = TlsSettings { skip_verify: true, ..world.settings() };
    let (evidence, stream) = with_server(world.config(), HOST, &settings).await;
    let TlsOutcome::Ok { verified: false, overlooked, .. } = evidence.outcome else { panic!("{evidence:?}") };
    assert_eq!(overlooked.iter().map(told).collect::<Vec<_>>(), ["for other.test", "SelfSigned CN=leaf"]);
    assert!(stream.is_some());
}

#[tokio::test]
async fn roots_for_one_host_are_added_to_the_systems() {
    let root = root(authority_params("Root"));
    let world = World::issued(&params("leaf", &[HOST]), &root).trusting(&[]);
    let settings = TlsSettings { extra_roots: Arc::new(vec![root.der().to_vec()]), ..world.settings() };
    let (evidence, stream) = with_server(world.config(), HOST, &settings).await;
    assert!(matches!(evidence.outcome, TlsOutcome::Ok { verified: true, .. }));
    assert!(stream.is_some());
}

#[tokio::test]
async fn a_refused_server_receives_nothing_but_an_alert() {
    let world = World::self_signed(&params("leaf", &[HOST]));
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(world.config()));
    let (ours, theirs) = duplex(1 << 16);
    let server = tokio::spawn(async move { acceptor.accept(theirs).await.map(|_| ()) });
    let (evidence, stream) = handshake(ours, HOST, &world.settings(), now(), &Limits::default()).await;
    let refused = CertificateFault::UnknownAuthority { issuer: "CN=leaf".to_owned(), chain: ChainShape::SelfSigned };
    assert_eq!(evidence.outcome, TlsOutcome::CertificateRefused { fault: refused, further: Vec::new() });
    assert_eq!(evidence.chain.len(), 1);
    assert!(stream.is_none());
    let error = server.await.unwrap().unwrap_err();
    assert!(late_alert(&error).is_some(), "{error:?}");
}

#[tokio::test]
async fn a_missing_client_certificate_is_told_at_the_first_read() {
    let root = root(authority_params("Root"));
    let world = World::issued(&params("leaf", &[HOST]), &root);
    let mut clients = RootCertStore::empty();
    clients.add(root.der().clone()).unwrap();
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(clients), provider()).build().unwrap();
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(world.chain.clone(), world.private_key())
        .unwrap();
    let (evidence, stream) = with_server(config, HOST, &world.settings()).await;
    assert!(matches!(evidence.outcome, TlsOutcome::Ok { .. }), "{evidence:?}");
    let error = stream.unwrap().read(&mut [0]).await.unwrap_err();
    assert_eq!(late_alert(&error).as_deref(), Some("certificate_required"));
}

async fn answered(answer: &'static [u8]) -> TlsOutcome {
    let peer = async move |mut peer: DuplexStream| {
        peer.write_all(answer).await.unwrap();
        let _ = peer.read_to_end(&mut Vec::new()).await;
    };
    let (evidence, stream) = with_peer(HOST, &TlsSettings::default(), peer).await;
    assert!(stream.is_none());
    evidence.outcome
}

#[tokio::test]
async fn a_peer_without_tls_is_known_by_its_first_bytes() {
    assert_eq!(answered(b"HTTP/1.1 400 Bad Request\r\n\r\n").await, TlsOutcome::Plaintext);
    let starts = "SSH-2.0-OpenSSH_9.6".to_owned();
    assert_eq!(answered(b"SSH-2.0-OpenSSH_9.6\r\n").await, TlsOutcome::NotTls { starts });
}

#[tokio::test]
async fn alerts_keep_their_names() {
    let name = "handshake_failure".to_owned();
    assert_eq!(answered(&[0x15, 3, 3, 0, 2, 2, 0x28]).await, TlsOutcome::Alert { name });
    let name = "protocol_version".to_owned();
    assert_eq!(answered(&[0x15, 3, 1, 0, 2, 2, 0x46]).await, TlsOutcome::Alert { name });
    let name = "unrecognized_name".to_owned();
    assert_eq!(answered(&[0x15, 3, 3, 0, 2, 2, 0x70]).await, TlsOutcome::Alert { name });
    assert!(matches!(answered(&[0x16, 3, 3, 0, 4, 9, 9, 9, 9]).await, TlsOutcome::Failed { .. }));
}

#[tokio::test]
async fn a_peer_that_closes_is_not_one_that_is_silent() {
    let closing = async |mut peer: DuplexStream| {
        let _ = peer.read(&mut [0; 64]).await;
    };
    let (evidence, _) = with_peer(HOST, &TlsSettings::default(), closing).await;
    assert_eq!(evidence.outcome, TlsOutcome::Broken { failure: StreamFailure::Closed });

    let (ours, _theirs) = duplex(1 << 16);
    let limits = Limits { handshake: Duration::from_millis(20), ..Limits::default() };
    let (evidence, stream) = handshake(ours, HOST, &TlsSettings::default(), now(), &limits).await;
    assert_eq!(evidence.outcome, TlsOutcome::Timeout);
    assert!(stream.is_none());
}

#[tokio::test]
async fn a_name_that_tls_cannot_carry_is_told_without_a_word_to_the_peer() {
    let (evidence, stream) =
        handshake(duplex(1).0, "-\u{1b}bad", &TlsSettings::default(), now(), &Limits::default()).await;
    assert!(matches!(evidence.outcome, TlsOutcome::Failed { .. }));
    assert!(stream.is_none());
}

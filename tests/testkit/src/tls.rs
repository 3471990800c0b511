//! How a server speaks TLS: its certificate, ALPN, and whether it wants a client certificate. Uses its own crypto
//! provider explicitly and installs none for the process.

use std::sync::Arc;

use rustls::{RootCertStore, ServerConfig, server::WebPkiClientVerifier};
use tokio_rustls::TlsAcceptor;

use crate::ca::{Ca, Identity};

/// The TLS side of a server.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
}

impl Tls {
    /// Presents `identity` and offers HTTP/2 and HTTP/1.1.
    pub fn new(identity: &Identity) -> Self {
        Self::build(identity, None)
    }

    /// The same, and refuses clients without a certificate of `clients`. TLS 1.3 tells them after the handshake.
    pub fn with_client_certificates(identity: &Identity, clients: &Ca) -> Self {
        Self::build(identity, Some(clients))
    }

    /// The same without HTTP/2.
    #[must_use]
    pub fn http1_only(self) -> Self {
        let mut config = ServerConfig::clone(&self.config);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self { config: Arc::new(config) }
    }

    fn build(identity: &Identity, clients: Option<&Ca>) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("the provider speaks TLS 1.2 and 1.3");
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(ca) => {
                let mut roots = RootCertStore::empty();
                roots.add(ca.der().clone()).expect("a root of our own making");
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .expect("one root is enough");
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder
            .with_single_cert(identity.certificates().to_vec(), identity.key().into())
            .expect("key and certificate belong together");
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Self { config: Arc::new(config) }
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

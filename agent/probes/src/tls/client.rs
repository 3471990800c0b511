//! Certificates by which this node shows who it is, and which of them a server is shown. Reads no file.

use std::fmt;
use std::sync::Arc;

use pullagent_diagnosis::secret::Secret;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls::{Error, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::provider;

/// A client certificate with its key, ready to sign.
#[derive(Clone)]
pub struct ClientKey(Arc<CertifiedKey>);

impl ClientKey {
    /// Reads a chain, the own certificate first, and its key, both in PEM. The error says what is wrong and quotes
    /// nothing.
    pub fn parse(chain: &[u8], key: &Secret<Vec<u8>>) -> Result<Self, String> {
        let certificates: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>().map_err(|_| "its PEM is damaged")?;
        if certificates.is_empty() {
            return Err("it holds no certificate".to_owned());
        }
        let key = PrivateKeyDer::from_pem_slice(key.expose()).map_err(|_| "its key cannot be read")?;
        let key = provider().key_provider.load_private_key(key).map_err(|_| "its key is of an unknown kind")?;
        let certified = CertifiedKey::new(certificates, key);
        match certified.keys_match() {
            // A key that does not tell its public half may still be the right one.
            Ok(()) | Err(Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(Self(Arc::new(certified))),
            Err(_) => Err("its key belongs to another certificate".to_owned()),
        }
    }

    /// Whether a server that names these authorities and signatures takes it (Go crypto/tls `SupportsCertificate`).
    fn suits(&self, authorities: &[&[u8]], schemes: &[SignatureScheme]) -> bool {
        let issued_by_one = |der: &CertificateDer<'_>| {
            let parsed = x509_parser::parse_x509_certificate(der);
            parsed.is_ok_and(|(_, certificate)| authorities.contains(&certificate.issuer().as_raw()))
        };
        self.0.key.choose_scheme(schemes).is_some() && (authorities.is_empty() || self.0.cert.iter().any(issued_by_one))
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientKey(***)")
    }
}

/// Shows the first certificate that the server takes, and none if there is none, as Go does (crypto/tls
/// `getClientCertificate`).
#[derive(Debug)]
pub(super) struct Choice(pub(super) Arc<Vec<ClientKey>>);

impl ResolvesClientCert for Choice {
    fn resolve(&self, authorities: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.iter().find(|key| key.suits(authorities, schemes)).map(|key| Arc::clone(&key.0))
    }

    fn has_certs(&self) -> bool {
        !self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, CertifiedIssuer, DnType, KeyPair};

    use super::*;

    fn issuer(name: &str) -> CertifiedIssuer<'static, KeyPair> {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    /// A certificate of an authority, and its key, both in PEM.
    fn pair(authority: &CertifiedIssuer<'static, KeyPair>) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["node.test".to_owned()]).unwrap().signed_by(&key, authority).unwrap();
        (leaf.pem(), key.serialize_pem())
    }

    fn parse(chain: &str, key: &str) -> Result<ClientKey, String> {
        ClientKey::parse(chain.as_bytes(), &key.as_bytes().to_vec().into())
    }

    #[test]
    fn a_pair_that_cannot_be_used_is_said_and_not_shown() {
        let (ours, (chain, key), (_, other)) = (issuer("a"), pair(&issuer("b")), pair(&issuer("c")));
        let check = |chain: &str, key: &str, why: &str| assert_eq!(parse(chain, key).unwrap_err(), why);
        check("", &key, "it holds no certificate");
        check("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", &key, "its PEM is damaged");
        check(&chain, "s3cret", "its key cannot be read");
        check(&chain, &chain, "its key cannot be read");
        check(&chain, &other, "its key belongs to another certificate");
        let good = parse(&format!("{chain}{}", ours.pem()), &format!("{chain}{key}")).unwrap();
        assert_eq!(format!("{good:?}"), "ClientKey(***)");
    }

    #[test]
    fn the_first_certificate_that_the_server_takes_is_shown() {
        let (a, b) = (issuer("a"), issuer("b"));
        let keys: Vec<(String, String)> = vec![pair(&a), pair(&b)];
        let parsed = keys.iter().map(|(chain, key)| parse(chain, key).unwrap()).collect();
        let choice = Choice(Arc::new(parsed));
        let name = |issuer: &CertifiedIssuer<'static, KeyPair>| {
            x509_parser::parse_x509_certificate(issuer.der()).unwrap().1.subject().as_raw().to_vec()
        };
        let ecdsa = [SignatureScheme::ECDSA_NISTP256_SHA256];
        let check = |authorities: &[&[u8]], schemes: &[SignatureScheme], want: Option<usize>| {
            let shown = choice.resolve(authorities, schemes);
            let place = shown.map(|shown| choice.0.iter().position(|key| Arc::ptr_eq(&key.0, &shown)).unwrap());
            assert_eq!(place, want);
        };
        check(&[], &ecdsa, Some(0));
        check(&[&name(&b)], &ecdsa, Some(1));
        check(&[&name(&b), &name(&a)], &ecdsa, Some(0));
        check(&[&name(&issuer("c"))], &ecdsa, None);
        check(&[], &[SignatureScheme::RSA_PSS_SHA256], None);
    }
}

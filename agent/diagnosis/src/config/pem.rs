//! PEM files as Go reads them: which blocks they hold, and whether a certificate and a key can go together.
//!
//! Trust is not judged here, nor dates, nor chains. Copied rules: go src/encoding/pem/pem.go `Decode`,
//! `src/crypto/x509/cert_pool.go` `AppendCertsFromPEM`, src/crypto/tls/tls.go `X509KeyPair`.

mod key;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

/// Why Go makes no key pair of two files. What is not found out: whether an elliptic-curve key that comes without its
/// public half, or an Ed25519 key, belongs to the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyPairError {
    /// No `CERTIFICATE` block in the first file.
    #[error("no certificate in the certificate file")]
    NoCertificate,
    /// The first certificate cannot be parsed.
    #[error("the certificate cannot be parsed")]
    BadCertificate,
    /// No `PRIVATE KEY` block in the second file.
    #[error("no private key in the key file")]
    NoKey,
    /// Encrypted, damaged, or of a kind that Go does not know.
    #[error("the private key cannot be parsed")]
    BadKey,
    /// They are of different kinds, or not the two halves of one pair.
    #[error("the private key does not belong to the certificate")]
    Mismatch,
}

/// A client certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientPair {
    /// The file of the certificate.
    pub certificate: String,
    /// The file of the key; `None`: it is in the same file.
    pub key: Option<String>,
}

/// A block whose base64 is whole.
struct Block<'t> {
    label: &'t [u8],
    has_headers: bool,
    der: Vec<u8>,
}

/// The number of certificates that a pool would take from a file; with none, Go says that it cannot be loaded.
pub(crate) fn count_certificates(content: &[u8]) -> usize {
    let plain = blocks(content).into_iter().filter(|block| block.label == b"CERTIFICATE" && !block.has_headers);
    plain.filter(|block| parse_certificate(&block.der).is_some()).count()
}

/// Whether `tls.X509KeyPair` takes the two contents.
pub(crate) fn check_key_pair(certificate: &[u8], key: &[u8]) -> Result<(), KeyPairError> {
    let chain = blocks(certificate).into_iter().find(|block| block.label == b"CERTIFICATE");
    let leaf = chain.ok_or(KeyPairError::NoCertificate)?;
    let is_key = |block: &Block<'_>| block.label == b"PRIVATE KEY" || block.label.ends_with(b" PRIVATE KEY");
    let key = blocks(key).into_iter().find(is_key).ok_or(KeyPairError::NoKey)?;
    let leaf = parse_certificate(&leaf.der).ok_or(KeyPairError::BadCertificate)?;
    let key = key::PrivateKey::parse(&key.der).ok_or(KeyPairError::BadKey)?;
    if key.may_belong_to(leaf.public_key()) { Ok(()) } else { Err(KeyPairError::Mismatch) }
}

fn parse_certificate(der: &[u8]) -> Option<X509Certificate<'_>> {
    X509Certificate::from_der(der).ok().filter(|(rest, _)| rest.is_empty()).map(|(_, certificate)| certificate)
}

/// The blocks of a file; damaged ones are passed over.
fn blocks(content: &[u8]) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut open: Option<(Block<'_>, Vec<u8>)> = None;
    for line in content.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii_end();
        if let Some(label) = boundary(line, b"-----BEGIN ") {
            open = Some((Block { label, has_headers: false, der: Vec::new() }, Vec::new()));
        } else if let Some(label) = boundary(line, b"-----END ") {
            if let Some((mut block, body)) = open.take().filter(|(block, _)| block.label == label)
                && let Ok(der) = STANDARD.decode(&body)
            {
                block.der = der;
                blocks.push(block);
            }
        } else if let Some((block, body)) = &mut open {
            if body.is_empty() && line.contains(&b':') {
                block.has_headers = true;
            } else {
                body.extend(line.iter().filter(|byte| !byte.is_ascii_whitespace()));
            }
        }
    }
    blocks
}

fn boundary<'t>(line: &'t [u8], start: &[u8]) -> Option<&'t [u8]> {
    line.strip_prefix(start)?.strip_suffix(b"-----")
}

#[cfg(test)]
mod tests;

//! Whether a chain ends in a certificate that the node trusts, as Go builds chains (crypto/x509 `verify.go`,
//! `buildChains`). Pure. The signatures and the path are rustls-webpki's work; here stands what Go does otherwise.

use std::cell::RefCell;
use std::ptr;

use jiff::Timestamp;
use pullagent_diagnosis::layer::tls::{CertificateFault, ChainShape};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{
    EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeId, KeyPurposeIdIter, KeyUsage,
    RequiredEkuNotFoundContext, VerifiedPath, anchor_from_trusted_cert,
};

use super::certificate::Certificate;

/// What the node trusts, and which signatures count: none with SHA-1.
pub(super) struct Authorities<'a> {
    pub(super) roots: &'a [CertificateDer<'a>],
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

/// The leaf and whatever else the server sent, in any order.
pub(super) struct Sent<'a> {
    pub(super) leaf: &'a CertificateDer<'a>,
    pub(super) parsed: &'a Certificate<'a>,
    pub(super) others: &'a [CertificateDer<'a>],
}

/// What is wrong with the chain at `now`, apart from the leaf's own validity and names.
pub(super) fn chain_fault(sent: &Sent<'_>, authorities: &Authorities<'_>, now: Timestamp) -> Option<CertificateFault> {
    // Go takes a leaf that is itself in the pool for a whole chain, an authority's certificate included; webpki
    // refuses both.
    if authorities.roots.iter().any(|root| root == sent.leaf) {
        return (!sent.parsed.may_serve()).then(|| unsuitable(&no_server_usage()));
    }
    let leaf = match EndEntityCert::try_from(sent.leaf) {
        Ok(leaf) => leaf,
        Err(error) => return Some(unsuitable(&error)),
    };
    let (anchors, roots): (Vec<_>, Vec<_>) = authorities
        .roots
        .iter()
        .filter_map(|root| anchor_from_trusted_cert(root).ok().map(|anchor| (anchor, root)))
        .unzip();
    // An expired leaf has its own fault; what is asked here is the chain of the time when it was valid.
    let at = now.min(sent.parsed.not_after()).max(sent.parsed.not_before());
    let refused_root = RefCell::new(None);
    let issuers_may_issue = |path: &VerifiedPath<'_>| {
        let anchor = anchors.iter().position(|anchor| ptr::eq(anchor, path.anchor()));
        let root = anchor.and_then(|place| roots.get(place)).and_then(|root| Certificate::parse(root));
        let root = root.ok_or(Error::UnknownIssuer)?;
        for issuer in path.intermediate_certificates() {
            if !Certificate::parse(&issuer.der()).is_some_and(|issuer| issuer.may_issue()) {
                return Err(Error::EndEntityUsedAsCa);
            }
        }
        root_fits(&root, at, now, &refused_root)
    };
    let verified = leaf.verify_for_usage(
        authorities.algorithms.all,
        &anchors,
        sent.others,
        unix_time(at),
        ServerUsage,
        None,
        Some(&issuers_may_issue),
    );
    let error = match verified {
        Ok(_) => return None,
        Err(Error::CaUsedAsEndEntity) => {
            match authority_as_leaf(sent, &anchors, &roots, authorities, (at, now, &refused_root)) {
                Ok(()) => return None,
                Err(error) => error,
            }
        }
        Err(error) => error,
    };
    Some(fault(&error, sent, authorities, now, refused_root.into_inner()))
}

/// Go checks a root's validity and its right to issue; webpki takes every anchor as it is.
fn root_fits(
    root: &Certificate<'_>,
    at: Timestamp,
    now: Timestamp,
    refused: &RefCell<Option<CertificateFault>>,
) -> Result<(), Error> {
    if !root.may_issue() {
        return Err(Error::EndEntityUsedAsCa);
    }
    let Some(fault) = root.validity_fault(at) else { return Ok(()) };
    // Reported by the clock as it is, not by the time that the leaf dictates.
    *refused.borrow_mut() = root.validity_fault(now).or(Some(fault));
    Err(Error::CertExpired { time: unix_time(at), not_after: unix_time(root.not_after()) })
}

/// Go lets an authority's certificate be a server's (`openssl req -x509 -CA` makes such); webpki does not. Accepted
/// here only if one of the roots has signed it without limiting its names.
fn authority_as_leaf(
    sent: &Sent<'_>,
    anchors: &[TrustAnchor<'_>],
    roots: &[&CertificateDer<'_>],
    authorities: &Authorities<'_>,
    (at, now, refused): (Timestamp, Timestamp, &RefCell<Option<CertificateFault>>),
) -> Result<(), Error> {
    let (message, signature) = sent.parsed.signed();
    let mut error = Error::UnknownIssuer;
    for (anchor, root_der) in anchors.iter().zip(roots) {
        let Some(root) = Certificate::parse(root_der).filter(|root| sent.parsed.names_as_issuer(root)) else {
            continue;
        };
        let Ok(key) = EndEntityCert::try_from(*root_der) else { continue };
        if !authorities.algorithms.all.iter().any(|known| key.verify_signature(*known, message, signature).is_ok()) {
            continue;
        }
        if !sent.parsed.may_serve() {
            return Err(no_server_usage());
        }
        if anchor.name_constraints.is_some() {
            error = Error::NameConstraintViolation;
            continue;
        }
        match root_fits(&root, at, now, refused) {
            Ok(()) => return Ok(()),
            Err(refusal) => error = refusal,
        }
    }
    if sent.others.iter().any(|other| Certificate::parse(other).is_some_and(|one| sent.parsed.names_as_issuer(&one))) {
        return Err(Error::CaUsedAsEndEntity);
    }
    Err(error)
}

/// webpki's error in the terms of the report.
fn fault(
    error: &Error,
    sent: &Sent<'_>,
    authorities: &Authorities<'_>,
    now: Timestamp,
    refused_root: Option<CertificateFault>,
) -> CertificateFault {
    match error {
        Error::CertExpired { .. } | Error::CertNotValidYet { .. } => {
            let of_issuer = || sent.others.iter().find_map(|one| Certificate::parse(one)?.validity_fault(now));
            refused_root.or_else(of_issuer).unwrap_or_else(|| unsuitable(error))
        }
        // Go looks at one candidate after the other and finds none: a namesake with another key, or a certificate
        // that may not issue, is as good as nobody.
        Error::UnknownIssuer
        | Error::InvalidSignatureForPublicKey
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)
        | Error::EndEntityUsedAsCa => unknown_authority(sent, authorities),
        other => unsuitable(other),
    }
}

fn unknown_authority(sent: &Sent<'_>, authorities: &Authorities<'_>) -> CertificateFault {
    let others: Vec<_> = sent.others.iter().filter_map(|der| Certificate::parse(der)).collect();
    let mut last = sent.parsed;
    // As many steps as there are certificates: two that name each other have no end.
    for _ in &others {
        match others.iter().find(|other| last.names_as_issuer(other)) {
            Some(issuer) => last = issuer,
            None => break,
        }
    }
    let namesake_trusted = || {
        let mut roots = authorities.roots.iter().filter_map(|root| Certificate::parse(root));
        roots.any(|root| sent.parsed.names_as_issuer(&root))
    };
    let chain = if sent.parsed.names_as_issuer(sent.parsed) {
        ChainShape::SelfSigned
    } else if ptr::eq(last, sent.parsed) && !namesake_trusted() {
        if sent.parsed.tells_where_its_issuer_is() { ChainShape::MissingIntermediate } else { ChainShape::LeafOnly }
    } else {
        ChainShape::PrivateAuthority
    };
    CertificateFault::UnknownAuthority { issuer: last.issuer(), chain }
}

fn unsuitable(error: &Error) -> CertificateFault {
    let why = match error {
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => {
            "the extended key usage does not include server authentication".to_owned()
        }
        Error::NameConstraintViolation => "an authority in the chain may not issue for this name".to_owned(),
        Error::PathLenConstraintViolated => "too many intermediates for an authority's path length".to_owned(),
        Error::CaUsedAsEndEntity => "an authority's certificate is used by the server".to_owned(),
        Error::UnsupportedSignatureAlgorithmContext(_) | Error::SignatureAlgorithmMismatch => {
            "a signature in the chain uses an algorithm that is not accepted, such as SHA-1".to_owned()
        }
        Error::UnsupportedCriticalExtension => "a critical extension is not known".to_owned(),
        other => format!("{other:?}"),
    };
    CertificateFault::Unsuitable { why }
}

fn no_server_usage() -> Error {
    Error::RequiredEkuNotFoundContext(RequiredEkuNotFoundContext {
        required: KeyUsage::server_auth(),
        present: Vec::new(),
    })
}

/// Times before 1970 count as 1970: no certificate in use is that old.
fn unix_time(time: Timestamp) -> UnixTime {
    UnixTime::since_unix_epoch(time.duration_since(Timestamp::UNIX_EPOCH).try_into().unwrap_or_default())
}

/// Go's rule: no extended key usage at all, any, or serverAuth (`checkChainForKeyUsage`).
struct ServerUsage;

impl ExtendedKeyUsageValidator for ServerUsage {
    fn validate(&self, usages: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        const ANY: KeyPurposeId<'static> = KeyPurposeId::new(&[0x55, 0x1d, 0x25, 0x00]);
        const SERVER_AUTH: KeyPurposeId<'static> = KeyPurposeId::new(&[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01]);
        let mut none = true;
        for usage in usages {
            let usage = usage?;
            if usage == ANY || usage == SERVER_AUTH {
                return Ok(());
            }
            none = false;
        }
        if none { Ok(()) } else { Err(no_server_usage()) }
    }
}

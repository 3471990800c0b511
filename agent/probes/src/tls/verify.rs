//! The verdict on a server's certificate: everything that is wrong with it, in the order in which Go would find it
//! (crypto/x509 `verify.go`: validity, name, chain). Pure, but for the signatures.

use jiff::Timestamp;
use pullagent_diagnosis::layer::tls::CertificateFault;
use rustls_pki_types::CertificateDer;

use super::certificate::Certificate;
use super::chain::{Authorities, Sent, chain_fault};

/// All faults of the certificates that a server sent for `host`; the first is the one that Go reports.
pub(super) fn certificate_faults(
    leaf: &CertificateDer<'_>,
    others: &[CertificateDer<'_>],
    host: &str,
    authorities: &Authorities<'_>,
    now: Timestamp,
) -> Vec<CertificateFault> {
    let Some(parsed) = Certificate::parse(leaf) else {
        return vec![CertificateFault::Unsuitable { why: "the certificate cannot be parsed".to_owned() }];
    };
    let validity = parsed.validity_fault(now);
    let name = (!parsed.names().fit(host))
        .then(|| CertificateFault::NameMismatch { wanted: host.to_owned(), names: parsed.shown_names() });
    let chain = chain_fault(&Sent { leaf, parsed: &parsed, others }, authorities, now);
    [validity, name, chain].into_iter().flatten().collect()
}

//! What a certificate says of itself: its facts for the report, and the few questions that Go asks of one.
//!
//! Certificates come from strangers: whatever they hold, the answer is bounded text or none at all.

use std::fmt::Write as _;
use std::net::IpAddr;

use jiff::Timestamp;
use pullagent_diagnosis::layer::tls::{CertificateFacts, CertificateFault};
use pullagent_diagnosis::text::clean;
use sha2::{Digest, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::time::ASN1Time;
use x509_parser::x509::{AttributeTypeAndValue, X509Name, X509Version};

use super::name::Names;

/// Names of a certificate that are shown.
const MAX_NAMES: usize = 16;
/// Bytes of a subject or issuer that are shown.
const MAX_SUBJECT: usize = 512;
/// The access method `id-ad-caIssuers`.
const CA_ISSUERS: &str = "1.3.6.1.5.5.7.48.2";
/// The length of the longest DNS name.
const MAX_NAME: usize = 253;

/// A certificate whose DER could be parsed, to its last byte.
pub(super) struct Certificate<'a> {
    der: &'a [u8],
    x509: X509Certificate<'a>,
}

impl<'a> Certificate<'a> {
    pub(super) fn parse(der: &'a [u8]) -> Option<Self> {
        match x509_parser::parse_x509_certificate(der) {
            Ok(([], x509)) => Some(Self { der, x509 }),
            Ok(_) | Err(_) => None,
        }
    }

    pub(super) fn subject(&self) -> String {
        text(self.x509.subject())
    }

    pub(super) fn issuer(&self) -> String {
        text(self.x509.issuer())
    }

    /// What is wrong with its validity at `now`; both ends are valid still.
    pub(super) fn validity_fault(&self, now: Timestamp) -> Option<CertificateFault> {
        let (not_before, not_after) = (self.not_before(), self.not_after());
        if now < not_before {
            Some(CertificateFault::NotYetValid { not_before, now, subject: self.subject() })
        } else if now > not_after {
            Some(CertificateFault::Expired { not_after, now, subject: self.subject() })
        } else {
            None
        }
    }

    pub(super) fn not_before(&self) -> Timestamp {
        timestamp(self.x509.validity().not_before)
    }

    pub(super) fn not_after(&self) -> Timestamp {
        timestamp(self.x509.validity().not_after)
    }

    /// Whether `issuer` bears the name of this one's issuer, byte for byte as Go compares.
    pub(super) fn names_as_issuer(&self, issuer: &Certificate<'_>) -> bool {
        self.x509.issuer().as_raw() == issuer.x509.subject().as_raw()
    }

    /// Whether it names where its issuer's certificate can be had (RFC 5280 section 4.2.2.1, `caIssuers`).
    pub(super) fn tells_where_its_issuer_is(&self) -> bool {
        self.x509.extensions().iter().any(|extension| match extension.parsed_extension() {
            ParsedExtension::AuthorityInfoAccess(access) => {
                access.accessdescs.iter().any(|one| one.access_method.to_id_string() == CA_ISSUERS)
            }
            _ => false,
        })
    }

    /// The bytes that the issuer signed, and its signature.
    pub(super) fn signed(&self) -> (&[u8], &[u8]) {
        (self.x509.tbs_certificate.as_ref(), &self.x509.signature_value.data)
    }

    pub(super) fn names(&self) -> Names<'_> {
        let mut names = Names::default();
        for extension in self.x509.extensions() {
            let ParsedExtension::SubjectAlternativeName(alternative) = extension.parsed_extension() else { continue };
            for name in &alternative.general_names {
                match name {
                    GeneralName::DNSName(name) => names.dns.push(name),
                    GeneralName::IPAddress(bytes) => names.ips.extend(address(bytes)),
                    _ => {}
                }
            }
        }
        names
    }

    /// The names as they are shown, at most 16.
    pub(super) fn shown_names(&self) -> Vec<String> {
        let names = self.names();
        let dns = names.dns.iter().map(|name| clean(name, MAX_NAME));
        dns.chain(names.ips.iter().map(IpAddr::to_string)).take(MAX_NAMES).collect()
    }

    /// Whether a certificate may be used by a server: no extended key usage, any, or serverAuth
    /// (Go crypto/x509 verify.go, `checkChainForKeyUsage`).
    pub(super) fn may_serve(&self) -> bool {
        self.x509.extensions().iter().all(|extension| match extension.parsed_extension() {
            ParsedExtension::ExtendedKeyUsage(usage) => usage.any || usage.server_auth,
            _ => true,
        })
    }

    /// Whether it may issue others (Go crypto/x509 x509.go, `CheckSignatureFrom`): version 3 must say that it is an
    /// authority, and a key usage must include the signing of certificates.
    pub(super) fn may_issue(&self) -> bool {
        let mut is_authority = None;
        let mut may_sign = true;
        for extension in self.x509.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::BasicConstraints(constraints) => is_authority = Some(constraints.ca),
                ParsedExtension::KeyUsage(usage) => may_sign = usage.flags == 0 || usage.key_cert_sign(),
                _ => {}
            }
        }
        may_sign && is_authority.unwrap_or(self.x509.version() != X509Version::V3)
    }

    pub(super) fn facts(&self) -> CertificateFacts {
        CertificateFacts {
            subject: self.subject(),
            issuer: self.issuer(),
            not_before: self.not_before(),
            not_after: self.not_after(),
            names: self.shown_names(),
            sha256: Sha256::digest(self.der).iter().fold(String::with_capacity(64), |mut text, byte| {
                // Writing to a string cannot fail.
                let _ = write!(text, "{byte:02x}");
                text
            }),
        }
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes).map(IpAddr::from).or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// Years beyond 9999 end with it.
fn timestamp(time: ASN1Time) -> Timestamp {
    let seconds = time.timestamp();
    Timestamp::from_second(seconds).unwrap_or(if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// A name as RFC 4514 writes it: the last part first, special characters escaped.
fn text(name: &X509Name<'_>) -> String {
    let mut text = String::new();
    for (place, part) in name.iter_rdn().collect::<Vec<_>>().into_iter().rev().enumerate() {
        if place > 0 {
            text.push(',');
        }
        for (place, attribute) in part.iter().enumerate() {
            if place > 0 {
                text.push('+');
            }
            text.push_str(&attribute_type(attribute));
            text.push('=');
            escape(&String::from_utf8_lossy(attribute.as_slice()), &mut text);
        }
        if text.len() > MAX_SUBJECT {
            break;
        }
    }
    clean(&text, MAX_SUBJECT)
}

/// The short names of RFC 4514, those that people expect from openssl, and the number of any other.
fn attribute_type(attribute: &AttributeTypeAndValue<'_>) -> String {
    let number = attribute.attr_type().to_id_string();
    let name = match number.as_str() {
        "2.5.4.3" => "CN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "STREET",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "emailAddress",
        _ => return number,
    };
    name.to_owned()
}

/// RFC 4514 §2.4.
fn escape(value: &str, text: &mut String) {
    let last = value.chars().count().saturating_sub(1);
    for (place, character) in value.chars().take(MAX_SUBJECT).enumerate() {
        let special = matches!(character, '"' | '+' | ',' | ';' | '<' | '>' | '\\')
            || (place == 0 && matches!(character, ' ' | '#'))
            || (place == last && character == ' ');
        if special {
            text.push('\\');
        }
        text.push(character);
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    use super::*;

    fn certificate(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["a.test".to_owned(), "10.0.0.1".to_owned()]).unwrap();
        change(&mut params);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[track_caller]
    fn check_subject(parts: &[(DnType, &str)], subject: &str) {
        let der = certificate(|params| {
            params.distinguished_name = DistinguishedName::new();
            for (kind, value) in parts {
                params.distinguished_name.push(kind.clone(), *value);
            }
        });
        assert_eq!(Certificate::parse(&der).unwrap().subject(), subject);
    }

    #[test]
    fn subjects_read_as_in_rfc_4514_without_tricks() {
        check_subject(&[(DnType::CountryName, "DE"), (DnType::CommonName, "Corp CA")], "CN=Corp CA,C=DE");
        check_subject(&[(DnType::OrganizationName, "A, B + \"C\"")], r#"O=A\, B \+ \"C\""#);
        check_subject(&[(DnType::CommonName, "#1 ")], r"CN=\#1\");
        check_subject(&[(DnType::CommonName, "a\u{1b}[2J\n\u{202e}b")], "CN=a [2J b");
        check_subject(&[(DnType::CustomDnType(vec![1, 2, 3]), "x")], "1.2.3=x");
        check_subject(&[], "");
    }

    #[test]
    fn facts_name_validity_names_and_digest() {
        let der = certificate(|params| {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        });
        let facts = Certificate::parse(&der).unwrap().facts();
        assert_eq!(facts.not_before.to_string(), "2020-01-01T00:00:00Z");
        assert_eq!(facts.not_after.to_string(), "2021-01-01T00:00:00Z");
        assert_eq!(facts.names, ["a.test", "10.0.0.1"]);
        assert_eq!(facts.sha256.len(), 64);
    }

    #[test]
    fn long_subjects_and_many_names_are_cut() {
        let der = certificate(|params| {
            params.distinguished_name.push(DnType::CommonName, "x".repeat(9000));
            let names = (0..99).map(|place| format!("n{place}.test"));
            params.subject_alt_names = CertificateParams::new(names.collect::<Vec<_>>()).unwrap().subject_alt_names;
        });
        let facts = Certificate::parse(&der).unwrap().facts();
        assert_eq!(facts.subject.len(), 512);
        assert_eq!(facts.names.len(), 16);
    }

    #[test]
    fn damaged_certificates_are_none_and_never_a_panic() {
        let der = certificate(|_| ());
        for end in 0..der.len() {
            assert!(Certificate::parse(&der[..end]).is_none());
        }
        for place in 0..der.len() {
            for bit in [0x01, 0x80, 0xff] {
                let mut damaged = der.clone();
                damaged[place] ^= bit;
                if let Some(certificate) = Certificate::parse(&damaged) {
                    certificate.facts();
                    certificate.may_issue();
                    certificate.may_serve();
                }
            }
        }
        assert!(Certificate::parse(&[&der[..], &[0]].concat()).is_none());
    }
}

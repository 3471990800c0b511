//! A certificate authority made at run time, and the certificates it issues: good ones and every bad one that a
//! registry may present. Owns no connection.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};

/// `id-pe-authorityInfoAccess`.
const AUTHORITY_INFO_ACCESS: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 1];
const DAY: Duration = Duration::from_hours(24);

/// A root certificate authority (ECDSA P-256) with one intermediate below it.
pub struct Ca {
    root: CertifiedIssuer<'static, KeyPair>,
    intermediate: CertifiedIssuer<'static, KeyPair>,
}

/// Which certificate to issue; [`Leaf::new`] is a good one.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// The common name of the subject; the first of `names` if there is none.
    pub common_name: Option<String>,
    /// The organization of the subject, if any: to Kubernetes it is a group of users.
    pub organization: Option<String>,
    /// DNS names and IP addresses of the subject alternative names; none is allowed.
    pub names: Vec<String>,
    /// Start of the validity.
    pub not_before: SystemTime,
    /// End of the validity.
    pub not_after: SystemTime,
    /// Who signs, and what the server sends along.
    pub chain: Chain,
}

/// Who signs a leaf, and what the server sends along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Chain {
    /// The root signs; only the leaf is sent.
    #[default]
    Root,
    /// The intermediate signs and is sent.
    Intermediate,
    /// The intermediate signs and is not sent: the classic mistake of a registry's owner.
    IntermediateMissing,
    /// The leaf signs itself.
    SelfSigned,
}

/// A certificate chain, leaf first, with the key of the leaf.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
    pem: String,
}

impl Leaf {
    /// A certificate for these DNS names and IP addresses, valid from a month ago for three months, signed by the root.
    pub fn new<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        let now = SystemTime::now();
        Self {
            common_name: None,
            organization: None,
            names: names.into_iter().map(Into::into).collect(),
            not_before: now - 30 * DAY,
            not_after: now + 60 * DAY,
            chain: Chain::Root,
        }
    }

    /// Such a certificate for a user of this name and group in place of hosts, as Kubernetes knows people and nodes.
    pub fn user(name: &str, group: &str) -> Self {
        let nobody: [&str; 0] = [];
        Self { common_name: Some(name.to_owned()), organization: Some(group.to_owned()), ..Self::new(nobody) }
    }

    /// The same, signed and sent as `chain` says.
    #[must_use]
    pub fn chain(mut self, chain: Chain) -> Self {
        self.chain = chain;
        self
    }

    /// The same, expired since yesterday.
    #[must_use]
    pub fn expired(self) -> Self {
        self.valid_days(-30, -1)
    }

    /// The same, valid from tomorrow on.
    #[must_use]
    pub fn not_yet_valid(self) -> Self {
        self.valid_days(1, 60)
    }

    /// The same, valid between these days counted from now; a negative number lies in the past.
    #[must_use]
    pub fn valid_days(mut self, from: i32, until: i32) -> Self {
        self.not_before = days_from_now(from);
        self.not_after = days_from_now(until);
        self
    }
}

impl Ca {
    /// A new root of this common name, valid for two years around now. Two of one name are two authorities.
    pub fn new(name: &str) -> Self {
        let root = CertifiedIssuer::self_signed(authority(name), key()).expect("sign a root");
        let intermediate = CertifiedIssuer::signed_by(authority(&format!("{name} intermediate")), key(), &root)
            .expect("sign an intermediate");
        Self { root, intermediate }
    }

    /// The root in PEM, as it stands in a trust file.
    pub fn pem(&self) -> String {
        self.root.pem()
    }

    /// The root in DER.
    pub fn der(&self) -> &CertificateDer<'static> {
        self.root.der()
    }

    /// Issues a certificate with a new key, for servers and clients alike.
    pub fn issue(&self, leaf: &Leaf) -> Identity {
        let mut params = CertificateParams::new(leaf.names.clone()).expect("names fit into a certificate");
        let name = leaf.common_name.as_ref().or(leaf.names.first());
        params.distinguished_name = named(name.map_or("nameless", String::as_str));
        if let Some(organization) = &leaf.organization {
            params.distinguished_name.push(DnType::OrganizationName, organization);
        }
        params.not_before = rcgen::date_time_ymd(1970, 1, 1) + since_epoch(leaf.not_before);
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + since_epoch(leaf.not_after);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = leaf.chain != Chain::SelfSigned;
        if leaf.chain == Chain::IntermediateMissing {
            params.custom_extensions.push(CustomExtension::from_oid_content(AUTHORITY_INFO_ACCESS, ca_issuers()));
        }
        let key = key();
        let certificate = match leaf.chain {
            Chain::Root => params.signed_by(&key, &self.root),
            Chain::Intermediate | Chain::IntermediateMissing => params.signed_by(&key, &self.intermediate),
            Chain::SelfSigned => params.self_signed(&key),
        }
        .expect("sign a leaf");
        let mut chain = vec![certificate.der().clone()];
        let mut pem = certificate.pem();
        if leaf.chain == Chain::Intermediate {
            chain.push(self.intermediate.der().clone());
            pem.push_str(&self.intermediate.pem());
        }
        Identity { chain, key, pem }
    }
}

impl Identity {
    /// The certificates in PEM, leaf first.
    pub fn certificate_pem(&self) -> &str {
        &self.pem
    }

    /// The private key in PEM (PKCS#8).
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// The certificates in DER, leaf first.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// The private key in DER (PKCS#8).
    pub fn key(&self) -> PrivatePkcs8KeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.serialize_der())
    }
}

/// In DER: the issuer's certificate can be had at a URL, as public authorities write it into every leaf.
fn ca_issuers() -> Vec<u8> {
    // A sequence of one access description: a sequence of the method `id-ad-caIssuers` and a URI of 31 bytes.
    let head = [0x30, 45, 0x30, 43, 0x06, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 2, 0x86, 31];
    [head.as_slice(), b"http://ca.test/intermediate.crt"].concat()
}

fn key() -> KeyPair {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("make a key")
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = rcgen::date_time_ymd(1970, 1, 1) + since_epoch(days_from_now(-365));
    params.not_after = rcgen::date_time_ymd(1970, 1, 1) + since_epoch(days_from_now(365));
    params
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

fn days_from_now(days: i32) -> SystemTime {
    let distance = DAY * days.unsigned_abs();
    if days < 0 { SystemTime::now() - distance } else { SystemTime::now() + distance }
}

fn since_epoch(time: SystemTime) -> Duration {
    // Whole seconds: a certificate carries no fractions.
    let elapsed = time.duration_since(UNIX_EPOCH).expect("certificates start after 1970");
    Duration::from_secs(elapsed.as_secs())
}

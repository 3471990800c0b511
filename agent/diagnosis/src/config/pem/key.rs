//! Private keys in the three forms that Go knows, as far as it takes to compare one with a certificate.
//!
//! Nothing is computed with a key: only what its encoding says of its public half is looked at.

use x509_parser::x509::SubjectPublicKeyInfo;

const RSA: &str = "1.2.840.113549.1.1.1";
const ELLIPTIC: &str = "1.2.840.10045.2.1";
const ED25519: &str = "1.3.101.112";

/// The object identifiers as they stand in PKCS #8.
const OIDS: &[(&[u8], &str)] = &[
    (&[42, 134, 72, 134, 247, 13, 1, 1, 1], RSA),
    (&[42, 134, 72, 206, 61, 2, 1], ELLIPTIC),
    (&[43, 101, 112], ED25519),
];

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const PUBLIC_KEY: u8 = 0xa1;

/// What a private key's encoding says of its public half.
pub(super) enum PrivateKey<'d> {
    /// With its modulus.
    Rsa(&'d [u8]),
    /// With its point, where that is stored.
    Elliptic(Option<&'d [u8]>),
    Ed25519,
}

impl<'d> PrivateKey<'d> {
    /// PKCS #1, then PKCS #8, then SEC 1, as `parsePrivateKey` tries them.
    pub(super) fn parse(der: &'d [u8]) -> Option<Self> {
        Self::pkcs1(der).or_else(|| Self::pkcs8(der)).or_else(|| Self::sec1(der))
    }

    /// Whether it and a certificate's key can be the halves of one pair.
    pub(super) fn may_belong_to(&self, public: &SubjectPublicKeyInfo<'_>) -> bool {
        let algorithm = public.algorithm.algorithm.to_id_string();
        let bits = &*public.subject_public_key.data;
        match self {
            Self::Rsa(modulus) => {
                let theirs = take(SEQUENCE, bits).and_then(|(sequence, _)| take(INTEGER, sequence));
                algorithm == RSA && theirs.is_some_and(|(theirs, _)| theirs == *modulus)
            }
            Self::Elliptic(point) => algorithm == ELLIPTIC && point.is_none_or(|point| point == bits),
            Self::Ed25519 => algorithm == ED25519,
        }
    }

    fn pkcs1(der: &'d [u8]) -> Option<Self> {
        let (body, _) = take(SEQUENCE, der)?;
        let (_version, body) = take(INTEGER, body)?;
        let (modulus, body) = take(INTEGER, body)?;
        take(INTEGER, body)?;
        Some(Self::Rsa(modulus))
    }

    fn pkcs8(der: &'d [u8]) -> Option<Self> {
        let (body, _) = take(SEQUENCE, der)?;
        let (_version, body) = take(INTEGER, body)?;
        let (algorithm, body) = take(SEQUENCE, body)?;
        let (oid, _) = take(OBJECT_IDENTIFIER, algorithm)?;
        let (key, _) = take(OCTET_STRING, body)?;
        match OIDS.iter().find(|(known, _)| *known == oid)?.1 {
            RSA => Self::pkcs1(key),
            ELLIPTIC => Self::sec1(key),
            _ => take(OCTET_STRING, key).map(|_| Self::Ed25519),
        }
    }

    fn sec1(der: &'d [u8]) -> Option<Self> {
        let (body, _) = take(SEQUENCE, der)?;
        let (_version, body) = take(INTEGER, body)?;
        let (_scalar, mut body) = take(OCTET_STRING, body)?;
        while !body.is_empty() {
            let (tag, value, rest) = element(body)?;
            if tag == PUBLIC_KEY {
                let (bits, _) = take(BIT_STRING, value)?;
                // The first byte counts the unused bits of the last one: none.
                return Some(Self::Elliptic(bits.get(1..)));
            }
            body = rest;
        }
        Some(Self::Elliptic(None))
    }
}

/// The content of an element of one tag, and what follows it.
fn take(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    element(der).filter(|(found, ..)| *found == tag).map(|(_, value, rest)| (value, rest))
}

/// The tag and content of the first element, and what follows it. Tags and lengths of one byte and of up to four.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((tag, value, rest))
}

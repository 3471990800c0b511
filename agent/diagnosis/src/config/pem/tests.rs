//! Which files Go takes for certificates and keys.

use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, SignatureAlgorithm};

use super::*;

/// A certificate and its key in PEM.
fn pair(algorithm: &'static SignatureAlgorithm) -> (String, KeyPair) {
    let key = KeyPair::generate_for(algorithm).unwrap();
    (CertificateParams::new(vec!["a".to_owned()]).unwrap().self_signed(&key).unwrap().pem(), key)
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// What PKCS #8 wraps: the last octet string of the outer sequence.
fn unwrapped(pkcs8: &[u8]) -> &[u8] {
    let at = pkcs8.windows(2).skip(4).position(|bytes| bytes[0] == 0x04).unwrap() + 4;
    let header = match pkcs8[at + 1] {
        long if long > 0x80 => 2 + usize::from(long & 0x7f),
        _ => 2,
    };
    &pkcs8[at + header..]
}

#[track_caller]
fn check(certificate: &str, key: &str, expected: Result<(), KeyPairError>) {
    assert_eq!(check_key_pair(certificate.as_bytes(), key.as_bytes()), expected, "{certificate}{key}");
}

#[test]
fn keys_of_every_kind_and_form_are_taken() {
    for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ED25519, &PKCS_RSA_SHA256] {
        let (certificate, key) = pair(algorithm);
        check(&certificate, &key.serialize_pem(), Ok(()));
    }
    let (certificate, key) = pair(&PKCS_RSA_SHA256);
    check(&certificate, &pem("RSA PRIVATE KEY", unwrapped(&key.serialize_der())), Ok(()));
    let (certificate, key) = pair(&PKCS_ECDSA_P256_SHA256);
    let parameters = pem("EC PARAMETERS", &[6, 0]);
    check(&certificate, &(parameters + &pem("EC PRIVATE KEY", unwrapped(&key.serialize_der()))), Ok(()));
}

#[test]
fn both_may_be_in_one_file_with_other_things() {
    let (certificate, key) = pair(&PKCS_ECDSA_P256_SHA256);
    let both = format!("Bag Attributes\n{}\r\n{}", key.serialize_pem(), certificate.replace('\n', "\r\n"));
    check(&both, &both, Ok(()));
}

#[test]
fn halves_of_different_pairs_are_refused() {
    let pairs = [&PKCS_ECDSA_P256_SHA256, &PKCS_ED25519, &PKCS_RSA_SHA256].map(pair);
    for (certificate, _) in &pairs {
        let others = pairs.iter().filter(|(other, _)| other != certificate);
        others.for_each(|(_, key)| check(certificate, &key.serialize_pem(), Err(KeyPairError::Mismatch)));
    }
    for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_RSA_SHA256] {
        check(&pair(algorithm).0, &pair(algorithm).1.serialize_pem(), Err(KeyPairError::Mismatch));
    }
}

#[test]
fn what_is_missing_or_damaged_is_named() {
    let (certificate, key) = pair(&PKCS_ECDSA_P256_SHA256);
    let key = key.serialize_pem();
    check("", &key, Err(KeyPairError::NoCertificate));
    check(&key, &key, Err(KeyPairError::NoCertificate));
    check(&certificate, &certificate, Err(KeyPairError::NoKey));
    check(&certificate.replace("-----END", "----END"), &key, Err(KeyPairError::NoCertificate));
    check(&pem("CERTIFICATE", b"x"), &key, Err(KeyPairError::BadCertificate));
    check(&certificate, &pem("ENCRYPTED PRIVATE KEY", b"0"), Err(KeyPairError::BadKey));
}

#[test]
fn only_plain_certificates_count() {
    let (certificate, key) = pair(&PKCS_ED25519);
    let with_header = certificate.replacen('\n', "\nKey: value\n\n", 1);
    let others = key.serialize_pem() + &pem("CERTIFICATE", b"x");
    let all = format!("{certificate}{others}{with_header}{certificate}");
    assert_eq!(count_certificates(all.as_bytes()), 2);
    check(&with_header, &key.serialize_pem(), Ok(()));
    assert_eq!(count_certificates(b"\x30\x82 der is no pem"), 0);
}

proptest! {
    #[test]
    fn any_bytes_are_a_pair_or_none(der in proptest::collection::vec(any::<u8>(), 0..64), text in "\\PC*") {
        let key = pem("PRIVATE KEY", &der);
        prop_assert!(check_key_pair(pem("CERTIFICATE", &der).as_bytes(), key.as_bytes()).is_err());
        prop_assert!(check_key_pair(text.as_bytes(), key.as_bytes()).is_err());
        let (certificate, _) = pair(&PKCS_ED25519);
        let _ = check_key_pair(certificate.as_bytes(), key.as_bytes());
    }
}

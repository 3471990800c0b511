//! The names of TLS alerts, and finding one in an error that came up later.

use std::error::Error;
use std::io;

use rustls::AlertDescription;

/// The name in RFC 8446 of the alert that ended a stream.
///
/// A TLS 1.3 server looks at the client's certificate after the client has finished its handshake: its
/// `certificate_required` is first seen as an error of the first read.
pub(crate) fn late_alert(error: &(dyn Error + 'static)) -> Option<String> {
    match rustls_error(error)? {
        rustls::Error::AlertReceived(alert) => Some(alert_name(*alert)),
        _ => None,
    }
}

/// The TLS library's own error, down the source chain.
pub(crate) fn rustls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // An io::Error passes over what it wraps when asked for its source.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as &'a (dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

/// The alert's name in RFC 8446 and its predecessors, `alert_N` for an unknown one.
pub(crate) fn alert_name(alert: AlertDescription) -> String {
    use AlertDescription as Alert;
    let name = match alert {
        Alert::CloseNotify => "close_notify",
        Alert::UnexpectedMessage => "unexpected_message",
        Alert::BadRecordMac => "bad_record_mac",
        Alert::DecryptionFailed => "decryption_failed",
        Alert::RecordOverflow => "record_overflow",
        Alert::DecompressionFailure => "decompression_failure",
        Alert::HandshakeFailure => "handshake_failure",
        Alert::NoCertificate => "no_certificate",
        Alert::BadCertificate => "bad_certificate",
        Alert::UnsupportedCertificate => "unsupported_certificate",
        Alert::CertificateRevoked => "certificate_revoked",
        Alert::CertificateExpired => "certificate_expired",
        Alert::CertificateUnknown => "certificate_unknown",
        Alert::IllegalParameter => "illegal_parameter",
        Alert::UnknownCA => "unknown_ca",
        Alert::AccessDenied => "access_denied",
        Alert::DecodeError => "decode_error",
        Alert::DecryptError => "decrypt_error",
        Alert::ExportRestriction => "export_restriction",
        Alert::ProtocolVersion => "protocol_version",
        Alert::InsufficientSecurity => "insufficient_security",
        Alert::InternalError => "internal_error",
        Alert::InappropriateFallback => "inappropriate_fallback",
        Alert::UserCanceled => "user_canceled",
        Alert::NoRenegotiation => "no_renegotiation",
        Alert::MissingExtension => "missing_extension",
        Alert::UnsupportedExtension => "unsupported_extension",
        Alert::CertificateUnobtainable => "certificate_unobtainable",
        Alert::UnrecognisedName => "unrecognized_name",
        Alert::BadCertificateStatusResponse => "bad_certificate_status_response",
        Alert::BadCertificateHashValue => "bad_certificate_hash_value",
        Alert::UnknownPSKIdentity => "unknown_psk_identity",
        Alert::CertificateRequired => "certificate_required",
        Alert::NoApplicationProtocol => "no_application_protocol",
        Alert::EncryptedClientHelloRequired => "ech_required",
        other => return format!("alert_{}", u8::from(other)),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("request failed")]
    struct Outer(#[source] io::Error);

    #[test]
    fn an_alert_is_found_below_other_errors() {
        let alert = rustls::Error::AlertReceived(AlertDescription::CertificateRequired);
        let error = Outer(io::Error::other(Outer(io::Error::new(io::ErrorKind::InvalidData, alert))));
        assert_eq!(late_alert(&error).as_deref(), Some("certificate_required"));
        assert_eq!(late_alert(&Outer(io::ErrorKind::ConnectionReset.into())), None);
    }

    #[test]
    fn an_unknown_alert_keeps_its_number() {
        assert_eq!(alert_name(AlertDescription::Unknown(200)), "alert_200");
    }
}

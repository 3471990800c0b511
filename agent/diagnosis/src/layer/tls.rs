//! TLS: what the handshake and Go's certificate checks said, and which cause that is.

mod authority;
mod finding;
pub(crate) mod wordings;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::transport::StreamFailure;

pub use finding::{alert, clock_skew, expiring, finding, further, in_words};

/// What became of a handshake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum TlsOutcome {
    /// Verified, or verification is off for this host by the node's configuration.
    Ok {
        /// `TLS 1.2` or `TLS 1.3`.
        version: String,
        /// `h2` or `http/1.1`, where one was agreed on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        protocol: Option<String>,
        /// False where the node's configuration turns verification off.
        verified: bool,
        /// What would have been refused, had verification not been off; in Go's order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        overlooked: Vec<CertificateFault>,
    },
    /// The certificate was refused; nothing was sent after it.
    CertificateRefused {
        /// What Go would report: validity, then name, then chain.
        fault: CertificateFault,
        /// What else is wrong with it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        further: Vec<CertificateFault>,
    },
    /// The handshake never ended.
    Timeout,
    /// The stream broke in the handshake.
    Broken {
        /// How.
        failure: StreamFailure,
    },
    /// The peer sent a fatal alert.
    Alert {
        /// The alert's name in RFC 8446, such as `handshake_failure`.
        name: String,
    },
    /// The peer's first bytes are an HTTP answer: it speaks plain HTTP on this port.
    Plaintext,
    /// The peer's first bytes are neither TLS nor HTTP.
    NotTls {
        /// The first bytes as printable text, at most 32.
        starts: String,
    },
    /// Both sides speak TLS but cannot agree, or the peer broke the protocol.
    Failed {
        /// The library's word for it.
        why: String,
    },
}

/// One thing that is wrong with a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "fault", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum CertificateFault {
    /// Past `notAfter` by this node's clock.
    Expired {
        /// The certificate's end.
        not_after: Timestamp,
        /// This node's clock.
        now: Timestamp,
        /// The subject of the certificate concerned: the leaf, or one of its issuers.
        subject: String,
    },
    /// Before `notBefore` by this node's clock.
    NotYetValid {
        /// The certificate's beginning.
        not_before: Timestamp,
        /// This node's clock.
        now: Timestamp,
        /// The subject of the certificate concerned: the leaf, or one of its issuers.
        subject: String,
    },
    /// No subject alternative name fits.
    NameMismatch {
        /// The name that was asked for.
        wanted: String,
        /// The names that the certificate has, at most 16.
        names: Vec<String>,
    },
    /// The chain does not end in a certificate that this node trusts.
    UnknownAuthority {
        /// The issuer named by the last certificate of the chain sent.
        issuer: String,
        /// What the chain looks like.
        chain: ChainShape,
    },
    /// The chain was found and refused: key usage, name constraints, a weak signature.
    Unsuitable {
        /// The library's word for it.
        why: String,
    },
}

/// Why a chain does not end in a trusted certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ChainShape {
    /// The leaf issued itself.
    SelfSigned,
    /// The server sent only a leaf whose issuer is neither sent nor trusted, mostly a private authority.
    LeafOnly,
    /// The server sent only a leaf that names where its issuer's certificate can be had: an intermediate is left out.
    MissingIntermediate,
    /// The chain sent ends in an authority that this node does not have.
    PrivateAuthority,
}

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateFacts {
    /// The subject, as RFC 4514 text without control characters.
    pub subject: String,
    /// The issuer, in the same form.
    pub issuer: String,
    /// The beginning of its validity.
    pub not_before: Timestamp,
    /// The end of its validity.
    pub not_after: Timestamp,
    /// DNS names and IP addresses it is for, at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// SHA-256 of the certificate, lower-case hex.
    pub sha256: String,
}

/// The handshake with one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TlsEvidence {
    /// How it ended.
    #[serde(flatten)]
    pub outcome: TlsOutcome,
    /// Milliseconds until then.
    pub ms: u32,
    /// The chain as sent, leaf first, at most 8.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<CertificateFacts>,
}

impl TlsEvidence {
    /// Whether the certificate is wrong and stands only because the node's configuration does not have it verified.
    pub fn is_overlooked(&self) -> bool {
        matches!(&self.outcome, TlsOutcome::Ok { verified: false, overlooked, .. } if !overlooked.is_empty())
    }
}

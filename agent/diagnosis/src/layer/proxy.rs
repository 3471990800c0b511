//! The proxy between the node and a host: what it answered to CONNECT, and which cause that is.

mod finding;
pub(crate) mod wordings;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tls::TlsEvidence;
use super::transport::StreamFailure;

pub use finding::finding;

/// What became of the tunnel. The proxy's own name and connection stand in the hop's `dns` and `connect`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ProxyOutcome {
    /// The tunnel stands.
    Ok,
    /// TLS to the proxy itself failed; see `tls` beside it.
    TlsFailed,
    /// An answer to CONNECT other than 200.
    Denied {
        /// The proxy's own words, bounded and cleaned.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
    },
    /// The proxy's stream broke before an answer.
    Broken {
        /// How.
        failure: StreamFailure,
    },
    /// The proxy answered something that is not HTTP.
    NotHttp,
    /// This version does not speak this kind of proxy.
    Unsupported {
        /// The scheme of the proxy's URL.
        scheme: String,
    },
}

/// The tunnel through one proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProxyEvidence {
    /// How it ended.
    #[serde(flatten)]
    pub outcome: ProxyOutcome,
    /// Milliseconds from the open connection to the answer.
    pub ms: u32,
    /// The status of the answer to CONNECT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The proxy's clock, by the Date of its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Timestamp>,
    /// TLS to the proxy itself, for an `https://` proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsEvidence>,
}

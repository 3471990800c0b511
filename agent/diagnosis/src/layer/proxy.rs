//! The proxy between the node and a host: what it answered to CONNECT, which cause that is, and whether the way that the
//! runtime does not take would lead to the host.

mod finding;
mod other_way;
pub(crate) mod wordings;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tls::TlsEvidence;
use super::transport::StreamFailure;

pub use finding::finding;
pub(crate) use other_way::with_other_way;
pub use other_way::{OtherWay, OtherWayOutcome};

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
    /// A SOCKS5 proxy's answer to CONNECT other than success.
    SocksRefused {
        /// What it answered.
        reply: SocksReply,
    },
    /// A SOCKS5 proxy and the node did not agree on a login.
    SocksLogin {
        /// On what it foundered.
        login: SocksLogin,
    },
    /// What should be a SOCKS5 proxy answered something else.
    NotSocks,
    /// The proxy's URL holds no port that could be dialled.
    NoPort,
    /// Go refuses to use the proxy, since `REQUEST_METHOD` makes it take itself for a CGI program.
    CgiRefused,
}

/// A SOCKS5 proxy's reason not to connect (RFC 1928 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SocksReply {
    /// 1: it failed, and does not say how.
    GeneralFailure,
    /// 2: its rules do not allow it.
    NotAllowed,
    /// 3: it has no route to the host's network.
    NetworkUnreachable,
    /// 4: it cannot reach the host, or not resolve its name.
    HostUnreachable,
    /// 5: the host refuses its connection.
    ConnectionRefused,
    /// 6: the host did not answer it in time.
    TtlExpired,
    /// 7: it does not make connections.
    CommandNotSupported,
    /// 8: it does not take names, or not addresses of this family.
    AddressTypeNotSupported,
    /// A number that the RFC does not assign.
    Unassigned {
        /// The number.
        number: u8,
    },
}

/// On what the login at a SOCKS5 proxy foundered (RFC 1928 section 3, RFC 1929).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SocksLogin {
    /// It wants one and the variable has none.
    Missing,
    /// It refused user and password.
    Rejected,
    /// It takes neither nobody nor a user with a password.
    NoCommonMethod,
    /// The user name is empty, or one of the two is longer than 255 bytes: Go sends neither.
    Unsendable,
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

#[cfg(test)]
mod tests;

//! TCP: what each address said to a connection, how an open stream can break, and which cause that is.

mod finding;
pub(crate) mod wordings;

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use finding::{Moment, broken, family_broken, finding};

/// What became of a connection attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ConnectOutcome {
    /// Connected.
    Ok,
    /// RST in answer to SYN.
    Refused,
    /// No answer until the deadline.
    Timeout,
    /// No route, network or host unreachable, or the address family is not there.
    Unreachable {
        /// The system's word for it.
        why: String,
    },
    /// Accepted and reset at once.
    Reset,
    /// The system itself refused, say by a local firewall rule or for want of descriptors.
    Failed {
        /// The system's word for it.
        why: String,
    },
    /// Still outstanding when another address had answered.
    NotWaitedFor,
    /// Not dialled: a tenant of the cluster named the host, and the node's agent contacts no such address for one. Of a
    /// host, that at least one of its addresses is such a one and no other connected.
    NotContacted {
        /// The address and the reason, for a person.
        why: String,
    },
}

/// One address of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddressEvidence {
    /// The address dialled.
    pub ip: IpAddr,
    /// What it said.
    #[serde(flatten)]
    pub outcome: ConnectOutcome,
    /// Milliseconds from its own SYN.
    pub ms: u32,
}

/// The connection to one host: the first address that answered, or the first family's failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectEvidence {
    /// `Ok`, or the failure that Go would report: the first family's first.
    #[serde(flatten)]
    pub outcome: ConnectOutcome,
    /// Milliseconds until the outcome was known.
    pub ms: u32,
    /// The address whose connection is used from here on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<IpAddr>,
    /// The port dialled.
    pub port: u16,
    /// Our own address on that connection, or the one that a connection would have had: what a firewall sees, before
    /// any translation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
    /// Every address on its own, in dialling order.
    pub addresses: Vec<AddressEvidence>,
}

/// How an open stream broke, in a handshake or in mid-exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum StreamFailure {
    /// RST, or a broken pipe.
    Reset,
    /// The peer closed where it should have spoken.
    Closed,
    /// Silence until the deadline.
    Timeout,
    /// The system's own failure.
    Failed {
        /// The system's word for it.
        why: String,
    },
}

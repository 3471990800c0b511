//! The container runtime as the kubelet meets it: its socket, its name, its image store, and its own pull.
//!
//! Speaks the CRI over a unix socket and nothing else. Whether to pull is decided elsewhere; the types of the CRI are
//! named in here only, for those with a password print it in their debug output.

mod brought;
mod client;
mod failure;
mod growth;
mod kubelet;
mod pull;
mod records;
mod socket;
mod store;

pub use growth::Progress;
pub use growth::growth_during;
pub use pull::reproduce;
pub use records::pull_records;
pub use socket::{EndpointError, Found, find};
pub use store::holds;
pub(crate) use store::look;

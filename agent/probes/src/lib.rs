//! Looking at the world: every hop of a pull, examined from this node.
//!
//! The probes never call each other; what one finds and the next one needs (an address, a stream) is handed on by
//! `examine`, which alone knows the order.

mod contents;
pub mod credential_plugin;
pub mod cri;
pub mod dns;
pub mod docker_config;
pub mod environment;
mod examine;
pub mod files;
pub mod host_root;
pub mod http;
pub mod kubelet;
pub mod kubelet_credentials;
pub mod limits;
pub mod node;
mod outstanding;
pub mod process;
pub mod proxy;
mod route;
pub mod socks;
pub mod stream;
pub mod tcp;
pub mod tls;
pub mod trust;
pub mod wire;

pub use contents::Contents;
pub use cri::reproduce;
pub use examine::{Clock, Standpoint, examine, examine_from};
pub use limits::Limits;

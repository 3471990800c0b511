//! Real DNS, TLS, proxy, registry, CRI and Kubernetes API servers on loopback, each breakable on purpose.
//!
//! Used by tests and by the demo. Knows nothing of diagnoses: it makes broken worlds, others look at them.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test server that cannot be set up has nothing to go on with"
)]

pub mod ca;
pub mod containerd;
pub mod cri;
pub mod cri_client;
pub mod daemon;
pub mod dns;
pub mod dnsmasq;
pub mod docker_registry;
pub mod kubernetes;
pub mod listen;
pub mod node;
pub mod program;
pub mod proxy;
pub mod registry;
mod socks;
pub mod squid;
pub mod tcp;
pub mod tls;
pub mod world;

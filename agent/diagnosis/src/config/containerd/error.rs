//! Why containerd does not get as far as asking anybody.

use super::config_toml::Refusal;
use crate::config::go_url::GoUrlError;
use crate::config::pem::KeyPairError;

/// Why containerd makes no list of hosts. Every pull from the registry fails, the upstream's share included.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostsError {
    /// The plugin did not load, so that no image at all can be pulled.
    #[error("containerd's image plugin refuses its configuration: {0}")]
    PluginRefused(Refusal),
    /// The plugin that pulls is disabled.
    #[error("the CRI plugin is disabled")]
    PluginDisabled,
    /// A directory or hosts.toml exists and cannot be read.
    #[error("{path}: {why}")]
    Directory {
        /// What was looked at.
        path: String,
        /// In the words of the operating system.
        why: String,
    },
    /// A file of `ca` cannot be read.
    #[error("unable to read CA cert \"{path}\": {why}")]
    ReadCa {
        /// The file.
        path: String,
        /// In the words of the operating system.
        why: String,
    },
    /// A file of `ca` holds no certificate.
    #[error("unable to load CA cert \"{path}\": it holds no certificate")]
    LoadCa {
        /// The file.
        path: String,
    },
    /// A file of `client` cannot be read.
    #[error("unable to read CERT file \"{path}\": {why}")]
    ReadClient {
        /// The file.
        path: String,
        /// In the words of the operating system.
        why: String,
    },
    /// The files of `client` are no pair.
    #[error("failed to load X509 key pair \"{certificate}\": {why}")]
    KeyPair {
        /// The file of the certificate.
        certificate: String,
        /// What is wrong with them.
        why: KeyPairError,
    },
    /// `configs.*.tls` names a certificate without a key, or the reverse.
    #[error("configs.\"{host}\".tls names only one of cert_file and key_file")]
    HalfPair {
        /// The key of `configs`.
        host: String,
    },
    /// An endpoint of the mirrors table is no URL.
    #[error("a mirror's endpoint cannot be parsed: {why}")]
    Endpoint {
        /// What is wrong with it.
        why: GoUrlError,
    },
}

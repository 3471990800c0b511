//! The files of `ca` and `client`: containerd reads them while it builds the list of hosts, and fails with them.
//!
//! Copied rule: core/remotes/docker/config/hosts.go `tlsConfigFromHost`.

use super::{HostsError, RegistryHost};
use crate::config::files::Files;
use crate::config::pem::{check_key_pair, count_certificates};

/// The first file of a host that fails the pull.
pub(super) fn check(files: &Files, host: &RegistryHost) -> Result<(), HostsError> {
    for path in &host.ca {
        let content = files
            .read(path)
            .map_err(|why| HostsError::ReadCa { path: path.clone(), why: format!("open {path}: {why}") })?;
        if count_certificates(content) == 0 {
            return Err(HostsError::LoadCa { path: path.clone() });
        }
    }
    for pair in &host.client_pairs {
        let read = |path: &str| {
            let failed = |why| HostsError::ReadClient { path: path.to_owned(), why: format!("open {path}: {why}") };
            files.read(path).map_err(failed)
        };
        let certificate = read(&pair.certificate)?;
        let key = pair.key.as_deref().map_or(Ok(certificate), read)?;
        check_key_pair(certificate, key)
            .map_err(|why| HostsError::KeyPair { certificate: pair.certificate.clone(), why })?;
    }
    Ok(())
}

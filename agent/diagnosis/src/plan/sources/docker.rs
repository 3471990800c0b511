//! Whom the Docker daemon behind cri-dockerd asks: daemon.json and certs.d.

use super::Sources;
use super::containerd::{authorities, client_pairs};
use super::said;
use crate::case::NodeConfig;
use crate::config::certs_directory::read_certs_directory;
use crate::config::docker_daemon::DockerDaemon;
use crate::evidence::Role;
use crate::plan::endpoint::{Endpoint, TrustPlace};
use crate::reference::Reference;

/// The daemon's settings.
pub(crate) const FILE: &str = "/etc/docker/daemon.json";
/// Where certificates for one registry are looked for.
const CERTS: &str = "/etc/docker/certs.d";

pub(super) fn sources(node: &NodeConfig, reference: &Reference) -> Sources {
    let files = &node.files;
    let daemon = match DockerDaemon::parse(files.read(FILE).unwrap_or_default()) {
        Ok(daemon) => daemon,
        // The running daemon has read another one.
        Err(error) => {
            let ignored = said::ignored(FILE, None, &format!("the daemon would not start with it: {error}"));
            return Sources { findings: vec![ignored], ..Sources::default() };
        }
    };
    let mut endpoints = Vec::new();
    for asked in daemon.endpoints(&reference.registry) {
        let certs = read_certs_directory(files, &[CERTS], &asked.authority);
        // The daemon makes the whole list before it asks anybody (moby registry/service_v2.go `lookupV2Endpoints`).
        if let Some(error) = certs.error {
            return Sources::refused(said::refused(&reference.registry, &error.to_string()).detail("tlsFiles"));
        }
        let role = if asked.is_mirror { Role::Mirror } else { Role::Registry };
        endpoints.push(Endpoint {
            base_path: format!("{}/v2", asked.path),
            skip_verify: asked.skip_verify,
            http_fallback: asked.skip_verify,
            authorities: authorities(files, &certs.ca),
            client_pairs: client_pairs(files, &certs.client_pairs),
            trusted_by: Some(TrustPlace::Directory { path: format!("{CERTS}/{}", asked.authority) }),
            set_in: certs.dir,
            ..Endpoint::plain(role, asked.scheme, asked.authority)
        });
    }
    Sources { endpoints, ..Sources::default() }
}

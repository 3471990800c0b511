//! The deprecated `registry.mirrors` table of config.toml, read where `config_path` is empty.
//!
//! Copied rules: `internal/cri/server/images/image_pull.go` `registryHosts`, `registryEndpoints`, `addDefaultScheme`; for
//! 1.x `getTLSConfig`.

use super::config_toml::{ContainerdConfig, TlsSettings};
use super::hosts::{DIAL_TIMEOUT, is_localhost, needs_namespace};
use super::{Capabilities, ClientPair, ContainerdVersion, HostsError, RegistryHost, RegistryHosts, tls_files};
use crate::config::files::Files;
use crate::config::go_url::GoUrl;

/// The endpoints of the table for `host`, then the registry itself unless it is among them.
pub(super) fn registry_hosts(
    version: ContainerdVersion,
    config: &ContainerdConfig,
    files: &Files,
    host: &str,
) -> RegistryHosts {
    match build(version, config, files, host) {
        Ok(hosts) => RegistryHosts { hosts, ..RegistryHosts::default() },
        Err(error) => RegistryHosts { error: Some(error), ..RegistryHosts::default() },
    }
}

fn build(
    version: ContainerdVersion,
    config: &ContainerdConfig,
    files: &Files,
    host: &str,
) -> Result<Vec<RegistryHost>, HostsError> {
    let mirrors = &config.registry.mirrors;
    let endpoints = mirrors.get(host).or_else(|| mirrors.get("*")).map_or(&[][..], |endpoints| &endpoints.value);
    let parse = |endpoint: &String| {
        let endpoint = with_scheme(endpoint)?;
        GoUrl::parse(&endpoint).map_err(|why| HostsError::Endpoint { why })
    };
    let mut urls: Vec<GoUrl> = endpoints.iter().map(parse).collect::<Result<_, _>>()?;
    let mirrors = urls.len();
    let has_itself = urls.iter().any(|url| url.host() == host);
    if !has_itself {
        let own = if host == "docker.io" { "registry-1.docker.io" } else { host };
        let own = format!("{}://{own}", default_scheme(own));
        urls.push(GoUrl::parse(&own).map_err(|why| HostsError::Endpoint { why })?);
    }
    let built = urls.iter().enumerate().map(|(at, url)| {
        let is_upstream = at >= mirrors || url.host() == host;
        let built = build_host(version, config, url, host, is_upstream)?;
        tls_files::check(files, &built)?;
        Ok(built)
    });
    built.collect()
}

fn build_host(
    version: ContainerdVersion,
    config: &ContainerdConfig,
    url: &GoUrl,
    image_host: &str,
    is_upstream: bool,
) -> Result<RegistryHost, HostsError> {
    let authority = url.host().into_owned();
    let nothing = TlsSettings::default();
    // Removed in 2.0; the keys are ignored there.
    let tls = config.registry.tls.get(&authority).filter(|_| version < ContainerdVersion::V2_0);
    let plain_localhost = tls.is_none() && is_localhost(image_host) && url.scheme() == "http";
    let tls = tls.map_or(&nothing, |tls| &tls.value);
    let pair = match (&tls.cert_file, &tls.key_file) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some(ClientPair { certificate: certificate.clone(), key: Some(key.clone()) }),
        _ => return Err(HostsError::HalfPair { host: authority }),
    };
    let path = url.path();
    // From 1.7 on, a localhost that is not named with port 80 may speak either (`docker.NewHTTPFallback`).
    let speaks_either = plain_localhost && version >= ContainerdVersion::V1_7 && url.port() != "80";
    Ok(RegistryHost {
        scheme: if speaks_either { "https".to_owned() } else { url.scheme().to_owned() },
        path: if path.is_empty() { "/v2".to_owned() } else { path.into_owned() },
        capabilities: Capabilities::all(version).without(Capabilities::PUSH),
        skip_verify: tls.skip_verify || plain_localhost,
        ca: tls.ca_file.iter().cloned().collect(),
        client_pairs: pair.into_iter().collect(),
        headers: Vec::new(),
        http_fallback: speaks_either,
        dial_timeout: DIAL_TIMEOUT,
        ns_param: needs_namespace(&authority, image_host),
        host: authority,
        is_upstream,
    })
}

fn with_scheme(endpoint: &str) -> Result<String, HostsError> {
    if endpoint.contains("://") {
        return Ok(endpoint.to_owned());
    }
    let url = GoUrl::parse(&format!("dummy://{endpoint}")).map_err(|why| HostsError::Endpoint { why })?;
    Ok(format!("{}://{endpoint}", default_scheme(&url.host())))
}

fn default_scheme(host: &str) -> &'static str {
    if is_localhost(host) { "http" } else { "https" }
}

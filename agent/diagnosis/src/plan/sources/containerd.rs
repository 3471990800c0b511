//! Whom containerd asks: config.toml, hosts.toml, and the deprecated tables.

use std::sync::Arc;

use super::Sources;
use super::said;
use crate::case::NodeConfig;
use crate::cause::{Code, Severity};
use crate::config::containerd::config_toml::{ContainerdConfig, Refusal};
use crate::config::containerd::engine::{self, Engine};
use crate::config::containerd::{ContainerdVersion, HostsError, RegistryHost, RegistryHosts, registry_hosts};
use crate::config::files::Files;
use crate::evidence::Role;
use crate::finding::Finding;
use crate::plan::endpoint::{AuthorityFile, ClientPair, Endpoint, TrustPlace};
use crate::reference::Reference;
use crate::runtime::{Runtime, RuntimeVersion};

/// Where distributions put config.toml. Those of k3s and its kin are made at each start of their agent.
pub(super) const CONFIG_FILES: [&str; 6] = [
    "/var/lib/rancher/k3s/agent/etc/containerd/config.toml",
    "/var/lib/rancher/rke2/agent/etc/containerd/config.toml",
    "/var/snap/microk8s/current/args/containerd.toml",
    "/etc/k0s/containerd.toml",
    "/run/k0s/containerd-cri.toml",
    "/etc/containerd/config.toml",
];

/// What is taken for the version of a containerd that does not tell it.
pub(crate) const ASSUMED: ContainerdVersion = ContainerdVersion { major: 2, minor: 1 };

/// config.toml with its imports, which is the same for every image.
pub(super) struct Loaded<'n> {
    version: ContainerdVersion,
    path: &'n str,
    config: ContainerdConfig,
}

pub(super) fn load(node: &NodeConfig) -> Loaded<'_> {
    let (version, path) = (version(node), config_file(node));
    Loaded { version, path, config: ContainerdConfig::read(version, &node.files, path) }
}

pub(super) fn sources(node: &NodeConfig, loaded: &Loaded<'_>, reference: &Reference) -> Sources {
    sources_among(node, loaded, found(node, loaded, reference), reference)
}

/// The hosts for a reference's registry, which do not depend on its tag or digest.
pub(super) fn found(node: &NodeConfig, loaded: &Loaded<'_>, reference: &Reference) -> RegistryHosts {
    registry_hosts(loaded.version, &loaded.config, &node.files, &reference.registry)
}

/// What such hosts come to for one reference.
pub(super) fn sources_among(
    node: &NodeConfig,
    loaded: &Loaded<'_>,
    found: RegistryHosts,
    reference: &Reference,
) -> Sources {
    let Loaded { version, path, config } = loaded;
    let answers = node.runtime.as_ref().and_then(Runtime::version).is_some();
    let mut findings: Vec<Finding> = config.remarks.iter().map(said::of_config).collect();
    findings.extend(found.remarks.iter().map(|remark| said::of_hosts_toml(remark, &reference.registry)));
    if let Some(error) = &config.error {
        findings.push(would_not_start(path, &error.to_string()).detail("notStarting"));
    }
    match found.error {
        None => {}
        // The process that answers has other settings than the file: it was changed since.
        Some(error @ (HostsError::PluginRefused(_) | HostsError::PluginDisabled)) if answers => {
            findings.push(with_detail(would_not_start(path, &error.to_string()), &error));
            return Sources { findings, ..Sources::default() };
        }
        Some(error) => {
            let of_all = matches!(error, HostsError::PluginRefused(_) | HostsError::PluginDisabled);
            let why = error.to_string();
            let refusal = if of_all { said::refused_by_all(&why) } else { said::refused(&reference.registry, &why) };
            return Sources { findings, ..Sources::refused(with_detail(refusal, &error)) };
        }
    }
    let hosts_toml = hosts_toml(*version, config, found.dir.as_deref(), &reference.registry);
    let endpoints = found.hosts.iter().filter_map(|host| {
        let endpoint = endpoint(&node.files, host, found.dir.as_ref(), reference)?;
        Some(Endpoint { trusted_by: Some(trust_place(&endpoint, hosts_toml.as_deref())), ..endpoint })
    });
    Sources { endpoints: endpoints.collect(), findings, ..Sources::default() }
}

/// The stable word for what is wrong, where there is one.
fn with_detail(finding: Finding, error: &HostsError) -> Finding {
    match error {
        HostsError::PluginRefused(Refusal::MirrorsWithConfigPath | Refusal::TlsWithConfigPath) => {
            finding.detail("mirrorsWithConfigPath")
        }
        HostsError::PluginRefused(Refusal::WrongType { .. }) | HostsError::PluginDisabled => {
            finding.detail("notStarting")
        }
        HostsError::ReadCa { .. }
        | HostsError::LoadCa { .. }
        | HostsError::ReadClient { .. }
        | HostsError::KeyPair { .. }
        | HostsError::HalfPair { .. } => finding.detail("tlsFiles"),
        HostsError::Directory { .. } | HostsError::Endpoint { .. } => finding,
    }
}

/// The version whose rules count.
pub(crate) fn version(node: &NodeConfig) -> ContainerdVersion {
    let told = node.runtime.as_ref().and_then(Runtime::version).and_then(RuntimeVersion::numbers);
    told.map_or(ASSUMED, |(major, minor)| ContainerdVersion { major, minor })
}

/// The file that the running process was given, else the first usual one that is there.
pub(crate) fn config_file(node: &NodeConfig) -> &str {
    if let Some(path) = node.runtime.as_ref().and_then(|runtime| runtime.config_file.as_deref()) {
        return path;
    }
    // Another distribution's file may lie about from before.
    let endpoint = node.runtime.as_ref().map(|runtime| runtime.endpoint.as_str());
    let is_of_socket = |path: &&str| match endpoint {
        None => true,
        Some(endpoint) if endpoint.contains("/k3s/") => path.contains("/rancher/"),
        Some(endpoint) if endpoint.contains("microk8s") => path.contains("microk8s"),
        Some(endpoint) if endpoint.contains("/k0s/") => path.contains("k0s"),
        Some(_) => path.starts_with("/etc/containerd/"),
    };
    let is_there = |path: &&str| node.files.read(path).is_ok();
    CONFIG_FILES.into_iter().filter(is_of_socket).find(is_there).unwrap_or("/etc/containerd/config.toml")
}

fn would_not_start(path: &str, why: &str) -> Finding {
    let summary =
        format!("containerd runs with other settings than {path} has now: with these it would not pull: {why}");
    Finding::new(Code::RuntimeConfigInvalid, summary)
        .severity(Severity::Warning)
        .fix(format!("correct {path} before the next restart"))
}

/// The endpoint for a host of the configuration; `None` for a URL without a host, which is never contacted.
fn endpoint(files: &Files, host: &RegistryHost, dir: Option<&String>, reference: &Reference) -> Option<Endpoint> {
    let scheme = host.known_scheme().filter(|_| !host.host.is_empty())?;
    let role = if host.is_upstream { Role::Registry } else { Role::Mirror };
    let headers =
        host.headers.iter().flat_map(|header| header.values.iter().map(|value| (header.name.clone(), value.clone())));
    Some(Endpoint {
        base_path: host.path.clone(),
        skip_verify: host.skip_verify,
        http_fallback: host.http_fallback,
        resolves: if reference.digest.is_some() { host.used_for_digest() } else { host.used_for_tag() },
        namespace: host.ns_param.then(|| reference.registry.clone()),
        authorities: authorities(files, &host.ca),
        client_pairs: client_pairs(files, &host.client_pairs),
        headers: headers.collect(),
        set_in: dir.cloned(),
        ..Endpoint::plain(role, scheme, host.host.clone())
    })
}

/// The hosts.toml that counts for images of a registry, or would if it were there; `None` where no directory of them is
/// read.
fn hosts_toml(
    version: ContainerdVersion,
    config: &ContainerdConfig,
    dir: Option<&str>,
    registry: &str,
) -> Option<String> {
    if let Some(dir) = dir {
        return Some(format!("{dir}/hosts.toml"));
    }
    let path = config.effective_config_path(version);
    let root = match engine::choose(version, config).engine {
        Engine::Local => path.split(':').next().unwrap_or_default(),
        // It takes the whole text for one directory, in which nobody writes anything.
        Engine::Transfer if path.contains(':') => "",
        Engine::Transfer => path,
    };
    (!root.is_empty()).then(|| format!("{}/{registry}/hosts.toml", root.trim_end_matches('/')))
}

/// Where a further authority for an endpoint belongs.
fn trust_place(endpoint: &Endpoint, hosts_toml: Option<&str>) -> TrustPlace {
    let Some(file) = hosts_toml else { return TrustPlace::System { runtime: "containerd".to_owned() } };
    let is_mirror = endpoint.role == Role::Mirror;
    let table = is_mirror.then(|| format!("[host.\"{}://{}\"]", endpoint.scheme.word(), endpoint.authority));
    TrustPlace::HostsToml { file: file.to_owned(), table }
}

/// The contents of CA files, which have been found readable.
pub(super) fn authorities(files: &Files, paths: &[String]) -> Vec<AuthorityFile> {
    let read = |path: &String| AuthorityFile {
        path: path.clone(),
        pem: Arc::new(files.read(path).unwrap_or_default().to_vec()),
    };
    paths.iter().map(read).collect()
}

/// The contents of client pairs, which have been found readable.
pub(super) fn client_pairs(files: &Files, pairs: &[crate::config::pem::ClientPair]) -> Vec<ClientPair> {
    let read = |path: &str| files.read(path).unwrap_or_default().to_vec();
    let pair = |pair: &crate::config::pem::ClientPair| ClientPair {
        path: pair.certificate.clone(),
        chain: Arc::new(read(&pair.certificate)),
        key: Arc::new(read(pair.key.as_deref().unwrap_or(&pair.certificate)).into()),
    };
    pairs.iter().map(pair).collect()
}

//! The registries that have settings of their own on the node, and where each is asked, in which order and which way.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::files::without_login;
use crate::case::{NodeConfig, NotChecked};
use crate::cause::Code;
use crate::config::certs_directory::{CONTAINERS_CERTS, DOCKER_CERTS};
use crate::config::containerd::config_toml::ContainerdConfig;
use crate::config::containerd::{registry_of, roots};
use crate::config::docker_daemon::DockerDaemon;
use crate::config::files::{Files, NotRead, join};
use crate::config::proxy_env::{ProxyEnv, Route};
use crate::config::registries_conf::RegistriesConf;
use crate::evidence::Role;
use crate::finding::Finding;
use crate::plan::Endpoint;
use crate::plan::sources::containerd::{config_file, version};
use crate::plan::sources::{Settings, Sources, docker, runtime_kind};
use crate::reference::Reference;
use crate::runtime::Kind;
use crate::text::clean;

/// As many registries are looked at.
const MOST: usize = 1000;
/// Bytes of a name or path.
const NAME: usize = 300;
/// The directory for every registry without one of its own.
const DEFAULT: &str = "_default";
/// Any name will do.
const IMAGE: &str = "image";
/// Any digest will do: which hosts are asked does not depend on it.
const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// A registry and where it is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegistrySettings {
    /// As image names begin with it; `_default` stands for every registry without a directory of its own, and
    /// `*.example.com` for subdomains.
    pub registry: String,
    /// The file or directory that says so; absent where the defaults hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_in: Option<String>,
    /// Who is asked, in order; of `_default` and wildcards without the registry itself.
    pub endpoints: Vec<EndpointSettings>,
    /// Why no pull gets as far as a connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// A host that is asked, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointSettings {
    /// `mirror` or `registry`.
    pub role: String,
    /// Scheme, host and what stands before the repository.
    pub url: String,
    /// What images are called there, where that is not what they are called here: `cache/…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// What is looked up here: `tags and digests`, `digests`, `tags`, or `nothing`, where only content is fetched.
    pub resolves: String,
    /// Its certificate is not verified.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_verify: bool,
    /// Plain HTTP is tried after a peer that does not speak TLS.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub http_fallback: bool,
    /// Files of certificates that are trusted here besides the system's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ca: Vec<String>,
    /// Client certificates for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub client_certificates: Vec<String>,
    /// The names of headers that are sent with every request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// The value of `?ns=`, with which a mirror knows whose image is meant; `REGISTRY` where that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// `direct`, or the proxy.
    pub via: String,
    /// The variable, or the entry of `NO_PROXY`, that decided.
    pub route: String,
}

/// The registries with what is to be said of each; with `only` that one alone, whether it has settings or not.
pub(super) fn registries(node: &NodeConfig, only: Option<&str>) -> (Vec<RegistrySettings>, Vec<Finding>) {
    let names = only.map_or_else(|| configured(node), |registry| vec![registry.to_owned()]);
    let settings = Settings::of(node);
    let mut findings = Vec::new();
    let registries = names.iter().take(MOST).map(|name| registry(node, &settings, name, &mut findings)).collect();
    (registries, findings)
}

/// The names of registries in the runtime's files, in byte order.
fn configured(node: &NodeConfig) -> Vec<String> {
    let files = &node.files;
    let mut names: Vec<String> = Vec::new();
    match runtime_kind(node) {
        Some(Kind::Containerd) => {
            let version = version(node);
            let config = ContainerdConfig::read(version, files, config_file(node));
            let roots = roots(version, &config);
            if roots.is_empty() {
                names.extend(
                    config.registry.mirrors.keys().map(|host| if host == "*" { DEFAULT } else { host }.to_owned()),
                );
            }
            names.extend(roots.iter().flat_map(|root| directories(files, root)).map(|name| registry_of(&name)));
        }
        Some(Kind::CriO) => {
            let conf = RegistriesConf::read_system(files).unwrap_or_default();
            names.extend(conf.registries.into_iter().map(|registry| registry.prefix));
            names.extend(CONTAINERS_CERTS.iter().flat_map(|root| directories(files, root)));
        }
        Some(Kind::Docker) => {
            let daemon = DockerDaemon::parse(files.read(docker::FILE).unwrap_or_default()).unwrap_or_default();
            names.extend((!daemon.mirrors.is_empty()).then(|| "docker.io".to_owned()));
            names.extend(daemon.insecure_hosts);
            names.extend(DOCKER_CERTS.iter().flat_map(|root| directories(files, root)));
        }
        Some(Kind::Other) | None => {}
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// The folders of registries whose names could not be read, or not all of them: then none is shown.
pub(super) fn not_checked(node: &NodeConfig) -> Vec<NotChecked> {
    let unread = |folder: String| match node.files.list(&folder) {
        Err(NotRead::Unreadable(why)) => Some(NotChecked::new(clean(&folder, NAME), clean(&why, NAME))),
        _ => None,
    };
    folders(node).into_iter().filter_map(unread).collect()
}

/// Where the runtime has a folder for each registry.
fn folders(node: &NodeConfig) -> Vec<String> {
    let known = |folders: &[&str]| folders.iter().map(|folder| (*folder).to_owned()).collect();
    match runtime_kind(node) {
        Some(Kind::Containerd) => {
            let version = version(node);
            known(&roots(version, &ContainerdConfig::read(version, &node.files, config_file(node))))
        }
        Some(Kind::CriO) => known(&CONTAINERS_CERTS),
        Some(Kind::Docker) => known(&DOCKER_CERTS),
        Some(Kind::Other) | None => Vec::new(),
    }
}

fn directories(files: &Files, root: &str) -> Vec<String> {
    let names = files.list(root).unwrap_or_default();
    names.into_iter().filter(|name| files.is_dir(&join(root, name)) == Ok(true)).map(str::to_owned).collect()
}

fn registry(node: &NodeConfig, settings: &Settings<'_>, name: &str, findings: &mut Vec<Finding>) -> RegistrySettings {
    let (host, path) = name.split_once('/').unwrap_or((name, ""));
    // What a wildcard stands for is asked under another name each.
    let is_any = host == DEFAULT || host.starts_with("*.");
    let host = host.replacen("*.", "any.", 1);
    let repository = if path.is_empty() { format!("library/{IMAGE}") } else { format!("{path}/{IMAGE}") };
    let by_tag = Reference { registry: host, repository, tag: Some("latest".to_owned()), digest: None };
    let by_digest = Reference { tag: None, digest: Some(DIGEST.to_owned()), ..by_tag.clone() };
    let [of_tag, of_digest] = settings.sources_of_both(&by_tag, &by_digest);
    let Sources { endpoints, refusal, findings: said, .. } = of_tag;
    let of_digest = of_digest.endpoints;
    findings.extend(said);
    let mut rows: BTreeMap<usize, EndpointSettings> = BTreeMap::new();
    let all: Vec<&Endpoint> = of_digest.iter().chain(endpoints.iter().filter(|e| !has(&of_digest, e))).collect();
    for (at, endpoint) in all.into_iter().enumerate() {
        if is_any && endpoint.authority == by_tag.registry {
            continue;
        }
        let resolves = |among: &[Endpoint]| among.iter().any(|other| same(other, endpoint) && other.resolves);
        let resolves = (resolves(&endpoints), resolves(&of_digest));
        let mut row = row(endpoint, resolves, &node.network.proxy);
        if is_any {
            row.namespace = row.namespace.map(|_| "REGISTRY".to_owned());
        }
        rows.insert(at, row);
    }
    // A tag's own mirrors stand before the registry, which is the last for both.
    let mut rows: Vec<EndpointSettings> = rows.into_values().collect();
    rows.sort_by_key(|row| row.role == Role::Registry.word());
    let set_in = endpoints.iter().chain(&of_digest).find_map(|endpoint| endpoint.set_in.as_deref());
    let refused = refusal.as_ref().map(|refusal| refusal.summary.clone());
    // That a registry is blocked is what somebody wanted, and no fault of the configuration.
    findings.extend(refusal.filter(|refusal| refusal.code != Code::PolicyRejected));
    RegistrySettings {
        registry: clean(name, NAME),
        set_in: set_in.map(|path| clean(path, NAME)),
        endpoints: rows,
        refused,
    }
}

fn same(one: &Endpoint, other: &Endpoint) -> bool {
    (one.role, one.scheme, &one.authority, &one.base_path)
        == (other.role, other.scheme, &other.authority, &other.base_path)
}

fn has(endpoints: &[Endpoint], endpoint: &Endpoint) -> bool {
    endpoints.iter().any(|other| same(other, endpoint))
}

fn row(endpoint: &Endpoint, resolves: (bool, bool), proxy: &ProxyEnv) -> EndpointSettings {
    let route = proxy.route(endpoint.scheme.word(), endpoint.host(), Some(endpoint.port(endpoint.scheme)));
    let via = match &route {
        Route::Direct { .. } => "direct".to_owned(),
        Route::Proxy { url, .. } | Route::CgiRefused { url, .. } => url.to_string(),
    };
    let resolves = match resolves {
        (true, true) => "tags and digests",
        (false, true) => "digests",
        (true, false) => "tags",
        (false, false) => "nothing",
    };
    let url = format!("{}://{}{}", endpoint.scheme.word(), endpoint.authority, endpoint.base_path);
    let mut headers: Vec<String> = endpoint.headers.iter().map(|(name, _)| clean(name, NAME)).collect();
    headers.dedup();
    EndpointSettings {
        role: endpoint.role.word().to_owned(),
        url: clean(&without_login(&url), NAME),
        repository: endpoint.repository.as_deref().map(|name| {
            let above = name.strip_suffix(IMAGE).unwrap_or(name);
            clean(&format!("{above}…"), NAME)
        }),
        resolves: resolves.to_owned(),
        skip_verify: endpoint.skip_verify,
        http_fallback: endpoint.http_fallback,
        ca: endpoint.authorities.iter().map(|file| clean(&file.path, NAME)).collect(),
        client_certificates: endpoint.client_pairs.iter().map(|pair| clean(&pair.path, NAME)).collect(),
        headers,
        namespace: endpoint.namespace.as_deref().map(|name| clean(name, NAME)),
        via: clean(&via, NAME),
        route: clean(&route.to_string(), NAME),
    }
}

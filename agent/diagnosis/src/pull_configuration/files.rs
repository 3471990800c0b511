//! The runtime's files and what in each decides over pulls, every setting with its line.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::case::NodeConfig;
use crate::config::containerd::config_toml::{ContainerdConfig, Sourced};
use crate::config::crio_conf::CrioConf;
use crate::config::docker_daemon::DockerDaemon;
use crate::config::files::Files;
use crate::config::go_duration::GoDuration;
use crate::config::go_url::GoUrl;
use crate::config::proxy_env::ProxyUrl;
use crate::config::registries_conf::RegistriesConf;
use crate::config::toml_document::{Document, Parser};
use crate::plan::sources::containerd::{config_file, version};
use crate::plan::sources::docker::FILE as DAEMON_JSON;
use crate::plan::sources::runtime_kind;
use crate::runtime::Kind;
use crate::text::clean;

/// Bytes of a value.
const VALUE: usize = 500;

/// A file and what it sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigFile {
    /// Its path on the node.
    pub path: String,
    /// What in it decides over pulls and is not overruled by a later file.
    pub settings: Vec<Setting>,
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Setting {
    /// Its key, below the plugin or table that pulls.
    pub key: String,
    /// Its value as text; `***` for one that may be a secret.
    pub value: String,
    /// From 1, where it can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

pub(super) fn files(node: &NodeConfig) -> Vec<ConfigFile> {
    match runtime_kind(node) {
        Some(Kind::Containerd) => containerd(node),
        Some(Kind::CriO) => cri_o(&node.files),
        Some(Kind::Docker) => docker(&node.files),
        Some(Kind::Other) | None => Vec::new(),
    }
}

/// Files being filled with what they set.
struct Filing(Vec<ConfigFile>);

impl Filing {
    fn of(paths: impl IntoIterator<Item = String>) -> Self {
        Self(paths.into_iter().map(|path| ConfigFile { path, settings: Vec::new() }).collect())
    }

    fn put(&mut self, file: &str, key: impl Into<String>, value: &str, line: Option<u32>) {
        let setting = Setting { key: clean(&key.into(), VALUE), value: clean(value, VALUE), line };
        if let Some(known) = self.0.iter_mut().find(|known| known.path == file) {
            known.settings.push(setting);
        }
    }

    fn sourced<T>(&mut self, key: impl Into<String>, set: &Sourced<T>, value: &str) {
        self.put(&set.file, key, value, Some(set.line));
    }

    fn option<T: ToString>(&mut self, key: &str, set: Option<&Sourced<T>>) {
        if let Some(set) = set {
            self.sourced(key, set, &set.value.to_string());
        }
    }

    /// In the order of the lines.
    fn done(mut self) -> Vec<ConfigFile> {
        for file in &mut self.0 {
            file.settings.sort_by_key(|setting| setting.line);
        }
        self.0
    }
}

fn containerd(node: &NodeConfig) -> Vec<ConfigFile> {
    let config = ContainerdConfig::read(version(node), &node.files, config_file(node));
    let mut filing = Filing::of(config.loaded.iter().map(|file| file.path.clone()));
    let images = &config.images;
    filing.option("sandbox_image", images.sandbox_image.as_ref());
    filing.option("max_concurrent_downloads", images.max_concurrent_downloads.as_ref());
    if let Some(timeout) = &images.progress_timeout {
        filing.sourced("image_pull_progress_timeout", timeout, &in_words(timeout.value));
    }
    filing.option("disable_snapshot_annotations", images.disable_snapshot_annotations.as_ref());
    filing.option("discard_unpacked_layers", images.discard_unpacked_layers.as_ref());
    filing.option("use_local_image_pull", images.use_local_image_pull.as_ref());
    filing.option("image_pull_with_sync_fs", images.sync_fs.as_ref());
    let registry = &config.registry;
    filing.option("registry.config_path", registry.config_path.as_ref());
    for (host, endpoints) in &registry.mirrors {
        let shown: Vec<String> = endpoints.value.iter().map(|url| without_login(url)).collect();
        filing.sourced(format!("registry.mirrors.\"{host}\""), endpoints, &shown.join(", "));
    }
    for (host, tls) in &registry.tls {
        let files = [&tls.value.ca_file, &tls.value.cert_file, &tls.value.key_file];
        let mut told: Vec<&str> = files.into_iter().flatten().map(String::as_str).collect();
        told.extend(tls.value.skip_verify.then_some("insecure_skip_verify"));
        filing.sourced(format!("registry.configs.\"{host}\".tls"), tls, &told.join(", "));
    }
    for (host, login) in &registry.auth {
        filing.sourced(format!("registry.configs.\"{host}\".auth"), login, "***");
    }
    for (url, login) in &registry.auths {
        filing.sourced(format!("registry.auths.\"{}\"", without_login(url)), login, "***");
    }
    if let Some(disabled) = &config.cri_disabled {
        filing.sourced("disabled_plugins", disabled, &disabled.value);
    }
    filing.done()
}

fn cri_o(files: &Files) -> Vec<ConfigFile> {
    let conf = CrioConf::read(files);
    let registries = RegistriesConf::read_system(files).unwrap_or_default();
    let mut filing = Filing::of(conf.loaded.iter().chain(&registries.loaded).cloned());
    for setting in &conf.settings {
        filing.put(&setting.file, setting.key, &setting.value, Some(setting.line));
    }
    for registry in &registries.registries {
        let mut told = Vec::new();
        if registry.location != registry.prefix && !registry.location.is_empty() {
            told.push(format!("location {}", registry.location));
        }
        told.extend(registry.insecure.then(|| "insecure".to_owned()));
        told.extend(registry.blocked.then(|| "blocked".to_owned()));
        told.extend(registry.mirrors.iter().map(|mirror| format!("mirror {}", mirror.location)));
        filing.put(&registry.file, format!("registry \"{}\"", registry.prefix), &told.join(", "), Some(registry.line));
    }
    for key in ["unqualified-search-registries", "short-name-mode", "credential-helpers"] {
        // The last file that has it counts.
        let found = registries.loaded.iter().rev().find_map(|path| {
            let document = Document::parse(files.read(path).ok()?, Parser::BurntSushi).ok()?;
            let entry = document.root.field(key)?;
            let texts = entry.value.as_texts().or_else(|| Some(vec![entry.value.as_text()?.to_owned()]))?;
            Some((path, texts.join(", "), entry.line))
        });
        if let Some((path, value, line)) = found {
            filing.put(path, key, &value, Some(line));
        }
    }
    filing.done()
}

fn docker(files: &Files) -> Vec<ConfigFile> {
    let Ok(content) = files.read(DAEMON_JSON) else { return Vec::new() };
    let mut filing = Filing::of([DAEMON_JSON.to_owned()]);
    let Ok(daemon) = DockerDaemon::parse(content) else { return filing.done() };
    let mut told: BTreeMap<&str, String> = BTreeMap::new();
    let mirrors: Vec<String> = daemon
        .mirrors
        .iter()
        .map(|mirror| format!("{}://{}{}", mirror.scheme.word(), mirror.authority, mirror.path))
        .collect();
    told.insert("registry-mirrors", mirrors.join(", "));
    let is_own = |network: &&ipnet::IpNet| !matches!(network.to_string().as_str(), "127.0.0.0/8" | "::1/128");
    let networks = daemon.insecure_networks.iter().filter(is_own).map(ToString::to_string);
    let insecure: Vec<String> = daemon.insecure_hosts.iter().cloned().chain(networks).collect();
    told.insert("insecure-registries", insecure.join(", "));
    if let Some(number) = daemon.max_concurrent_downloads {
        told.insert("max-concurrent-downloads", number.to_string());
    }
    if let Some(number) = daemon.max_download_attempts {
        told.insert("max-download-attempts", number.to_string());
    }
    if let Some(proxies) = &daemon.proxies {
        let url = |text: &str| ProxyUrl::parse(text).map_or_else(|_| "no URL".to_owned(), |url| url.to_string());
        let shown = |text: &str| if text.is_empty() { String::new() } else { url(text) };
        told.insert("proxies.http-proxy", shown(proxies.http.expose()));
        told.insert("proxies.https-proxy", shown(proxies.https.expose()));
        told.insert("proxies.no-proxy", proxies.no_proxy.clone());
    }
    for (key, value) in told.into_iter().filter(|(_, value)| !value.is_empty()) {
        filing.put(DAEMON_JSON, key, &value, None);
    }
    filing.done()
}

/// A URL without its login; a text that is none, without what stands before an `@`.
pub(super) fn without_login(text: &str) -> String {
    match GoUrl::parse(text) {
        Ok(url) if url.user().is_none() && !text.contains('@') => clean(text, VALUE),
        _ => {
            text.rsplit_once('@').map_or_else(|| clean(text, VALUE), |(_, rest)| format!("***@{}", clean(rest, VALUE)))
        }
    }
}

/// In seconds where that is exact enough.
fn in_words(time: GoDuration) -> String {
    match time.as_millis() {
        millis if millis % 1000 == 0 => format!("{}s", millis / 1000),
        millis => format!("{millis}ms"),
    }
}

//! The runtime and its files: what decides over pulls, each setting with its place.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::in_seconds;
use crate::case::{NodeConfig, NotChecked};
use crate::config::containerd::config_toml::{ContainerdConfig, Sourced};
use crate::config::containerd::engine::{self, Reason};
use crate::config::crio_conf::CrioConf;
use crate::config::docker_daemon::DockerDaemon;
use crate::config::files::{Files, NotRead};
use crate::config::go_duration::GoDuration;
use crate::config::go_url::GoUrl;
use crate::config::proxy_env::ProxyUrl;
use crate::config::registries_conf::RegistriesConf;
use crate::config::toml_document::{Document, Parser};
use crate::plan::sources::containerd::{config_file, version};
use crate::plan::sources::docker::FILE as DAEMON_JSON;
use crate::plan::sources::runtime_kind;
use crate::runtime::{Kind, Runtime, RuntimeAnswer, RuntimeProcess};
use crate::text::clean;

/// Bytes of a value.
const VALUE: usize = 500;

/// The container runtime.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuntimeSettings {
    /// What it is called; absent where it did not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its version, as it tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its socket as a URL.
    pub endpoint: String,
    /// Who names that socket; absent where it was found where runtimes put theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named_by: Option<String>,
    /// The process that listens, if it was found beyond doubt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
}

/// What of containerd pulls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Engine {
    /// `local` or `transfer`.
    pub name: String,
    /// What decided it.
    pub because: String,
}

/// A process of the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Process {
    /// Its id, as the node numbers processes.
    pub pid: i32,
    /// When it started, by the node's clock, in UTC.
    pub started_at: String,
}

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

/// What of containerd pulls, by its files.
pub(super) fn engine(node: &NodeConfig) -> Option<Engine> {
    runtime_kind(node).filter(|kind| *kind == Kind::Containerd)?;
    let version = version(node);
    let config = ContainerdConfig::read(version, &node.files, config_file(node));
    let choice = engine::choose(version, &config);
    let name = match choice.engine {
        engine::Engine::Local => "local",
        engine::Engine::Transfer => "transfer",
    };
    let because = match choice.because {
        Reason::Version => format!("containerd {version} pulls with no other"),
        Reason::Default => format!("it is the default of containerd {version}"),
        Reason::Asked => "`use_local_image_pull` asks for it".to_owned(),
        Reason::Setting(key) => format!("`{key}` is set to what the transfer engine cannot do"),
    };
    Some(Engine { name: name.to_owned(), because })
}

pub(super) fn settings(runtime: &Runtime) -> RuntimeSettings {
    let told = runtime.version();
    let process = match &runtime.process {
        RuntimeProcess::Verified { pid, started_at, .. } => {
            Some(Process { pid: *pid, started_at: in_seconds(*started_at) })
        }
        RuntimeProcess::NotSeen { .. } => None,
    };
    RuntimeSettings {
        name: told.map(|version| clean(&version.name, VALUE)),
        version: told.map(|version| clean(&version.version, VALUE)),
        endpoint: clean(&runtime.endpoint, VALUE),
        named_by: runtime.named_by.as_deref().map(|by| clean(by, VALUE)),
        process,
    }
}

/// What of the runtime was not to be seen, beyond what is said of its environment.
pub(super) fn not_checked(node: &NodeConfig) -> Vec<NotChecked> {
    let mut unseen = Vec::new();
    let answer = node.runtime.as_ref().map(|runtime| &runtime.answer);
    let why = match answer {
        None => Some("no socket of a container runtime was found".to_owned()),
        Some(RuntimeAnswer::Version(_)) => None,
        Some(RuntimeAnswer::Broken(_)) => Some("its socket is of no use".to_owned()),
        Some(RuntimeAnswer::NotAsked { why }) => Some(why.clone()),
    };
    if let Some(why) = why {
        let assumed = match runtime_kind(node) {
            Some(Kind::Containerd) => format!("; its files are read as containerd {} reads them", version(node)),
            Some(Kind::CriO) => "; its files are read as CRI-O reads them".to_owned(),
            Some(Kind::Docker) => "; its files are read as Docker reads them".to_owned(),
            Some(Kind::Other) | None => String::new(),
        };
        unseen.push(NotChecked::new("the runtime's name and version", clean(&format!("{why}{assumed}"), VALUE)));
    }
    let unreadable = paths(node).into_iter().filter_map(|path| match node.files.read(&path) {
        Err(NotRead::Unreadable(why)) => Some(NotChecked::new(path, why)),
        _ => None,
    });
    unseen.extend(unreadable);
    unseen
}

/// The image of every pod's sandbox, if the runtime's files name one.
pub fn sandbox_image(node: &NodeConfig) -> Option<String> {
    match runtime_kind(node)? {
        Kind::Containerd => {
            let config = ContainerdConfig::read(version(node), &node.files, config_file(node));
            config.images.sandbox_image.map(|image| image.value).filter(|image| !image.is_empty())
        }
        Kind::CriO => CrioConf::read(&node.files).get("pause_image").map(str::to_owned),
        Kind::Docker | Kind::Other => None,
    }
}

/// The files that a runtime's configuration begins with.
fn paths(node: &NodeConfig) -> Vec<String> {
    match runtime_kind(node) {
        Some(Kind::Containerd) => vec![config_file(node).to_owned()],
        Some(Kind::CriO) => {
            let policy = crate::config::policy_json::FILE;
            vec!["/etc/crio/crio.conf".to_owned(), RegistriesConf::MAIN_FILES[0].to_owned(), policy.to_owned()]
        }
        Some(Kind::Docker) => vec![DAEMON_JSON.to_owned()],
        Some(Kind::Other) | None => Vec::new(),
    }
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

//! config.toml with its imports: the settings of the plugin that pulls images, each with the file that set it.
//!
//! Owns what the keys mean and what makes the plugin refuse them. Files are put together in `load`.
//! Copied rules: internal/cri/config/config.go `ValidateImageConfig`, plugins/cri/images/plugin.go.

mod imports;
mod load;
mod settings;

use std::collections::BTreeMap;

use self::settings::Settings;
use super::{ContainerdVersion, Header};
use crate::config::files::Files;
use crate::config::go_duration::GoDuration;
use crate::secret::Secret;

pub use self::load::{ConfigError, ConfigRemark, LoadedFile};

/// What containerd would make of its configuration if it started now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerdConfig {
    /// The files in the order in which they are merged; a later one wins.
    pub loaded: Vec<LoadedFile>,
    /// Why containerd would not start.
    pub error: Option<ConfigError>,
    /// Why the plugin that pulls would not load, so that no image at all could be pulled.
    pub refusal: Option<Refusal>,
    /// The entry of `disabled_plugins` that switches CRI off.
    pub cri_disabled: Option<Sourced<String>>,
    /// Where to pull from.
    pub registry: RegistrySettings,
    /// How to pull.
    pub images: ImageSettings,
    /// What is ignored.
    pub remarks: Vec<ConfigRemark>,
}

/// A value and where it was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// The file.
    pub file: String,
    /// From 1.
    pub line: u32,
}

/// The table `registry`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistrySettings {
    /// Directories of hosts.toml files, separated by colons.
    pub config_path: Option<Sourced<String>>,
    /// The endpoints by registry; `*` stands for any other. Deprecated.
    pub mirrors: BTreeMap<String, Sourced<Vec<String>>>,
    /// `configs.<host>.tls`; without effect from 2.0 on.
    pub tls: BTreeMap<String, Sourced<TlsSettings>>,
    /// `configs.<host>.auth`, used if the kubelet sends no login. Deprecated.
    pub auth: BTreeMap<String, Sourced<StaticLogin>>,
    /// `auths.<url>`, used likewise. Deprecated.
    pub auths: BTreeMap<String, Sourced<StaticLogin>>,
    /// Sent with every request to any registry.
    pub headers: Vec<Header>,
    /// There is an entry in `configs`, even an empty one.
    pub has_configs: bool,
    /// There is an entry in `auths`, even an empty one.
    pub has_auths: bool,
}

/// `configs.<host>.tls`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// Trusted besides the system's certificates.
    pub ca_file: Option<String>,
    /// The client's certificate.
    pub cert_file: Option<String>,
    /// Its key.
    pub key_file: Option<String>,
    /// The registry's certificate is not verified.
    pub skip_verify: bool,
}

/// A login in config.toml.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StaticLogin {
    /// In clear text.
    pub username: Option<Secret<String>>,
    /// In clear text.
    pub password: Option<Secret<String>>,
    /// Base64 of `user:password`.
    pub auth: Option<Secret<String>>,
    /// Exchanged for a token.
    pub identity_token: Option<Secret<String>>,
}

/// The settings beside `registry`; `None` is containerd's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageSettings {
    /// The image of every pod's sandbox.
    pub sandbox_image: Option<Sourced<String>>,
    /// How many layers at once; 3.
    pub max_concurrent_downloads: Option<Sourced<i64>>,
    /// A pull without a byte for so long is cancelled; zero is never. Five minutes.
    pub progress_timeout: Option<Sourced<GoDuration>>,
    /// Whether lazy snapshotters are told of layers; true.
    pub disable_snapshot_annotations: Option<Sourced<bool>>,
    /// Whether layers are removed once unpacked; false.
    pub discard_unpacked_layers: Option<Sourced<bool>>,
    /// Whether the transfer service is not used; false. From 2.1 on.
    pub use_local_image_pull: Option<Sourced<bool>>,
    /// Whether the file system is synced behind a pull; false.
    pub sync_fs: Option<Sourced<bool>>,
}

/// Why the plugin that pulls images does not load.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Only one of the two may be set.
    #[error("`mirrors` cannot be set when `config_path` is provided")]
    MirrorsWithConfigPath,
    /// Only one of the two may be set; 1.x.
    #[error("`configs.tls` cannot be set when `config_path` is provided")]
    TlsWithConfigPath,
    /// A value of the wrong kind.
    #[error("`{key}` in {file} (line {line}) must be {expected}")]
    WrongType {
        /// The key below the plugin.
        key: String,
        /// Where it is.
        file: String,
        /// From 1.
        line: u32,
        /// What it must be.
        expected: &'static str,
    },
}

impl ContainerdConfig {
    /// The default of `config_path` from 2.2 on, where there are no mirrors.
    pub const DEFAULT_CONFIG_PATH: &'static str = "/etc/containerd/certs.d:/etc/docker/certs.d";

    /// Reads the file at `path` and what it imports. A file that is absent is an empty one, as without `--config`.
    pub fn read(version: ContainerdVersion, files: &Files, path: &str) -> Self {
        let (mut config, settings) = load::load(version, files, path);
        if let Err(refusal) = config.interpret(version, &settings) {
            config.refusal = Some(refusal);
        }
        config
    }

    /// The directories that are searched, as one text; empty for none.
    pub fn effective_config_path(&self, version: ContainerdVersion) -> &str {
        let set = self.registry.config_path.as_ref().map_or("", |path| path.value.as_str());
        let has_default = version >= ContainerdVersion::V2_2 && self.registry.mirrors.is_empty();
        if set.is_empty() && has_default { Self::DEFAULT_CONFIG_PATH } else { set }
    }

    fn interpret(&mut self, version: ContainerdVersion, settings: &Settings) -> Result<(), Refusal> {
        let images = &mut self.images;
        images.sandbox_image = settings.text(&["pinned_images", "sandbox"])?;
        images.max_concurrent_downloads = settings.integer(&["max_concurrent_downloads"])?;
        images.progress_timeout = settings.duration(&["image_pull_progress_timeout"])?;
        images.disable_snapshot_annotations = settings.boolean(&["disable_snapshot_annotations"])?;
        images.discard_unpacked_layers = settings.boolean(&["discard_unpacked_layers"])?;
        images.sync_fs = settings.boolean(&["image_pull_with_sync_fs"])?;
        if version >= ContainerdVersion::V2_1 {
            images.use_local_image_pull = settings.boolean(&["use_local_image_pull"])?;
        }
        self.registry = read_registry(settings)?;
        let registry = &self.registry;
        if registry.config_path.as_ref().is_some_and(|path| !path.value.is_empty()) {
            if !registry.mirrors.is_empty() {
                return Err(Refusal::MirrorsWithConfigPath);
            }
            if version < ContainerdVersion::V2_0 && !registry.tls.is_empty() {
                return Err(Refusal::TlsWithConfigPath);
            }
        }
        Ok(())
    }
}

fn read_registry(settings: &Settings) -> Result<RegistrySettings, Refusal> {
    let mut registry =
        RegistrySettings { config_path: settings.text(&["registry", "config_path"])?, ..RegistrySettings::default() };
    for (host, place) in settings.children(&["registry", "mirrors"]) {
        let endpoints = settings.texts(&["registry", "mirrors", host, "endpoint"])?;
        let endpoints = endpoints.unwrap_or_else(|| place.with(Vec::new()));
        registry.mirrors.insert(host.to_owned(), endpoints);
    }
    for (host, _) in settings.children(&["registry", "configs"]) {
        registry.has_configs = true;
        let tls = ["registry", "configs", host, "tls"];
        if let Some(place) = settings.table(&tls) {
            registry.tls.insert(host.to_owned(), place.with(read_tls(settings, &tls)?));
        }
        let auth = ["registry", "configs", host, "auth"];
        if let Some(place) = settings.table(&auth) {
            registry.auth.insert(host.to_owned(), place.with(read_login(settings, &auth)?));
        }
    }
    for (url, place) in settings.children(&["registry", "auths"]) {
        registry.has_auths = true;
        let login = read_login(settings, &["registry", "auths", url])?;
        registry.auths.insert(url.to_owned(), place.with(login));
    }
    for (name, _) in settings.children(&["registry", "headers"]) {
        let values = settings.texts(&["registry", "headers", name])?.map_or_else(Vec::new, |values| values.value);
        registry.headers.push(Header { name: name.to_owned(), values: values.into_iter().map(Secret::from).collect() });
    }
    Ok(registry)
}

fn read_tls(settings: &Settings, table: &[&str]) -> Result<TlsSettings, Refusal> {
    let path = |key| -> Result<Option<String>, Refusal> {
        Ok(settings.text(&[table, &[key]].concat())?.map(|path| path.value).filter(|path| !path.is_empty()))
    };
    Ok(TlsSettings {
        ca_file: path("ca_file")?,
        cert_file: path("cert_file")?,
        key_file: path("key_file")?,
        skip_verify: settings
            .boolean(&[table, &["insecure_skip_verify"]].concat())?
            .is_some_and(|setting| setting.value),
    })
}

fn read_login(settings: &Settings, table: &[&str]) -> Result<StaticLogin, Refusal> {
    let part = |key| -> Result<Option<Secret<String>>, Refusal> {
        let text = settings.text(&[table, &[key]].concat())?.map(|text| text.value);
        Ok(text.filter(|text| !text.is_empty()).map(Secret::from))
    };
    Ok(StaticLogin {
        username: part("username")?,
        password: part("password")?,
        auth: part("auth")?,
        identity_token: part("identitytoken")?,
    })
}

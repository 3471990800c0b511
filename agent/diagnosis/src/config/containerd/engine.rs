//! Which part of containerd pulls: its own client, or the transfer service. It depends on the whole configuration.
//!
//! Copied rule: internal/cri/config/config.go `CheckLocalImagePullConfigs`.

use super::ContainerdVersion;
use super::config_toml::ContainerdConfig;

/// What pulls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The client within the CRI plugin: splits `config_path` at colons.
    Local,
    /// The transfer service: takes the whole `config_path` for one directory.
    Transfer,
}

/// What pulls, and what decided it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What pulls.
    pub engine: Engine,
    /// Why.
    pub because: Reason,
}

/// What decided which engine pulls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The version has no other.
    Version,
    /// It is this version's default, and nothing says otherwise.
    Default,
    /// `use_local_image_pull = true`.
    Asked,
    /// A setting that the transfer service does not have; its key is given. The journal has one warning.
    Setting(&'static str),
}

/// Decides as containerd does at its start.
pub fn choose(version: ContainerdVersion, config: &ContainerdConfig) -> Choice {
    let local = |because| Choice { engine: Engine::Local, because };
    if version < ContainerdVersion::V2_0 {
        return local(Reason::Version);
    }
    let images = &config.images;
    let is = |setting: &Option<super::config_toml::Sourced<bool>>, value| {
        setting.as_ref().is_some_and(|setting| setting.value == value)
    };
    if is(&images.use_local_image_pull, true) {
        return local(Reason::Asked);
    }
    if version < ContainerdVersion::V2_1 {
        return local(Reason::Version);
    }
    let downloads = images.max_concurrent_downloads.as_ref().is_some_and(|number| number.value != 3);
    let registry = &config.registry;
    let settings = [
        ("disable_snapshot_annotations", is(&images.disable_snapshot_annotations, false)),
        ("discard_unpacked_layers", is(&images.discard_unpacked_layers, true)),
        ("registry.mirrors", !registry.mirrors.is_empty()),
        ("registry.configs", registry.has_configs),
        ("registry.auths", registry.has_auths),
        ("max_concurrent_downloads", downloads),
        ("image_pull_with_sync_fs", is(&images.sync_fs, true)),
    ];
    match settings.into_iter().find(|(_, set)| *set) {
        Some((key, _)) => local(Reason::Setting(key)),
        None => Choice { engine: Engine::Transfer, because: Reason::Default },
    }
}

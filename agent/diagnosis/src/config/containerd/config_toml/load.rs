//! config.toml and its imports: which files, which sections of them for which version, and how they are merged.
//!
//! Copied rules: cmd/containerd/server/config/config.go `LoadConfigWithPlugins`, `resolveImports`, `mergeConfig`; the
//! migration of the CRI section is plugins/cri/images/plugin.go `migrateConfig`.

use std::collections::{BTreeSet, VecDeque};

use super::imports;
use super::settings::Settings;
use super::{ContainerdConfig, Sourced};
use crate::config::containerd::ContainerdVersion;
use crate::config::files::{Files, NotRead};
use crate::config::toml_document::{Document, Table, Value};
use crate::text::clean;

/// More files than that are not read.
pub(super) const MOST_FILES: usize = 256;

/// The section before config version 3, and before version 2.
const GRPC_CRI: &str = "io.containerd.grpc.v1.cri";
const SHORT_CRI: &str = "cri";
/// The section of config version 3.
const CRI_IMAGES: &str = "io.containerd.cri.v1.images";

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedFile {
    /// Its path.
    pub path: String,
    /// Its `version`; without one it is 1.
    pub version: i64,
}

/// Why containerd would not start with these files.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read, for instance one that is imported by its name.
    #[error("{path}: {why}")]
    Read {
        /// The file.
        path: String,
        /// In the words of the operating system.
        why: String,
    },
    /// A file is no TOML.
    #[error("{path}: {why}")]
    Toml {
        /// The file.
        path: String,
        /// From 1, where it can be told.
        line: Option<u32>,
        /// One line; may name keys, never values.
        why: String,
    },
    /// A `version` that this containerd does not know.
    #[error("{path}: config version {version} is newer than this containerd")]
    Version {
        /// The file.
        path: String,
        /// As written.
        version: i64,
    },
    /// An imported file has a higher `version` than the one that was read first; 2.x.
    #[error("{path}: config version {version} is higher than that of the importing file, {root}")]
    DropInVersion {
        /// The file.
        path: String,
        /// As written.
        version: i64,
        /// That of the first file.
        root: i64,
    },
    /// From config version 2 on, plugins are disabled by their full names.
    #[error("{path}: `{plugin}` in disabled_plugins is no full name of a plugin")]
    DisabledName {
        /// The file.
        path: String,
        /// As written.
        plugin: String,
    },
}

/// A part of a file that has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigRemark {
    /// Settings for pulling under a plugin name that does not count in a file of this `version`.
    SectionIgnored {
        /// The file.
        path: String,
        /// From 1.
        line: u32,
        /// The name of the plugin.
        plugin: &'static str,
        /// The file's `version`.
        version: i64,
        /// The name that counts.
        expected: &'static str,
    },
}

/// Reads and merges; what was read until an error is kept.
pub(super) fn load(version: ContainerdVersion, files: &Files, path: &str) -> (ContainerdConfig, Settings) {
    let (config, settings) = (ContainerdConfig::default(), Settings::default());
    let mut loader = Loader { version, files, config, settings, pending: VecDeque::from([path.to_owned()]) };
    if files.read(path) != Err(NotRead::Absent)
        && let Err(error) = loader.load_all()
    {
        loader.config.error = Some(error);
    }
    (loader.config, loader.settings)
}

struct Loader<'f> {
    version: ContainerdVersion,
    files: &'f Files,
    config: ContainerdConfig,
    settings: Settings,
    pending: VecDeque<String>,
}

impl Loader<'_> {
    fn load_all(&mut self) -> Result<(), ConfigError> {
        let mut seen = BTreeSet::new();
        while let Some(path) = self.pending.pop_front() {
            if seen.len() < MOST_FILES && seen.insert(path.clone()) {
                self.load_one(&path)?;
            }
        }
        Ok(())
    }

    fn load_one(&mut self, path: &str) -> Result<(), ConfigError> {
        let failed = |why: NotRead| ConfigError::Read { path: path.to_owned(), why: why.to_string() };
        let content = self.files.read(path).map_err(failed)?;
        let document = Document::parse(content, self.version.toml_parser()).map_err(|error| ConfigError::Toml {
            path: path.to_owned(),
            line: error.line,
            why: error.why,
        })?;
        let version = self.file_version(path, &document.root)?;
        self.config.loaded.push(LoadedFile { path: path.to_owned(), version });
        self.take_disabled(path, version, &document.root)?;
        if let Some(plugins) = document.root.field("plugins").and_then(|plugins| plugins.value.as_table()) {
            self.take_plugins(path, version, plugins);
        }
        let imports = document.root.field("imports").and_then(|imports| imports.value.as_texts());
        self.pending
            .extend(imports.into_iter().flatten().flat_map(|import| imports::resolve(self.files, path, &import)));
        Ok(())
    }

    fn file_version(&self, path: &str, root: &Table) -> Result<i64, ConfigError> {
        let path = path.to_owned();
        let version = match root.field("version") {
            Some(entry) => entry.value.as_integer().ok_or_else(|| ConfigError::Toml {
                path: path.clone(),
                line: Some(entry.line),
                why: "`version` must be a number".to_owned(),
            })?,
            None => 1,
        };
        let version = version.max(1);
        let newest = match self.version {
            older if older < ContainerdVersion::V2_0 => 2,
            ContainerdVersion { major: 2, minor: ..=2 } => 3,
            _ => 4,
        };
        let root = self.config.loaded.first().map_or(version, |root| root.version);
        if version > newest {
            Err(ConfigError::Version { path, version })
        } else if version > root && self.version >= ContainerdVersion::V2_0 {
            Err(ConfigError::DropInVersion { path, version, root })
        } else {
            Ok(version)
        }
    }

    fn take_disabled(&mut self, path: &str, version: i64, root: &Table) -> Result<(), ConfigError> {
        let Some(entry) = root.field("disabled_plugins") else { return Ok(()) };
        for plugin in entry.value.as_texts().unwrap_or_default() {
            let short = !plugin.contains('.');
            if short && version > 1 {
                return Err(ConfigError::DisabledName { path: path.to_owned(), plugin: clean(&plugin, 80) });
            }
            let is_images = plugin == CRI_IMAGES && self.version >= ContainerdVersion::V2_0;
            if is_images || plugin == GRPC_CRI || plugin == SHORT_CRI {
                let place = Sourced { value: plugin, file: path.to_owned(), line: entry.line };
                self.config.cri_disabled.get_or_insert(place);
            }
        }
        Ok(())
    }

    fn take_plugins(&mut self, path: &str, version: i64, plugins: &Table) {
        let is_2 = self.version >= ContainerdVersion::V2_0;
        // A migrated section is laid over one that has the new name already.
        let counting: &[&'static str] = match (version, is_2) {
            (1, false) => &[SHORT_CRI],
            (_, false) => &[GRPC_CRI],
            (1, true) => &[CRI_IMAGES, GRPC_CRI, SHORT_CRI],
            (2, true) => &[CRI_IMAGES, GRPC_CRI],
            (_, true) => &[CRI_IMAGES],
        };
        let expected = if is_2 && version > 2 { CRI_IMAGES } else { counting.last().copied().unwrap_or(GRPC_CRI) };
        for plugin in [SHORT_CRI, GRPC_CRI, CRI_IMAGES].into_iter().filter(|plugin| !counting.contains(plugin)) {
            if let Some(entry) = plugins.key(plugin).filter(|entry| decides_pulls(&entry.value)) {
                let (path, line) = (path.to_owned(), entry.line);
                let remark = ConfigRemark::SectionIgnored { path, line, plugin, version, expected };
                self.config.remarks.push(remark);
            }
        }
        for plugin in counting {
            let Some(table) = plugins.key(plugin).and_then(|entry| entry.value.as_table()) else { continue };
            if !is_2 {
                self.settings.clear();
            }
            self.take_section(path, table, *plugin != CRI_IMAGES);
        }
    }

    /// Puts in the settings of one section under the names that they have from config version 3 on.
    fn take_section(&mut self, path: &str, section: &Table, is_old: bool) {
        for entry in section.entries() {
            let keys: &[&str] = match entry.key.as_str() {
                "sandbox_image" if is_old => &["pinned_images", "sandbox"],
                "containerd" if is_old => {
                    for inner in entry.value.as_table().map_or(&[][..], Table::entries) {
                        self.settings.insert(vec![inner.key.clone()], &inner.value, inner.line, path);
                    }
                    continue;
                }
                key => &[key],
            };
            let keys = keys.iter().map(|key| (*key).to_owned()).collect();
            self.settings.insert(keys, &entry.value, entry.line, path);
        }
    }
}

/// Whether a section has what is read here. The old name also holds other settings in new files.
fn decides_pulls(section: &Value) -> bool {
    let table = section.as_table();
    table.is_some_and(|table| ["registry", "sandbox_image", "pinned_images"].iter().any(|key| table.key(key).is_some()))
}

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
    let config = ContainerdConfig::default();
    let mut loader = Loader { version, files, config, sections: Vec::new(), disabled: Vec::new(), root: 0 };
    let result = if files.read(path) == Err(NotRead::Absent) { Ok(()) } else { loader.load_all(path) };
    let result = result.and_then(|()| loader.check_disabled());
    loader.config.error = result.err();
    let settings = loader.merge();
    (loader.config, settings)
}

/// A section of one file, under a name that may or may not count.
struct Section {
    path: String,
    version: i64,
    plugin: &'static str,
    /// The section's own line.
    line: u32,
    settings: Settings,
    decides_pulls: bool,
}

struct Loader<'f> {
    version: ContainerdVersion,
    files: &'f Files,
    config: ContainerdConfig,
    /// In the order in which they are merged.
    sections: Vec<Section>,
    /// The entries of `disabled_plugins`, with the `version` of their files.
    disabled: Vec<(Sourced<String>, i64)>,
    /// The first `version` that a file has; 0 before.
    root: i64,
}

impl Loader<'_> {
    fn is_2(&self) -> bool {
        self.version >= ContainerdVersion::V2_0
    }

    fn load_all(&mut self, path: &str) -> Result<(), ConfigError> {
        let (mut pending, mut seen) = (VecDeque::from([path.to_owned()]), BTreeSet::new());
        while let Some(path) = pending.pop_front() {
            if seen.len() < imports::MOST_FILES && seen.insert(path.clone()) {
                pending.extend(self.load_one(&path)?);
            }
        }
        Ok(())
    }

    /// Reads a file; hands back what it imports.
    fn load_one(&mut self, path: &str) -> Result<Vec<String>, ConfigError> {
        let failed = |why: NotRead| ConfigError::Read { path: path.to_owned(), why: why.to_string() };
        let toml = |line, why| ConfigError::Toml { path: path.to_owned(), line, why };
        let content = self.files.read(path).map_err(failed)?;
        let document =
            Document::parse(content, self.version.toml_parser()).map_err(|error| toml(error.line, error.why))?;
        let root = &document.root;
        let texts = |key| -> Result<Vec<String>, ConfigError> {
            let Some(entry) = root.field(key) else { return Ok(Vec::new()) };
            let wrong = || toml(Some(entry.line), format!("`{key}` must be a list of texts"));
            entry.value.as_texts().ok_or_else(wrong)
        };
        let version = match root.field("version") {
            Some(entry) => {
                let wrong = || toml(Some(entry.line), "`version` must be a number".to_owned());
                entry.value.as_integer().ok_or_else(wrong)?
            }
            None => 0,
        };
        self.check_version(path, version)?;
        let version = version.max(1);
        let disabled = texts("disabled_plugins")?;
        let line = root.field("disabled_plugins").map_or(1, |entry| entry.line);
        let path = || path.to_owned();
        self.config.loaded.push(LoadedFile { path: path(), version });
        self.disabled.extend(disabled.into_iter().map(|value| (Sourced { value, file: path(), line }, version)));
        if let Some(plugins) = root.field("plugins").and_then(|plugins| plugins.value.as_table()) {
            for plugin in [CRI_IMAGES, GRPC_CRI, SHORT_CRI] {
                if let Some(entry) = plugins.key(plugin) {
                    let (settings, decides_pulls) = read_section(&path(), &entry.value, plugin != CRI_IMAGES);
                    let line = entry.line;
                    self.sections.push(Section { path: path(), version, plugin, line, settings, decides_pulls });
                }
            }
        }
        let imports = texts("imports")?;
        Ok(imports.iter().flat_map(|import| imports::resolve(self.files, &path(), import)).collect())
    }

    fn check_version(&mut self, path: &str, version: i64) -> Result<(), ConfigError> {
        let newest = match self.version {
            older if older < ContainerdVersion::V2_0 => 2,
            ContainerdVersion { major: 2, minor: ..=2 } => 3,
            _ => 4,
        };
        if self.root == 0 {
            self.root = version;
        }
        let (path, root) = (path.to_owned(), self.root);
        if version > newest {
            Err(ConfigError::Version { path, version })
        } else if version > root && self.is_2() {
            Err(ConfigError::DropInVersion { path, version, root })
        } else {
            Ok(())
        }
    }

    /// The config version by which a file's names are read: 2.x migrates every file, 1.x merges first.
    fn naming_version(&self, of_file: i64) -> i64 {
        let merged = self.config.loaded.iter().map(|file| file.version).rfind(|version| *version > 1);
        if self.is_2() { of_file } else { merged.unwrap_or(1) }
    }

    fn check_disabled(&mut self) -> Result<(), ConfigError> {
        for (plugin, version) in std::mem::take(&mut self.disabled) {
            let name = plugin.value.as_str();
            if !name.contains('.') && self.naming_version(version) > 1 {
                return Err(ConfigError::DisabledName { plugin: clean(name, 80), path: plugin.file });
            }
            if name == GRPC_CRI || name == SHORT_CRI || name == CRI_IMAGES && self.is_2() {
                self.config.cri_disabled.get_or_insert(plugin);
            }
        }
        Ok(())
    }

    /// Lays the sections that count over each other. In 1.x a later one replaces an earlier one as a whole.
    fn merge(&mut self) -> Settings {
        let mut merged = Settings::default();
        for section in std::mem::take(&mut self.sections) {
            let Section { path, version, plugin, line, settings, decides_pulls } = section;
            // A migrated section is laid over one that has the new name already.
            let counting: &[&'static str] = match (self.naming_version(version), self.is_2()) {
                (1, false) => &[SHORT_CRI],
                (_, false) => &[GRPC_CRI],
                (1, true) => &[GRPC_CRI, SHORT_CRI, CRI_IMAGES],
                (2, true) => &[GRPC_CRI, CRI_IMAGES],
                (_, true) => &[CRI_IMAGES],
            };
            if counting.contains(&plugin) {
                if !self.is_2() {
                    merged = Settings::default();
                }
                merged.lay_over(settings);
            } else if decides_pulls {
                let expected = counting.first().copied().unwrap_or(GRPC_CRI);
                let remark = ConfigRemark::SectionIgnored { path, line, plugin, version, expected };
                self.config.remarks.push(remark);
            }
        }
        merged
    }
}

/// The settings of one section under the names that they have from config version 3 on, and whether they are of those
/// that decide pulls: the old name also holds other settings in new files.
fn read_section(path: &str, section: &Value, is_old: bool) -> (Settings, bool) {
    let mut settings = Settings::default();
    let entries = section.as_table().map_or(&[][..], Table::entries);
    for entry in entries {
        let keys: &[&str] = match entry.key.as_str() {
            "sandbox_image" if is_old => &["pinned_images", "sandbox"],
            "containerd" if is_old => {
                for inner in entry.value.as_table().map_or(&[][..], Table::entries) {
                    settings.insert(vec![inner.key.clone()], &inner.value, inner.line, path);
                }
                continue;
            }
            key => &[key],
        };
        settings.insert(keys.iter().map(|key| (*key).to_owned()).collect(), &entry.value, entry.line, path);
    }
    let decides_pulls = ["registry", "sandbox_image", "pinned_images"];
    (settings, entries.iter().any(|entry| decides_pulls.contains(&entry.key.as_str())))
}

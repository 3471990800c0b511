//! crio.conf with its drop-ins: the settings of CRI-O that decide over pulls, each with the file that set it.
//!
//! Copied rules: CRI-O `pkg/config/config.go` `UpdateFromFile`, `UpdateFromPath`. The defaults are not filled in.

use super::files::{Files, join};
use super::toml_document::{Document, Parser};
use crate::text::clean;

/// The main file.
const MAIN: &str = "/etc/crio/crio.conf";
/// Every file in here is a drop-in, in the order of names.
const DROP_INS: &str = "/etc/crio/crio.conf.d";
/// The keys of `[crio.image]` that decide over pulls.
const KEYS: [&str; 8] = [
    "pause_image",
    "pause_image_auth_file",
    "signature_policy",
    "signature_policy_dir",
    "global_auth_file",
    "namespaced_auth_dir",
    "pull_progress_timeout",
    "short_name_mode",
];

/// The merged settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CrioConf {
    /// The files in the order in which they were merged; a later one wins.
    pub loaded: Vec<String>,
    /// The settings of `[crio.image]`, one a key.
    pub settings: Vec<CrioSetting>,
    /// Why CRI-O would not start.
    pub error: Option<String>,
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrioSetting {
    /// The key.
    pub key: &'static str,
    /// The value as text.
    pub value: String,
    /// The file.
    pub file: String,
    /// From 1.
    pub line: u32,
}

impl CrioConf {
    /// Reads the files. All may be absent.
    pub fn read(files: &Files) -> Self {
        let mut conf = Self::default();
        let names = files.list(DROP_INS).unwrap_or_default();
        let paths = std::iter::once(MAIN.to_owned()).chain(names.into_iter().map(|name| join(DROP_INS, name)));
        for path in paths {
            let Ok(content) = files.read(&path) else { continue };
            match Document::parse(content, Parser::BurntSushi) {
                Ok(document) => conf.merge(&document, &path),
                Err(error) => {
                    let line = error.line.map(|line| format!(":{line}")).unwrap_or_default();
                    conf.error.get_or_insert(format!("{path}{line}: {}", error.why));
                }
            }
        }
        conf
    }

    /// The value of a key, if it is set and not empty.
    pub fn get(&self, key: &str) -> Option<&str> {
        let found = self.settings.iter().find(|setting| setting.key == key);
        found.map(|setting| setting.value.as_str()).filter(|value| !value.is_empty())
    }

    fn merge(&mut self, document: &Document, path: &str) {
        self.loaded.push(path.to_owned());
        let crio = document.root.field("crio").and_then(|crio| crio.value.as_table());
        let Some(image) = crio.and_then(|crio| crio.field("image")?.value.as_table()) else { return };
        for key in KEYS {
            let Some(entry) = image.field(key) else { continue };
            let Some(value) = entry.value.as_text() else { continue };
            self.settings.retain(|setting| setting.key != key);
            let value = clean(value, 300);
            self.settings.push(CrioSetting { key, value, file: path.to_owned(), line: entry.line });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_file_wins_key_by_key() {
        let mut files = Files::default();
        files.insert_file(MAIN, "[crio.image]\npause_image = \"a\"\nglobal_auth_file = \"/x\"\n");
        files.insert_file("/etc/crio/crio.conf.d/10-b", "[crio]\n[crio.image]\npause_image = \"b\"\n");
        let conf = CrioConf::read(&files);
        assert_eq!((conf.get("pause_image"), conf.get("global_auth_file")), (Some("b"), Some("/x")));
        assert_eq!(conf.loaded, [MAIN, "/etc/crio/crio.conf.d/10-b"]);
        let place = conf.settings.iter().find(|setting| setting.key == "pause_image").unwrap();
        assert_eq!((place.file.as_str(), place.line), ("/etc/crio/crio.conf.d/10-b", 3));
    }

    #[test]
    fn a_broken_file_is_named_and_absent_ones_are_no_trouble() {
        assert_eq!(CrioConf::read(&Files::default()), CrioConf::default());
        let mut files = Files::default();
        files.insert_file(MAIN, "[crio.image]\nx = \n");
        assert!(CrioConf::read(&files).error.is_some_and(|why| why.starts_with("/etc/crio/crio.conf:2: ")));
    }
}

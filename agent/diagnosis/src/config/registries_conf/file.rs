//! One registries.conf, in the format of `[[registry]]` or the old one of `[registries.search]`.
//!
//! Copied rules: containers-image `pkg/sysregistriesv2/system_registries_v2.go` `loadConfigFile`, `ConvertToV2`,
//! `postProcessRegistries`, `parseLocation`; shortnames.go `newShortNameAliasCache`. The old format is read as versions
//! before it was removed do.

use std::collections::{BTreeMap, BTreeSet};

use super::names::{check_alias_name, parse_alias_value};
use super::old_format::OldFormat;
use super::problem::{ConfProblem, ConfRemark, RegistriesError, RegistriesRemark};
use super::values::{Refused, shown, trimmed, typed};
use super::{Mirror, MirrorUsage, Registry, ShortNameMode};
use crate::config::toml_document::{Document, Parser, Table, Value};
use crate::reference::is_host_with_port;

/// What one file sets; `None` and absence leave what earlier files set.
#[derive(Debug, Default)]
pub(super) struct ConfFile {
    pub(super) path: String,
    /// In the byte order of the prefixes, no prefix twice.
    pub(super) registries: Vec<Registry>,
    pub(super) search: Option<Vec<String>>,
    pub(super) credential_helpers: Option<Vec<String>>,
    pub(super) short_name_mode: Option<ShortNameMode>,
    pub(super) aliases: BTreeMap<String, Option<String>>,
    pub(super) remarks: Vec<RegistriesRemark>,
}

const ROOT_KEYS: [&str; 7] = [
    "registry",
    "registries",
    "unqualified-search-registries",
    "credential-helpers",
    "short-name-mode",
    "additional-layer-store-auth-helper",
    "aliases",
];
const REGISTRY_KEYS: [&str; 8] = [
    "prefix",
    "location",
    "insecure",
    "pull-from-mirror",
    "namespace-proxy",
    "mirror",
    "blocked",
    "mirror-by-digest-only",
];
const MIRROR_KEYS: [&str; 4] = ["location", "insecure", "pull-from-mirror", "namespace-proxy"];

/// Reads a file; only the main one may be in the old format.
pub(super) fn parse(path: &str, content: &[u8], is_main: bool) -> Result<ConfFile, RegistriesError> {
    let refused = |line, problem| RegistriesError { file: path.to_owned(), line, problem };
    let document = Document::parse(content, Parser::BurntSushi)
        .map_err(|error| refused(error.line, ConfProblem::Toml { why: error.why }))?;
    let mut reader = Reader { path, file: ConfFile { path: path.to_owned(), ..ConfFile::default() } };
    if let Some(line) = document.newer_than_1_0 {
        reader.remark(line, ConfRemark::NewToml);
    }
    reader.read(&document.root, is_main).map_err(|(line, problem)| refused(Some(line), problem))?;
    Ok(reader.file)
}

struct Reader<'p> {
    path: &'p str,
    file: ConfFile,
}

impl Reader<'_> {
    fn read(&mut self, root: &Table, is_main: bool) -> Result<(), Refused> {
        self.note_unknown(root, "", &ROOT_KEYS);
        let mut registries = Vec::new();
        if let Some((items, line)) = typed(root, "registry", "tables like [[registry]]", Value::as_array)? {
            for item in items {
                let wrong = (line, ConfProblem::WrongType { key: "registry", expected: "tables like [[registry]]" });
                registries.push(self.read_registry(item.as_table().ok_or(wrong)?, line)?);
            }
        }
        let search = typed(root, "unqualified-search-registries", "a list of texts", Value::as_texts)?;
        let helpers = typed(root, "credential-helpers", "a list of texts", Value::as_texts)?;
        let mode = typed(root, "short-name-mode", "text", Value::as_text)?;
        let layer_store = typed(root, "additional-layer-store-auth-helper", "text", Value::as_text)?;
        let aliases = read_aliases(root)?;
        let old = OldFormat::read(root)?;
        let (mut search, mut line) = search.map_or((None, 1), |(search, line)| (Some(search), line));
        if let Some((old, old_line)) = old {
            let is_text = |text: Option<(&str, u32)>| text.is_some_and(|(text, _)| !text.is_empty());
            if !is_main {
                return Err((old_line, ConfProblem::OldFormatInDropIn));
            }
            let is_new = root.field("registry").is_some() || search.is_some() || helpers.is_some() || aliases.is_some();
            if is_new || is_text(mode) || is_text(layer_store) {
                return Err((old_line, ConfProblem::Mixed));
            }
            self.remark(old_line, ConfRemark::OldFormat);
            registries = old.convert(self.path, old_line)?;
            (search, line) = (old.search, old_line);
        }
        self.file.registries = self.check_registries(registries)?;
        self.file.search = search.map(|search| check_search(&search, line)).transpose()?;
        self.file.credential_helpers = helpers.map(|(helpers, _)| helpers);
        self.file.short_name_mode = read_mode(mode)?;
        if let Some(wild) = self.file.registries.iter().find(|registry| is_bad_wildcard(&registry.prefix)) {
            return Err((wild.line, ConfProblem::Wildcard { prefix: shown(&wild.prefix) }));
        }
        for (name, value, line) in aliases.unwrap_or_default() {
            check_alias_name(&name).ok_or_else(|| (line, ConfProblem::AliasName { name: shown(&name) }))?;
            let parsed = (!value.is_empty()).then(|| parse_alias_value(&value));
            if parsed == Some(None) {
                return Err((line, ConfProblem::AliasValue { name: shown(&name), value: shown(&value) }));
            }
            self.file.aliases.insert(name, parsed.flatten());
        }
        Ok(())
    }

    fn read_registry(&mut self, table: &Table, line: u32) -> Result<Registry, Refused> {
        let line = table.entries().first().map_or(line, |entry| entry.line);
        self.note_unknown(table, "registry", &REGISTRY_KEYS);
        let text = |table: &Table, key| -> Result<String, Refused> {
            Ok(typed(table, key, "text", Value::as_text)?.map_or_else(String::new, |(text, _)| text.to_owned()))
        };
        let flag = |table: &Table, key| -> Result<bool, Refused> {
            Ok(typed(table, key, "true or false", Value::as_boolean)?.is_some_and(|(value, _)| value))
        };
        text(table, "namespace-proxy")?;
        let mut registry = Registry {
            prefix: text(table, "prefix")?,
            location: trimmed(&text(table, "location")?, line)?,
            insecure: flag(table, "insecure")?,
            blocked: flag(table, "blocked")?,
            mirror_by_digest_only: flag(table, "mirror-by-digest-only")?,
            mirrors: Vec::new(),
            file: self.path.to_owned(),
            line,
        };
        if registry.prefix.is_empty() {
            if registry.location.is_empty() {
                return Err((line, ConfProblem::NoName));
            }
            registry.prefix.clone_from(&registry.location);
        } else {
            registry.prefix = trimmed(&registry.prefix, line)?;
            if registry.location.is_empty() && !registry.prefix.starts_with("*.") {
                return Err((line, ConfProblem::NoLocation));
            }
        }
        if !text(table, "pull-from-mirror")?.is_empty() {
            return Err((line, ConfProblem::UsageOfRegistry { prefix: shown(&registry.prefix) }));
        }
        let expected = "tables like [[registry.mirror]]";
        let mirrors = typed(table, "mirror", expected, Value::as_array)?;
        for mirror in mirrors.map_or(&[][..], |(mirrors, _)| mirrors) {
            let wrong = (line, ConfProblem::WrongType { key: "mirror", expected });
            let mirror = mirror.as_table().ok_or(wrong)?;
            self.note_unknown(mirror, "registry.mirror", &MIRROR_KEYS);
            text(mirror, "namespace-proxy")?;
            let (location, usage) = (trimmed(&text(mirror, "location")?, line)?, text(mirror, "pull-from-mirror")?);
            if location.is_empty() {
                return Err((line, ConfProblem::NoMirrorLocation));
            }
            if registry.mirror_by_digest_only && !usage.is_empty() {
                return Err((line, ConfProblem::UsageTwice { prefix: shown(&registry.prefix) }));
            }
            let usage = match usage.as_str() {
                "" | "all" => MirrorUsage::All,
                "digest-only" => MirrorUsage::DigestOnly,
                "tag-only" => MirrorUsage::TagOnly,
                other => return Err((line, ConfProblem::Usage { value: shown(other) })),
            };
            registry.mirrors.push(Mirror { location, insecure: flag(mirror, "insecure")?, usage });
        }
        Ok(registry)
    }

    /// Refuses entries that contradict each other; of one prefix the first stays.
    fn check_registries(&mut self, registries: Vec<Registry>) -> Result<Vec<Registry>, Refused> {
        let mut by_location: BTreeMap<&str, &Registry> = BTreeMap::new();
        for registry in &registries {
            let name = if registry.location.is_empty() { &registry.prefix } else { &registry.location };
            let first = by_location.entry(name).or_insert(registry);
            let conflict = |setting| Err((registry.line, ConfProblem::Conflict { location: shown(name), setting }));
            if first.insecure != registry.insecure {
                return conflict("insecure");
            }
            if first.blocked != registry.blocked {
                return conflict("blocked");
            }
        }
        let mut prefixes = BTreeSet::new();
        let mut unique = Vec::new();
        for registry in registries {
            if prefixes.insert(registry.prefix.clone()) {
                unique.push(registry);
            } else {
                self.remark(registry.line, ConfRemark::SecondEntry { prefix: shown(&registry.prefix) });
            }
        }
        unique.sort_by(|a, b| a.prefix.cmp(&b.prefix));
        Ok(unique)
    }

    fn note_unknown(&mut self, table: &Table, name: &str, known: &[&str]) {
        let is_known = |key: &str| known.iter().any(|known| known.eq_ignore_ascii_case(key));
        for entry in table.entries().iter().filter(|entry| !is_known(&entry.key)) {
            let key = if name.is_empty() { shown(&entry.key) } else { shown(&format!("{name}.{}", entry.key)) };
            self.remark(entry.line, ConfRemark::UnknownKey { key });
        }
    }

    fn remark(&mut self, line: u32, kind: ConfRemark) {
        self.file.remarks.push(RegistriesRemark { file: self.path.to_owned(), line, kind });
    }
}

/// A name, what it stands for, and the line.
type Alias = (String, String, u32);

/// The aliases, if there is a table.
fn read_aliases(root: &Table) -> Result<Option<Vec<Alias>>, Refused> {
    let Some((table, _)) = typed(root, "aliases", "a table", Value::as_table)? else { return Ok(None) };
    let wrong = |line| (line, ConfProblem::WrongType { key: "aliases", expected: "texts" });
    let read = table.entries().iter().map(|entry| {
        let value = entry.value.as_text().ok_or_else(|| wrong(entry.line))?;
        Ok((entry.key.clone(), value.to_owned(), entry.line))
    });
    read.collect::<Result<_, _>>().map(Some)
}

fn read_mode(mode: Option<(&str, u32)>) -> Result<Option<ShortNameMode>, Refused> {
    match mode {
        None | Some(("", _)) => Ok(None),
        Some((word, line)) => {
            ShortNameMode::from_word(word).map(Some).ok_or_else(|| (line, ConfProblem::Mode { value: shown(word) }))
        }
    }
}

fn check_search(search: &[String], line: u32) -> Result<Vec<String>, Refused> {
    let check = |entry: &String| {
        let registry = trimmed(entry, line)?;
        if is_host_with_port(&registry) {
            return Ok(registry);
        }
        Err((line, ConfProblem::Search { entry: shown(&registry) }))
    };
    search.iter().map(check).collect()
}

fn is_bad_wildcard(prefix: &str) -> bool {
    prefix.starts_with("*.") && prefix.contains(['/', '@', ':'])
}

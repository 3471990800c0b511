//! The format of `[registries.search]`, `[registries.insecure]` and `[registries.block]`.
//!
//! Read as the versions of containers-image do that still take it. Copied rule:
//! `pkg/sysregistriesv2/system_registries_v2.go` `ConvertToV2`.

use std::collections::BTreeMap;

use super::Registry;
use super::problem::ConfProblem;
use super::values::{Refused, trimmed, typed};
use crate::config::toml_document::{Table, Value};

/// `[registries.search]` and its like; `None` in `search`: not mentioned.
pub(super) struct OldFormat {
    pub(super) search: Option<Vec<String>>,
    insecure: Vec<String>,
    block: Vec<String>,
}

impl OldFormat {
    /// The old format with its line, if the file makes any use of it.
    pub(super) fn read(root: &Table) -> Result<Option<(Self, u32)>, Refused> {
        let Some((registries, line)) = typed(root, "registries", "a table", Value::as_table)? else { return Ok(None) };
        let list = |key| -> Result<Option<Vec<String>>, Refused> {
            let table = typed(registries, key, "a table", Value::as_table)?;
            let list = table.map(|(table, _)| typed(table, "registries", "a list of texts", Value::as_texts));
            Ok(list.transpose()?.flatten().map(|(list, _)| list))
        };
        let (search, insecure, block) = (list("search")?, list("insecure")?, list("block")?);
        if search.is_none() && insecure.is_none() && block.is_none() {
            return Ok(None);
        }
        let (insecure, block) = (insecure.unwrap_or_default(), block.unwrap_or_default());
        Ok(Some((Self { search, insecure, block }, line)))
    }

    /// The entries that it stands for, blocked ones first.
    pub(super) fn convert(&self, file: &str, line: u32) -> Result<Vec<Registry>, Refused> {
        let mut registries: Vec<Registry> = Vec::new();
        let marks = self.block.iter().map(|name| (name, true)).chain(self.insecure.iter().map(|name| (name, false)));
        let mut places = BTreeMap::new();
        for (name, is_blocked) in marks {
            let location = trimmed(name, line)?;
            let at = *places.entry(location.clone()).or_insert(registries.len());
            if at == registries.len() {
                if location.is_empty() {
                    return Err((line, ConfProblem::NoName));
                }
                let prefix = location.clone();
                registries.push(Registry { prefix, location, file: file.to_owned(), line, ..Registry::default() });
            }
            if let Some(registry) = registries.get_mut(at) {
                registry.blocked |= is_blocked;
                registry.insecure |= !is_blocked;
            }
        }
        Ok(registries)
    }
}

//! The types of the keys that a host's table and the root of hosts.toml share (`hostFileConfig`).
//!
//! One wrong type makes containerd drop the whole file, also in a table that is never used.

use super::{ContainerdVersion, Dropped, Refused};
use crate::config::toml_document::{Table, Value};

/// The keys that are known. Every value comes with its line.
#[derive(Default)]
pub(super) struct HostTable<'t> {
    pub(super) capabilities: Option<(Vec<String>, u32)>,
    pub(super) ca: Option<(&'t Value, u32)>,
    pub(super) client: Option<(&'t Value, u32)>,
    pub(super) skip_verify: Option<bool>,
    pub(super) header: Option<&'t Table>,
    pub(super) override_path: bool,
    pub(super) dial_timeout: Option<(&'t str, u32)>,
}

/// The names of the keys.
pub(super) const KEYS: [&str; 7] =
    ["capabilities", "ca", "client", "skip_verify", "header", "override_path", "dial_timeout"];

impl<'t> HostTable<'t> {
    pub(super) fn read(table: &'t Table, version: ContainerdVersion) -> Result<Self, Refused> {
        let boolean = |name| typed(table, name, "true or false", Value::as_boolean);
        let any = |name| table.field(name).map(|entry| (&entry.value, entry.line));
        let dial_timeout = if version >= ContainerdVersion::V2_0 {
            typed(table, "dial_timeout", "text", Value::as_text)?
        } else {
            // Unknown to 1.x.
            None
        };
        Ok(Self {
            capabilities: typed(table, "capabilities", "a list of texts", Value::as_texts)?,
            ca: any("ca"),
            client: any("client"),
            skip_verify: boolean("skip_verify")?.map(|(value, _)| value),
            header: typed(table, "header", "a table", Value::as_table)?.map(|(value, _)| value),
            override_path: boolean("override_path")?.is_some_and(|(value, _)| value),
            dial_timeout,
        })
    }
}

/// The value of a field, if it is there, which must have the right type then; and its line.
fn typed<'t, T>(
    table: &'t Table,
    name: &'static str,
    expected: &'static str,
    read: impl Fn(&'t Value) -> Option<T>,
) -> Result<Option<(T, u32)>, Refused> {
    let Some(entry) = table.field(name) else { return Ok(None) };
    let value = read(&entry.value).ok_or((entry.line, Dropped::wrong_type(name, expected)))?;
    Ok(Some((value, entry.line)))
}

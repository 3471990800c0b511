//! In what two nodes differ: field by field, by the paths of their JSON.
//!
//! What differs between any two nodes is left out: the node's name, processes and their times, and when files were
//! written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{PullConfiguration, SCHEMA};
use crate::text::clean;

/// Fields that tell nothing when they differ.
const EXPECTED: [&str; 7] =
    ["schema", "node.name", "runtime.process", "kubelet.pid", "trust.files.modified", "findings", "notChecked"];
/// What tells one row of a list from another, the first that it has.
const NAMES: [&str; 6] = ["registry", "url", "path", "key", "variable", "what"];
/// Bytes of a value.
const VALUE: usize = 300;

/// Another node's configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct OtherNode {
    /// Its name.
    pub name: String,
    json: Value,
}

/// Why a text is no node's configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OtherNodeError {
    /// It is no JSON.
    #[error("it is not JSON (line {0})")]
    NoJson(usize),
    /// It is of another schema.
    #[error("its schema is `{0}`, not `{SCHEMA}`; write it with `pullagent node -o json`")]
    Schema(String),
    /// It says that it is of this schema, and is not.
    #[error("it is not what `pullagent node -o json` prints: {0}")]
    Shape(String),
}

/// The `schema` of a comparison's JSON.
pub const COMPARISON_SCHEMA: &str = "pullagent.dev/node-diff/v1";

/// In what two nodes differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// `pullagent.dev/node-diff/v1`.
    pub schema: String,
    /// This node's name.
    pub here: String,
    /// The other node's name.
    pub there: String,
    /// The fields that differ, in the order of their paths.
    pub differences: Vec<Difference>,
}

/// One field in which two nodes differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// Where: `registries[docker.io].endpoints[https://m/v2].skipVerify`.
    pub field: String,
    /// What this node has; absent for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub here: Option<String>,
    /// What the other has; absent for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub there: Option<String>,
}

/// Reads what `pullagent node -o json` printed elsewhere.
pub fn parse_other(text: &[u8]) -> Result<OtherNode, OtherNodeError> {
    let json: Value = serde_json::from_slice(text).map_err(|error| OtherNodeError::NoJson(error.line()))?;
    let schema = json.get("schema").and_then(Value::as_str).unwrap_or("none");
    if schema != SCHEMA {
        return Err(OtherNodeError::Schema(clean(schema, 80)));
    }
    let read: PullConfiguration = serde_json::from_value(json.clone())
        .map_err(|error| OtherNodeError::Shape(clean(&error.to_string(), VALUE)))?;
    Ok(OtherNode { name: clean(&read.node.name, 253), json })
}

/// In what `here` differs from `there`.
pub fn compare(here: &PullConfiguration, there: &OtherNode) -> Comparison {
    Comparison {
        schema: COMPARISON_SCHEMA.to_owned(),
        here: here.node.name.clone(),
        there: there.name.clone(),
        differences: differences(here, there),
    }
}

fn differences(here: &PullConfiguration, there: &OtherNode) -> Vec<Difference> {
    let Ok(here) = serde_json::to_value(here) else { return Vec::new() };
    let (here, there) = (leaves(&here), leaves(&there.json));
    let fields: std::collections::BTreeSet<&String> = here.keys().chain(there.keys()).collect();
    let changed = fields.into_iter().filter(|field| here.get(*field) != there.get(*field));
    let difference = |field: &String| Difference {
        field: clean(field, VALUE),
        here: here.get(field).map(|value| clean(value, VALUE)),
        there: there.get(field).map(|value| clean(value, VALUE)),
    };
    changed.map(difference).collect()
}

/// Every value with its path. Lists of rows are looked at by the rows' names and not by their order, which is a value of
/// its own; lists of texts are one value.
fn leaves(value: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    collect(value, "", "", &mut found);
    found
}

/// `path` is what a person reads, `plain` the same without the names of rows.
fn collect(value: &Value, path: &str, plain: &str, found: &mut BTreeMap<String, String>) {
    if EXPECTED.contains(&plain) {
        return;
    }
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let join = |base: &str| if base.is_empty() { key.clone() } else { format!("{base}.{key}") };
                collect(value, &join(path), &join(plain), found);
            }
        }
        Value::Array(rows) if rows.iter().any(Value::is_object) => {
            let names: Vec<String> = rows.iter().map(name).collect();
            if rows.len() > 1 {
                found.insert(format!("{path} (order)"), names.join(", "));
            }
            for (row, name) in rows.iter().zip(&names) {
                let path = format!("{path}[{name}]");
                // A row without anything else in it is there all the same.
                found.insert(path.clone(), "present".to_owned());
                collect(row, &path, plain, found);
            }
        }
        Value::Array(texts) => {
            let texts: Vec<String> = texts.iter().map(in_words).collect();
            found.insert(path.to_owned(), texts.join(", "));
        }
        other => {
            found.insert(path.to_owned(), in_words(other));
        }
    }
}

fn name(row: &Value) -> String {
    let named = NAMES.iter().find_map(|name| row.get(name)?.as_str());
    named.unwrap_or("?").to_owned()
}

fn in_words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

//! A plugin's settings from several files: leaves by their path of keys, each with its place.
//!
//! Knows no key by name. Leaves may be secrets: there is no Debug.

use std::collections::BTreeMap;

use super::{Refusal, Sourced};
use crate::config::go_duration::GoDuration;
use crate::config::toml_document::{Table, Value};
use crate::text::clean;

/// The merged settings; tables are among them, so that an empty one is known to be there.
#[derive(Default)]
pub(super) struct Settings(BTreeMap<Vec<String>, Sourced<Leaf>>);

enum Leaf {
    Text(String),
    Integer(i64),
    Boolean(bool),
    Texts(Vec<String>),
    Table,
    Other,
}

/// A file and a line.
#[derive(Clone, Copy)]
pub(super) struct Place<'s> {
    file: &'s str,
    line: u32,
}

impl Place<'_> {
    pub(super) fn with<T>(self, value: T) -> Sourced<T> {
        Sourced { value, file: self.file.to_owned(), line: self.line }
    }
}

impl Settings {
    /// Takes what a later file sets, key by key.
    pub(super) fn lay_over(&mut self, later: Self) {
        self.0.extend(later.0);
    }

    /// Puts in one key with all that is below it, over what is there.
    pub(super) fn insert(&mut self, path: Vec<String>, value: &Value, line: u32, file: &str) {
        let leaf = match value {
            Value::Text(text) => Leaf::Text(text.clone()),
            Value::Integer(number) => Leaf::Integer(*number),
            Value::Boolean(value) => Leaf::Boolean(*value),
            Value::Array(_) => value.as_texts().map_or(Leaf::Other, Leaf::Texts),
            Value::Table(table) => {
                self.insert_all(&path, table, file);
                Leaf::Table
            }
            Value::Other => Leaf::Other,
        };
        self.0.insert(path, Sourced { value: leaf, file: file.to_owned(), line });
    }

    fn insert_all(&mut self, path: &[String], table: &Table, file: &str) {
        for entry in table.entries() {
            let path = path.iter().cloned().chain([entry.key.clone()]).collect();
            self.insert(path, &entry.value, entry.line, file);
        }
    }

    pub(super) fn text(&self, path: &[&str]) -> Result<Option<Sourced<String>>, Refusal> {
        self.typed(path, "text", |leaf| if let Leaf::Text(text) = leaf { Some(text.clone()) } else { None })
    }

    pub(super) fn integer(&self, path: &[&str]) -> Result<Option<Sourced<i64>>, Refusal> {
        self.typed(path, "a number", |leaf| if let Leaf::Integer(number) = leaf { Some(*number) } else { None })
    }

    pub(super) fn boolean(&self, path: &[&str]) -> Result<Option<Sourced<bool>>, Refusal> {
        self.typed(path, "true or false", |leaf| if let Leaf::Boolean(value) = leaf { Some(*value) } else { None })
    }

    pub(super) fn texts(&self, path: &[&str]) -> Result<Option<Sourced<Vec<String>>>, Refusal> {
        self.typed(
            path,
            "a list of texts",
            |leaf| if let Leaf::Texts(texts) = leaf { Some(texts.clone()) } else { None },
        )
    }

    /// A duration; the empty text is none.
    pub(super) fn duration(&self, path: &[&str]) -> Result<Option<Sourced<GoDuration>>, Refusal> {
        if self.find(path).is_some_and(|setting| matches!(&setting.value, Leaf::Text(text) if text.is_empty())) {
            return Ok(None);
        }
        let parse = |leaf: &Leaf| if let Leaf::Text(text) = leaf { GoDuration::parse(text) } else { None };
        self.typed(path, "a duration like `5m`", parse)
    }

    /// Where a table is, if it is there.
    pub(super) fn table(&self, path: &[&str]) -> Option<Place<'_>> {
        let setting = self.find(path).filter(|setting| matches!(setting.value, Leaf::Table))?;
        Some(Place { file: &setting.file, line: setting.line })
    }

    /// The keys directly below a path, in byte order.
    pub(super) fn children(&self, path: &[&str]) -> Vec<(&str, Place<'_>)> {
        let depth = path.len();
        let below = self.0.range(owned(path)..).take_while(|(key, _)| key.iter().take(depth).eq(path.iter()));
        let direct = below.filter(|(key, _)| key.len() == depth + 1);
        direct
            .filter_map(|(key, setting)| {
                Some((key.last()?.as_str(), Place { file: &setting.file, line: setting.line }))
            })
            .collect()
    }

    fn typed<T>(
        &self,
        path: &[&str],
        expected: &'static str,
        read: impl Fn(&Leaf) -> Option<T>,
    ) -> Result<Option<Sourced<T>>, Refusal> {
        let Some(setting) = self.find(path) else { return Ok(None) };
        let (file, line) = (setting.file.clone(), setting.line);
        match read(&setting.value) {
            Some(value) => Ok(Some(Sourced { value, file, line })),
            None => Err(Refusal::WrongType { key: clean(&path.join("."), 120), file, line, expected }),
        }
    }

    fn find(&self, path: &[&str]) -> Option<&Sourced<Leaf>> {
        self.0.get(&owned(path))
    }
}

fn owned(path: &[&str]) -> Vec<String> {
    path.iter().map(|part| (*part).to_owned()).collect()
}

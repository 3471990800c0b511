//! TOML as the runtimes' Go parsers read it: values and table headers in the order of the file, with lines.
//!
//! The grammar is the `toml` crate's, which reads TOML 1.1; what only 1.1 allows is told apart in `spec`. What the keys
//! mean is for the formats.

mod spec;

use std::fmt;

use toml::de::{DeTable, DeValue};

/// Which parser the runtime links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parser {
    /// pelletier/go-toml v1 (containerd 1.x): TOML 1.0.
    GoToml1,
    /// pelletier/go-toml v2 (containerd 2.x): TOML 1.0, no byte order mark.
    GoToml2,
    /// BurntSushi/toml (containers-image): TOML 1.1 from v1.6.0 on, which is the reading taken here.
    BurntSushi,
}

/// Why a file is no TOML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TomlError {
    /// From 1, where it can be told.
    pub(crate) line: Option<u32>,
    /// One line of text; may name keys, never values.
    pub(crate) why: String,
}

/// A parsed file.
pub(crate) struct Document {
    /// The root table.
    pub(crate) root: Table,
    /// The headers of tables in order, repetitions by sub-tables included; those of arrays of tables are not among them.
    pub(crate) headers: Vec<Header>,
    /// The first line that TOML 1.0 does not allow.
    pub(crate) newer_than_1_0: Option<u32>,
}

/// `[a.b]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Its parts, unquoted.
    pub(crate) keys: Vec<String>,
    /// From 1.
    pub(crate) line: u32,
}

/// Keys and values in the order of the file.
#[derive(Default)]
pub(crate) struct Table(Vec<Entry>);

/// A key with its value.
pub(crate) struct Entry {
    /// As written, unquoted.
    pub(crate) key: String,
    /// From 1.
    pub(crate) line: u32,
    /// What it is set to.
    pub(crate) value: Value,
}

/// What formats here make use of. Debug shows the kind only, as values may be secrets.
pub(crate) enum Value {
    Text(String),
    Integer(i64),
    Boolean(bool),
    Array(Vec<Value>),
    Table(Table),
    /// A float, a date, or an integer beyond 64 bits.
    Other,
}

impl Document {
    /// Reads a whole file.
    pub(crate) fn parse(content: &[u8], parser: Parser) -> Result<Self, TomlError> {
        let text = std::str::from_utf8(content).map_err(|error| {
            let before = content.get(..error.valid_up_to()).unwrap_or_default();
            TomlError { line: Some(line_of(before, before.len())), why: "it is not UTF-8".to_owned() }
        })?;
        if parser == Parser::GoToml2 && text.starts_with('\u{feff}') {
            return Err(TomlError { line: Some(1), why: "it starts with a byte order mark".to_owned() });
        }
        let lines = Lines::of(text);
        let table = DeTable::parse(text).map_err(|error| TomlError {
            line: error.span().map(|span| lines.at(span.start)),
            why: crate::text::clean(error.message(), 200),
        })?;
        let (headers, newer_than_1_0) = spec::scan(text, &lines);
        if let Some(line) = newer_than_1_0.filter(|_| parser != Parser::BurntSushi) {
            return Err(TomlError {
                line: Some(line),
                why: "this is TOML 1.1, which containerd does not read".to_owned(),
            });
        }
        Ok(Self { root: Table::from_parsed(table.get_ref(), &lines), headers, newer_than_1_0 })
    }
}

impl Table {
    fn from_parsed(table: &DeTable<'_>, lines: &Lines) -> Self {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let entry = |(key, value): (&toml::Spanned<_>, &toml::Spanned<_>)| Entry {
            key: std::borrow::Cow::<str>::clone(key.get_ref()).into_owned(),
            line: lines.at(key.span().start),
            value: Value::from_parsed(value.get_ref(), lines),
        };
        Self(entries.into_iter().map(entry).collect())
    }

    /// The entries in order.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// The field of a Go struct: both parsers fall back to ignoring case. The last of several wins.
    pub(crate) fn field(&self, name: &str) -> Option<&Entry> {
        let exact = self.0.iter().find(|entry| entry.key == name);
        exact.or_else(|| self.0.iter().rfind(|entry| entry.key.eq_ignore_ascii_case(name)))
    }

    /// The key of a Go map, which is taken literally.
    pub(crate) fn key(&self, name: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.key == name)
    }
}

impl Value {
    fn from_parsed(value: &DeValue<'_>, lines: &Lines) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text.clone().into_owned()),
            DeValue::Integer(number) => {
                i64::from_str_radix(number.as_str(), number.radix()).map_or(Self::Other, Self::Integer)
            }
            DeValue::Boolean(value) => Self::Boolean(*value),
            DeValue::Float(_) | DeValue::Datetime(_) => Self::Other,
            DeValue::Array(items) => {
                Self::Array(items.iter().map(|item| Self::from_parsed(item.get_ref(), lines)).collect())
            }
            DeValue::Table(table) => Self::Table(Table::from_parsed(table, lines)),
        }
    }

    /// The text, if it is one.
    pub(crate) fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The truth value, if it is one.
    pub(crate) fn as_boolean(&self) -> Option<bool> {
        if let Self::Boolean(value) = self { Some(*value) } else { None }
    }

    /// The integer, if it is one.
    pub(crate) fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(value) = self { Some(*value) } else { None }
    }

    /// The table, inline or not.
    pub(crate) fn as_table(&self) -> Option<&Table> {
        if let Self::Table(table) = self { Some(table) } else { None }
    }

    /// The elements of an array, also of an array of tables.
    pub(crate) fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(items) = self { Some(items) } else { None }
    }

    /// The texts of an array that holds nothing else.
    pub(crate) fn as_texts(&self) -> Option<Vec<String>> {
        self.as_array()?.iter().map(|item| item.as_text().map(str::to_owned)).collect()
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "text",
            Self::Integer(_) => "integer",
            Self::Boolean(_) => "boolean",
            Self::Array(_) => "array",
            Self::Table(_) => "table",
            Self::Other => "float or date",
        })
    }
}

/// Where the lines of a text begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect())
    }

    /// The line, from 1, of a byte offset.
    fn at(&self, offset: usize) -> u32 {
        u32::try_from(self.0.partition_point(|end| *end < offset)).unwrap_or(u32::MAX).saturating_add(1)
    }
}

fn line_of(text: &[u8], offset: usize) -> u32 {
    let before = text.iter().take(offset).filter(|byte| **byte == b'\n').count();
    u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests;

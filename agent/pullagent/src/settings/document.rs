//! A YAML document as a tree whose nodes know their lines. Knows no key and gives no value away in an error.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Error, Options, Spanned};

use super::problem::{Place, Problem};

/// A value and where it was given.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

/// What YAML knows.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// Nothing: as if the key were not there.
    Nothing,
    Bool(bool),
    Number(f64),
    Text(String),
    /// Text that may be meant as any of these, as it is in a variable.
    Plain(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// The key of an entry.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    pub(super) place: Place,
    pub(super) name: String,
}

impl Node {
    /// The text of a variable or flag.
    pub(super) fn plain(place: Place, text: String) -> Self {
        Self { place, value: Value::Plain(text) }
    }

    /// A document in which only `key`, such as `http.listen`, is given.
    pub(super) fn at_key(key: &str, value: Self) -> Self {
        key.rsplit('.').fold(value, |inner, name| {
            let place = inner.place.clone();
            let key = Key { place: place.clone(), name: name.to_owned() };
            Self { place, value: Value::Map(vec![(key, inner)]) }
        })
    }
}

/// Reads a document. An empty one is [`Value::Nothing`].
///
/// Errors: it is no YAML, or more of it than settings are: nested deeply, or blown up by aliases.
pub(super) fn parse(text: &str) -> Result<Node, Problem> {
    match serde_saphyr::from_str_with_options::<Option<Spanned<Raw>>>(text, options()) {
        Ok(Some(raw)) => Ok(raw.into()),
        Ok(None) => Ok(Node { place: Place::Line(1), value: Value::Nothing }),
        Err(error) => {
            let line = error.location().map_or(1, |location| location.line().max(1));
            Err(Problem::new(Place::Line(line), "", in_words(error.without_snippet())))
        }
    }
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: 16,
            max_nodes: 20_000,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 10_000,
            max_replay_stack_depth: 8,
        },
        strict_booleans: true,
        with_snippet: false,
    }
}

/// Our own words: those of the parser may quote the line.
fn in_words(error: &Error) -> &'static str {
    match error {
        Error::DuplicateMappingKey { .. } => "a key is given twice",
        Error::MultipleDocuments { .. } => "the settings are one YAML document, and here a second one begins",
        Error::UnknownAnchor { .. } => "an alias names no anchor",
        Error::Budget { .. } | Error::AliasReplayLimitExceeded { .. } | Error::AliasExpansionLimitExceeded { .. } => {
            "this is more, or nested deeper, than settings are"
        }
        Error::NonFiniteFloat { .. } => "no setting is an endless number",
        Error::AliasError { error, .. } => in_words(error.without_snippet()),
        _ => "this is no valid YAML",
    }
}

/// A node whose own line is known to whoever wraps it.
enum Raw {
    Nothing,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl From<Spanned<Raw>> for Node {
    fn from(raw: Spanned<Raw>) -> Self {
        let value = match raw.value {
            Raw::Nothing => Value::Nothing,
            Raw::Bool(value) => Value::Bool(value),
            Raw::Number(value) => Value::Number(value),
            Raw::Text(value) => Value::Text(value),
            Raw::List(items) => Value::List(items.into_iter().map(Self::from).collect()),
            Raw::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| {
                        (Key { place: Place::Line(key.referenced.line()), name: key.value }, value.into())
                    })
                    .collect(),
            ),
        };
        Self { place: Place::Line(raw.referenced.line()), value }
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything)
    }
}

struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        // No setting is so large that this is not exact.
        #[expect(clippy::cast_precision_loss, reason = "a number that loses by it is out of every bound")]
        Ok(Raw::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        #[expect(clippy::cast_precision_loss, reason = "a number that loses by it is out of every bound")]
        Ok(Raw::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Nothing)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Nothing)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

//! JSON as Go's encoding/json (version 1) takes it, one level at a time: repeated names, strings that are no Unicode.
//!
//! `serde_json` does the parsing. Values stay text until they are asked for, so that a wrong type is an answer and not a
//! message of the library, which may quote a secret.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Fault;

/// Go's `maxNestingDepth`.
const DEEPEST: usize = 10_000;

/// One well-formed value.
#[derive(Clone, Copy)]
pub(super) struct Json<'text>(&'text str);

impl<'text> Json<'text> {
    /// `checkValid`: the whole text is one value, whatever its type.
    pub(super) fn parse(text: &'text str) -> Result<Self, Fault> {
        let value: &RawValue = serde_json::from_str(text).map_err(|error| {
            if text.starts_with('\u{feff}') {
                Fault::ByteOrderMark
            } else if is_encoded_document(text) {
                Fault::EncodedTwice
            } else {
                Fault::NotJson { line: error.line(), column: error.column() }
            }
        })?;
        if depth(value.get()) > DEEPEST { Err(Fault::TooDeep) } else { Ok(Self(value.get())) }
    }

    pub(super) fn is_null(self) -> bool {
        self.0 == "null"
    }

    /// The members of an object in their order, repeated ones too; `None` if it is no object.
    pub(super) fn members(self) -> Option<Vec<(String, Self)>> {
        serde_json::Deserializer::from_str(self.0).deserialize_map(Members).ok()
    }

    /// The text of a string; `None` if it is none.
    pub(super) fn string(self) -> Option<String> {
        // A JSON array would be taken for bytes, too.
        self.0.starts_with('"').then(|| GoString.deserialize(&mut serde_json::Deserializer::from_str(self.0)).ok())?
    }
}

struct Members;

impl<'text> Visitor<'text> for Members {
    type Value = Vec<(String, Json<'text>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'text>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = map.next_key_seed(GoString)? {
            members.push((name, Json(map.next_value::<&RawValue>()?.get())));
        }
        Ok(members)
    }
}

/// A string in which half a surrogate pair becomes U+FFFD, where `String` would fail.
struct GoString;

impl<'de> DeserializeSeed<'de> for GoString {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl Visitor<'_> for GoString {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<String, E> {
        let mut text = String::with_capacity(bytes.len());
        let mut broken = 0;
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            // The document is UTF-8. So what is broken is a lone surrogate, encoded in three bytes, none of them valid.
            broken += chunk.invalid().len();
            if broken >= 3 {
                text.push(char::REPLACEMENT_CHARACTER);
                broken = 0;
            }
        }
        Ok(text)
    }
}

/// The most brackets that are open at once in a well-formed text.
fn depth(text: &str) -> usize {
    let (mut open, mut deepest) = (0_usize, 0_usize);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            // To the end of the string; an escaped character is passed over.
            b'"' => {
                while let Some(byte) = bytes.next().filter(|byte| *byte != b'"') {
                    if byte == b'\\' {
                        bytes.next();
                    }
                }
            }
            b'{' | b'[' => {
                open += 1;
                deepest = deepest.max(open);
            }
            b'}' | b']' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn is_encoded_document(text: &str) -> bool {
    let encoded: String = text.split_whitespace().collect();
    STANDARD.decode(encoded).is_ok_and(|decoded| decoded.trim_ascii_start().starts_with(b"{"))
}

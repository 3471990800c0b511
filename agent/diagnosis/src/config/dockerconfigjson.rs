//! The content of a pull secret: `kubernetes.io/dockerconfigjson`, and the older `kubernetes.io/dockercfg`.
//!
//! Reads what the kubelet reads, and fails where it fails. What a key matches is the keyring's business.
//! Copied rules: Kubernetes 1.36 pkg/credentialprovider/config.go.

mod auth;
mod json;

use std::collections::BTreeMap;

use self::auth::split_auth;
use self::json::Json;
use crate::secret::Secret;

/// One login of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigEntry {
    /// The key as written. It may hold a login of its own (`user:password@host`): show [`ConfigEntry::shown_key`].
    pub key: String,
    /// The user; may be empty.
    pub username: String,
    /// The password; may be empty.
    pub password: Secret<String>,
    /// What stands in `email`; the kubelet reads it and sends it to nobody.
    pub email: String,
}

/// What is wrong with a document. Names the place and never quotes what stands there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: {fault}")]
pub struct MalformedConfig {
    /// The field, such as `auths["quay.io"].auth`.
    pub field: String,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What can be wrong with a field. Display goes on after the field's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is not one JSON document and nothing else.
    #[error("is no JSON (line {line}, column {column})")]
    NotJson {
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in bytes; 0 if the text ends too early.
        column: usize,
    },
    /// An editor put U+FEFF before the document.
    #[error("begins with a byte order mark, which JSON does not allow")]
    ByteOrderMark,
    /// It is the base64 of something that begins like a document.
    #[error("is base64 and no JSON: it was encoded once too often")]
    EncodedTwice,
    /// More brackets are open than Go's parser allows.
    #[error("is nested more than 10000 levels deep")]
    TooDeep,
    /// Something else than an object or null.
    #[error("must be an object")]
    NotAnObject,
    /// Something else than a string or null.
    #[error("must be a string")]
    NotAString,
    /// Characters that base64 does not have, or too many or too few of them.
    #[error("is no base64 (with `+` and `/`, and without blanks)")]
    NotBase64,
    /// What was decoded has no colon.
    #[error("must be the base64 of `username:password`")]
    NoColon,
}

impl ConfigEntry {
    /// The key as it may be shown: without the login that it may hold, on one line and bounded.
    pub fn shown_key(&self) -> String {
        shown_key(&self.key)
    }
}

fn shown_key(key: &str) -> String {
    // Whatever stands before the last `@` may be a password that contains any other character, `://` too.
    let is_scheme = |scheme: &str| ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    let scheme = key.find("://").filter(|end| is_scheme(&key[..*end])).map_or("", |end| &key[..end + 3]);
    match key[scheme.len()..].rsplit_once('@') {
        Some((_, host)) => crate::text::clean(&format!("{scheme}***@{host}"), 200),
        None => crate::text::clean(key, 200),
    }
}

/// Reads a `.dockerconfigjson`; one bad entry fails it.
pub fn parse_dockerconfigjson(text: &str) -> Result<Vec<ConfigEntry>, MalformedConfig> {
    let mut auths = Entries::default();
    for (name, value) in members(document(text, ".dockerconfigjson")?, ".dockerconfigjson")? {
        if is_field(&name, "auths") {
            auths.decode(value, "auths")?;
        } else if is_field(&name, "HttpHeaders") {
            for (header, value) in members(value, "HttpHeaders")? {
                string(value, || place("HttpHeaders", &header, ""))?;
            }
        }
    }
    Ok(auths.list)
}

/// Reads a `.dockercfg`: what is below `auths` in the newer format.
pub fn parse_dockercfg(text: &str) -> Result<Vec<ConfigEntry>, MalformedConfig> {
    let mut entries = Entries::default();
    entries.decode(document(text, ".dockercfg")?, ".dockercfg")?;
    Ok(entries.list)
}

/// A map of Go's: an entry that comes again replaces the first, an object that comes again adds to the first, and null
/// empties the map.
#[derive(Default)]
struct Entries {
    list: Vec<ConfigEntry>,
    places: BTreeMap<String, usize>,
}

impl Entries {
    fn decode(&mut self, value: Json<'_>, field: &str) -> Result<(), MalformedConfig> {
        if value.is_null() {
            *self = Self::default();
        }
        for (key, value) in members(value, field)? {
            let entry = decode_entry(&key, value, field)?;
            if let Some(known) = self.places.get(&key).and_then(|place| self.list.get_mut(*place)) {
                *known = entry;
            } else {
                self.places.insert(key, self.list.len());
                self.list.push(entry);
            }
        }
        Ok(())
    }
}

fn decode_entry(key: &str, value: Json<'_>, field: &str) -> Result<ConfigEntry, MalformedConfig> {
    let mut entry = ConfigEntry { key: key.to_owned(), ..ConfigEntry::default() };
    let mut auth = String::new();
    let at = |name: &str| place(field, key, name);
    for (name, value) in members_at(value, || at(""))? {
        let known = ["username", "password", "email", "auth"].into_iter().find(|known| is_field(&name, known));
        let Some(known) = known else { continue };
        // Null leaves what an earlier field of the same name said.
        let Some(text) = string(value, || at(known))? else { continue };
        match known {
            "username" => entry.username = text,
            "password" => entry.password = text.into(),
            "email" => entry.email = text,
            _ => auth = text,
        }
    }
    if !auth.is_empty() {
        (entry.username, entry.password) =
            split_auth(&auth).map_err(|fault| MalformedConfig { field: at("auth"), fault })?;
    }
    Ok(entry)
}

fn document<'text>(text: &'text str, field: &str) -> Result<Json<'text>, MalformedConfig> {
    Json::parse(text).map_err(|fault| MalformedConfig { field: field.to_owned(), fault })
}

/// The members of an object; none of null.
fn members<'text>(value: Json<'text>, field: &str) -> Result<Vec<(String, Json<'text>)>, MalformedConfig> {
    members_at(value, || field.to_owned())
}

fn members_at(value: Json<'_>, at: impl Fn() -> String) -> Result<Vec<(String, Json<'_>)>, MalformedConfig> {
    if value.is_null() {
        return Ok(Vec::new());
    }
    value.members().ok_or_else(|| MalformedConfig { field: at(), fault: Fault::NotAnObject })
}

/// A string; none of null.
fn string(value: Json<'_>, at: impl Fn() -> String) -> Result<Option<String>, MalformedConfig> {
    if value.is_null() {
        return Ok(None);
    }
    value.string().map(Some).ok_or_else(|| MalformedConfig { field: at(), fault: Fault::NotAString })
}

fn place(field: &str, key: &str, name: &str) -> String {
    let dot = if name.is_empty() { "" } else { "." };
    format!("{field}[{:?}]{dot}{name}", crate::text::clean(&shown_key(key), 100))
}

/// Whether Go takes `name` for the struct field `field`: case does not count, and U+017F is an `s` (and U+212A a `k`).
fn is_field(name: &str, field: &str) -> bool {
    let folded = name.chars().map(|letter| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        _ => letter.to_ascii_lowercase(),
    });
    folded.eq(field.chars().map(|letter| letter.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests;

//! One row a key: its host, its user, which images it serves, and what there is to know of it.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::NAME;
use super::content::Content;
use super::lookup::Lookups;
use super::rows::Names;
use crate::config::dockerconfigjson::ConfigEntry;
use crate::keyring::{normalise, useless};
use crate::text::clean;

/// Bytes of a user.
const USER: usize = 100;
/// The name that Docker Hub's login is looked up by, and the one that its images have.
const HUB: (&str, &str) = ("index.docker.io", "docker.io");

/// A key of a secret and what it is good for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyRow {
    /// As it may be shown.
    pub key: String,
    /// The registry that it is for, as images begin; `*` stands within one label. Absent where it is for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// What repositories of it begin with, where it is not for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The user; empty if it has none.
    pub user: String,
    /// The images that it is offered for, of the pods that name the secret.
    pub serves: Names,
    /// What else is to be known of it.
    pub notes: Vec<KeyNote>,
}

/// Something to know of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyNote {
    /// What it is.
    pub kind: KeyNoteKind,
    /// In words; goes on after the key.
    pub text: String,
}

/// What can be said of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum KeyNoteKind {
    /// It can match no image, whatever its name.
    NeverMatches,
    /// Its login has no user, so that the runtime asks as a stranger.
    NoUser,
    /// It is Docker Hub's, and another key matches an image of Docker Hub by itself.
    Hidden,
    /// A secret that pods name before has an equal key, whose login is tried first.
    After,
    /// A secret that pods name before has the same login under an equal key.
    Duplicate,
    /// Its own secret has an equal key; which of them is tried first is random.
    RandomOrder,
}

/// Secret and key as written: one place of a login.
type Place<'a> = (&'a str, &'a str);

/// Which key is used for what, and beside which others.
pub(super) struct Uses<'a> {
    serves: BTreeMap<Place<'a>, BTreeSet<&'a str>>,
    hidden: BTreeMap<Place<'a>, BTreeSet<&'a str>>,
    /// The secret that is before in a list, and whether the login is the same.
    after: BTreeMap<Place<'a>, (&'a str, bool)>,
    /// Another key of the same secret.
    beside: BTreeMap<Place<'a>, String>,
}

impl<'a> Uses<'a> {
    pub(super) fn new(contents: &'a BTreeMap<&'a str, Content<'_>>, lookups: &'a Lookups<'a>) -> Self {
        let mut uses =
            Self { serves: BTreeMap::new(), hidden: BTreeMap::new(), after: BTreeMap::new(), beside: BTreeMap::new() };
        for lookup in &lookups.all {
            for (secret, key) in &lookup.offered {
                uses.serves.entry((secret, key)).or_default().insert(&lookup.row.image);
            }
            for (secret, key) in &lookup.hidden {
                uses.hidden.entry((secret, key)).or_default().insert(&lookup.row.image);
            }
        }
        for (secret, content) in contents {
            uses.see_beside(secret, content);
        }
        for list in &lookups.lists {
            uses.see_after(list, contents);
        }
        uses
    }

    /// Keys of one document that mean the same.
    fn see_beside(&mut self, secret: &'a str, content: &'a Content<'_>) {
        let Content::Logins { entries, .. } = content else { return };
        let mut first: BTreeMap<Vec<u8>, &ConfigEntry> = BTreeMap::new();
        for entry in entries {
            let Ok(key) = normalise(&entry.key) else { continue };
            if let Some(other) = first.get(&key) {
                self.beside.entry((secret, &other.key)).or_insert_with(|| entry.shown_key());
                self.beside.insert((secret, &entry.key), other.shown_key());
            } else {
                first.insert(key, entry);
            }
        }
    }

    /// Keys of a list of secrets that mean the same as one of a secret before.
    fn see_after(&mut self, list: &'a [String], contents: &'a BTreeMap<&'a str, Content<'_>>) {
        let mut first: BTreeMap<Vec<u8>, (&str, &ConfigEntry)> = BTreeMap::new();
        for secret in list {
            let Some(Content::Logins { entries, .. }) = contents.get(secret.as_str()) else { continue };
            for entry in entries {
                let Ok(key) = normalise(&entry.key) else { continue };
                let (before, other) = *first.entry(key).or_insert((secret, entry));
                if before != secret {
                    let is_same = (&other.username, &other.password) == (&entry.username, &entry.password);
                    self.after.entry((secret, &entry.key)).or_insert((before, is_same));
                }
            }
        }
    }

    /// The images that any key of `secret` serves.
    pub(super) fn images(&self, secret: &str) -> Names {
        let of_secret = self.serves.range((secret, "")..).take_while(|((other, _), _)| *other == secret);
        Names::of(of_secret.flat_map(|(_, images)| images).collect::<BTreeSet<_>>())
    }

    /// The row of one key.
    pub(super) fn row(&self, secret: &str, entry: &ConfigEntry) -> KeyRow {
        let place = (secret, entry.key.as_str());
        let (host, path) = host_and_path(&entry.key);
        KeyRow {
            key: entry.shown_key(),
            host,
            path,
            user: shown_user(entry),
            serves: Names::of(self.serves.get(&place).into_iter().flatten()),
            notes: self.notes(place, entry),
        }
    }

    fn notes(&self, place: Place<'_>, entry: &ConfigEntry) -> Vec<KeyNote> {
        let mut notes = Vec::new();
        let mut note = |kind, text: String| notes.push(KeyNote { kind, text });
        if let Some(why) = useless(&entry.key) {
            note(KeyNoteKind::NeverMatches, why.to_string());
        }
        if entry.username.is_empty() {
            note(KeyNoteKind::NoUser, "has no user: the runtime asks as a stranger".to_owned());
        }
        if let Some(images) = self.hidden.get(&place) {
            let text = format!("is not used for {}: another key matches by itself", Names::of(images));
            note(KeyNoteKind::Hidden, text);
        }
        match self.after.get(&place) {
            Some((before, true)) => {
                note(KeyNoteKind::Duplicate, format!("is the same login as in {}", clean(before, NAME)));
            }
            Some((before, false)) => {
                note(KeyNoteKind::After, format!("is tried after the equal key of {}", clean(before, NAME)));
            }
            None => {}
        }
        if let Some(other) = self.beside.get(&place) {
            let text = format!("means the same as \"{other}\": which of them is tried first is random");
            note(KeyNoteKind::RandomOrder, text);
        }
        notes
    }
}

/// The user as it may be shown.
pub(super) fn shown_user(entry: &ConfigEntry) -> String {
    clean(&entry.username, USER)
}

/// The registry that a key is for, and what repositories begin with.
fn host_and_path(key: &str) -> (Option<String>, Option<String>) {
    let Some(normalised) = normalise(key).ok().filter(|_| useless(key).is_none()) else { return (None, None) };
    let text = String::from_utf8_lossy(&normalised);
    let (host, path) = text.split_once('/').unwrap_or((&text, ""));
    let host = if host == HUB.0 { HUB.1 } else { host.strip_suffix(':').unwrap_or(host) };
    (Some(clean(host, NAME)), (!path.is_empty()).then(|| clean(path, NAME)))
}

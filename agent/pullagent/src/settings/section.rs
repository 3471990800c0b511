//! Reads the keys of one mapping, one after the other, and tells which of them are known to nobody.

use super::document::{Key, Node, Value};
use super::problem::{Place, Problem};

/// How alike a known key has to be for it to be named in place of an unknown one.
const ALIKE: f64 = 0.7;

/// A mapping that is being read.
pub(super) struct Section<'a> {
    /// Its own key with a dot behind it; empty for the whole document.
    prefix: String,
    entries: &'a [(Key, Node)],
    known: Vec<&'static str>,
    reading: &'a mut Reading,
}

/// What came up so far.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) problems: Vec<Problem>,
    /// The keys that have one value each, such as `http.listen`.
    pub(super) scalars: Vec<String>,
}

/// Reads one mapping with `read`. What is no mapping at all is a problem, and is read as an empty one.
pub(super) fn read_section(node: Option<&Node>, key: &str, reading: &mut Reading, read: impl FnOnce(&mut Section<'_>)) {
    let entries: &[(Key, Node)] = match node.map(|node| (&node.value, &node.place)) {
        None | Some((Value::Nothing, _)) => &[],
        Some((Value::Map(entries), _)) => entries,
        Some((_, place)) => {
            reading.problems.push(Problem::new(place.clone(), key, "it must hold keys and their values"));
            &[]
        }
    };
    let prefix = if key.is_empty() { String::new() } else { format!("{key}.") };
    let mut section = Section { prefix, entries, known: Vec::new(), reading };
    read(&mut section);
    section.finish();
}

impl<'a> Section<'a> {
    /// Reads `key` into `target`, if it is given.
    pub(super) fn value<T>(
        &mut self,
        key: &'static str,
        target: &mut T,
        read: impl FnOnce(&Node) -> Result<T, String>,
    ) {
        let path = self.path(key);
        if let Some(node) = self.find(key) {
            match read(node) {
                Ok(value) => *target = value,
                Err(what) => self.reading.problems.push(Problem::new(node.place.clone(), &path, what)),
            }
        }
        self.reading.scalars.push(path);
    }

    /// Reads the mapping at `key`.
    pub(super) fn section(&mut self, key: &'static str, read: impl FnOnce(&mut Section<'_>)) {
        let path = self.path(key);
        let node = self.find(key);
        read_section(node, &path, self.reading, read);
    }

    /// Reads the list at `key` into `target`, if it is given, each item with `read`, which is told the item's own key.
    /// An item that comes to nothing is left out: then there is a problem.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        target: &mut Vec<T>,
        mut read: impl FnMut(&Node, &str, &mut Reading) -> Option<T>,
    ) {
        let path = self.path(key);
        let Some(node) = self.find(key) else { return };
        let Value::List(items) = &node.value else {
            self.reading.problems.push(Problem::new(node.place.clone(), path, "it must be a list"));
            return;
        };
        let items = items.iter().enumerate();
        *target = items.filter_map(|(at, item)| read(item, &format!("{path}[{at}]"), self.reading)).collect();
    }

    /// The node at `key`, which is known from now on.
    fn find(&mut self, key: &'static str) -> Option<&'a Node> {
        self.known.push(key);
        let found = self.entries.iter().find(|(entry, _)| entry.name == key).map(|(_, node)| node);
        found.filter(|node| node.value != Value::Nothing)
    }

    fn path(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    fn finish(self) {
        for (key, _) in self.entries.iter().filter(|(key, _)| !self.known.contains(&key.name.as_str())) {
            let Key { place, name } = key;
            let what = match nearest(name, self.known.iter().copied()) {
                Some(near) => format!("this key is unknown; did you mean `{near}`?"),
                None => format!("this key is unknown; here are known: {}", self.known.join(", ")),
            };
            // What is not even spelt like a key may be a value that lost its own.
            let path = if is_key(name) { self.path(name) } else { self.prefix.trim_end_matches('.').to_owned() };
            self.reading.problems.push(Problem::new(Place::clone(place), path, what));
        }
    }
}

/// The most alike of `known`, if there is one alike enough.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Quadratic in the length, which is anybody's.
    let name: String = name.chars().take(64).collect::<String>().to_lowercase();
    let likeness = known.map(|word| (strsim::normalized_damerau_levenshtein(&name, &word.to_lowercase()), word));
    likeness.filter(|(likeness, _)| *likeness >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, word)| word)
}

fn is_key(name: &str) -> bool {
    (1..=40).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

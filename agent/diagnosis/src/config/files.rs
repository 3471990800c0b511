//! A snapshot of the node's files as a value: what was read, what is a directory, and what could not be read.
//!
//! Nothing here reads anything. Symbolic links are followed by whoever takes the snapshot. A snapshot that grows says
//! which paths were asked for and are not in it yet: whoever computes something from it computes again after those were
//! read, until nothing is wanted any more.

mod wanted;

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use wanted::Wanted;

/// Files and directories by absolute path. Contents may hold secrets: neither Debug nor serde shows them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Files {
    nodes: BTreeMap<String, Node>,
    /// When files were last written, by the node's clock, as far as that was told.
    modified: BTreeMap<String, Timestamp>,
    /// The bytes of all contents.
    bytes: usize,
    /// Something did not fit: whatever is not here may be on the node all the same.
    is_cut: bool,
    /// The paths that were asked for and not read yet; `None` for a snapshot that is whole.
    wanted: Option<Wanted>,
}

#[derive(Clone, PartialEq, Eq)]
enum Node {
    File(Vec<u8>),
    /// Whether its names are all here.
    Directory(bool),
    Unreadable(String),
    /// There is no such path.
    Absent,
    /// It is a name in a directory, and more is not known of it.
    Unread,
}

/// Why there is nothing to be read at a path. The texts are those of the operating system.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRead {
    /// Nothing is there.
    #[error("no such file or directory")]
    Absent,
    /// A directory is there.
    #[error("is a directory")]
    IsDirectory,
    /// A file is there where a directory should be, or on the way to the path.
    #[error("not a directory")]
    NotDirectory,
    /// Something is there and could not be read.
    #[error("{0}")]
    Unreadable(String),
}

impl Files {
    /// A larger file counts as unreadable.
    pub const LARGEST_FILE: usize = 1 << 20;
    /// All contents together, in bytes. A file that no longer fits counts as unreadable.
    pub const MOST_BYTES: usize = 8 << 20;
    /// The number of paths that are kept. Once there are more, what is not kept counts as unreadable, not as absent.
    pub const MOST_PATHS: usize = 8192;

    /// An empty snapshot of which nothing is known to be absent.
    pub fn growing() -> Self {
        Self { wanted: Some(Wanted::default()), ..Self::default() }
    }

    /// The paths that were asked for since the last call and are not in the snapshot, in byte order. None for a snapshot
    /// that is whole, or that can take no more.
    pub fn take_wanted(&self) -> Vec<String> {
        self.wanted.as_ref().map(Wanted::take).filter(|_| !self.is_cut).unwrap_or_default()
    }

    /// Puts in that there is no such path.
    pub fn insert_absent(&mut self, path: &str) {
        self.insert(path, Node::Absent);
    }

    /// Puts in a directory with all its names.
    pub fn insert_listing(&mut self, path: &str, names: impl IntoIterator<Item = String>) {
        let path = absolute(path);
        self.insert(&path, Node::Directory(true));
        for name in names {
            let inside = join(&path, &name);
            if !self.nodes.contains_key(&inside) {
                self.insert(&inside, Node::Unread);
            }
        }
    }

    /// How many bytes a file may have to be taken in.
    pub fn room(&self) -> usize {
        Self::LARGEST_FILE.min(Self::MOST_BYTES.saturating_sub(self.bytes))
    }

    /// Puts in a file and the directories above it.
    pub fn insert_file(&mut self, path: &str, content: impl Into<Vec<u8>>) {
        let content = content.into();
        if content.len() > self.room() {
            return self.insert_too_large(path);
        }
        self.insert(path, Node::File(content));
    }

    /// Puts in a file that has more bytes than there is [room](Self::room) for.
    pub fn insert_too_large(&mut self, path: &str) {
        let why = if self.room() == Self::LARGEST_FILE {
            format!("larger than {} bytes", Self::LARGEST_FILE)
        } else {
            format!("not looked at: the files before it leave {} of {} bytes", self.room(), Self::MOST_BYTES)
        };
        self.insert_unreadable(path, why);
    }

    /// Tells when the file at a path was last written.
    pub fn insert_modified(&mut self, path: &str, modified: Timestamp) {
        if self.modified.len() < Self::MOST_PATHS {
            self.modified.insert(absolute(path), modified);
        }
    }

    /// When the file at a path was last written, by the node's clock. `None`: it is not here, or nobody told.
    pub fn modified(&self, path: &str) -> Option<Timestamp> {
        self.modified.get(&absolute(path)).copied()
    }

    /// Puts in a directory, which may stay empty, and those above it.
    pub fn insert_directory(&mut self, path: &str) {
        self.insert(path, Node::Directory(self.wanted.is_none()));
    }

    /// Puts in something that exists and could not be read.
    pub fn insert_unreadable(&mut self, path: &str, why: impl Into<String>) {
        self.insert(path, Node::Unreadable(why.into()));
    }

    fn insert(&mut self, path: &str, node: Node) {
        let path = absolute(path);
        let new = parents(&path).chain([path.as_str()]).filter(|path| !self.nodes.contains_key(*path));
        if self.nodes.len() + new.count() > Self::MOST_PATHS {
            self.is_cut = true;
            return;
        }
        for parent in parents(&path) {
            if !self.nodes.contains_key(parent) {
                self.nodes.insert(parent.to_owned(), Node::Directory(self.wanted.is_none()));
            }
        }
        self.bytes += node.bytes();
        let before = self.nodes.insert(path, node);
        self.bytes -= before.as_ref().map_or(0, Node::bytes);
    }

    /// The content of a file.
    pub fn read(&self, path: &str) -> Result<&[u8], NotRead> {
        match self.find(path)? {
            Node::File(content) => Ok(content),
            Node::Directory(_) => Err(NotRead::IsDirectory),
            Node::Unreadable(why) => Err(NotRead::Unreadable(why.clone())),
            Node::Absent | Node::Unread => Err(NotRead::Absent),
        }
    }

    /// Whether a directory is at the path; an error if that cannot be said or nothing is there.
    pub fn is_dir(&self, path: &str) -> Result<bool, NotRead> {
        match self.find(path)? {
            Node::File(_) => Ok(false),
            Node::Directory(_) => Ok(true),
            Node::Unreadable(why) => Err(NotRead::Unreadable(why.clone())),
            Node::Absent | Node::Unread => Err(NotRead::Absent),
        }
    }

    /// The names in a directory in byte order.
    pub fn list(&self, path: &str) -> Result<Vec<&str>, NotRead> {
        if !self.is_dir(path)? {
            return Err(NotRead::NotDirectory);
        }
        if self.is_cut {
            return Err(Self::cut());
        }
        if matches!(self.find(path)?, Node::Directory(false)) {
            self.want(&absolute(path));
        }
        let mut start = absolute(path);
        if !start.ends_with('/') {
            start.push('/');
        }
        let below = self.nodes.range(start.clone()..).take_while(|(path, _)| path.starts_with(&start));
        let there = below.filter(|(_, node)| !matches!(node, Node::Absent));
        let names = there.filter_map(|(path, _)| path.strip_prefix(&start));
        Ok(names.filter(|name| !name.is_empty() && !name.contains('/')).collect())
    }

    fn find(&self, path: &str) -> Result<&Node, NotRead> {
        let path = absolute(path);
        if let Some(node) = self.nodes.get(&path) {
            if matches!(node, Node::Unread) {
                self.want(&path);
            }
            return Ok(node);
        }
        for parent in parents(&path) {
            match self.nodes.get(parent) {
                Some(Node::File(_)) => return Err(NotRead::NotDirectory),
                Some(Node::Unreadable(why)) => return Err(NotRead::Unreadable(why.clone())),
                Some(Node::Absent) => return Err(NotRead::Absent),
                Some(Node::Directory(_) | Node::Unread) | None => {}
            }
        }
        self.want(&path);
        Err(if self.is_cut { Self::cut() } else { NotRead::Absent })
    }

    fn want(&self, path: &str) {
        if let Some(wanted) = &self.wanted {
            wanted.add(path);
        }
    }

    fn cut() -> NotRead {
        NotRead::Unreadable(format!("not looked at: there are more than {} files", Self::MOST_PATHS))
    }
}

/// Paths with the size of each file; no contents.
impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.nodes.iter().map(|(path, node)| (path, node.in_words()))).finish()
    }
}

/// As Debug.
impl Serialize for Files {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.nodes.len()))?;
        for (path, node) in &self.nodes {
            map.serialize_entry(path, &node.in_words())?;
        }
        map.end()
    }
}

impl Node {
    /// The bytes of its content.
    fn bytes(&self) -> usize {
        if let Self::File(content) = self { content.len() } else { 0 }
    }

    fn in_words(&self) -> String {
        match self {
            Self::File(content) => format!("{} bytes", content.len()),
            Self::Directory(_) => "directory".to_owned(),
            Self::Unreadable(why) => format!("unreadable: {why}"),
            Self::Absent => "absent".to_owned(),
            Self::Unread => "not read".to_owned(),
        }
    }
}

/// The path without `.`, `..` and doubled slashes; a relative one is below the root, where daemons run.
fn absolute(path: &str) -> String {
    clean_path(&format!("/{path}"))
}

/// The directories above a cleaned absolute path, the root first.
fn parents(path: &str) -> impl Iterator<Item = &str> {
    let inner = path.char_indices().skip(1).filter(|(_, c)| *c == '/').map(|(at, _)| &path[..at]);
    (path != "/").then_some("/").into_iter().chain(inner)
}

/// Go's `path.Clean`: the shortest path that means the same, `.` for nothing.
pub(crate) fn clean_path(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

/// Go's `filepath.Join` of two parts: cleaned, and empty parts do not count.
pub(crate) fn join(directory: &str, name: &str) -> String {
    match (directory, name) {
        ("", "") => String::new(),
        ("", path) | (path, "") => clean_path(path),
        (directory, name) => clean_path(&format!("{directory}/{name}")),
    }
}

#[cfg(test)]
mod tests;

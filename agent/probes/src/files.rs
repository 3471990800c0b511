//! Reads from the node what a snapshot of its files lacks. Decides nothing: the snapshot knows what is wanted.

use std::fs;
use std::io;
use std::path::Path;

use jiff::Timestamp;
use pullagent_diagnosis::config::files::Files;

use crate::host_root::{below, read_bounded};

/// Rounds of asking and reading: a configuration names files that name files, and no chain is longer.
const MAX_ROUNDS: usize = 32;

/// Reads whatever `compute` asks `files` for and does not find, until it finds everything. Paths are the node's own and
/// are resolved below `host_root`. Blocking: some dozen small files.
pub fn read_all<T>(files: &mut T, host_root: &Path, snapshot: fn(&mut T) -> &mut Files, compute: impl Fn(&T)) {
    for _ in 0..MAX_ROUNDS {
        compute(files);
        let wanted = snapshot(files).take_wanted();
        if wanted.is_empty() {
            return;
        }
        for path in &wanted {
            read_into(snapshot(files), host_root, path);
        }
    }
}

fn read_into(files: &mut Files, host_root: &Path, path: &str) {
    let room = files.room() as u64;
    let read = below(host_root, Path::new(path)).and_then(|found| {
        let metadata = found.symlink_metadata()?;
        if metadata.is_dir() {
            return names(&found).map(Content::Directory);
        }
        let modified = metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
        read_bounded(&found, room).map(|content| Content::File(content, modified))
    });
    match read {
        Ok(Content::File(content, modified)) => {
            files.insert_file(path, content);
            if let Some(modified) = modified {
                files.insert_modified(path, modified);
            }
        }
        Ok(Content::Directory(names)) => files.insert_listing(path, names),
        Err(error) if error.kind() == io::ErrorKind::NotFound => files.insert_absent(path),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => files.insert_too_large(path),
        Err(error) => files.insert_unreadable(path, in_words(&error)),
    }
}

enum Content {
    /// With the time of its last change.
    File(Vec<u8>, Option<Timestamp>),
    Directory(Vec<String>),
}

/// The names in a directory, as far as they are text; of more than a snapshot holds, the first that come.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)?.take(Files::MOST_PATHS) {
        names.extend(entry?.file_name().into_string().ok());
    }
    Ok(names)
}

/// The words that Go has for an error of the system.
fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::NotADirectory => "not a directory".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn whatever_is_asked_for_is_read_below_the_root() {
        let root = tempfile::tempdir().unwrap();
        let certs = root.path().join("etc/containerd/certs.d");
        fs::create_dir_all(certs.join("registry.test")).unwrap();
        fs::write(certs.join("registry.test/hosts.toml"), "ca = '/etc/ca.pem'").unwrap();
        fs::write(root.path().join("etc/real.pem"), "ca").unwrap();
        symlink("/etc/real.pem", root.path().join("etc/ca.pem")).unwrap();
        let mut files = Files::growing();
        read_all(
            &mut files,
            root.path(),
            |files| files,
            |files| {
                let Ok(names) = files.list("/etc/containerd/certs.d") else { return };
                for name in names {
                    let toml = files.read(&format!("/etc/containerd/certs.d/{name}/hosts.toml"));
                    if toml.is_ok() {
                        let _ = files.read("/etc/ca.pem");
                        let _ = files.read("/etc/none.pem");
                    }
                }
            },
        );
        assert_eq!(files.list("/etc/containerd/certs.d").unwrap(), ["registry.test"]);
        assert_eq!(files.read("/etc/ca.pem").unwrap(), b"ca");
        assert!(files.read("/etc/none.pem").is_err());
        let written = fs::metadata(root.path().join("etc/real.pem")).unwrap().modified().unwrap();
        assert_eq!(files.modified("/etc/ca.pem"), Timestamp::try_from(written).ok());
        assert_eq!(files.modified("/etc/none.pem"), None);
        assert!(files.take_wanted().is_empty());
    }
}

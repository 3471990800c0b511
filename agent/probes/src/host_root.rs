//! The node's file tree as seen from here: `/` on the node itself, a mount such as `/host` in a pod.
//!
//! Paths and symlinks are resolved below that root and never outside of it. Only regular files are read, never
//! further than their bound.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use nix::libc;

/// As many symlinks as Linux follows in one path.
const MAX_LINKS: usize = 40;

/// Where `path`, as the node itself names it, is found below `root`; no component of the answer is a symlink.
///
/// Errors: a component does not exist or may not be looked at, or more than 40 symlinks were met.
pub fn below(root: &Path, path: &Path) -> io::Result<PathBuf> {
    let mut found: Vec<OsString> = Vec::new();
    let mut ahead: VecDeque<OsString> = steps(path).collect();
    let mut links = 0;
    while let Some(step) = ahead.pop_front() {
        if step == ".." {
            found.pop();
            continue;
        }
        found.push(step);
        let here = joined(root, &found);
        if !here.symlink_metadata()?.is_symlink() {
            continue;
        }
        links += 1;
        if links > MAX_LINKS {
            return Err(io::Error::from_raw_os_error(libc::ELOOP));
        }
        let target = here.read_link()?;
        if target.is_absolute() {
            found.clear();
        } else {
            found.pop();
        }
        for step in steps(&target).rev() {
            ahead.push_front(step);
        }
    }
    Ok(joined(root, &found))
}

/// The content of the regular file at `path`, which [`below`] has resolved.
///
/// Errors: besides the system's, `FileTooLarge` for more than `max` bytes and `InvalidInput` for what is not a
/// regular file: a FIFO would be waited for without end.
pub fn read_bounded(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    // The last component was no symlink a moment ago, and must not have become one; opening a FIFO must not block.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    // The size in the metadata is 0 in /proc and may change meanwhile: count what arrives.
    let mut content = Vec::new();
    file.take(max.saturating_add(1)).read_to_end(&mut content)?;
    if u64::try_from(content.len()).is_ok_and(|length| length > max) {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {max} bytes")));
    }
    Ok(content)
}

/// The steps of a path without its root; `..` is kept, for only the walk knows where it leads.
fn steps(path: &Path) -> impl DoubleEndedIterator<Item = OsString> + '_ {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    })
}

fn joined(root: &Path, steps: &[OsString]) -> PathBuf {
    let mut path = root.to_owned();
    path.extend(steps);
    path
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn tree() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("etc/ssl")).unwrap();
        fs::create_dir_all(root.path().join("usr/share")).unwrap();
        fs::write(root.path().join("usr/share/ca.pem"), "ca").unwrap();
        symlink("/usr/share/ca.pem", root.path().join("etc/ssl/absolute")).unwrap();
        symlink("../../usr/share/ca.pem", root.path().join("etc/ssl/relative")).unwrap();
        symlink("../../../../../../usr/share/ca.pem", root.path().join("etc/ssl/above")).unwrap();
        symlink("/etc/ssl", root.path().join("etc/pki")).unwrap();
        symlink("round", root.path().join("etc/round")).unwrap();
        root
    }

    #[track_caller]
    fn check(path: &str, found: &str) {
        let root = tree();
        let resolved = below(root.path(), Path::new(path)).unwrap();
        assert_eq!(resolved.strip_prefix(root.path()).unwrap(), Path::new(found));
    }

    #[test]
    fn links_are_resolved_below_the_root_and_never_outside() {
        check("/", "");
        check("/usr/share/ca.pem", "usr/share/ca.pem");
        check("usr//share/./ca.pem", "usr/share/ca.pem");
        check("/etc/ssl/absolute", "usr/share/ca.pem");
        check("/etc/ssl/relative", "usr/share/ca.pem");
        check("/etc/ssl/above", "usr/share/ca.pem");
        check("/etc/pki/absolute", "usr/share/ca.pem");
        check("/etc/pki/../pki/relative", "usr/share/ca.pem");
        check("/../../usr/share/ca.pem", "usr/share/ca.pem");
    }

    #[test]
    fn a_circle_of_links_ends() {
        let root = tree();
        let error = below(root.path(), Path::new("/etc/round")).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ELOOP));
    }

    #[test]
    fn an_absent_file_is_not_found() {
        let root = tree();
        assert_eq!(below(root.path(), Path::new("/etc/none/x")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn only_regular_files_within_the_bound_are_read() {
        let root = tree();
        let file = root.path().join("usr/share/ca.pem");
        assert_eq!(read_bounded(&file, 2).unwrap(), b"ca");
        assert_eq!(read_bounded(&file, 1).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read_bounded(&root.path().join("usr"), 9).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert!(read_bounded(&root.path().join("etc/ssl/absolute"), 9).is_err());
        assert!(read_bounded(Path::new("/dev/zero"), 9).is_err());
    }
}

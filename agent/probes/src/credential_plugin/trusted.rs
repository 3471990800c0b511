//! Whether nobody but root could have put a file where it is.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// `path` without symlinks, if it and every folder above it, as written and as resolved, is root's and nobody else may
/// write there. A folder in which everyone may write and take away only what is their own (sticky) will do.
///
/// Errors: it does not exist, or a part of it is another's; said in words for a person.
pub(super) fn trusted(path: &Path) -> io::Result<PathBuf> {
    let resolved = fs::canonicalize(path)?;
    for part in path.ancestors().chain(resolved.ancestors()).filter(|part| !part.as_os_str().is_empty()) {
        let metadata = fs::metadata(part)?;
        if let Some(why) = distrust(metadata.uid(), metadata.gid(), metadata.mode(), metadata.is_dir()) {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("{} {why}", part.display())));
        }
    }
    Ok(resolved)
}

/// What lets somebody else than root change a file or a folder.
fn distrust(user: u32, group: u32, mode: u32, is_folder: bool) -> Option<&'static str> {
    const STICKY: u32 = 0o1000;
    let is_kept = is_folder && mode & STICKY != 0;
    if user != 0 {
        Some("does not belong to root")
    } else if mode & 0o002 != 0 && !is_kept || mode & 0o020 != 0 && group != 0 && !is_kept {
        Some("may be written by others than root")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_root_alone_can_change_is_trusted() {
        let check = |user, group, mode, is_folder, want: bool| {
            assert_eq!(distrust(user, group, mode, is_folder).is_none(), want, "{user} {group} {mode:o} {is_folder}");
        };
        check(0, 0, 0o100_755, false, true);
        check(0, 5, 0o100_755, false, true);
        check(0, 0, 0o100_775, false, true);
        check(0, 5, 0o100_775, false, false);
        check(0, 0, 0o100_757, false, false);
        check(1000, 0, 0o100_755, false, false);
        check(0, 0, 0o041_777, true, true);
        check(0, 0, 0o040_777, true, false);
        check(0, 0, 0o101_777, false, false);
    }

    #[test]
    fn what_does_not_exist_is_not_found() {
        assert_eq!(trusted(Path::new("/none/x")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}

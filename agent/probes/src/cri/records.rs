//! The kubelet's notes on the images that it pulls and has pulled, read below the host root and never written.
//!
//! Format: `pkg/kubelet/images/pullmanager/fs_pullrecords.go`, types `ImagePullIntent` and `ImagePulledRecord`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use pullagent_diagnosis::reference::Reference;
use pullagent_diagnosis::runtime::HeldImage;
use serde::Deserialize;

use crate::host_root::{below, read_bounded};

/// Bytes of one record.
const MAX_RECORD: u64 = 1024 * 1024;
/// Records that are read.
const MAX_RECORDS: usize = 10_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    image: Option<String>,
    image_ref: Option<String>,
}

/// Why the kubelet may rely on an image, after its records in the folders where kubelets keep them; `None` if no record
/// names it. What cannot be read may name it.
pub(super) fn reason_to_keep(
    host_root: &Path,
    root_dirs: &[PathBuf],
    reference: &Reference,
    image: &HeldImage,
) -> Option<String> {
    // A record is written to `pulled` before it is taken out of `pulling`: in this order none is missed.
    let folders = ["image_manager/pulling", "image_manager/pulled"];
    folders.iter().flat_map(|folder| root_dirs.iter().map(move |dir| dir.join(folder))).find_map(
        |folder| match named_in(host_root, &folder, reference, image) {
            Ok(false) => None,
            Ok(true) => Some("the kubelet has a record of pulling it".to_owned()),
            Err(error) => Some(format!("the kubelet's records of pulls cannot be read: {}: {error}", folder.display())),
        },
    )
}

fn named_in(host_root: &Path, folder: &Path, reference: &Reference, image: &HeldImage) -> io::Result<bool> {
    let entries = match below(host_root, folder).and_then(fs::read_dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    for (count, entry) in entries.enumerate() {
        if count >= MAX_RECORDS {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {MAX_RECORDS} records")));
        }
        let content = match read_bounded(&entry?.path(), MAX_RECORD) {
            Ok(content) => content,
            // Taken away in the meantime.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let record: Record = serde_json::from_slice(&content).map_err(io::Error::other)?;
        if names(&record, reference, image) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn names(record: &Record, reference: &Reference, image: &HeldImage) -> bool {
    let by_intent = record.image.as_ref().is_some_and(|text| Reference::parse(text).as_ref() == Ok(reference));
    let by_result =
        record.image_ref.as_ref().is_some_and(|name| *name == image.id || image.digests.iter().any(|d| d == name));
    by_intent || by_result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(place: &str, record: &str, want: Option<&str>) {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(place);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, record).unwrap();
        let image = HeldImage {
            id: "sha256:1d".to_owned(),
            tags: vec!["docker.io/library/busybox:latest".to_owned()],
            digests: vec!["docker.io/library/busybox@sha256:d1".to_owned()],
            bytes: 1,
        };
        let reference = Reference::parse("busybox").unwrap();
        let why = reason_to_keep(root.path(), &["/var/lib/kubelet".into()], &reference, &image);
        match want {
            None => assert_eq!(why, None, "{record}"),
            Some(want) => assert!(why.as_ref().is_some_and(|why| why.contains(want)), "{record}: {why:?}"),
        }
    }

    #[test]
    fn an_image_that_the_kubelet_pulls_or_has_pulled_is_named() {
        const PULLING: &str = "var/lib/kubelet/image_manager/pulling/sha256-0";
        const PULLED: &str = "var/lib/kubelet/image_manager/pulled/sha256-0";
        let named = Some("has a record of pulling it");
        check(PULLING, r#"{"kind":"ImagePullIntent","image":"busybox:latest"}"#, named);
        check(PULLING, r#"{"kind":"ImagePullIntent","image":"docker.io/library/busybox:latest"}"#, named);
        check(PULLING, r#"{"kind":"ImagePullIntent","image":"busybox:1.36"}"#, None);
        check(PULLED, r#"{"kind":"ImagePulledRecord","imageRef":"sha256:1d","credentialMapping":{}}"#, named);
        check(PULLED, r#"{"imageRef":"docker.io/library/busybox@sha256:d1"}"#, named);
        check(PULLED, r#"{"imageRef":"sha256:other"}"#, None);
        check("var/lib/other/x", "{}", None);
    }

    #[test]
    fn what_cannot_be_read_may_name_it() {
        check("var/lib/kubelet/image_manager/pulled/sha256-0", "no json", Some("cannot be read"));
        check("var/lib/kubelet/image_manager/pulled/folder/x", "{}", Some("cannot be read"));
        check("var/lib/kubelet/image_manager/pulled", "a file", Some("cannot be read"));
    }
}

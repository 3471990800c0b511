//! The kubelet's notes on the images that it pulls and has pulled, read below the host root and never written. What they
//! mean is said in `config::pull_records`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use pullagent_diagnosis::config::pull_records::{FOLDER, PullRecord, PullRecords, parse_pull_record, record_file};
use pullagent_diagnosis::reference::Reference;
use pullagent_diagnosis::runtime::HeldImage;

use super::kubelet::root_dirs;
use crate::host_root::{below, read_bounded};

/// Bytes of one record.
const MAX_RECORD: u64 = 1024 * 1024;
/// Records that are read.
const MAX_RECORDS: usize = 10_000;

/// What the kubelet of the node whose file tree is at `host_root` has written down of an image: `image` is its text as the
/// kubelet names it to the runtime (with `:latest` where there is neither tag nor digest), `id` what the runtime calls it.
///
/// Of the folders where kubelets keep their records, the first that is there counts. Blocking.
pub fn pull_records(host_root: &Path, image: &str, id: &str) -> PullRecords {
    records_in(host_root, &root_dirs(host_root), image, id)
}

fn records_in(host_root: &Path, root_dirs: &[PathBuf], image: &str, id: &str) -> PullRecords {
    let unreadable = |folder: &Path, error: &dyn std::fmt::Display| PullRecords {
        kept: true,
        unreadable: Some(format!("{}: {error}", folder.display())),
        ..PullRecords::default()
    };
    for folder in root_dirs.iter().map(|dir| dir.join(FOLDER)) {
        match below(host_root, &folder) {
            Ok(_) => {
                return read_both(host_root, &folder, image, id).unwrap_or_else(|error| unreadable(&folder, &error));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return unreadable(&folder, &error),
        }
    }
    PullRecords::default()
}

/// The record of the intent, then that of the image: written the other way round, so that none is missed.
fn read_both(host_root: &Path, folder: &Path, image: &str, id: &str) -> io::Result<PullRecords> {
    let intent = one(host_root, &folder.join("pulling").join(record_file(image)))?;
    let pulled = one(host_root, &folder.join("pulled").join(record_file(id)))?;
    Ok(PullRecords {
        kept: true,
        intent: matches!(intent, Some(PullRecord::Intent { image: of }) if of == image),
        // The kubelet looks into the record, too (`GetImagePulledRecord`).
        pulled: pulled.and_then(|record| match record {
            PullRecord::Pulled(record) if record.image_ref == id => Some(record),
            PullRecord::Pulled(_) | PullRecord::Intent { .. } => None,
        }),
        unreadable: None,
    })
}

/// One record; `None` if there is none.
fn one(host_root: &Path, file: &Path) -> io::Result<Option<PullRecord>> {
    match below(host_root, file).and_then(|path| read_bounded(&path, MAX_RECORD)) {
        Ok(content) => parse_pull_record(&content).map(Some).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
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
    let folders = ["pulling", "pulled"];
    folders.iter().flat_map(|folder| root_dirs.iter().map(move |dir| dir.join(FOLDER).join(folder))).find_map(
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
        let record = parse_pull_record(&content).map_err(io::Error::other)?;
        if names(&record, reference, image) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn names(record: &PullRecord, reference: &Reference, image: &HeldImage) -> bool {
    match record {
        PullRecord::Intent { image } => Reference::parse(image).as_ref() == Ok(reference),
        PullRecord::Pulled(record) => record.image_ref == image.id || image.digests.contains(&record.image_ref),
    }
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

    /// The records of busybox in a file tree with these files.
    fn records(files: &[(&str, &str, &str)]) -> PullRecords {
        let root = tempfile::tempdir().unwrap();
        for (folder, about, text) in files {
            let folder = root.path().join("var/lib/kubelet/image_manager").join(folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(record_file(about)), text).unwrap();
        }
        records_in(root.path(), &["/none".into(), "/var/lib/kubelet".into()], "busybox:latest", "sha256:1d")
    }

    #[test]
    fn the_two_records_of_an_image_are_found_by_their_names() {
        assert_eq!(records(&[]), PullRecords::default());
        let intent = r#"{"kind":"ImagePullIntent","image":"busybox:latest"}"#;
        let pulled = r#"{"kind":"ImagePulledRecord","imageRef":"sha256:1d","credentialMapping":{}}"#;
        let both = records(&[("pulling", "busybox:latest", intent), ("pulled", "sha256:1d", pulled)]);
        assert!(both.kept && both.intent && both.unreadable.is_none(), "{both:?}");
        assert_eq!(both.pulled.unwrap().image_ref, "sha256:1d");
        // Records of other images, and one whose content is about another image than its name says.
        let others = [
            ("pulling", "nginx:latest", intent),
            ("pulled", "sha256:2e", pulled),
            ("pulling", "busybox:latest", r#"{"image":"nginx"}"#),
        ];
        let kept = PullRecords { kept: true, ..PullRecords::default() };
        assert_eq!(records(&others), kept);
    }

    #[test]
    fn a_record_that_is_none_is_not_passed_over() {
        let broken = records(&[("pulled", "sha256:1d", "no json")]);
        let why = broken.unreadable.unwrap();
        assert!(why.starts_with("/var/lib/kubelet/image_manager: is no record of a pull"), "{why}");
        assert!(broken.kept && broken.pulled.is_none());
    }
}

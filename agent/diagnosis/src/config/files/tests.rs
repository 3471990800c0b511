//! What is found in a snapshot, and what is not.

use proptest::prelude::*;

use super::*;

fn files() -> Files {
    let mut files = Files::default();
    files.insert_file("/etc/containerd/certs.d/quay.io/hosts.toml", "secret");
    files.insert_file("/etc/containerd/certs.d-old", "");
    files.insert_directory("/etc/docker");
    files.insert_unreadable("/etc/ssl", "permission denied");
    files
}

#[test]
fn what_was_put_in_is_found_by_any_spelling() {
    let files = files();
    assert_eq!(files.read("/etc//containerd/./certs.d/x/../quay.io/hosts.toml"), Ok(&b"secret"[..]));
    assert_eq!(files.read("etc/containerd/certs.d/quay.io/hosts.toml"), Ok(&b"secret"[..]));
    assert_eq!(files.is_dir("/etc/containerd"), Ok(true));
    assert_eq!(files.is_dir("/"), Ok(true));
    assert_eq!(files.list("/etc"), Ok(vec!["containerd", "docker", "ssl"]));
    assert_eq!(files.list("/etc/containerd/"), Ok(vec!["certs.d", "certs.d-old"]));
    assert_eq!(files.list("/etc/docker"), Ok(vec![]));
}

#[test]
fn what_cannot_be_read_says_why() {
    let files = files();
    assert_eq!(files.read("/etc/hosts"), Err(NotRead::Absent));
    assert_eq!(files.read("/etc/docker"), Err(NotRead::IsDirectory));
    assert_eq!(files.read("/etc/containerd/certs.d-old/x"), Err(NotRead::NotDirectory));
    assert_eq!(files.list("/etc/containerd/certs.d-old"), Err(NotRead::NotDirectory));
    assert_eq!(files.read("/etc/ssl/certs/a.pem"), Err(NotRead::Unreadable("permission denied".to_owned())));
}

#[test]
fn contents_are_not_shown() {
    let files = files();
    let shown = format!("{files:?} {}", serde_json::to_string(&files).unwrap());
    assert!(shown.contains("6 bytes") && !shown.contains("secret"), "{shown}");
}

#[test]
fn sizes_are_bounded() {
    let mut files = Files::default();
    files.insert_file("/big", vec![0; Files::LARGEST_FILE + 1]);
    assert!(matches!(files.read("/big"), Err(NotRead::Unreadable(_))));
    for number in 0..=Files::MOST_PATHS {
        files.insert_directory(&format!("/{number}"));
    }
    assert_eq!(files.nodes.len(), Files::MOST_PATHS);
    assert_eq!(files.is_dir("/0"), Ok(true));
    assert!(matches!(files.read("/absent"), Err(NotRead::Unreadable(_))));
    assert!(matches!(files.list("/"), Err(NotRead::Unreadable(_))));
}

#[test]
fn paths_are_cleaned_as_go_does() {
    for (path, cleaned) in [
        ("", "."),
        ("/", "/"),
        ("//v2/", "/v2"),
        ("/a/../../b", "/b"),
        ("a/../..", ".."),
        ("../../a/.", "../../a"),
        ("./a//b", "a/b"),
    ] {
        assert_eq!(clean_path(path), cleaned, "{path}");
    }
    for (directory, name, joined) in [("a/", "/b", "a/b"), ("", "b/.", "b"), ("a", "", "a"), ("", "", "")] {
        assert_eq!(join(directory, name), joined, "{directory} {name}");
    }
}

proptest! {
    #[test]
    fn any_path_can_be_put_in_and_read(path in any::<String>(), other in any::<String>()) {
        let mut files = Files::default();
        files.insert_file(&path, "x");
        let _ = (files.read(&other), files.list(&other), files.is_dir(&path));
        prop_assert!(files.read(&path).is_ok());
    }
}

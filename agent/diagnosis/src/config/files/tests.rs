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
fn all_files_together_are_bounded() {
    let mut files = Files::default();
    let held = |files: &Files| (0..20).filter(|number| files.read(&format!("/{number}")).is_ok()).count();
    for number in 0..20 {
        files.insert_file(&format!("/{number}"), vec![0; Files::LARGEST_FILE]);
    }
    assert_eq!((held(&files), files.room()), (Files::MOST_BYTES / Files::LARGEST_FILE, 0));
    let why = "not looked at: the files before it leave 0 of 8388608 bytes".to_owned();
    assert_eq!(files.read("/19"), Err(NotRead::Unreadable(why)));
    // What takes the place of another leaves its room.
    files.insert_file("/0", "");
    files.insert_unreadable("/1", "gone");
    files.insert_file("/1", vec![0; 7]);
    assert_eq!(files.room(), Files::LARGEST_FILE);
    files.insert_file("/19", vec![0; Files::LARGEST_FILE]);
    assert_eq!(files.room(), Files::LARGEST_FILE - 7);
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

#[test]
fn a_snapshot_that_grows_tells_what_it_lacks() {
    let mut files = Files::growing();
    assert_eq!(files.read("/etc/a/hosts.toml"), Err(NotRead::Absent));
    assert_eq!(files.list("/etc/b").unwrap_err(), NotRead::Absent);
    assert_eq!(files.take_wanted(), ["/etc/a/hosts.toml", "/etc/b"]);
    assert!(files.take_wanted().is_empty());
    files.insert_file("/etc/a/hosts.toml", "x");
    files.insert_listing("/etc/b", ["one".to_owned(), "two".to_owned()]);
    files.insert_absent("/etc/c");
    assert_eq!((files.read("/etc/a/hosts.toml"), files.list("/etc/b")), (Ok(&b"x"[..]), Ok(vec!["one", "two"])));
    assert_eq!(files.read("/etc/c/below"), Err(NotRead::Absent));
    assert!(files.take_wanted().is_empty(), "all of this is known");
    // What is known of a file's folder is only that it exists, and of a name in a listing not even that.
    assert_eq!(files.list("/etc/a"), Ok(vec!["hosts.toml"]));
    assert_eq!(files.is_dir("/etc/b/one"), Err(NotRead::Absent));
    assert_eq!(files.take_wanted(), ["/etc/a", "/etc/b/one"]);
}

#[test]
fn a_whole_snapshot_wants_nothing() {
    let files = Files::default();
    assert_eq!(files.read("/etc/a"), Err(NotRead::Absent));
    assert!(files.take_wanted().is_empty());
}

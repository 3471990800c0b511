//! Which of several files counts, and what is said of the others.

use std::fs;

use super::*;

const LOGIN: &str = r#"{"auths":{"a.b":{"username":"u","password":"s3cret"}}}"#;
const OLDER: &str = r#"{"a.b":{"username":"older","password":"s3cret"}}"#;

fn kubelet(arguments: &[&str], home: &str) -> KubeletStart {
    KubeletStart {
        pid: 7,
        arguments: arguments.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>().into(),
        environment: [("HOME", home)].into_iter().map(|(k, v)| (k.into(), v.into())).collect::<Vec<_>>().into(),
        directory: "/work".into(),
        apart: None,
    }
}

fn found(kubelet: Option<&KubeletStart>, files: &[(&str, &str)]) -> DockerConfig {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    read(root.path(), kubelet)
}

/// The file that counts, with its users.
#[track_caller]
fn check(kubelet: Option<&KubeletStart>, files: &[(&str, &str)], want: Option<(&str, &[&str])>) {
    let config = found(kubelet, files);
    let shown = format!("{config:?} {}", serde_json::to_string(&config.file).unwrap());
    assert!(!shown.contains("s3cret"), "{shown}");
    let got = config.file.map(|file| match file {
        GivenCredential::NodeFile { path, logins } => {
            (path, logins.into_iter().map(|login| login.username).collect::<Vec<_>>())
        }
        other => panic!("{other:?}"),
    });
    let want = want.map(|(path, users)| (path.to_owned(), users.iter().map(|user| (*user).to_owned()).collect()));
    assert_eq!(got, want, "{files:?}");
}

#[test]
fn the_first_file_that_is_one_counts_and_nothing_is_merged() {
    check(None, &[], None);
    check(None, &[("var/lib/kubelet/config.json", LOGIN)], Some(("/var/lib/kubelet/config.json", &["u"])));
    check(None, &[("config.json", LOGIN), (".docker/config.json", "{}")], Some(("/config.json", &["u"])));
    check(None, &[(".docker/config.json", LOGIN), (".dockercfg", OLDER)], Some(("/.docker/config.json", &["u"])));
    check(None, &[("var/lib/kubelet/.dockercfg", OLDER)], Some(("/var/lib/kubelet/.dockercfg", &["older"])));
    // Without a login it is a file all the same.
    check(
        None,
        &[("var/lib/kubelet/config.json", "{}"), ("config.json", LOGIN)],
        Some(("/var/lib/kubelet/config.json", &[])),
    );
    check(None, &[("var/lib/kubelet/config.json", "{"), ("config.json", LOGIN)], Some(("/config.json", &["u"])));
    check(None, &[("var/lib/kubelet/config.json/x", ""), (".dockercfg", OLDER)], Some(("/.dockercfg", &["older"])));
}

#[test]
fn a_kubelet_that_was_seen_says_where_it_looks() {
    let seen = kubelet(&["kubelet", "--root-dir=/data"], "/home/kubelet");
    let all = [
        ("data/config.json", LOGIN),
        ("work/config.json", LOGIN),
        ("home/kubelet/.docker/config.json", LOGIN),
        (".docker/config.json", LOGIN),
        ("data/.dockercfg", OLDER),
        ("work/.dockercfg", OLDER),
        ("home/kubelet/.dockercfg", OLDER),
        (".dockercfg", OLDER),
    ];
    for (at, (path, text)) in all.iter().enumerate() {
        let user = if *text == OLDER { "older" } else { "u" };
        check(Some(&seen), &all[at..], Some((&format!("/{path}"), &[user])));
    }
    check(Some(&seen), &[("var/lib/kubelet/config.json", LOGIN), ("config.json", LOGIN)], None);
    // Without a home the folder is taken for one below the working directory.
    check(Some(&kubelet(&[], "")), &[("work/.docker/config.json", LOGIN)], Some(("/work/.docker/config.json", &["u"])));
}

#[test]
fn what_the_kubelet_passes_over_and_what_may_count_is_said() {
    let config = found(None, &[("var/lib/kubelet/config.json", r#"{"auths":{"a.b":{"auth":"s3cret"}}}"#)]);
    let [passed_over] = &config.passed_over[..] else { panic!("{config:?}") };
    assert_eq!(passed_over.what, "/var/lib/kubelet/config.json");
    assert!(passed_over.why.contains("passes over") && !passed_over.why.contains("s3cret"), "{}", passed_over.why);
    let config = found(None, &[("root/.docker/config.json", LOGIN), (".dockercfg", OLDER)]);
    assert!(config.unread[0].contains("/root/.docker/config.json") && config.file.is_some(), "{config:?}");
}

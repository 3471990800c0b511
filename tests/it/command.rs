//! The command line as people and scripts rely on it: exit statuses, streams, formats, and what is never printed.

use std::path::Path;

use pullagent_testkit::world::World;

use crate::pullagent::{codes, probe, run};

const WORLD: &str = r#"
about = "a registry with a public and a private image"
image = "registry.test:{main.port}/public/app:1"

[registry.main]
host = "registry.test"
auth = "bearer"
users = { ci = "correct-horse" }

[[registry.main.repository]]
name = "public/app"
tags = ["1"]
platforms = ["linux/amd64", "linux/arm64"]

[[registry.main.repository]]
name = "public/other"
tags = ["1"]
platforms = ["linux/s390x"]

[[registry.main.repository]]
name = "private/app"
tags = ["1"]
platforms = ["linux/amd64", "linux/arm64"]
private_to = ["ci"]

[expect]
verdict = "pullable"
"#;

/// A world, its node's root, and the authority of its registry.
async fn world() -> (World, tempfile::TempDir, String) {
    let world = World::from_toml("command", WORLD).await.expect("the world starts");
    let root = tempfile::tempdir().expect("a folder");
    world.write_root(root.path()).expect("the node's root");
    let authority = format!("registry.test:{}", world.addr("main").expect("its registry").port());
    (world, root, authority)
}

#[tokio::test]
async fn the_worst_verdict_decides_the_exit_status() {
    let (_world, root, at) = world().await;
    let (good, missing) = (format!("{at}/public/app:1"), format!("{at}/public/app:2"));
    let ran = probe(root.path(), &["-o", "short"], &[&good], "").await;
    assert_eq!((ran.code, ran.out.as_str()), (0, format!("{good}\tpullable\t-\t-\n").as_str()), "{}", ran.err);
    let ran = probe(root.path(), &["-o", "short"], &[&good, &missing], "").await;
    assert_eq!(ran.code, 1);
    assert_eq!(ran.out, format!("{good}\tpullable\t-\t-\n{missing}\tfailing\tTagNotFound\t{at}\n"));
    assert_eq!(ran.err, "");
}

#[tokio::test]
async fn a_degraded_pull_fails_only_where_it_is_asked_to() {
    let (_world, root, at) = world().await;
    let other = format!("{at}/public/other:1");
    let ran = probe(root.path(), &["--platform", "linux/amd64", "-o", "short"], &[&other], "").await;
    assert_eq!((ran.code, ran.out.split('\t').nth(1)), (0, Some("degraded")), "{}", ran.out);
    let ran =
        probe(root.path(), &["--platform", "linux/amd64", "--fail-on", "degraded", "-o", "short"], &[&other], "").await;
    assert_eq!(ran.code, 1);
}

#[tokio::test]
async fn json_is_one_line_an_image_in_the_order_of_the_command_line() {
    let (_world, root, at) = world().await;
    let images = [format!("{at}/public/app:9"), "Not/Valid".to_owned(), format!("{at}/public/app:1")];
    let images: Vec<&str> = images.iter().map(String::as_str).collect();
    let ran = probe(root.path(), &["-o", "json"], &images, "").await;
    assert_eq!((codes(&ran), ran.code), (vec!["TagNotFound".into(), "InvalidReference".into(), "-".into()], 1));
    for (line, image) in ran.out.lines().zip(&images) {
        let report: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(report["schema"], "pullagent.dev/report/v1");
        assert_eq!(report["target"]["image"], *image);
    }
}

#[tokio::test]
async fn a_login_comes_from_standard_input_or_from_a_secret_and_is_never_printed() {
    let (_world, root, at) = world().await;
    let image = format!("{at}/private/app:1");
    let login = ["--username", "ci", "--password-stdin"];
    let write = |name: &str, text: &str| {
        let path = root.path().join(name);
        std::fs::write(&path, text).expect("a secret file");
        path.to_str().expect("a path that is text").to_owned()
    };
    let right =
        write("right.json", &format!(r#"{{"auths":{{"{at}":{{"username":"ci","password":"correct-horse"}}}}}}"#));
    let broken = write("broken.json", r#"{"auths":{"registry.test":{"auth":"Y29ycmVjdC1ob3JzZQ=="}}}"#);
    let with_login = |format: &'static str| ["-vv", "-o", format].into_iter().chain(login).collect::<Vec<_>>();
    for format in ["text", "short", "json", "markdown", "ticket"] {
        let ran = probe(root.path(), &with_login(format), &[&image], "correct-horse\n").await;
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        let wrong = probe(root.path(), &with_login(format), &[&image], "battery-staple").await;
        assert_eq!(wrong.code, 1, "{}{}", wrong.out, wrong.err);
        let secret = probe(root.path(), &["-vv", "-o", format, "--secret", &right], &[&image], "").await;
        assert_eq!(secret.code, 0, "{}{}", secret.out, secret.err);
        let malformed = probe(root.path(), &["-vv", "-o", format, "--secret", &broken], &[&image], "").await;
        assert_eq!(malformed.code, 1, "{}{}", malformed.out, malformed.err);
        for ran in [ran, wrong, secret, malformed] {
            for secret in ["correct-horse", "battery-staple", "Y29ycmVjdC1ob3JzZQ", "Y2k6Y29ycmVjdC1ob3JzZQ", "Bearer "]
            {
                assert!(!(ran.out.contains(secret) || ran.err.contains(secret)), "{secret} in {}{}", ran.out, ran.err);
            }
        }
    }
    let ran = probe(root.path(), &["-o", "json", "--secret", &broken], &[&image], "").await;
    assert_eq!(codes(&ran), ["SecretMalformed"]);
}

#[tokio::test]
async fn wrong_usage_ends_with_2_and_says_what_is_wrong() {
    let check = async |arguments: &[&str], says: &str| {
        let ran = run(arguments, "").await;
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments:?}");
        assert!(ran.err.contains(says), "{arguments:?}: {}", ran.err);
    };
    check(&["probe"], "IMAGE").await;
    check(&["probe", "--password-stdin", "a.b/c"], "--username").await;
    check(&["probe", "--username", "u", "a.b/c"], "--password-stdin").await;
    check(&["probe", "--secret", "/does/not/exist", "a.b/c"], "/does/not/exist").await;
    check(&["probe", "--host-root", "/does/not/exist", "a.b/c"], "/does/not/exist").await;
    check(&["probe", "--timeout", "soon", "a.b/c"], "1h 30m").await;
    check(&["probe", "--timeout", "0s", "a.b/c"], "at least 1ms").await;
    check(&["probe", "--platform", "linux", "a.b/c"], "os/arch").await;
    check(&["probe", "-o", "yaml", "a.b/c"], "text").await;
    check(&["explain", "TagNotFond"], "TagNotFound").await;
    check(&["explain", "-f", "/does/not/exist"], "/does/not/exist").await;
    check(&["explain", "-o", "ticket", "x y"], "json").await;
}

#[tokio::test]
async fn a_code_is_explained_offline() {
    let ran = run(&["explain", "TagNotFound"], "").await;
    assert_eq!(ran.code, 0);
    assert!(ran.out.contains("TagNotFound") && ran.out.contains("image"), "{}", ran.out);
    assert_eq!(run(&["explain", "PullTagNotFound"], "").await.out, ran.out);
}

#[tokio::test]
async fn a_text_is_explained_from_arguments_a_file_and_standard_input() {
    let text = "Failed to pull image \"reg.io/team/app:9\": reading manifest 9 in reg.io/team/app: manifest unknown";
    let short = "reg.io/team/app:9\tTagNotFound\treg.io\n";
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("job.log");
    std::fs::write(&path, [text.as_bytes(), b"\n\xff\xfe"].concat()).expect("a file");
    let path = path.to_str().expect("a path that is text");
    let words: Vec<&str> = ["explain", "-o", "short"].into_iter().chain(text.split(' ')).collect();
    let piped: [(&[&str], &str); 5] = [
        (&["explain", "-o", "short", text], ""),
        (&["explain", "-o", "short", "-f", path], ""),
        (&["explain", "-o", "short", "-"], text),
        (&["explain", "-o", "short"], text),
        (&words, ""),
    ];
    for (arguments, stdin) in piped {
        let ran = run(arguments, stdin).await;
        assert_eq!((ran.out.as_str(), ran.code), (short, 0), "{arguments:?}: {}", ran.err);
    }
    let ran = run(&["explain", "-o", "json"], text).await;
    let json: serde_json::Value = serde_json::from_str(&ran.out).expect("one line of JSON");
    assert_eq!((&json["schema"], &json["cause"]["code"]), (&"pullagent.dev/explain/v1".into(), &"TagNotFound".into()));
}

#[tokio::test]
async fn what_is_not_explained_ends_with_3() {
    for stdin in ["", "hello world", "Error: ErrImagePull", "\0\u{1}\u{2}"] {
        let ran = run(&["explain"], stdin).await;
        assert_eq!((ran.code, ran.err.as_str()), (3, ""), "{stdin}");
    }
    let ran = run(&["explain", "ImagePullBackOff"], "").await;
    assert_eq!(ran.code, 3);
    assert!(ran.out.contains("It is no cause") && ran.out.contains("`Failed to pull image`"), "{}", ran.out);
    let ran = run(&["explain", "-o", "json"], "").await;
    let json: serde_json::Value = serde_json::from_str(&ran.out).expect("one line of JSON");
    assert!(json["cause"].is_null() && ran.code == 3);
}

#[tokio::test]
async fn hosts_are_listed_for_a_firewall() {
    let (_world, root, at) = world().await;
    let ran = probe(root.path(), &["--list-hosts"], &[&format!("{at}/public/app:1")], "").await;
    assert_eq!((ran.out, ran.code), (format!("{at}\tregistry\tdirect\n"), 0));
}

#[tokio::test]
async fn help_is_as_reviewed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/it/snapshots");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder);
    settings.set_prepend_module_to_snapshot(false);
    for arguments in [
        &["--help"][..],
        &["probe", "--help"],
        &["explain", "--help"],
        &["node", "--help"],
        &["why", "--help"],
        &["secrets", "--help"],
        &["fleet", "--help"],
        &["health", "--help"],
        &["check", "--help"],
        &["run", "--help"],
    ] {
        let ran = run(arguments, "").await;
        assert_eq!(ran.code, 0);
        let name = if arguments.len() > 1 { format!("help-{}", arguments[0]) } else { "help".to_owned() };
        settings.bind(|| insta::assert_snapshot!(name, ran.out));
    }
}

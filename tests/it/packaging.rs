//! What a release brings: manual pages, completions, and packages made by the release's own scripts, of the binary under
//! test instead of a release, installed on real systems.

mod archive;
mod deb;
mod image;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::pullagent::run;

/// The time that packages bear here.
const EPOCH: &str = "1780272000";

fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Runs one of the release's scripts, or another program, and returns what it says.
#[track_caller]
fn done<A: AsRef<OsStr>>(program: impl AsRef<OsStr>, arguments: impl IntoIterator<Item = A>) -> String {
    let mut command = Command::new(program);
    let ran = command.args(arguments).env("SOURCE_DATE_EPOCH", EPOCH).output().expect("it starts");
    let said = String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned();
    assert!(ran.status.success(), "{command:?}: {said}");
    said
}

/// The tree that all packages are made of, below `folder`.
fn staged(folder: &Path) -> PathBuf {
    let binary = folder.join("pullagent");
    // The symbols are half of it.
    done("strip", [Path::new("-o"), &binary, Path::new(env!("CARGO_BIN_EXE_pullagent"))]);
    staged_with(folder, &binary)
}

/// The same with another file in the binary's place, for tests that do not run it: it is quickly packed.
fn staged_without_binary(folder: &Path) -> PathBuf {
    let binary = folder.join("pullagent");
    fs::write(&binary, "no binary\n").expect("a file");
    staged_with(folder, &binary)
}

fn staged_with(folder: &Path, binary: &Path) -> PathBuf {
    let [bill, root] = ["bill", "pullagent-0.1.0"].map(|name| folder.join(name));
    fs::create_dir(&bill).expect("a folder");
    done(source("packaging/bill"), [&bill]);
    let runnable = Path::new(env!("CARGO_BIN_EXE_pullagent"));
    done(source("packaging/stage"), [binary, &bill, &root, runnable]);
    root
}

/// Whether this test can be made here; if not it is told, and fails where everything has to be there.
#[expect(clippy::print_stderr, reason = "what is not tested is said aloud")]
fn has(program: &str) -> bool {
    let is_there =
        std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|at| at.join(program).exists()));
    assert!(is_there || std::env::var_os("CI").is_none(), "there is no {program}");
    if !is_there {
        eprintln!("NOT TESTED: there is no {program}");
    }
    is_there
}

#[tokio::test]
async fn every_command_has_a_page_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let ran = run(&["man", folder.path().to_str().expect("text")], "").await;
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let help = run(&["-h"], "").await.out;
    let (_, commands) = help.split_once("Commands:\n").expect("a list of commands");
    let mut pages = vec!["pullagent.1".to_owned(), "pullagent-fleet-incidents.1".to_owned()];
    // Their descriptions go on in lines that are indented further.
    let names = commands.lines().take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
    pages.extend(names.filter_map(|line| Some(format!("pullagent-{}.1", line.split_whitespace().next()?))));
    pages.sort();
    let mut found: Vec<String> = fs::read_dir(folder.path())
        .expect("the pages")
        .map(|page| page.expect("a page").file_name().into_string().expect("text"))
        .collect();
    found.sort();
    assert_eq!(found, pages);
    assert!(found.len() > 8, "{found:?}");
    let page = fs::read_to_string(folder.path().join("pullagent-probe.1")).expect("a page");
    for line in [".TH pullagent-probe 1 ", ".SH \"EXIT STATUS\"\n.nf\n0  every image can be pulled", ".SH EXAMPLES\n"] {
        assert!(page.contains(line), "{line} is not in {page}");
    }
    assert_eq!(run(&["man"], "").await.out, fs::read_to_string(folder.path().join("pullagent.1")).expect("a page"));
}

#[tokio::test]
async fn a_folder_that_is_not_there_gets_no_page() {
    let ran = run(&["man", "/does/not/exist"], "").await;
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("/does/not/exist/pullagent.1"), "{}", ran.err);
}

#[tokio::test]
async fn each_shell_gets_its_completions() {
    for (shell, begins) in [("bash", "_pullagent()"), ("zsh", "#compdef pullagent"), ("fish", "# Print an optspec")] {
        let ran = run(&["completions", shell], "").await;
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{shell}");
        assert!(ran.out.starts_with(begins), "{shell}: {:.80}", ran.out);
        assert!(ran.out.contains("list-hosts"), "{shell}");
    }
    assert_eq!(run(&["completions", "csh"], "").await.code, 2);
}

#[test]
fn the_shell_finds_no_fault_with_the_scripts() {
    if !has("shellcheck") {
        return;
    }
    let scripts = ["release", "package", "bill", "stage", "source.sh", "install.sh", "deb/build", "rpm/build"];
    let others = ["image/build", "deb/postinst", "deb/prerm", "deb/postrm"];
    let paths = scripts.iter().chain(&others).map(|name| format!("packaging/{name}"));
    let checked = Command::new("shellcheck").arg("-x").args(paths).current_dir(source("")).output();
    let checked = checked.expect("shellcheck starts");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

#[test]
fn the_bill_names_what_is_linked_and_nothing_of_this_machine() {
    let folder = tempfile::tempdir().expect("a folder");
    done(source("packaging/bill"), [folder.path()]);
    let text = fs::read_to_string(folder.path().join("pullagent.cdx.json")).expect("a bill");
    let bill: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((bill["bomFormat"].as_str(), bill["specVersion"].as_str()), (Some("CycloneDX"), Some("1.5")));
    assert_eq!(bill["metadata"]["timestamp"], "2026-06-01T00:00:00Z");
    assert_eq!(bill["metadata"]["component"]["name"], "pullagent");
    let components = bill["components"].as_array().expect("components");
    let named = |name: &str| components.iter().find(|component| component["name"] == name);
    let rustls = named("rustls").expect("rustls is linked");
    assert_eq!(rustls["hashes"][0]["content"].as_str().map(str::len), Some(64), "{rustls}");
    assert_eq!(rustls["licenses"][0]["expression"], "Apache-2.0 OR ISC OR MIT");
    for absent in ["insta", "proptest", "tonic-prost-build", "serde_derive"] {
        assert!(named(absent).is_none(), "{absent} is not linked");
    }
    let licences = fs::read_to_string(folder.path().join("THIRD-PARTY.txt")).expect("licences");
    for text in [&text, &licences] {
        assert!(!text.contains(".cargo/") && !text.contains(env!("CARGO_MANIFEST_DIR")));
    }
    for component in components.iter().filter(|component| component["hashes"].is_array()) {
        let (name, version) = (component["name"].as_str().expect("text"), component["version"].as_str().expect("text"));
        assert!(licences.contains(&format!("\n{name} {version}: ")), "{name} {version} has no licence");
    }
}

#[test]
fn rpm_finds_the_files_and_settings_in_its_package() {
    if !has("rpmbuild") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let root = staged_without_binary(folder.path());
    let [file, again] = ["1.rpm", "2.rpm"].map(|name| folder.path().join(name));
    for file in [&file, &again] {
        let version = OsStr::new("0.1.0");
        done(source("packaging/rpm/build"), [root.as_os_str(), OsStr::new("aarch64"), version, file.as_os_str()]);
    }
    assert!(fs::read(&file).expect("a package") == fs::read(again).expect("a package"), "two packages differ");
    let ask = |query: &str| done("rpm", ["-qp", query, file.to_str().expect("text")]);
    assert_eq!(
        ask("--qf=%{NAME} %{VERSION} %{ARCH} %{BUILDHOST} %{BUILDTIME}"),
        "pullagent 0.1.0 aarch64 localhost 1780272000"
    );
    assert_eq!(ask("--configfiles"), "/etc/pullagent/config.yaml\n");
    let files = ask("--list");
    for path in [
        "/usr/bin/pullagent",
        "/usr/lib/systemd/system/pullagent.service",
        "/usr/lib/sysusers.d/pullagent.conf",
        "/usr/lib/tmpfiles.d/pullagent.conf",
        "/usr/share/man/man1/pullagent-probe.1.gz",
        "/usr/share/bash-completion/completions/pullagent",
        "/usr/share/zsh/site-functions/_pullagent",
        "/usr/share/fish/vendor_completions.d/pullagent.fish",
        "/usr/share/doc/pullagent/THIRD-PARTY.txt",
    ] {
        assert!(files.lines().any(|line| line == path), "{path} is not in {files}");
    }
}

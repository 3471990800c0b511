//! The archive and its installer, as they are carried to a node without a network.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::{done, source, staged, staged_without_binary};
use crate::systemd::machine::on_a_machine;

const ARCHIVE: &str = "pullagent-0.1.0-x86_64.tar.gz";
const SETTINGS: &str = "etc/pullagent/config.yaml";

/// A folder with what is carried: archive, sums and installer.
fn carried(staged: fn(&Path) -> PathBuf) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    staged(folder.path());
    let at = folder.path().to_str().expect("text");
    done("tar", ["-czf", &format!("{at}/{ARCHIVE}"), "-C", at, "pullagent-0.1.0"]);
    fs::write(folder.path().join("SHA256SUMS"), done("sh", ["-c", &format!("cd {at} && sha256sum {ARCHIVE}")]))
        .expect("the sums");
    fs::copy(source("packaging/install.sh"), folder.path().join("install.sh")).expect("the installer");
    folder
}

/// Runs the installer of a folder with the words of this machine's processor.
fn installer(folder: &Path, arguments: &[&str]) -> Output {
    Command::new("sh").arg(folder.join("install.sh")).args(arguments).output().expect("sh starts")
}

#[track_caller]
fn refuses(folder: &Path, arguments: &[&str], says: &str) {
    let ran = installer(folder, arguments);
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(2), "{said}");
    assert!(said.contains(says), "{said}");
}

/// All files below a folder.
fn files(root: &Path) -> Vec<String> {
    let found = done("find", [root.as_os_str(), "-type".as_ref(), "f".as_ref(), "-printf".as_ref(), "%P\n".as_ref()]);
    found.lines().map(str::to_owned).collect()
}

#[test]
fn an_archive_goes_into_a_tree_and_out_of_it_again() {
    let (folder, root) = (carried(staged_without_binary), tempfile::tempdir().expect("a folder"));
    let at = root.path().to_str().expect("text");
    let archive = folder.path().join(ARCHIVE);
    let install = ["--root", at, "--prefix", "/opt/pullagent", archive.to_str().expect("text")];
    let settings = root.path().join(SETTINGS);
    let mut before = Vec::new();
    for _ in 0..2 {
        let ran = installer(folder.path(), &install);
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let mut now = files(root.path());
        now.sort();
        assert!(before.is_empty() || before == now, "{before:?}, then {now:?}");
        before = now;
        fs::write(&settings, "# ours\n").expect("settings are changed");
    }
    let unit = fs::read_to_string(root.path().join("etc/systemd/system/pullagent.service")).expect("the unit");
    assert!(unit.contains("ExecStart=/opt/pullagent/bin/pullagent run"), "{unit}");
    assert!(root.path().join("opt/pullagent/share/man/man1/pullagent.1.gz").exists());
    assert!(root.path().join("opt/pullagent/share/doc/pullagent/THIRD-PARTY.txt").exists());
    // What an older version had brought.
    let list = root.path().join("opt/pullagent/share/doc/pullagent/INSTALLED");
    let old = root.path().join("opt/pullagent/share/old");
    fs::write(&old, "").expect("a file");
    fs::write(&list, fs::read_to_string(&list).expect("a list") + "/opt/pullagent/share/old\n").expect("a list");
    assert!(installer(folder.path(), &install).status.success());
    assert!(!old.exists());
    assert!(installer(folder.path(), &["--uninstall", "--root", at, "--prefix", "/opt/pullagent"]).status.success());
    assert_eq!(files(root.path()), [SETTINGS]);
    assert_eq!(fs::read_to_string(settings).expect("settings"), "# ours\n");
    refuses(folder.path(), &["--uninstall", "--root", at, "--prefix", "/opt/pullagent"], "nothing is installed");
}

#[test]
fn what_is_not_what_the_sums_say_is_not_installed() {
    let (folder, root) = (carried(staged_without_binary), tempfile::tempdir().expect("a folder"));
    let at = root.path().to_str().expect("text");
    let archive = folder.path().join(ARCHIVE);
    let archive = archive.to_str().expect("text");
    let sums = folder.path().join("SHA256SUMS");
    let right = fs::read_to_string(&sums).expect("the sums");
    fs::write(&sums, right.replace(ARCHIVE, "another.tar.gz")).expect("the sums");
    refuses(folder.path(), &["--root", at, archive], "does not name");
    fs::write(&sums, right).expect("the sums");
    let mut bytes = fs::read(archive).expect("the archive");
    bytes[1000] ^= 1;
    fs::write(archive, bytes).expect("the archive");
    refuses(folder.path(), &["--root", at, archive], "damaged");
    fs::remove_file(sums).expect("the sums go");
    refuses(folder.path(), &["--root", at, archive], "SHA256SUMS");
    refuses(folder.path(), &["--root", at, "--prefix", "/a|b", archive], "--prefix");
    assert_eq!(files(root.path()), Vec::<String>::new());
}

#[test]
fn a_node_is_given_the_service_without_a_package() {
    on_a_machine("packaging::archive::a_node_is_given_the_service_without_a_package", &[], |machine| {
        let folder = carried(staged);
        for name in [ARCHIVE, "SHA256SUMS", "install.sh"] {
            fs::copy(folder.path().join(name), machine.path(&format!("/root/{name}"))).expect("it is carried");
        }
        for _ in 0..2 {
            let said = machine.ok(&["sh", "/root/install.sh", &format!("/root/{ARCHIVE}")]);
            assert!(said.ends_with(&format!("pullagent {}", env!("CARGO_PKG_VERSION"))), "{said}");
            machine.ok(&["pullagent", "health"]);
        }
        assert_eq!(machine.ok(&["systemctl", "is-enabled", "pullagent.service"]), "enabled");
        assert_eq!(machine.ok(&["stat", "-c", "%a %U:%G", "/etc/pullagent"]), "750 root:pullagent");
        machine.ok(&["sh", "/root/install.sh", "--uninstall"]);
        assert_eq!(machine.property("pullagent.service", "ActiveState"), "inactive");
        assert_eq!(machine.ok(&["find", "/usr", "/etc", "/run", "-name", "*pullagent*", "-type", "f"]), "");
        machine.ok(&["test", "-e", &format!("/{SETTINGS}")]);
    });
}

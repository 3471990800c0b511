//! The Debian package on a machine with a real systemd, from its first installation until it is purged.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::{done, source, staged};
use crate::systemd::machine::{Machine, on_a_machine};

const UNIT: &str = "pullagent.service";
const SETTINGS: &str = "/etc/pullagent/config.yaml";

#[test]
fn a_package_is_installed_upgraded_removed_and_purged() {
    on_a_machine("packaging::deb::a_package_is_installed_upgraded_removed_and_purged", &[], |machine| {
        let folder = tempfile::tempdir().expect("a folder");
        let root = staged(folder.path());
        let [first, again, second, third] = ["1", "1", "2", "3"].map(|patch| package(folder.path(), &root, patch));
        assert!(first.1 == again.1, "two packages differ");
        for (path, bytes) in [&first, &second, &third] {
            fs::write(machine.path(path), bytes).expect("the package is there");
        }
        install(machine, &first.0);
        upgrade(machine, &second.0, &third.0);
        remove(machine, &third.0);
    });
}

/// Where a package is to lie, and what it is.
fn package(folder: &Path, root: &Path, patch: &str) -> (String, Vec<u8>) {
    let (version, file): (String, PathBuf) = (format!("0.1.{patch}"), folder.join("package.deb"));
    let arguments = [root.as_os_str(), OsStr::new("amd64"), version.as_ref(), file.as_os_str(), OsStr::new("1")];
    done(source("packaging/deb/build"), arguments);
    (format!("/root/{version}.deb"), fs::read(&file).expect("the package"))
}

/// It runs at once, idle, since there is nothing to watch.
fn install(machine: &Machine, package: &str) {
    machine.ok(&["dpkg", "--install", package]);
    assert_eq!(machine.ok(&["systemctl", "is-enabled", UNIT]), "enabled");
    assert_eq!(machine.ok(&["systemctl", "is-active", UNIT]), "active");
    machine.ok(&["pullagent", "health"]);
    assert_eq!(machine.ok(&["stat", "-c", "%a %U:%G", "/etc/pullagent"]), "750 root:pullagent");
    assert_eq!(machine.ok(&["dpkg", "--verify", "pullagent"]), "", "files are not as they were packed");
    let page = machine.ok(&["zcat", "/usr/share/man/man1/pullagent-probe.1.gz"]);
    assert!(page.contains(".TH pullagent-probe 1"), "{page}");
    machine.ok(&["bash", "-n", "/usr/share/bash-completion/completions/pullagent"]);
}

/// What an admin did to settings and service stays, whether it ran or not.
fn upgrade(machine: &Machine, second: &str, third: &str) {
    machine.ok(&["sh", "-c", &format!("echo '# ours' >>{SETTINGS}")]);
    let pid = machine.property(UNIT, "MainPID");
    machine.ok(&["dpkg", "--install", second]);
    assert_eq!(machine.ok(&["tail", "-n", "1", SETTINGS]), "# ours");
    machine.ok(&["pullagent", "health"]);
    assert_ne!(machine.property(UNIT, "MainPID"), pid, "the old program still runs");
    assert_eq!(machine.ok(&["stat", "-c", "%a %U:%G", "/etc/pullagent"]), "750 root:pullagent");
    machine.ok(&["systemctl", "disable", "--now", UNIT]);
    machine.ok(&["dpkg", "--install", third]);
    assert_eq!(machine.ok(&["dpkg-query", "-W", "-f", "${Version}", "pullagent"]), "0.1.3");
    assert_eq!(machine.property(UNIT, "UnitFileState"), "disabled");
    assert_eq!(machine.property(UNIT, "ActiveState"), "inactive");
    machine.ok(&["systemctl", "enable", "--now", UNIT]);
}

/// Settings stay until they are purged; then nothing is left but the group.
fn remove(machine: &Machine, package: &str) {
    machine.ok(&["dpkg", "--remove", "pullagent"]);
    assert_eq!(machine.property(UNIT, "ActiveState"), "inactive");
    assert!(!is_there(machine, "/usr/bin/pullagent"));
    assert_eq!(machine.ok(&["tail", "-n", "1", SETTINGS]), "# ours");
    // As if it had never been gone.
    machine.ok(&["dpkg", "--install", package]);
    assert_eq!(machine.ok(&["systemctl", "is-enabled", UNIT]), "enabled");
    assert_eq!(machine.ok(&["tail", "-n", "1", SETTINGS]), "# ours");
    machine.ok(&["pullagent", "health"]);
    machine.ok(&["dpkg", "--purge", "pullagent"]);
    let found = machine.ok(&["find", "/etc", "/usr", "/run", "/var/lib/systemd", "-name", "*pullagent*"]);
    assert_eq!(found, "", "it leaves something behind");
    machine.ok(&["getent", "group", "pullagent"]);
}

fn is_there(machine: &Machine, path: &str) -> bool {
    machine.run(&["test", "-e", path]).status.success()
}

//! A service's unit with its drop-ins and environment files, found in a snapshot of the node's files.
//!
//! The rules are those of systemd 257: `src/basic/path-lookup.c`, `src/shared/dropin.c` `unit_file_find_dropin_paths`,
//! `src/basic/conf-files.c`.

use std::collections::BTreeMap;

use super::{EnvironmentFile, UnitEnvironment, Variable, parse_manager, parse_unit, service_environment};
use crate::config::files::{Files, NotRead, join};

/// Where units and drop-ins are; an earlier one hides what has the same name in a later one.
const UNITS: [&str; 5] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];
/// The service manager's own settings; a drop-in comes after the file.
const MANAGER: [&str; 5] =
    ["/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd", "/lib/systemd"];

/// What systemd would start a service with now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// Its name with its suffix: `containerd.service`.
    pub name: String,
    /// The files that say so, in the order in which they count.
    pub files: Vec<String>,
    /// The variables, each with the file that sets it.
    pub variables: BTreeMap<String, Variable>,
    /// What could not be read of it: the variables may be others then.
    pub unread: Vec<String>,
}

/// Reads the service `name`, without its suffix. `None` if there is no such unit.
pub fn read_service(files: &Files, name: &str) -> Option<Service> {
    let name = format!("{name}.service");
    let fragment = UNITS.iter().map(|folder| join(folder, &name)).find(|path| exists(files, path))?;
    let mut service = Service { name, ..Service::default() };
    let mut units: Vec<(String, UnitEnvironment)> = Vec::new();
    let manager = MANAGER.iter().map(|folder| join(folder, "system.conf")).find(|path| exists(files, path));
    let manager_drop_ins = drop_ins(files, MANAGER.iter().map(|folder| join(folder, "system.conf.d")));
    for path in manager.into_iter().chain(manager_drop_ins) {
        service.take(files, path, parse_manager, &mut units);
    }
    let own = drop_ins(files, drop_in_folders(&service.name));
    for path in std::iter::once(fragment).chain(own) {
        service.take(files, path, parse_unit, &mut units);
    }
    let mut unread = Vec::new();
    let named = units.iter().map(|(path, unit)| (path.as_str(), unit));
    let (variables, named_files) = service_environment_of(files, named, &mut unread);
    service.variables = variables;
    service.files.extend(named_files);
    service.unread.extend(unread);
    Some(service)
}

impl Service {
    fn take(
        &mut self,
        files: &Files,
        path: String,
        parse: fn(&str) -> UnitEnvironment,
        units: &mut Vec<(String, UnitEnvironment)>,
    ) {
        match files.read(&path) {
            Ok(content) => {
                units.push((path.clone(), parse(&String::from_utf8_lossy(content))));
                self.files.push(path);
            }
            Err(NotRead::Absent) => {}
            Err(why) => self.unread.push(format!("{path}: {why}")),
        }
    }
}

/// The variables, and the environment files that were read for them.
fn service_environment_of<'a>(
    files: &Files,
    units: impl IntoIterator<Item = (&'a str, &'a UnitEnvironment)>,
    unread: &mut Vec<String>,
) -> (BTreeMap<String, Variable>, Vec<String>) {
    let (mut named, mut failed) = (Vec::new(), Vec::new());
    let variables = service_environment(units, |file: &EnvironmentFile| {
        if file.path.contains(['*', '?', '[', '%']) {
            failed.push(format!("{}: patterns are not followed", file.path));
            return Vec::new();
        }
        match files.read(&file.path) {
            Ok(content) => {
                named.push(file.path.clone());
                vec![(file.path.clone(), String::from_utf8_lossy(content).into_owned())]
            }
            Err(NotRead::Absent) => Vec::new(),
            Err(why) => {
                failed.push(format!("{}: {why}", file.path));
                Vec::new()
            }
        }
    });
    unread.extend(failed);
    (variables, named)
}

fn exists(files: &Files, path: &str) -> bool {
    !matches!(files.is_dir(path), Err(NotRead::Absent))
}

/// The folders of a service's drop-ins: its own, those of every prefix of its name that ends in a dash, and those of all
/// services; each in every place of units.
fn drop_in_folders(unit: &str) -> Vec<String> {
    let stem = unit.strip_suffix(".service").unwrap_or(unit);
    // A dash at the end of the name itself cuts nothing off.
    let dashes = stem.char_indices().rev().filter(|(at, c)| *c == '-' && at + 1 < stem.len());
    let prefixes = dashes.map(|(at, _)| format!("{}.service.d", &stem[..=at]));
    let names = std::iter::once(format!("{unit}.d")).chain(prefixes).chain(["service.d".to_owned()]);
    names.flat_map(|name| UNITS.map(|folder| join(folder, &name))).collect()
}

/// The `*.conf` of all folders in the order of their names; of one name only the first folder's counts.
fn drop_ins(files: &Files, folders: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for folder in folders {
        for name in files.list(&folder).unwrap_or_default() {
            if name.strip_suffix(".conf").is_some() {
                found.entry(name.to_owned()).or_insert_with(|| join(&folder, name));
            }
        }
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(on_node: &[(&str, &str)], name: &str, want: &[(&str, &str, &str)]) -> Service {
        let mut files = Files::default();
        for (path, text) in on_node {
            files.insert_file(path, *text);
        }
        let service = read_service(&files, name).unwrap();
        let found: Vec<_> = service
            .variables
            .iter()
            .map(|(name, variable)| (name.as_str(), variable.value.expose().as_str(), variable.set_in.as_str()))
            .collect();
        assert_eq!(found, want);
        service
    }

    const UNIT: &str = "/usr/lib/systemd/system/containerd.service";
    const OWN: &str = "/etc/systemd/system/containerd.service.d/10-proxy.conf";

    #[test]
    fn drop_ins_count_by_their_names_wherever_they_are() {
        let manager = "/etc/systemd/system.conf";
        let all = "/etc/systemd/system/service.d/20-all.conf";
        check(
            &[
                (UNIT, "[Service]\nEnvironment=X=1\nEnvironment=\nEnvironment=A=unit B=unit C=unit"),
                ("/run/systemd/system/containerd.service.d/30-run.conf", "[Service]\nEnvironment=A=run"),
                (OWN, "[Service]\nEnvironment=A=own B=own"),
                (all, "[Service]\nEnvironment=B=all"),
                (manager, "[Manager]\nDefaultEnvironment=C=manager D=manager"),
            ],
            "containerd",
            &[
                ("A", "run", "/run/systemd/system/containerd.service.d/30-run.conf"),
                ("B", "all", all),
                ("C", "unit", UNIT),
                ("D", "manager", manager),
            ],
        );
    }

    #[test]
    fn a_file_hides_those_of_its_name_in_later_folders() {
        check(
            &[
                ("/etc/systemd/system/containerd.service", "[Service]\nEnvironment=A=local"),
                (UNIT, "[Service]\nEnvironment=A=shipped B=shipped"),
                (OWN, "[Service]\nEnvironment=C=own"),
                ("/run/systemd/system/containerd.service.d/10-proxy.conf", "[Service]\nEnvironment=C=run D=run"),
                ("/etc/systemd/system/service.d/10-proxy.conf", "[Service]\nEnvironment=E=all"),
                ("/etc/systemd/system/containerd.service.d/90-off.conf.bak", "[Service]\nEnvironment=F=1"),
            ],
            "containerd",
            &[("A", "local", "/etc/systemd/system/containerd.service"), ("C", "own", OWN)],
        );
    }

    #[test]
    fn a_prefix_of_the_name_has_drop_ins_too() {
        let unit = "/etc/systemd/system/snap.microk8s.daemon-containerd.service";
        let prefix = "/etc/systemd/system/snap.microk8s.daemon-.service.d/a.conf";
        check(
            &[(unit, ""), (prefix, "[Service]\nEnvironment=A=1")],
            "snap.microk8s.daemon-containerd",
            &[("A", "1", prefix)],
        );
    }

    #[test]
    fn only_named_environment_files_count_and_what_cannot_be_read_is_said() {
        let unit = "[Service]\nEnvironmentFile=-/etc/default/containerd\nEnvironmentFile=-/etc/none\n\
            EnvironmentFile=/etc/env.d/*.env\n";
        let service = check(
            &[(UNIT, unit), ("/etc/default/containerd", "A=1"), ("/etc/sysconfig/containerd", "B=1")],
            "containerd",
            &[("A", "1", "/etc/default/containerd")],
        );
        assert_eq!(service.files, [UNIT, "/etc/default/containerd"]);
        assert_eq!(service.unread, ["/etc/env.d/*.env: patterns are not followed"]);
    }

    #[test]
    fn there_may_be_no_such_service() {
        assert_eq!(read_service(&Files::default(), "containerd"), None);
    }
}

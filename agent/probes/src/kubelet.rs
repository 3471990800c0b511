//! The node's kubelet as it was found: what it was started with. Values only; looking for it is for `process`.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use pullagent_diagnosis::secret::Secret;

/// Where a kubelet keeps what it knows when no flag says otherwise.
const ROOT_DIR: &str = "/var/lib/kubelet";

/// A kubelet that is the node's own beyond doubt. Debug shows neither its arguments nor its environment.
#[derive(Clone, Debug)]
pub struct KubeletStart {
    /// Its process number in the node's /proc.
    pub pid: i32,
    /// Its command line, as far as it is text.
    pub arguments: Secret<Vec<String>>,
    /// The environment that it was started with, in its order.
    pub environment: Secret<Vec<(OsString, OsString)>>,
    /// Its working directory, as the node names it.
    pub directory: PathBuf,
    /// Why nothing may be run in its place from here; `None` where it may.
    pub apart: Option<String>,
}

/// That there is a process named kubelet which does not count as the node's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeletUnseen {
    /// Why, for a person.
    pub why: String,
    /// Whether its command line names credential provider plugins.
    pub uses_plugins: bool,
}

impl KubeletStart {
    /// The value of a flag; the last one counts (`github.com/spf13/pflag`).
    pub fn flag(&self, name: &str) -> Option<&str> {
        flag(self.arguments.expose(), name)
    }

    /// The value of a variable. Of a name that occurs twice the first counts, as in Go's `syscall` package.
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        let mut variables = self.environment.expose().iter();
        variables.find(|(key, _)| key == name).map(|(_, value)| value.as_os_str())
    }

    /// The folder in which it keeps what it knows.
    pub fn root_dir(&self) -> PathBuf {
        self.absolute(Path::new(self.flag("--root-dir").unwrap_or(ROOT_DIR)))
    }

    /// A path as it means it.
    pub fn absolute(&self, path: &Path) -> PathBuf {
        self.directory.join(path)
    }
}

/// The value of a flag on a command line; the last one counts.
pub fn flag<'a>(arguments: &'a [String], name: &str) -> Option<&'a str> {
    let mut values = arguments.iter().enumerate().filter_map(|(at, word)| match word.strip_prefix(name)? {
        "" => arguments.get(at + 1).map(String::as_str),
        rest => rest.strip_prefix('='),
    });
    values.next_back().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kubelet(arguments: &[&str]) -> KubeletStart {
        KubeletStart {
            pid: 7,
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>().into(),
            environment: vec![("HOME".into(), "/h".into()), ("HOME".into(), "s3cret".into())].into(),
            directory: "/run".into(),
            apart: None,
        }
    }

    #[test]
    fn a_kubelet_is_told_by_its_flags_and_never_shown_by_them() {
        let told = kubelet(&["kubelet", "--root-dir=a", "--root-dir", "b", "--token=s3cret"]);
        assert_eq!(
            (told.flag("--token"), told.flag("--tok"), told.root_dir()),
            (Some("s3cret"), None, "/run/b".into())
        );
        assert_eq!(kubelet(&["kubelet", "--root-dir="]).root_dir(), Path::new("/var/lib/kubelet"));
        assert_eq!((told.variable("HOME"), told.variable("PATH")), (Some(OsStr::new("/h")), None));
        assert!(!format!("{told:?}").contains("s3cret"));
    }
}

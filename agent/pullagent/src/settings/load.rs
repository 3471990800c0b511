//! Settings from all their sources: the file, then the environment, then the command line.

use std::io;
use std::path::Path;

use pullagent_probes::host_root::{below, read_bounded};

use super::document::{self, Node};
use super::environment::Variables;
use super::problem::{Place, Problem, SettingsError};
use super::{Settings, keys};
use crate::cli::standpoint::StandpointArguments;

/// Where the settings are unless the command line names another file.
pub(crate) const DEFAULT_FILE: &str = "/etc/pullagent/config.yaml";

/// Bytes of a file of settings. Ten times the largest that a node has a use for.
const MAX_FILE: u64 = 256 * 1024;

/// A setting that the command line gives.
#[derive(Clone, Debug)]
pub(crate) struct Flag {
    /// The flag, for a person: `--host-root`.
    pub(crate) name: &'static str,
    /// The key that it stands for: `hostRoot`.
    pub(crate) key: &'static str,
    /// Its value.
    pub(crate) value: String,
}

/// Settings with what a person should hear about them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Loaded {
    /// The settings.
    pub(crate) settings: Settings,
    /// What was passed over, one sentence each.
    pub(crate) warnings: Vec<String>,
}

impl Settings {
    /// The settings of a command that a person runs; what was passed over is told on standard error.
    ///
    /// Errors: as [`load`](Self::load).
    pub(crate) fn of_command(arguments: &StandpointArguments) -> Result<Self, SettingsError> {
        let StandpointArguments { runtime_endpoint, host_root, config } = arguments;
        let root = host_root.as_ref().map(|path| ("--host-root", "hostRoot", path.display().to_string()));
        let endpoint = runtime_endpoint.clone().map(|endpoint| ("--runtime-endpoint", "runtime.endpoint", endpoint));
        let flags: Vec<Flag> =
            root.into_iter().chain(endpoint).map(|(name, key, value)| Flag { name, key, value }).collect();
        let Loaded { settings, warnings } = Self::load(config.as_deref(), &Variables::of_process(), &flags)?;
        for warning in &warnings {
            crate::terminal::complain(&format!("warning: {warning}"));
        }
        Ok(settings)
    }

    /// The settings of `file`, or of the default file if there is one; then of `variables`, then of `flags`.
    ///
    /// Errors: a file that was named is absent, a file cannot be read or understood, or a value is out of its bounds. Its
    /// text names the place and the key of everything that is wrong, and shows no value.
    pub(crate) fn load(file: Option<&Path>, variables: &Variables, flags: &[Flag]) -> Result<Loaded, SettingsError> {
        let path = file.unwrap_or(Path::new(DEFAULT_FILE));
        let text = match read(path) {
            Ok(text) => text,
            Err(error) if file.is_none() && error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(SettingsError::Unreadable { file: path.to_owned(), why: error.to_string() }),
        };
        Self::from_sources(path, &text, variables, flags)
    }

    /// As [`load`](Self::load), of the text of a file.
    pub(super) fn from_sources(
        file: &Path,
        text: &str,
        variables: &Variables,
        flags: &[Flag],
    ) -> Result<Loaded, SettingsError> {
        let mut settings = Self::default();
        let mut problems = Vec::new();
        match document::parse(text) {
            Ok(document) => keys::apply(&document, &mut settings, &mut problems),
            Err(problem) => problems.push(problem),
        }
        let scalars = keys::scalars();
        let (given, warnings) = variables.given(&scalars);
        for (key, node) in given.iter().map(|(key, node)| (key.as_str(), node)) {
            keys::apply(&Node::at_key(key, node.clone()), &mut settings, &mut problems);
        }
        for flag in flags {
            let node = Node::plain(Place::Flag(flag.name), flag.value.clone());
            keys::apply(&Node::at_key(flag.key, node), &mut settings, &mut problems);
        }
        if problems.is_empty() {
            problems.extend(settings.contradiction());
        }
        if settings.node.name.is_empty() {
            settings.node.name = variables.node_name();
        }
        if problems.is_empty() {
            Ok(Loaded { settings, warnings })
        } else {
            Err(SettingsError::Wrong { file: file.to_owned(), problems })
        }
    }

    /// What no single key can tell.
    fn contradiction(&self) -> Option<Problem> {
        let open = self.http.listen.filter(|address| !address.ip().is_loopback());
        let why = "reports are shown on a loopback address only, and http.listen is none";
        (self.http.reports && open.is_some()).then(|| Problem::new(Place::Together, "http.reports", why))
    }
}

/// The text of a file. Its last step may be a symlink, as in the mount of a `ConfigMap`.
fn read(path: &Path) -> io::Result<String> {
    let path = below(Path::new("/"), &std::path::absolute(path)?)?;
    String::from_utf8(read_bounded(&path, MAX_FILE)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
}

//! The environment that systemd would give a service: its unit, drop-ins and environment files. Text in, value out.
//!
//! The rules are those of systemd 257 (`src/shared/conf-parser.c`, `src/core/load-fragment.c`, `src/basic/env-file.c`).
//! Specifiers other than `%%` are left as they are.

mod service;
mod words;

use std::collections::BTreeMap;

use crate::secret::Secret;

pub use self::service::{Service, read_service};

/// Assignments that are kept; a unit has a handful.
const MAX_VARIABLES: usize = 1024;

/// What one unit file or drop-in says of the environment, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitEnvironment {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// `Environment=NAME=VALUE`
    Set(String, Secret<String>),
    /// `Environment=` forgets what was set so far.
    Forget,
    /// `DefaultEnvironment=NAME=VALUE` of the service manager, which no unit's `Environment=` takes back.
    Default(String, Secret<String>),
    /// `DefaultEnvironment=` forgets what the manager's files set so far.
    ForgetDefaults,
    /// `EnvironmentFile=PATH`; with `-` it may be absent.
    File(EnvironmentFile),
    /// `EnvironmentFile=` forgets the files named so far.
    ForgetFiles,
    /// `UnsetEnvironment=NAME`, or `NAME=VALUE` for that value only.
    Unset(String),
}

/// A file that a unit names for more variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentFile {
    /// Its absolute path; it may hold wildcards.
    pub path: String,
    /// Whether the service starts without it.
    pub optional: bool,
}

/// A variable of a service and the file that sets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its value; a proxy's may hold a password.
    pub value: Secret<String>,
    /// The path of the file that says so.
    pub set_in: String,
}

/// Reads the environment from a unit file or drop-in. Total: what systemd would ignore with a warning is ignored.
pub fn parse_unit(text: &str) -> UnitEnvironment {
    let mut steps = Vec::new();
    for (key, value) in settings(text, "Service") {
        let value = value.as_str();
        match key.as_str() {
            "Environment" if value.is_empty() => steps.push(Step::Forget),
            "Environment" => steps.extend(assignments(value).map(|(name, value)| Step::Set(name, value.into()))),
            "EnvironmentFile" if value.is_empty() => steps.push(Step::ForgetFiles),
            "EnvironmentFile" => {
                let path = value.strip_prefix('-').unwrap_or(value);
                if path.starts_with('/') {
                    let file = EnvironmentFile { path: path.to_owned(), optional: path.len() < value.len() };
                    steps.push(Step::File(file));
                }
            }
            "UnsetEnvironment" => steps.extend(words::split(value).into_iter().map(Step::Unset)),
            _ => {}
        }
    }
    steps.truncate(MAX_VARIABLES);
    UnitEnvironment { steps }
}

/// Reads what the service manager's own settings (`system.conf`) give to every service. Total, as above.
pub fn parse_manager(text: &str) -> UnitEnvironment {
    let mut steps = Vec::new();
    for (_, value) in settings(text, "Manager").into_iter().filter(|(key, _)| key == "DefaultEnvironment") {
        if value.is_empty() {
            steps.push(Step::ForgetDefaults);
        }
        steps.extend(assignments(&value).map(|(name, value)| Step::Default(name, value.into())));
    }
    steps.truncate(MAX_VARIABLES);
    UnitEnvironment { steps }
}

/// Reads a file that `EnvironmentFile=` names: assignments as a shell would read them, without expansion.
pub fn parse_environment_file(text: &str) -> Vec<(String, Secret<String>)> {
    let mut variables = words::environment_file(text);
    variables.retain(|(name, _)| is_name(name));
    variables.truncate(MAX_VARIABLES);
    variables.into_iter().map(|(name, value)| (name, value.into())).collect()
}

/// The environment of a service whose unit and drop-ins are `units`, in the order in which systemd reads them, each with
/// its path. `files` has, for each environment file that a unit names, the files that its path stands for and their
/// texts. What a file sets comes after everything that units set, whatever the order.
pub fn service_environment<'a>(
    units: impl IntoIterator<Item = (&'a str, &'a UnitEnvironment)>,
    files: impl FnMut(&EnvironmentFile) -> Vec<(String, String)>,
) -> BTreeMap<String, Variable> {
    let (mut defaults, mut set) = (BTreeMap::new(), BTreeMap::new());
    let mut named: Vec<&EnvironmentFile> = Vec::new();
    let mut unset: Vec<&str> = Vec::new();
    for (path, unit) in units {
        for step in &unit.steps {
            match step {
                Step::Set(name, value) | Step::Default(name, value) => {
                    let variable = Variable { value: value.clone(), set_in: path.to_owned() };
                    let to = if matches!(step, Step::Set(..)) { &mut set } else { &mut defaults };
                    to.insert(name.clone(), variable);
                }
                Step::Forget => set.clear(),
                Step::ForgetDefaults => defaults.clear(),
                Step::File(file) => named.push(file),
                Step::ForgetFiles => named.clear(),
                Step::Unset(name) => unset.push(name),
            }
        }
    }
    defaults.append(&mut set);
    let mut set = defaults;
    for (path, text) in named.into_iter().flat_map(files) {
        for (name, value) in parse_environment_file(&text) {
            set.insert(name, Variable { value, set_in: path.clone() });
        }
    }
    for name in unset {
        match name.split_once('=') {
            None => drop(set.remove(name)),
            Some((name, value)) if set.get(name).is_some_and(|v| v.value.expose() == value) => drop(set.remove(name)),
            Some(_) => {}
        }
    }
    set
}

/// The keys of one section with their values, in order.
fn settings(text: &str, wanted: &str) -> Vec<(String, String)> {
    let mut settings = Vec::new();
    let mut section = String::new();
    for line in logical_lines(text) {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else if let Some((key, value)) = line.split_once('=').filter(|_| section == wanted) {
            settings.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    settings
}

/// Lines with continuations joined by a blank; comments between them vanish.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut pending = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with(['#', ';']) {
            continue;
        }
        if let Some(begun) = line.strip_suffix('\\') {
            pending.push_str(begun);
            pending.push(' ');
        } else {
            pending.push_str(line);
            lines.push(std::mem::take(&mut pending));
        }
    }
    if !pending.is_empty() {
        lines.push(pending);
    }
    lines
}

fn assignments(value: &str) -> impl Iterator<Item = (String, String)> {
    let pair = |word: String| word.split_once('=').map(|(name, value)| (name.to_owned(), value.replace("%%", "%")));
    words::split(value).into_iter().filter_map(pair).filter(|(name, _)| is_name(name))
}

/// Whether systemd takes a name for a variable: letters, digits and underscores, no digit first.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests;

//! The environment of a process, as far as it decides how images are pulled. Values are secrets: proxies hold passwords.

use std::collections::BTreeMap;

use crate::secret::Secret;

/// The variables that a process was started with. Debug shows names only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessEnv {
    /// True if it is that of the runtime's own process; false if another stands in for it.
    pub is_runtimes: bool,
    variables: BTreeMap<String, Secret<String>>,
}

impl ProcessEnv {
    /// Of a name that occurs twice the first counts, as in Go's `syscall` package.
    pub fn new(is_runtimes: bool, variables: impl IntoIterator<Item = (String, Secret<String>)>) -> Self {
        let mut environment = Self { is_runtimes, variables: BTreeMap::new() };
        for (name, value) in variables {
            environment.variables.entry(name).or_insert(value);
        }
        environment
    }

    /// The value of a variable; an empty one counts as unset, as it does for everything that is asked here.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|value| value.expose().as_str()).filter(|value| !value.is_empty())
    }
}

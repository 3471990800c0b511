//! Settings in variables: `PULLAGENT_` and the key in capitals, an underscore for each dot and before each inner capital.
//!
//! `http.listen` is `PULLAGENT_HTTP_LISTEN`, `events.perMinute` is `PULLAGENT_EVENTS_PER_MINUTE`. An empty variable is as
//! good as none.

use std::collections::BTreeMap;

use pullagent_diagnosis::text::clean;

use super::document::Node;
use super::problem::Place;
use super::section::nearest;
use super::values::is_subdomain;

/// What all our variables begin with.
const PREFIX: &str = "PULLAGENT_";

/// Bytes of an unknown variable's name that are shown.
const MAX_SHOWN: usize = 80;

/// The variables that may hold settings, and the name that the machine has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Variables {
    variables: BTreeMap<String, String>,
    host_name: String,
}

impl Variables {
    /// Of this process.
    pub(crate) fn of_process() -> Self {
        // What is not text is no setting.
        let text = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        let host_name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
        Self::new(text, &host_name.unwrap_or_default())
    }

    /// Of a process with these variables on a machine of this name.
    pub(super) fn new(variables: impl IntoIterator<Item = (String, String)>, host_name: &str) -> Self {
        let ours = |name: &str| name.starts_with(PREFIX) || name == "NODE_NAME";
        let variables = variables.into_iter().filter(|(name, value)| ours(name) && !value.is_empty()).collect();
        Self { variables, host_name: host_name.to_owned() }
    }

    /// The settings that are given, by key, and a warning for each variable that means none. `keys` are those that a
    /// variable may give.
    pub(super) fn given(&self, keys: &[String]) -> (Vec<(String, Node)>, Vec<String>) {
        let by_variable: BTreeMap<String, &String> = keys.iter().map(|key| (variable(key), key)).collect();
        let (mut given, mut warnings) = (Vec::new(), Vec::new());
        for (name, value) in self.variables.iter().filter(|(name, _)| name.starts_with(PREFIX)) {
            match by_variable.get(name) {
                Some(key) => {
                    let node = Node::plain(Place::Variable(name.clone()), value.clone());
                    given.push(((*key).clone(), node));
                }
                None if is_of_a_service(name) => {}
                None => {
                    let near = nearest(name, by_variable.keys().map(String::as_str));
                    let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
                    warnings.push(format!("the variable {} is no setting{near}", clean(name, MAX_SHOWN)));
                }
            }
        }
        (given, warnings)
    }

    /// The name of the node where no setting has it: `NODE_NAME`, else the machine's name as a kubelet writes it, in small
    /// letters (`pkg/util/node/node.go` `GetHostname`).
    pub(super) fn node_name(&self) -> String {
        let name = self.variables.get("NODE_NAME").map_or(self.host_name.as_str(), String::as_str);
        let name = name.trim().to_lowercase();
        if is_subdomain(&name) { name } else { clean(&name, 253) }
    }
}

/// The variable of a key.
pub(super) fn variable(key: &str) -> String {
    let mut name = PREFIX.to_owned();
    for c in key.chars() {
        match c {
            '.' => name.push('_'),
            c if c.is_ascii_uppercase() => name.extend(['_', c]),
            c => name.push(c.to_ascii_uppercase()),
        }
    }
    name
}

/// Whether Kubernetes may have set it, for a Service whose name begins with `pullagent`: it tells every pod of the
/// namespace its address (`pkg/kubelet/envvars/envvars.go`).
pub(super) fn is_of_a_service(name: &str) -> bool {
    let words: Vec<&str> = name.split('_').skip(1).collect();
    let is_port = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let of_port = |rest: &[&str]| match rest {
        [] => true,
        [port, protocol, rest @ ..] => {
            is_port(port)
                && matches!(*protocol, "TCP" | "UDP" | "SCTP")
                && matches!(rest, [] | ["PROTO" | "PORT" | "ADDR"])
        }
        [_] => false,
    };
    words.iter().enumerate().any(|(at, word)| match (*word, words.get(at + 1..)) {
        ("SERVICE", Some(["HOST"] | ["PORT", ..])) => true,
        ("PORT", Some(rest)) => of_port(rest),
        _ => false,
    })
}

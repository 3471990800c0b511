//! The three places that a kubelet takes logins from, and how they follow one another.

use super::{Keyring, Login, Miss};
use crate::config::dockerconfigjson::ConfigEntry;

/// Where logins come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The secret, file or plugin, for a person.
    pub name: String,
    /// Its logins.
    pub entries: Vec<ConfigEntry>,
}

/// How a kubelet joins the node's file with its plugins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// Kubernetes 1.33 and later: first the file's matches, then the plugins' in the order of their configuration
    /// (`pkg/kubelet/images/image_manager.go`).
    Apart,
    /// Up to 1.32: one keyring, sorted by key; for equal keys the file comes first, then the plugins by name
    /// (`pkg/credentialprovider/plugins.go`).
    Merged,
}

/// Keyrings one after the other. In each of them the rule for Docker Hub holds on its own.
#[derive(Clone, Debug, Default)]
pub struct Union {
    keyrings: Vec<Keyring>,
}

impl Union {
    /// The keyrings of a pod with these secrets, on a node with this file and these plugins' answers.
    pub fn new(secrets: Vec<Source>, node: Option<Source>, mut plugins: Vec<Source>, generation: Generation) -> Self {
        let node = Vec::from_iter(node);
        let sources = match generation {
            Generation::Apart => vec![secrets, node, plugins],
            Generation::Merged => {
                plugins.sort_by(|one, other| one.name.cmp(&other.name));
                vec![secrets, [node, plugins].concat()]
            }
        };
        Self { keyrings: sources.into_iter().map(keyring).collect() }
    }

    /// The logins that are offered for `image`, in their order; see [`Keyring::lookup`].
    pub fn lookup(&self, image: &str) -> Vec<&Login> {
        self.keyrings.iter().flat_map(|keyring| keyring.lookup(image)).collect()
    }

    /// The logins that are not offered; see [`Keyring::misses`].
    pub fn misses(&self, image: &str) -> Vec<(Miss, &Login)> {
        self.keyrings.iter().flat_map(|keyring| keyring.misses(image)).collect()
    }
}

fn keyring(sources: Vec<Source>) -> Keyring {
    let mut keyring = Keyring::default();
    for Source { name, entries } in sources {
        keyring.add(&name, entries);
    }
    keyring
}

//! The kubelet's keyring: which logins it offers for an image, in which order, and why it does not offer the others.
//!
//! Where the logins come from is not known here. Copied rules: Kubernetes 1.36 pkg/credentialprovider/keyring.go.

mod glob;
mod key;
mod pattern;
mod union;
mod useless;

use std::collections::BTreeMap;

use self::key::readable;
use self::pattern::compare;
use crate::config::dockerconfigjson::ConfigEntry;
use crate::config::go_url::GoUrlError;

pub use self::pattern::{is_image_allowed, nearest_miss, url_matches};
pub use self::union::{Generation, Source, Union};
pub use self::useless::{Useless, useless};

pub(crate) use self::key::normalise;

/// The key that serves Docker Hub where no key matches it by itself.
const HUB: &[u8] = b"index.docker.io";

/// One login and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The secret, file or plugin, for a person.
    pub source: String,
    /// User and password, and the key as written.
    pub entry: ConfigEntry,
}

/// Why a login is not offered for an image, the nearest miss first. Display goes on after the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Miss {
    /// It would serve Docker Hub, but only where no other key matches.
    #[error("is not used as another key matches, too")]
    Hidden,
    /// The host is the image's but for upper and lower case.
    #[error("differs in upper and lower case")]
    Case,
    /// The host is the image's, the port is not; none and 443 are not the same.
    #[error("differs in the port")]
    Port,
    /// There is a `*` in the path, where it stands for itself.
    #[error("has a `*` in its path, which matches nothing there")]
    PathWildcard,
    /// The image's repository does not begin with the key's path.
    #[error("differs in the path")]
    Path,
    /// The host has a `*` and more or fewer labels than the image's.
    #[error("has a `*` for one label of the host, neither for none nor for several")]
    Labels,
    /// Go cannot read it as a URL, so the kubelet drops the entry.
    #[error("is dropped by the kubelet: {0}")]
    NotAUrl(GoUrlError),
    /// The host is another.
    #[error("is for another host")]
    Host,
}

/// Logins under their keys.
///
/// Logins of equal keys are offered in the order in which they were added. The kubelet does so across secrets only: the
/// order of two keys of one document that mean the same is random there.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    logins: Vec<Login>,
    /// Places in `logins`, by normalised key. Keys that are no URL are not in here.
    index: BTreeMap<Vec<u8>, Vec<usize>>,
    /// Places in `logins` whose keys are no URL, and why.
    dropped: Vec<(usize, GoUrlError)>,
}

impl Keyring {
    /// Adds the logins of one source (`BasicDockerKeyring.Add`).
    pub fn add(&mut self, source: &str, entries: Vec<ConfigEntry>) {
        for entry in entries {
            let place = self.logins.len();
            match normalise(&entry.key) {
                Ok(key) => self.index.entry(key).or_default().push(place),
                Err(error) => self.dropped.push((place, error)),
            }
            self.logins.push(Login { source: source.to_owned(), entry });
        }
    }

    /// The logins that are offered for `image`, a normalised name without tag and digest, in their order
    /// (`BasicDockerKeyring.Lookup`). None means that the kubelet pulls as a stranger.
    pub fn lookup(&self, image: &str) -> Vec<&Login> {
        let mut places: Vec<usize> = self.matching(image).flatten().copied().collect();
        if places.is_empty() && is_hub(image) {
            places = self.index.get(HUB).cloned().unwrap_or_default();
        }
        places.into_iter().filter_map(|place| self.logins.get(place)).collect()
    }

    /// The logins that are not offered for `image`, in the order in which they were added.
    pub fn misses(&self, image: &str) -> Vec<(Miss, &Login)> {
        let hub_is_hidden = self.matching(image).next().is_some();
        let mut misses: Vec<(usize, Miss)> =
            self.dropped.iter().map(|(place, error)| (*place, Miss::NotAUrl(*error))).collect();
        for (key, places) in &self.index {
            let miss = match compare(&readable(key), image) {
                Ok(()) => continue,
                Err(_) if key == HUB && is_hub(image) && !hub_is_hidden => continue,
                Err(_) if key == HUB && is_hub(image) => Miss::Hidden,
                Err(miss) => miss,
            };
            misses.extend(places.iter().map(|place| (*place, miss)));
        }
        misses.sort_unstable();
        misses.into_iter().filter_map(|(place, miss)| Some((miss, self.logins.get(place)?))).collect()
    }

    /// The places of the logins of all keys that match, in reverse byte order of the keys: a longer path comes before a
    /// shorter one, and any host before a wildcard.
    fn matching(&self, image: &str) -> impl Iterator<Item = &Vec<usize>> {
        self.index.iter().rev().filter(|(key, _)| compare(&readable(key), image).is_ok()).map(|(_, places)| places)
    }
}

/// Whether the login of Docker Hub may serve `image` (`isDefaultRegistryMatch`): `localhost/x` is among these names.
fn is_hub(image: &str) -> bool {
    match image.split_once('/') {
        None => !image.is_empty(),
        Some(("docker.io" | "index.docker.io", _)) => true,
        Some((first, _)) => !first.is_empty() && !first.contains(['.', ':']),
    }
}

#[cfg(test)]
mod tests;

//! The docker configuration that the kubelet has of its own, found where it looks for it. Decides over no pull.
//!
//! Copied rules: Kubernetes 1.36 pkg/credentialprovider/config.go (`ReadDockerConfigFile`) and provider.go.

use std::io;
use std::path::{Path, PathBuf};

use pullagent_diagnosis::case::{GivenCredential, NotChecked};
use pullagent_diagnosis::config::dockerconfigjson::{parse_dockercfg, parse_dockerconfigjson};

use crate::host_root::{below, read_bounded};
use crate::kubelet::KubeletStart;

/// Bytes of a file with logins.
const MAX_FILE: u64 = 1024 * 1024;

/// What was found of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DockerConfig {
    /// The file that counts.
    pub file: Option<GivenCredential>,
    /// Files that the kubelet may read and we did not.
    pub unread: Vec<String>,
    /// Files that the kubelet passes over without a word, and why.
    pub passed_over: Vec<NotChecked>,
}

/// Where the kubelet may look.
struct Place {
    path: PathBuf,
    is_older_format: bool,
    /// Whether it hangs on the home of a kubelet that was not seen.
    is_guess: bool,
}

/// Reads the first file below `host_root` that is one: the kubelet merges nothing, and a file without logins ends its
/// search, too. Where `kubelet` was not seen, its usual places count. Blocking.
pub fn read(host_root: &Path, kubelet: Option<&KubeletStart>) -> DockerConfig {
    let mut found = DockerConfig::default();
    for place in places(kubelet) {
        let path = place.path.display().to_string();
        let unread = |why: &str| format!("the node's docker configuration {path} ({why})");
        let text = match below(host_root, &place.path).and_then(|file| read_bounded(&file, MAX_FILE)) {
            Ok(text) => text,
            // Not there, or no file: then it is not there for the kubelet either.
            Err(error) if is_absent(&error) || place.is_guess => continue,
            Err(error) => {
                found.unread.push(unread(&error.to_string()));
                return found;
            }
        };
        if place.is_guess {
            found.unread.push(unread("whether the kubelet looks there hangs on its HOME, and no kubelet was seen"));
            continue;
        }
        let text = String::from_utf8_lossy(&text);
        match if place.is_older_format { parse_dockercfg(&text) } else { parse_dockerconfigjson(&text) } {
            Ok(logins) => {
                found.file = Some(GivenCredential::NodeFile { path, logins });
                return found;
            }
            Err(error) => found.passed_over.push(NotChecked::new(path, format!("the kubelet passes over it: {error}"))),
        }
    }
    found
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::IsADirectory
    )
}

/// All places in the kubelet's order: its root directory, its working directory, its home, the root; first in the newer
/// format, then in the older one.
fn places(kubelet: Option<&KubeletStart>) -> Vec<Place> {
    let root = PathBuf::from("/");
    let (root_dir, directory, home) = match kubelet {
        Some(kubelet) => {
            let home = kubelet.variable("HOME").map(PathBuf::from).unwrap_or_default();
            (kubelet.root_dir(), kubelet.directory.clone(), kubelet.absolute(&home))
        }
        None => ("/var/lib/kubelet".into(), root.clone(), "/root".into()),
    };
    let mut places: Vec<Place> = Vec::new();
    for is_older_format in [false, true] {
        let in_home = if is_older_format { home.clone() } else { home.join(".docker") };
        let in_root = if is_older_format { root.clone() } else { root.join(".docker") };
        let name = if is_older_format { ".dockercfg" } else { "config.json" };
        for (folder, is_guess) in
            [(&root_dir, false), (&directory, false), (&in_home, kubelet.is_none()), (&in_root, false)]
        {
            let path = folder.join(name);
            if !places.iter().any(|place| place.path == path) {
                places.push(Place { path, is_older_format, is_guess });
            }
        }
    }
    places
}

#[cfg(test)]
mod tests;

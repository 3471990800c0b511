//! Where the programs of a control plane are: built and laid by `tests/setup`, or a person's own.

use std::io;
use std::path::PathBuf;

/// The release that `tests/setup` builds.
pub const VERSION: &str = "1.20.2";

/// The folder with `etcd` and `kube-apiserver`: `$KUBEBUILDER_ASSETS` where that is set, as for envtest, or the cache;
/// `NotFound` when one of them is not there.
pub fn folder() -> io::Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = if let Some(folder) = set("KUBEBUILDER_ASSETS") {
        folder
    } else {
        let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
        let cache = cache.ok_or_else(|| io::Error::other("neither XDG_CACHE_HOME nor HOME is set"))?;
        cache.join("pullagent/kubernetes").join(VERSION)
    };
    match ["etcd", "kube-apiserver"].iter().find(|program| !folder.join(program).is_file()) {
        None => Ok(folder),
        Some(program) => {
            let missing = format!("there is no {program} in `{}`; `tests/setup test` lays it there", folder.display());
            Err(io::Error::new(io::ErrorKind::NotFound, missing))
        }
    }
}

//! `certs.d/<host[:port]>` as Docker and containers-image read it: CA files and client pairs for one registry.
//!
//! containerd's own reading of such directories differs and is in `containerd::hosts`. Copied rules: containers-image
//! `docker/docker_client.go` `dockerCertDir`, pkg/tlsclientconfig `SetupCertificates`; moby registry/registry.go
//! `ReadCertsDirectory`.

use super::files::{Files, NotRead, join};
use super::pem::{ClientPair, KeyPairError, check_key_pair};

/// Where a system service of containers-image (CRI-O) looks.
pub const CONTAINERS_CERTS: [&str; 2] = ["/etc/containers/certs.d", "/etc/docker/certs.d"];
/// Where the Docker daemon looks.
pub const DOCKER_CERTS: [&str; 1] = ["/etc/docker/certs.d"];

/// The certificates for one registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertsDirectory {
    /// The directory that was taken; `None`: there is none.
    pub dir: Option<String>,
    /// Trusted besides the system's; a file without a certificate in it does no harm.
    pub ca: Vec<String>,
    /// Client certificates.
    pub client_pairs: Vec<ClientPair>,
    /// Why no connection to the registry is made.
    pub error: Option<CertsError>,
}

/// What in a directory makes every pull from its registry fail.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertsError {
    /// It cannot be read.
    #[error("{path}: {why}")]
    Read {
        /// The file or directory.
        path: String,
        /// In the words of the operating system.
        why: String,
    },
    /// A `.cert` without its `.key`.
    #[error("missing key for client certificate {path}; CA certificates should use the extension .crt")]
    NoKey {
        /// The `.cert`.
        path: String,
    },
    /// A `.key` without its `.cert`.
    #[error("missing client certificate for key {path}")]
    NoCertificate {
        /// The `.key`.
        path: String,
    },
    /// They are no pair.
    #[error("{path}: {why}")]
    KeyPair {
        /// The `.cert`.
        path: String,
        /// What is wrong with them.
        why: KeyPairError,
    },
}

/// Reads the first of the `roots` that has a directory for `host`, which is spelled as in the image's name.
pub fn read_certs_directory(files: &Files, roots: &[&str], host: &str) -> CertsDirectory {
    let mut found = CertsDirectory::default();
    let exists = |dir: &String| !matches!(files.is_dir(dir), Err(NotRead::Absent | NotRead::Unreadable(_)));
    if let Some(dir) = roots.iter().map(|root| join(root, host)).find(exists) {
        found.error = read_into(&mut found, files, &dir).err();
        found.dir = Some(dir);
    }
    found
}

fn read_into(found: &mut CertsDirectory, files: &Files, dir: &str) -> Result<(), CertsError> {
    let failed = |path: &str, why: NotRead| CertsError::Read { path: path.to_owned(), why: why.to_string() };
    let names = files.list(dir).map_err(|why| failed(dir, why))?;
    for name in &names {
        let path = join(dir, name);
        let is_there = |name: &str| names.contains(&name);
        if name.strip_suffix(".crt").is_some() {
            files.read(&path).map_err(|why| failed(&path, why))?;
            found.ca.push(path);
        } else if let Some(stem) = name.strip_suffix(".cert") {
            let key = format!("{stem}.key");
            if !is_there(&key) {
                return Err(CertsError::NoKey { path });
            }
            let key = join(dir, &key);
            let certificate = files.read(&path).map_err(|why| failed(&path, why))?;
            let key_content = files.read(&key).map_err(|why| failed(&key, why))?;
            check_key_pair(certificate, key_content).map_err(|why| CertsError::KeyPair { path: path.clone(), why })?;
            found.client_pairs.push(ClientPair { certificate: path, key: Some(key) });
        } else if let Some(stem) = name.strip_suffix(".key")
            && !is_there(&format!("{stem}.cert"))
        {
            return Err(CertsError::NoCertificate { path });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(names: &[&str]) -> CertsDirectory {
        let mut files = Files::default();
        for name in names {
            files.insert_file(name, "");
        }
        read_certs_directory(&files, &CONTAINERS_CERTS, "h:5000")
    }

    #[test]
    fn only_the_first_directory_that_exists_counts() {
        let found = read(&["/etc/containers/certs.d/h:5000/a.txt", "/etc/docker/certs.d/h:5000/ca.crt"]);
        assert_eq!((found.dir.as_deref(), found.ca.len()), (Some("/etc/containers/certs.d/h:5000"), 0));
        let found = read(&["/etc/containers/certs.d/h/ca.crt", "/etc/docker/certs.d/h:5000/ca.crt"]);
        assert_eq!(found.ca, ["/etc/docker/certs.d/h:5000/ca.crt"]);
        assert_eq!(read(&[]), CertsDirectory::default());
    }

    #[test]
    fn halves_of_a_pair_are_an_error() {
        let dir = "/etc/docker/certs.d/h:5000";
        assert!(matches!(read(&[&format!("{dir}/c.cert")]).error, Some(CertsError::NoKey { .. })));
        assert!(matches!(read(&[&format!("{dir}/c.key")]).error, Some(CertsError::NoCertificate { .. })));
        let both = read(&[&format!("{dir}/c.cert"), &format!("{dir}/c.key")]);
        assert!(matches!(both.error, Some(CertsError::KeyPair { why: KeyPairError::NoCertificate, .. })));
    }

    #[test]
    fn a_file_in_place_of_the_directory_is_an_error() {
        assert!(matches!(read(&["/etc/docker/certs.d/h:5000"]).error, Some(CertsError::Read { .. })));
    }
}

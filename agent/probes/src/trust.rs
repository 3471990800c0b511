//! The certificate authorities that a Go process on the node has loaded, read from the files it reads.
//!
//! Go crypto/x509 `root_unix.go`, `root_linux.go` and `cert_pool.go` (`AppendCertsFromPEM`).

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use pullagent_diagnosis::config::trust::{Trust, TrustSource, UnreadableTrust};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::host_root::{below, read_bounded};

/// Where the distributions keep their bundle; the first that can be read counts (`root_linux.go`).
const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The directories that are read besides the bundle, every file of them (`root_linux.go`).
const DIRECTORIES: [&str; 2] = ["/etc/ssl/certs", "/etc/pki/tls/certs"];

/// Bytes of all files together: a hundred times what distributions ship.
const MAX_BYTES: u64 = 16 << 20;
/// Files read in all.
const MAX_FILES: usize = 4000;
/// Entries looked at in one directory, hash links among them.
const MAX_ENTRIES: usize = 4 * MAX_FILES;

/// Reads what a Go process with these variables trusts; both come from the runtime's environment, not from ours, and
/// empty ones count as unset.
///
/// Paths are the node's own and are resolved below `host_root`. Blocking: some hundred small files.
pub fn read_trust(host_root: &Path, ssl_cert_file: Option<&str>, ssl_cert_dir: Option<&str>) -> Trust {
    let mut reading = Reading::new(host_root);
    match ssl_cert_file.filter(|file| !file.is_empty()) {
        Some(file) => reading.first_of(&[file]),
        None => reading.first_of(&BUNDLES),
    }
    match ssl_cert_dir.filter(|list| !list.is_empty()) {
        Some(list) => list.split(':').for_each(|directory| reading.directory(Path::new(directory))),
        None => DIRECTORIES.iter().for_each(|directory| reading.directory(Path::new(directory))),
    }
    reading.trust()
}

/// The certificates of a PEM text in DER form, as Go's `AppendCertsFromPEM` finds them: other blocks, and those that
/// do not parse, are passed over.
pub fn parse_certificates(pem: &[u8]) -> Vec<Vec<u8>> {
    CertificateDer::pem_slice_iter(pem)
        .flatten()
        .filter(|der| x509_parser::parse_x509_certificate(der).is_ok_and(|(rest, _)| rest.is_empty()))
        .map(|der| der.to_vec())
        .collect()
}

/// What was found so far, and what may still be read.
struct Reading<'a> {
    host_root: &'a Path,
    roots: Vec<Vec<u8>>,
    known: HashSet<Vec<u8>>,
    sources: Vec<TrustSource>,
    unreadable: Vec<UnreadableTrust>,
    seen: HashSet<PathBuf>,
    bytes_left: u64,
    files_left: usize,
}

impl<'a> Reading<'a> {
    fn new(host_root: &'a Path) -> Self {
        Self {
            host_root,
            roots: Vec::new(),
            known: HashSet::new(),
            sources: Vec::new(),
            unreadable: Vec::new(),
            seen: HashSet::new(),
            bytes_left: MAX_BYTES,
            files_left: MAX_FILES,
        }
    }

    fn first_of(&mut self, bundles: &[&str]) {
        for bundle in bundles {
            if self.file(Path::new(bundle)) {
                return;
            }
        }
    }

    /// Go's `readUniqueDirectoryEntries`: in order of names, without links to another name in the same directory,
    /// which `c_rehash` makes for every file.
    fn directory(&mut self, directory: &Path) {
        let here = match below(self.host_root, directory) {
            Ok(here) => here,
            Err(error) => return self.refused(directory, &error),
        };
        let entries = match fs::read_dir(&here) {
            Ok(entries) => entries,
            Err(error) => return self.refused(directory, &error),
        };
        let mut names: Vec<_> = entries.take(MAX_ENTRIES).flatten().map(|entry| entry.file_name()).collect();
        names.sort_unstable();
        for name in names {
            if self.files_left == 0 || self.bytes_left == 0 {
                return self.refused(directory, &io::Error::other("too many files, the rest was not read"));
            }
            let links_beside = fs::read_link(here.join(&name))
                .is_ok_and(|target| !target.as_os_str().as_encoded_bytes().contains(&b'/'));
            if !links_beside {
                self.file(&directory.join(name));
            }
        }
    }

    /// Reads one file; false where Go would look for the next bundle.
    fn file(&mut self, path: &Path) -> bool {
        // The bundle usually lies in one of the directories; reading it again would find nothing new.
        if !self.seen.insert(path.to_owned()) {
            return true;
        }
        let resolved = match below(self.host_root, path) {
            Ok(resolved) => resolved,
            Err(error) => {
                self.refused(path, &error);
                return false;
            }
        };
        if resolved.is_dir() {
            return false;
        }
        self.files_left = self.files_left.saturating_sub(1);
        match read_bounded(&resolved, self.bytes_left) {
            Ok(content) => {
                self.bytes_left = self.bytes_left.saturating_sub(content.len() as u64);
                let modified = fs::symlink_metadata(&resolved).and_then(|metadata| metadata.modified());
                self.take(path, &content, modified.ok().and_then(|time| Timestamp::try_from(time).ok()));
                true
            }
            Err(error) => {
                self.refused(path, &error);
                // Go has no bound and would have used it.
                error.kind() == io::ErrorKind::FileTooLarge
            }
        }
    }

    fn take(&mut self, path: &Path, content: &[u8], modified: Option<Timestamp>) {
        let found = parse_certificates(content);
        if !found.is_empty() {
            self.sources.push(TrustSource { path: path.to_owned(), certificates: found.len(), modified });
        }
        for certificate in found {
            if self.known.insert(certificate.clone()) {
                self.roots.push(certificate);
            }
        }
    }

    fn refused(&mut self, path: &Path, error: &io::Error) {
        if error.kind() != io::ErrorKind::NotFound {
            self.unreadable.push(UnreadableTrust { path: path.to_owned(), why: error.to_string() });
        }
    }

    fn trust(self) -> Trust {
        Trust { roots: Arc::new(self.roots), sources: self.sources, unreadable: self.unreadable }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn pem(name: &str) -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap().pem()
    }

    struct Node(tempfile::TempDir);

    impl Node {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn with(self, path: &str, content: impl AsRef<[u8]>) -> Self {
            let path = self.0.path().join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
            self
        }

        fn linked(self, path: &str, target: &str) -> Self {
            let path = self.0.path().join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            symlink(target, path).unwrap();
            self
        }

        #[track_caller]
        fn check(&self, file: Option<&str>, dir: Option<&str>, roots: usize, sources: &[&str]) -> Trust {
            let trust = read_trust(self.0.path(), file, dir);
            let paths: Vec<_> = trust.sources.iter().map(|source| source.path.to_str().unwrap()).collect();
            assert_eq!(paths, sources);
            assert_eq!(trust.roots.len(), roots);
            assert!(trust.sources.iter().all(|source| source.modified.is_some()));
            trust
        }
    }

    #[test]
    fn the_first_bundle_and_every_file_of_the_directories_count() {
        let node = Node::new()
            .with("/etc/pki/tls/certs/ca-bundle.crt", pem("a") + &pem("b"))
            .with("/etc/ssl/cert.pem", pem("not read: a bundle was found before"))
            .with("/etc/ssl/certs/corp.pem", pem("corp"));
        node.check(None, None, 3, &["/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/corp.pem"]);
    }

    #[test]
    fn repeated_certificates_count_once_and_hash_links_are_skipped() {
        let one = pem("one");
        let node = Node::new()
            .with("/etc/ssl/certs/ca-certificates.crt", &one)
            .with("/usr/share/ca-certificates/one.crt", &one)
            .linked("/etc/ssl/certs/one.pem", "/usr/share/ca-certificates/one.crt")
            .linked("/etc/ssl/certs/0123abcd.0", "one.pem");
        node.check(None, None, 1, &["/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs/one.pem"]);
    }

    #[test]
    fn the_variables_replace_list_and_directories_and_empty_ones_do_not() {
        let node = Node::new()
            .with("/etc/ssl/cert.pem", pem("system"))
            .with("/etc/ssl/certs/x.pem", pem("directory"))
            .with("/opt/ca.pem", pem("own"))
            .with("/opt/a/1.pem", pem("1"))
            .with("/opt/b/2.pem", pem("2"));
        node.check(Some("/opt/ca.pem"), None, 2, &["/opt/ca.pem", "/etc/ssl/certs/x.pem"]);
        node.check(None, Some("/opt/a:/none::/opt/b"), 3, &["/etc/ssl/cert.pem", "/opt/a/1.pem", "/opt/b/2.pem"]);
        node.check(Some("/none"), Some("/none"), 0, &[]);
        node.check(Some(""), Some(""), 2, &["/etc/ssl/cert.pem", "/etc/ssl/certs/x.pem"]);
    }

    #[test]
    fn other_blocks_and_broken_certificates_are_passed_over() {
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let garbled = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
        let good = pem("good");
        let trusted = good.replace("CERTIFICATE", "TRUSTED CERTIFICATE");
        let text = format!("# comment\n{key}{broken}{garbled}{trusted}{good}");
        assert_eq!(parse_certificates(text.as_bytes()).len(), 1);
        assert_eq!(parse_certificates(b"\xff\x00"), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn what_exists_and_cannot_be_used_is_named() {
        let node = Node::new().linked("/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs/ca-certificates.crt");
        let trust = node.check(None, None, 0, &[]);
        let paths: Vec<_> = trust.unreadable.iter().map(|one| one.path.to_str().unwrap()).collect();
        assert_eq!(paths, ["/etc/ssl/certs/ca-certificates.crt"]);
    }
}

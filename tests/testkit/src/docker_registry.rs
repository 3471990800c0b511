//! Debian's docker-registry, the real one: started on a free port with a folder of its own, stopped when dropped.
//! Images are laid into its storage before it starts, so that nothing has to be pushed.

use std::fmt::Write as _;
use std::io;
use std::net::{AddrParseError, SocketAddr};
use std::path::Path;

use tempfile::TempDir;
use tokio::process::Command;

use crate::ca::Identity;
use crate::listen::LOOPBACK;
use crate::program::Program;
use crate::registry::Image;

/// A registry to be started.
#[derive(Default)]
pub struct DockerRegistry {
    images: Vec<(String, String, Image)>,
    tls: Option<(String, String)>,
    login: Option<(String, String)>,
}

/// A running registry.
pub struct DockerRegistryHandle {
    addr: SocketAddr,
    _program: Program,
    _folder: TempDir,
}

impl DockerRegistry {
    /// With this image.
    #[must_use]
    pub fn image(mut self, repository: &str, tag: &str, image: Image) -> Self {
        self.images.push((repository.to_owned(), tag.to_owned(), image));
        self
    }

    /// Over TLS.
    #[must_use]
    pub fn tls(mut self, identity: &Identity) -> Self {
        self.tls = Some((identity.certificate_pem().to_owned(), identity.key_pem()));
        self
    }

    /// For this user alone, by HTTP Basic.
    #[must_use]
    pub fn login(mut self, user: &str, password: &str) -> Self {
        self.login = Some((user.to_owned(), password.to_owned()));
        self
    }

    /// Starts it on a free port of 127.0.0.1; `NotFound` when the machine has no `docker-registry` or no `htpasswd`.
    pub async fn start(self) -> io::Result<DockerRegistryHandle> {
        self.start_on(SocketAddr::new(LOOPBACK, 0)).await
    }

    /// Starts it on this address; port 0 for a free one.
    pub async fn start_on(self, addr: SocketAddr) -> io::Result<DockerRegistryHandle> {
        let folder = tempfile::tempdir()?;
        for (repository, tag, image) in &self.images {
            lay(&folder.path().join("docker/registry/v2"), repository, tag, image)?;
        }
        let mut config = format!(
            "version: 0.1\nlog: {{ level: info, formatter: json }}\nstorage:\n  filesystem: {{ rootdirectory: {} }}\n\
             http:\n  addr: {addr}\n  headers: {{ X-Content-Type-Options: [nosniff] }}\n",
            folder.path().display()
        );
        if let Some((certificate, key)) = &self.tls {
            let (certificate_file, key_file) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
            std::fs::write(&certificate_file, certificate)?;
            std::fs::write(&key_file, key)?;
            let _ = writeln!(
                config,
                "  tls: {{ certificate: {}, key: {} }}",
                certificate_file.display(),
                key_file.display()
            );
        }
        if let Some((user, password)) = &self.login {
            let file = folder.path().join("htpasswd");
            // bcrypt is the only kind that this registry takes.
            let made = Command::new("htpasswd").args(["-Bbn", user, password]).output().await?;
            std::fs::write(&file, made.stdout)?;
            let _ = writeln!(config, "auth:\n  htpasswd: {{ realm: test, path: {} }}", file.display());
        }
        let config_file = folder.path().join("config.yml");
        std::fs::write(&config_file, config)?;
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&config_file).env("OTEL_TRACES_EXPORTER", "none");
        let (program, addr) = Program::start(&mut command, listening).await?;
        Ok(DockerRegistryHandle { addr: addr.map_err(io::Error::other)?, _program: program, _folder: folder })
    }
}

impl DockerRegistryHandle {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

/// The address that the line of the log names which says that it listens.
fn listening(line: &str) -> Option<Result<SocketAddr, AddrParseError>> {
    let (_, rest) = line.split_once("listening on ")?;
    let addr: String = rest.chars().take_while(|c| !matches!(c, ',' | '"' | ' ')).collect();
    Some(addr.parse())
}

/// Writes an image into the registry's storage, as a push would have left it.
fn lay(root: &Path, repository: &str, tag: &str, image: &Image) -> io::Result<()> {
    let stored = image.store();
    let repository = root.join("repositories").join(repository);
    for (digest, bytes) in stored.blobs().chain(stored.manifests()) {
        let hex = digest.trim_start_matches("sha256:");
        write(&root.join("blobs/sha256").join(&hex[..2]).join(hex).join("data"), bytes)?;
    }
    let link = |folder: &str, digest: &str| {
        let hex = digest.trim_start_matches("sha256:");
        write(&repository.join(folder).join("sha256").join(hex).join("link"), digest.as_bytes())
    };
    stored.blobs().try_for_each(|(digest, _)| link("_layers", digest))?;
    stored.manifests().try_for_each(|(digest, _)| link("_manifests/revisions", digest))?;
    link(&format!("_manifests/tags/{tag}/index"), &stored.digest)?;
    write(&repository.join(format!("_manifests/tags/{tag}/current/link")), stored.digest.as_bytes())
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, bytes)
}

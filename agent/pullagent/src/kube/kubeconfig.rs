//! Reads kubeconfigs and the files they name, all below one root, and notices when one of them has changed.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};
use kube::config::{AuthInfo, Cluster, Context, ExecInteractiveMode, KubeConfigOptions, Kubeconfig};
use pullagent_probes::host_root::{below, read_bounded};
use secrecy::ExposeSecret;

use super::error::KubeError;
use super::pem::blocks;

/// Bytes of a kubeconfig, or of a file that it names.
const MAX_FILE: u64 = 1024 * 1024;

/// Which kubeconfig is used, and how far it is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// The files, as their root names them; the first that says something wins, as in `KUBECONFIG`.
    pub(super) files: Vec<PathBuf>,
    /// The file tree that all paths are in.
    pub(super) root: PathBuf,
    /// The context; the current one if absent.
    pub(super) context: Option<String>,
    /// Whether its plugin may be run.
    pub(super) plugin: Plugin,
}

/// Whether the login plugin of a kubeconfig may be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Plugin {
    /// Yes: it is the caller's own kubeconfig.
    Own,
    /// If the kubeconfig can be written by root only: the node's own plugin is run by root.
    OfRoot,
    /// No, because of this.
    Not(&'static str),
}

/// A kubeconfig with all that it names.
pub(super) struct Read {
    /// One context, cluster and user, with the files' contents in place of their paths.
    pub(super) kubeconfig: Kubeconfig,
    /// Who that is: the name of the context.
    pub(super) context: String,
    /// The proxy that it names.
    pub(super) proxy: Option<String>,
    /// Every file that was read, as it was then.
    pub(super) files: Watched,
}

/// Files, and what tells one version of each from the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Watched {
    root: PathBuf,
    files: Vec<(PathBuf, Option<Version>)>,
}

/// Device, inode, size and the time of the last change, in seconds and nanoseconds.
type Version = (u64, u64, u64, i64, i64);

impl Watched {
    /// Whether a file is another one than it was. Blocking: it looks at each once.
    pub(super) fn has_changed(&self) -> bool {
        self.files.iter().any(|(path, version)| version_of(&self.root, path) != *version)
    }

    fn read(&mut self, path: &Path) -> Result<Vec<u8>, KubeError> {
        // The version comes first: a change in between is then seen the next time.
        self.files.push((path.to_owned(), version_of(&self.root, path)));
        let read = below(&self.root, path).and_then(|path| read_bounded(&path, MAX_FILE));
        read.map_err(|error| KubeError::Kubeconfig { why: format!("cannot read {}: {}", path.display(), kind(&error)) })
    }
}

fn version_of(root: &Path, path: &Path) -> Option<Version> {
    let metadata: Metadata = below(root, path).and_then(|path| path.symlink_metadata()).ok()?;
    Some((metadata.dev(), metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
}

fn kind(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it is not there".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

impl Source {
    /// Reads it. Blocking.
    ///
    /// Errors: a file cannot be read or understood, there is no such context, or its plugin may not be run.
    pub(super) fn read(&self) -> Result<Read, KubeError> {
        let mut files = Watched { root: self.root.clone(), files: Vec::new() };
        let mut merged = Kubeconfig::default();
        for path in &self.files {
            let next = one_file(path, &mut files)?;
            let cannot = |_| self.wrong("its files are of different kinds");
            merged = merged.merge(next).map_err(cannot)?;
        }
        let (name, context) = self.context(&merged)?;
        let cluster = merged.clusters.iter().find(|named| named.name == context.cluster);
        let cluster = cluster.and_then(|named| named.cluster.clone());
        let mut cluster = cluster.ok_or_else(|| self.wrong("it does not have the cluster of its context"))?;
        let user = merged.auth_infos.iter().find(|named| Some(&named.name) == context.user.as_ref());
        let mut user = user.and_then(|named| named.auth_info.clone()).unwrap_or_default();
        self.judge_plugin(&mut user)?;
        inline(&mut cluster, &mut user, &mut files)?;
        // The client would give up on such a token by a panic.
        if user.token.as_ref().is_some_and(|token| HeaderValue::from_str(token.expose_secret()).is_err()) {
            return Err(self.wrong("its token is not one line of text"));
        }
        cluster.server = Some(self.server(&cluster, &user)?);
        let proxy = cluster.proxy_url.clone().filter(|proxy| !proxy.is_empty());
        for named in &mut merged.clusters {
            named.cluster = (named.name == context.cluster).then(|| cluster.clone());
        }
        for named in &mut merged.auth_infos {
            named.auth_info = (Some(&named.name) == context.user.as_ref()).then(|| user.clone());
        }
        Ok(Read { kubeconfig: merged, context: name, proxy, files })
    }

    /// The options that choose the context.
    pub(super) fn options(&self) -> KubeConfigOptions {
        KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() }
    }

    fn context(&self, merged: &Kubeconfig) -> Result<(String, Context), KubeError> {
        let name = self.context.as_ref().or(merged.current_context.as_ref()).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| self.wrong("it has no current context"))?;
        let found = merged.contexts.iter().find(|named| named.name == *name);
        let found = found.and_then(|named| named.context.clone());
        let context = found.ok_or_else(|| self.wrong("it does not have this context"))?;
        Ok((name.clone(), context))
    }

    /// The URL of the API server; without a scheme it has the one that client-go gives it
    /// (`client-go/rest/url_utils.go` `DefaultServerURL`). The client would give up on any other by a panic.
    fn server(&self, cluster: &Cluster, user: &AuthInfo) -> Result<String, KubeError> {
        let written = cluster.server.clone().unwrap_or_default();
        let with_tls = cluster.certificate_authority_data.is_some()
            || cluster.insecure_skip_tls_verify == Some(true)
            || user.client_certificate_data.is_some();
        let scheme = if with_tls { "https" } else { "http" };
        let url = if written.contains("://") { written } else { format!("{scheme}://{written}") };
        let uri: Uri = url.parse().map_err(|_| self.wrong("its server cannot be understood"))?;
        let authority = uri.authority().filter(|_| matches!(uri.scheme_str(), Some("http" | "https")));
        match authority.map(|authority| authority.as_str().contains('@')) {
            Some(false) => Ok(url),
            // It would be shown wherever the server is.
            Some(true) => Err(self.wrong("its server holds a login, which belongs to the user's entry")),
            None => Err(self.wrong("its server is no http or https URL")),
        }
    }

    fn judge_plugin(&self, user: &mut AuthInfo) -> Result<(), KubeError> {
        let Some(exec) = &mut user.exec else {
            // The older kind runs a program too.
            return match (&user.auth_provider, &self.plugin) {
                (None, _) | (Some(_), Plugin::Own) => Ok(()),
                (Some(_), _) => Err(self.wrong("it logs in by an auth-provider, which is run for its owner only")),
            };
        };
        match &self.plugin {
            Plugin::Own => Ok(()),
            Plugin::Not(why) => Err(self.wrong(&format!("it logs in by a plugin, and {why}"))),
            Plugin::OfRoot => {
                exec.interactive_mode = Some(ExecInteractiveMode::Never);
                let is_roots = |path: &PathBuf| {
                    let found = below(&self.root, path).and_then(|path| path.symlink_metadata());
                    found.is_ok_and(|metadata| metadata.uid() == 0 && metadata.mode() & 0o022 == 0)
                };
                if self.files.iter().all(is_roots) {
                    Ok(())
                } else {
                    Err(self.wrong("it logs in by a plugin, and others than root can write it"))
                }
            }
        }
    }

    fn wrong(&self, why: &str) -> KubeError {
        let files = self.files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        KubeError::Kubeconfig { why: format!("the kubeconfig {files} is of no use: {why}") }
    }
}

/// One file, with paths that are relative to it made absolute (`client-go/tools/clientcmd/loader.go`
/// `ResolveLocalPaths`).
fn one_file(path: &Path, files: &mut Watched) -> Result<Kubeconfig, KubeError> {
    let bytes = files.read(path)?;
    // The parser's own words quote the line, which may be a token.
    let wrong = || KubeError::Kubeconfig { why: format!("{} is no kubeconfig", path.display()) };
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong())?;
    let mut read = Kubeconfig::from_yaml(text).map_err(|_| wrong())?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let absolute = |path: &mut Option<String>| {
        if let Some(path) = path.as_mut().filter(|path| !path.is_empty()) {
            *path = folder.join(&*path).to_string_lossy().into_owned();
        }
    };
    for cluster in read.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
        absolute(&mut cluster.certificate_authority);
    }
    for user in read.auth_infos.iter_mut().filter_map(|named| named.auth_info.as_mut()) {
        absolute(&mut user.client_certificate);
        absolute(&mut user.client_key);
        absolute(&mut user.token_file);
        if let Some(exec) = user.exec.as_mut().filter(|exec| exec.command.as_ref().is_some_and(|c| c.contains('/'))) {
            absolute(&mut exec.command);
        }
    }
    Ok(read)
}

/// Puts what the files hold in their place: the client would read them as they are named here, not below the root.
fn inline(cluster: &mut Cluster, user: &mut AuthInfo, files: &mut Watched) -> Result<(), KubeError> {
    let given = |path: &mut Option<String>| path.take().filter(|path| !path.is_empty()).map(PathBuf::from);
    let authority = given(&mut cluster.certificate_authority);
    if let (Some(path), None) = (authority, &cluster.certificate_authority_data) {
        let pem = blocks(&files.read(&path)?, "CERTIFICATE");
        cluster.certificate_authority_data = Some(STANDARD.encode(pem));
    }
    let certificate = given(&mut user.client_certificate);
    if let (Some(path), None) = (certificate, &user.client_certificate_data) {
        let pem = blocks(&files.read(&path)?, "CERTIFICATE");
        user.client_certificate_data = Some(STANDARD.encode(pem));
    }
    let key = given(&mut user.client_key);
    if let (Some(path), None) = (key, &user.client_key_data) {
        let pem = blocks(&files.read(&path)?, "PRIVATE KEY");
        user.client_key_data = Some(STANDARD.encode(pem).into());
    }
    let token = given(&mut user.token_file);
    if let (Some(path), None) = (token, &user.token) {
        let token = files.read(&path)?;
        user.token = Some(String::from_utf8_lossy(&token).trim().to_owned().into());
    }
    Ok(())
}

#[cfg(test)]
mod tests;

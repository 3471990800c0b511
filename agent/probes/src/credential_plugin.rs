//! The kubelet's credential provider plugins, run as the kubelet runs them. Says what became of each; judges no pull.
//!
//! Copied rules: Kubernetes 1.36 pkg/credentialprovider/plugin/plugin.go and config.go.

mod run;
mod trusted;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::join_all;
use pullagent_diagnosis::case::GivenCredential;
use pullagent_diagnosis::config::credential_provider::{
    Provider, is_provider_file, parse_answer, parse_providers, request,
};
use pullagent_diagnosis::keyring::is_image_allowed;
use pullagent_diagnosis::plugin::{PATIENCE, PluginFailure, PluginOutcome};
use pullagent_diagnosis::reference::Reference;

use self::run::{Program, run};
use self::trusted::trusted;
use crate::host_root::{below, read_bounded};
use crate::kubelet::KubeletStart;

/// Bytes of a configuration file.
const MAX_FILE: u64 = 1024 * 1024;
/// Files of a configuration folder; one a plugin is more than any node has.
const MAX_FILES: usize = 64;

/// The plugins that a node's kubelet was started with, and what they are run with.
#[derive(Clone, Debug, Default)]
pub struct Plugins {
    providers: Vec<Provider>,
    setting: Setting,
    /// Why no plugin's logins are known at all, for a person.
    unread: Option<String>,
}

/// What all plugins are run with.
#[derive(Clone, Debug, Default)]
struct Setting {
    binaries: PathBuf,
    kubelet: Option<KubeletStart>,
    /// Why none is run.
    obstacle: Option<String>,
}

impl Plugins {
    /// Reads which plugins `kubelet` was started with, below `host_root`. They are run only where this process is root
    /// on the node itself and nobody but root could have written the configuration. Blocking.
    pub fn of(kubelet: &KubeletStart, host_root: &Path) -> Self {
        let Some(config) = kubelet.flag("--image-credential-provider-config") else { return Self::default() };
        let config = kubelet.absolute(Path::new(config));
        let binaries = kubelet.flag("--image-credential-provider-bin-dir").unwrap_or_default();
        let setting = Setting {
            binaries: kubelet.absolute(Path::new(binaries)),
            kubelet: Some(kubelet.clone()),
            obstacle: obstacle(kubelet, host_root, &config),
        };
        match read_config(host_root, &config) {
            Ok(providers) => Self { providers, setting, unread: None },
            Err(why) => Self { providers: Vec::new(), setting, unread: Some(why) },
        }
    }

    /// Runs none, for this reason.
    pub fn forbid(&mut self, why: &str) {
        self.setting.obstacle = Some(why.to_owned());
    }

    /// Why no plugin's logins are known at all, for a person; `None` where every plugin is known.
    pub fn unread(&self) -> Option<&str> {
        self.unread.as_deref()
    }

    /// Asks every plugin that is for `image`, all at once, in the order of the configuration. Each has the kubelet's
    /// own minute, but at most `limit`.
    pub async fn ask(&self, image: &str, limit: Duration) -> Vec<GivenCredential> {
        // The kubelet pulls nothing under a name that it cannot parse.
        let Ok(reference) = Reference::parse(image) else { return Vec::new() };
        let name = reference.name();
        let limit = limit.min(Duration::from_secs(PATIENCE));
        let outcomes = join_all(self.providers.iter().map(|provider| self.outcome(provider, &name, limit))).await;
        let of_provider = |(provider, outcome): (&Provider, PluginOutcome)| GivenCredential::Plugin {
            name: provider.name.clone(),
            outcome,
        };
        self.providers.iter().zip(outcomes).map(of_provider).collect()
    }

    async fn outcome(&self, provider: &Provider, image: &str, limit: Duration) -> PluginOutcome {
        if !is_image_allowed(&provider.match_images, image) {
            return PluginOutcome::NotMatched { patterns: provider.match_images.clone() };
        }
        let not_run = |why: String| PluginOutcome::NotRun { why };
        if provider.wants_token {
            return not_run("it is given a token of the pod's service account, which the kubelet alone can get".into());
        }
        let (Some(kubelet), None) = (&self.setting.kubelet, &self.setting.obstacle) else {
            return not_run(self.setting.obstacle.clone().unwrap_or_default());
        };
        let path = self.setting.binaries.join(&provider.name);
        let binary = match trusted(&path) {
            Ok(binary) => binary,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let why = format!("there is no {}", path.display());
                return PluginOutcome::failed(PluginFailure::NotStarted { why }, b"");
            }
            Err(error) => return not_run(error.to_string()),
        };
        let program = Program { binary: &binary, called: &path, provider, kubelet };
        match run(&program, &request(&provider.api_version, image), limit).await {
            Ok(answer) => match parse_answer(&answer, &provider.api_version) {
                Ok(answer) => PluginOutcome::Answered { logins: answer.logins },
                Err(error) => PluginOutcome::BadAnswer { why: error.to_string() },
            },
            Err((how, stderr)) => PluginOutcome::failed(how, &stderr),
        }
    }
}

/// Why nothing is run here.
fn obstacle(kubelet: &KubeletStart, host_root: &Path, config: &Path) -> Option<String> {
    if host_root != Path::new("/") {
        return Some("it is run on the node itself only, not in a pod".to_owned());
    }
    if !nix::unistd::geteuid().is_root() {
        return Some("running it needs root".to_owned());
    }
    // What it says becomes arguments and variables of what root runs.
    let everything = || {
        let files = config_files(config)?;
        files.iter().try_for_each(|file| trusted(file).map(drop))
    };
    kubelet.apart.clone().or_else(|| everything().err().map(|error| error.to_string()))
}

/// The configuration's files: itself, or those of the folder that it is, in byte order.
fn config_files(config: &Path) -> io::Result<Vec<PathBuf>> {
    if !fs::metadata(config)?.is_dir() {
        return Ok(vec![config.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(config)? {
        let path = entry?.path();
        if path.file_name().and_then(|name| name.to_str()).is_some_and(is_provider_file) && !path.is_dir() {
            files.push(path);
        }
        if files.len() > MAX_FILES {
            return Err(io::Error::other(format!("{} holds more than {MAX_FILES} files", config.display())));
        }
    }
    files.sort_unstable();
    Ok(files)
}

fn read_config(host_root: &Path, config: &Path) -> Result<Vec<Provider>, String> {
    let in_words = |error: io::Error| format!("{} could not be read: {error}", config.display());
    let found = below(host_root, config).map_err(in_words)?;
    let mut texts = Vec::new();
    for file in config_files(&found).map_err(in_words)? {
        let path = file.strip_prefix(&found).map_or(config.to_owned(), |name| config.join(name));
        // A file of the folder may be a link.
        let file = below(host_root, &path).map_err(in_words)?;
        let text = String::from_utf8_lossy(&read_bounded(&file, MAX_FILE).map_err(in_words)?).into_owned();
        texts.push((path.display().to_string(), text));
    }
    parse_providers(texts.iter().map(|(path, text)| (path.trim_end_matches('/'), text.as_str())))
        .map_err(|error| format!("the kubelet would not start with them: {error}"))
}

#[cfg(test)]
mod tests;

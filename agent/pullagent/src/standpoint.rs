//! Where a command stands: the node's files, its runtime's socket, and the environment that counts. Looks once, before
//! anything is examined.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use pullagent_diagnosis::case::{Case, NodeConfig};
use pullagent_diagnosis::plan::plan;
use pullagent_diagnosis::pull_configuration::{pull_configuration, verification_settings};
use pullagent_diagnosis::runtime::{Kind, Runtime, RuntimeAnswer};
use pullagent_diagnosis::text::clean;
use pullagent_probes::cri::{self, Found};
use pullagent_probes::files::read_all;
use pullagent_probes::kubelet_credentials::{self, KubeletCredentials};
use pullagent_probes::node::{Environment, read_node};
use pullagent_probes::process::{ProcessFacts, behind, kubelet};

use crate::settings::{Plugins, Settings};

/// Bytes of a node's name.
const NAME: usize = 253;
/// Docker's own socket: behind cri-dockerd the daemon there makes every request.
const DOCKER: &str = "run/docker.sock";

/// The node as a command meets it.
pub(crate) struct Here {
    /// The node's configuration.
    pub(crate) node: NodeConfig,
    /// What the node's kubelet has of its own to offer, where there are cases for it.
    pub(crate) credentials: KubeletCredentials,
    /// The node's file tree as this process sees it.
    pub(crate) host_root: PathBuf,
    /// The runtime's socket as this process sees it.
    pub(crate) socket: Option<PathBuf>,
}

impl Here {
    /// Offers nothing of what the node's kubelet has of its own, for this reason.
    pub(crate) fn withhold_credentials(&mut self, why: &str) {
        self.credentials.withhold(why);
        self.node.unread_credentials.clone_from(&self.credentials.unread);
    }
}

/// How much of the node is read.
pub(crate) enum Wanted {
    /// What these cases need.
    Cases(Vec<Case>),
    /// Its whole pull configuration, or what of it concerns one registry.
    Configuration(Option<String>),
}

impl Wanted {
    /// Computes what will be computed, so that the snapshot of files knows what it lacks.
    fn rehearse(&self, node: &NodeConfig) {
        match self {
            Self::Cases(cases) => {
                for case in cases {
                    drop(plan(case, node));
                }
                drop(verification_settings(node, None));
            }
            Self::Configuration(registry) => drop(pull_configuration(node, registry.as_deref())),
        }
    }
}

/// Reads the node below the host root of `settings`, whose runtime is where they say or else where it is found, as far as
/// it is wanted.
pub(crate) async fn look(settings: &Settings, wanted: Wanted) -> anyhow::Result<Here> {
    let host_root = settings.host_root.as_path();
    if !host_root.is_dir() {
        bail!("the host root `{}` is no folder", host_root.display());
    }
    let found = cri::find(host_root, settings.runtime.endpoint.as_deref()).await?;
    let name = settings.node.name.clone();
    let plugins = settings.credentials.plugins;
    let socket = found.as_ref().map(|found| found.socket.clone());
    let root = host_root.to_owned();
    // Variables that are not text hold neither a proxy nor a path that could be used.
    let ours: Environment =
        std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect();
    let node = tokio::task::spawn_blocking(move || {
        let runtime = found.map(|found| with_process(found, &root));
        let mut node = read_node(&root, &ours, runtime);
        if !name.is_empty() {
            node.node.name = clean(&name, NAME);
        }
        let mut credentials = KubeletCredentials::default();
        match &wanted {
            Wanted::Configuration(_) => node.kubelet = Some(kubelet(&root)),
            Wanted::Cases(cases) => {
                // What it makes of an image that is on the node matters to pods only.
                if cases.iter().any(|case| case.pod.is_some()) {
                    node.kubelet = Some(kubelet(&root));
                }
                credentials = kubelet_credentials::read(&root);
                if plugins == Plugins::Never {
                    credentials.forbid_plugins("credentials.plugins is never");
                }
                node.unread_credentials.clone_from(&credentials.unread);
                node.not_checked.extend(credentials.passed_over.iter().cloned());
            }
        }
        // What is needed is known once it was tried.
        read_all(&mut node, &root, |node| &mut node.files, |node| wanted.rehearse(node));
        (node, credentials)
    });
    let (node, credentials) = node.await.context("cannot read the node")?;
    Ok(Here { node, credentials, host_root: host_root.to_owned(), socket })
}

/// A runtime with the process that makes its requests.
fn with_process(found: Found, host_root: &Path) -> (Runtime, Option<Environment>) {
    let is_docker = matches!(&found.answer, RuntimeAnswer::Version(version) if version.kind() == Kind::Docker);
    let listens = if is_docker { host_root.join(DOCKER) } else { found.socket };
    let ProcessFacts { process, environment, arguments } = behind(&listens, host_root);
    let config_file = config_file(&arguments);
    let Found { endpoint, named_by, answer, .. } = found;
    (Runtime { endpoint, named_by, answer, process, config_file }, environment)
}

/// The configuration file on a runtime's command line: `--config FILE` or `--config=FILE`, with containerd also `-c`.
fn config_file(arguments: &[String]) -> Option<String> {
    let mut rest = arguments.iter().skip(1);
    while let Some(argument) = rest.next() {
        let (flag, value) = argument.split_once('=').map_or((argument.as_str(), None), |(f, v)| (f, Some(v)));
        if matches!(flag, "-c" | "-config" | "--config") {
            return value.map(str::to_owned).or_else(|| rest.next().cloned()).filter(|path| path.starts_with('/'));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::config_file;

    #[test]
    fn the_configuration_file_is_read_off_the_command_line() {
        let check = |line: &str, want: Option<&str>| {
            let arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
            assert_eq!(config_file(&arguments).as_deref(), want, "{line}");
        };
        check("containerd", None);
        check("/usr/bin/containerd --log-level debug --config /etc/c.toml", Some("/etc/c.toml"));
        check("containerd -c=/etc/c.toml --root /x", Some("/etc/c.toml"));
        check(
            "containerd -c /var/lib/rancher/k3s/agent/etc/containerd/config.toml -a /run/k3s/x",
            Some("/var/lib/rancher/k3s/agent/etc/containerd/config.toml"),
        );
        check("containerd --config", None);
        check("containerd --config relative.toml", None);
    }
}

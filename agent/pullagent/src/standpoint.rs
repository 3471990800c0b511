//! Where a command stands: the node's files, its runtime's socket, and the environment that counts. Looks once, before
//! anything is examined.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use pullagent_diagnosis::case::NodeConfig;
use pullagent_diagnosis::runtime::{Kind, Runtime, RuntimeAnswer};
use pullagent_probes::cri::{self, Found};
use pullagent_probes::node::{Environment, read_node};
use pullagent_probes::process::{ProcessFacts, behind};

/// Docker's own socket: behind cri-dockerd the daemon there makes every request.
const DOCKER: &str = "run/docker.sock";

/// The node as a command meets it.
pub(crate) struct Here {
    /// The node's configuration.
    pub(crate) node: NodeConfig,
    /// The node's file tree as this process sees it.
    pub(crate) host_root: PathBuf,
    /// The runtime's socket as this process sees it.
    pub(crate) socket: Option<PathBuf>,
}

/// Reads the node below `host_root`, whose runtime is at `endpoint` or else where it is found.
pub(crate) async fn look(host_root: &Path, endpoint: Option<&str>) -> anyhow::Result<Here> {
    if !host_root.is_dir() {
        bail!("--host-root `{}` is no folder", host_root.display());
    }
    let found = cri::find(host_root, endpoint).await?;
    let socket = found.as_ref().map(|found| found.socket.clone());
    let root = host_root.to_owned();
    // Variables that are not text hold neither a proxy nor a path that could be used.
    let ours: Environment =
        std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect();
    let node = tokio::task::spawn_blocking(move || {
        let runtime = found.map(|found| with_process(found, &root));
        read_node(&root, &ours, runtime)
    });
    let node = node.await.context("cannot read the node")?;
    Ok(Here { node, host_root: host_root.to_owned(), socket })
}

/// A runtime with the process that makes its requests.
fn with_process(found: Found, host_root: &Path) -> (Runtime, Option<Environment>) {
    let is_docker = matches!(&found.answer, RuntimeAnswer::Version(version) if version.kind() == Kind::Docker);
    let listens = if is_docker { host_root.join(DOCKER) } else { found.socket };
    let ProcessFacts { process, environment } = behind(&listens, host_root);
    (Runtime { endpoint: found.endpoint, named_by: found.named_by, answer: found.answer, process }, environment)
}

//! The flags that say which node is looked at, and by which settings.

use std::path::PathBuf;

use clap::Args;

/// Where the node is, seen from this process.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct StandpointArguments {
    /// The runtime's CRI socket as this process sees it, by path or URL
    #[arg(long, value_name = "SOCKET")]
    pub(crate) runtime_endpoint: Option<String>,

    /// Where the node's root file system is mounted [default: /]
    #[arg(long, value_name = "DIR")]
    pub(crate) host_root: Option<PathBuf>,

    /// Read the settings from this file instead of /etc/pullagent/config.yaml
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

//! The flags of commands that ask the API server.

use std::path::PathBuf;

use clap::Args;

/// Which cluster is asked, as whom, and about which namespace.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct KubeArguments {
    /// Ask the API server by this kubeconfig, as whoever it names
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// Use this context of the kubeconfig
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,

    /// The namespace; by default the context's, else `default`
    #[arg(short, long, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,
}

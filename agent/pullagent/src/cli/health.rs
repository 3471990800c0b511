//! The command line of `pullagent health`.

use std::path::PathBuf;

use clap::Args;

/// Ask the agent on this node whether it is alive, for a liveness probe
///
/// Opens its socket and asks for /healthz. Nothing else is looked at.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status:
  0  the agent answers               1  it does not
  2  wrong usage, or own trouble

Examples:
  pullagent health
  pullagent health --socket /run/pullagent/agent.sock")]
pub(crate) struct HealthArguments {
    /// The agent's socket
    #[arg(long, value_name = "PATH", default_value = "/run/pullagent/agent.sock")]
    pub(crate) socket: PathBuf,
}

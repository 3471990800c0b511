//! The command line of `pullagent fleet`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Subcommand, ValueEnum};

use super::duration;
use super::standpoint::StandpointArguments;

/// Show how every registry stands over all nodes, and what the nodes that fail have in common
///
/// Reads what each node's agent has written of its checks into its Lease, and the nodes' labels. Nothing is examined and
/// no node is contacted.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Exit status:
  0  no check fails                  1  a check fails
  2  wrong usage, or own trouble     3  no node tells how it stands

Examples:
  pullagent fleet
  pullagent fleet --registry registry.corp.io
  pullagent fleet --node node-17 -o json
  pullagent fleet --html fleet.html                 a page to pass on: one file, nothing is loaded
  pullagent fleet incidents                         the pods that wait now, a line a cause and host"
)]
pub(crate) struct FleetArguments {
    #[command(subcommand)]
    pub(crate) part: Option<FleetPart>,

    #[command(flatten)]
    pub(crate) source: FleetSource,

    /// Show this node's part only; it is compared with all
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Option<String>,

    /// Show this registry only
    #[arg(long, value_name = "HOST")]
    pub(crate) registry: Option<String>,

    /// Write a page for people into this file as well
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

/// What else of the fleet is shown.
#[derive(Debug, Subcommand)]
pub(crate) enum FleetPart {
    Incidents(IncidentsArguments),
}

/// Show the pods of the whole fleet that wait for an image now, a line a cause and host
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status:
  0  no pod waits for an image       1  some do
  2  wrong usage, or own trouble     3  no node tells how it stands

Examples:
  pullagent fleet incidents
  pullagent fleet incidents --watch=10s")]
pub(crate) struct IncidentsArguments {
    #[command(flatten)]
    pub(crate) source: FleetSource,
}

/// Where the fleet is read, and how it is shown.
#[derive(Debug, Args)]
pub(crate) struct FleetSource {
    /// Ask the API server by this kubeconfig, as whoever it names
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// Use this context of the kubeconfig
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,

    /// The namespace of the agents, where their Leases are
    #[arg(short, long, value_name = "NAMESPACE", default_value = "pullagent")]
    pub(crate) namespace: String,

    #[command(flatten)]
    pub(crate) standpoint: StandpointArguments,

    /// Look again and again, with this pause in between, until it is interrupted
    #[arg(long, value_name = "TIME", num_args = 0..=1, default_missing_value = "30s", value_parser = parse_pause)]
    pub(crate) watch: Option<Duration>,

    /// Show every row
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    /// How to report
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: FleetFormat,
}

/// The forms of a fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FleetFormat {
    /// The screen for a person
    Text,
    /// One line of JSON
    Json,
}

/// A pause that leaves the API server in peace.
fn parse_pause(text: &str) -> Result<Duration, String> {
    duration::parse_duration(text, Duration::from_secs(5), Duration::from_hours(1))
}

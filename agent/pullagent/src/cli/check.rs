//! The command line of `pullagent check`.

use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};
use pullagent_diagnosis::report::Format;

use super::standpoint::StandpointArguments;
use super::{FailOn, parse_timeout};

/// Run the configured checks once: can the images be pulled here, do the registries answer
///
/// What is checked stands in the settings, under `checks.images` and `checks.registries`. An image is looked up with its
/// pull secret as the kubelet would, down to the host of its layers, of which no byte is fetched where the host tells of
/// them without. A registry is reached as the runtime reaches it, with its mirrors and its token service; no login is sent
/// to it, and that it wants one is as it should be. Nothing is pulled.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status:
  0  all checks pass                 1  a check fails
  2  wrong usage, or own trouble     3  it could not be told

Examples:
  pullagent check
  pullagent check --fail-on degraded -o short
  pullagent check --explain-cost 500                   what 500 nodes would ask of each registry")]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    pub(crate) standpoint: StandpointArguments,

    /// How long one check may take
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_timeout)]
    pub(crate) timeout: Duration,

    /// Check nothing: show how many requests a day so many nodes would make, and why
    #[arg(long, value_name = "NODES", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) explain_cost: Option<u32>,

    /// Exit with 1 for a verdict that is no failure too
    #[arg(long, value_name = "VERDICT")]
    pub(crate) fail_on: Option<FailOn>,

    /// Show every hop, address and certificate of what does not pass
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    /// How to report; the cost is shown as text or json
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: CheckFormat,
}

/// The forms of the results of checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// A line a check, then the whole report of each that does not pass
    Text,
    /// A line a check: name, verdict, code and host, separated by tabs
    Short,
    /// One line of JSON a check, as `probe` prints it
    Json,
    /// For pasting into an issue or a chat
    Markdown,
}

impl From<CheckFormat> for Format {
    fn from(format: CheckFormat) -> Self {
        match format {
            CheckFormat::Text => Self::Text,
            CheckFormat::Short => Self::Short,
            CheckFormat::Json => Self::Json,
            CheckFormat::Markdown => Self::Markdown,
        }
    }
}

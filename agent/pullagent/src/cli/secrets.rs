//! The command line of `pullagent secrets`.

use clap::{ArgAction, Args, ValueEnum};

use super::FailOnNode;
use super::kube::KubeArguments;
use super::standpoint::StandpointArguments;

/// Show every pull secret of a namespace: whether it is there, whether it can be read, and which images it serves
///
/// Looks at what pods and service accounts refer to, matches each key as the kubelet does, and names the key that was
/// meant for an image without a login. No registry is asked, and no password is shown.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status:
  0  shown                           1  with --fail-on: there is a warning, or worse
  2  wrong usage, or own trouble

Examples:
  pullagent secrets -n prod
  pullagent secrets -n prod --fail-on warning
  pullagent secrets -n prod -o json | jq '.secrets[] | select(.state != \"usable\").name'")]
pub(crate) struct SecretsArguments {
    #[command(flatten)]
    pub(crate) kube: KubeArguments,

    #[command(flatten)]
    pub(crate) standpoint: StandpointArguments,

    /// Exit with 1 if anything fails pulls or does not do what it is for
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<FailOnNode>,

    /// Show every row
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    /// How to report
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: SecretsFormat,
}

/// The forms of a namespace's pull secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SecretsFormat {
    /// The screen for a person
    Text,
    /// A line a secret: namespace, name, state, hosts, images, pods; separated by tabs
    Short,
    /// One line of JSON
    Json,
}

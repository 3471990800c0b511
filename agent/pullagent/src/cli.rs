//! The command line: every command, flag and word of help.

pub(crate) mod check;
pub(crate) mod duration;
pub(crate) mod fleet;
pub(crate) mod generated;
pub(crate) mod health;
pub(crate) mod kube;
pub(crate) mod run;
pub(crate) mod secrets;
pub(crate) mod standpoint;
pub(crate) mod why;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use pullagent_diagnosis::platform::Platform;
use pullagent_diagnosis::report::Format;
use pullagent_diagnosis::reproduction::Policy;

use check::CheckArguments;
use fleet::FleetArguments;
use generated::{CompletionsArguments, ManArguments};
use health::HealthArguments;
use run::RunArguments;
use secrets::SecretsArguments;
use standpoint::StandpointArguments;
use why::WhyArguments;

/// Find out on the node why a container image cannot be pulled
///
/// Examines every hop of a pull from this node, as its container runtime would make it, and names one cause with the
/// evidence, the fix and who owns it.
#[derive(Debug, Parser)]
#[command(version = env!("PULLAGENT_VERSION"), max_term_width = 100, propagate_version = true, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Probe(Box<ProbeArguments>),
    Why(Box<WhyArguments>),
    Check(CheckArguments),
    Node(NodeArguments),
    Secrets(SecretsArguments),
    Fleet(Box<FleetArguments>),
    Explain(ExplainArguments),
    Run(RunArguments),
    Health(HealthArguments),
    Completions(CompletionsArguments),
    Man(ManArguments),
}

/// Find out whether IMAGE can be pulled on this node; if not, the one cause and the fix
///
/// Resolves the names, connects, shakes hands, asks the registry, its token service and its storage, and compares the
/// image with this node's platform, as the runtime of this node would. Then it asks the runtime itself to pull, where
/// that costs next to nothing, removes again what that brought, and says whether both agree.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status:
  0  every image can be pulled       1  a pull would fail
  2  wrong usage, or own trouble     3  it could not be told

Examples:
  pullagent probe registry.corp.io/team/api:1.4.2
  pullagent probe --secret regcred.json -o json registry.corp.io/team/api:1.4.2
  pass registry | pullagent probe --username ci --password-stdin registry.corp.io/team/api:1.4.2
  pullagent probe --pull always --timeout 2m registry.corp.io/team/api:1.4.2
  pullagent probe --list-hosts docker.io/library/nginx     what a firewall has to let through")]
pub(crate) struct ProbeArguments {
    /// The images, as a pod would name them
    #[arg(required = true, value_name = "IMAGE")]
    pub(crate) images: Vec<String>,

    /// Offer the logins of a dockerconfigjson file; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) secret: Vec<PathBuf>,

    /// Offer what this pod's kubelet offers: its pull secrets, read from the API server
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = parse_pod_of_namespace, conflicts_with = "anonymous")]
    pub(crate) pod: Option<(String, String)>,

    /// Offer this login; its password is read with --password-stdin
    #[arg(long, value_name = "USER", requires = "password_stdin")]
    pub(crate) username: Option<String>,

    /// Read the password of --username from standard input
    #[arg(long, requires = "username")]
    pub(crate) password_stdin: bool,

    /// Offer no login, whatever the node has
    #[arg(long, conflicts_with_all = ["secret", "username"])]
    pub(crate) anonymous: bool,

    /// Pull for another platform than this node's
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub(crate) platform: Option<Platform>,

    /// Whether the runtime itself is asked to pull; auto does so when it costs next to nothing
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(crate) pull: Pull,

    /// How long one image may take, the runtime's own pull included
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_timeout)]
    pub(crate) timeout: Duration,

    #[command(flatten)]
    pub(crate) standpoint: StandpointArguments,

    /// Print only the hosts that were met: `host:port`, role and way, separated by tabs
    #[arg(long)]
    pub(crate) list_hosts: bool,

    /// Exit with 1 for a verdict that is no failure too
    #[arg(long, value_name = "VERDICT")]
    pub(crate) fail_on: Option<FailOn>,

    /// Show every hop, address and certificate
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    /// How to report: text, short, json, markdown or ticket
    #[arg(short, long, value_name = "FORMAT", default_value_t = Format::Text)]
    pub(crate) output: Format,
}

/// When the runtime is asked to pull.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pull {
    /// When it costs next to nothing: little or nothing is missing, or the examination failed before any layer
    Auto,
    /// Whatever it costs
    Always,
    /// Not at all
    Never,
}

impl From<Pull> for Policy {
    fn from(pull: Pull) -> Self {
        match pull {
            Pull::Auto => Self::Auto,
            Pull::Always => Self::Always,
            Pull::Never => Self::Never,
        }
    }
}

/// What counts as a failure besides a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// Pulls that work less well than they should
    Degraded,
}

/// Explain a pasted text, or a cause code: what it means and what to do, offline
///
/// Finds the failed pulls in events, logs, `kubectl describe`, YAML or JSON, and names for each the one cause, the host
/// and the fix. Nothing is asked and nothing is sent.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status:
  0  explained                       2  wrong usage, or own trouble
  3  no failed pull was found, or none whose cause the text tells

Examples:
  pullagent explain TagNotFound
  pullagent explain 'Failed to pull image \"nginx:9.99\": manifest unknown'
  kubectl describe pod web-0 | pullagent explain
  pullagent explain -f job.log -o json")]
pub(crate) struct ExplainArguments {
    /// A text, a code or the reason of an event; `-` or nothing reads standard input
    #[arg(value_name = "TEXT|CODE")]
    pub(crate) text: Vec<OsString>,

    /// Read the text from a file
    #[arg(short, long, value_name = "FILE", conflicts_with = "text")]
    pub(crate) file: Option<PathBuf>,

    /// How to report: text, short or json; the page of a code is always text
    #[arg(short, long, value_name = "FORMAT", default_value_t = Format::Text)]
    pub(crate) output: Format,
}

/// Show this node's pull configuration as its container runtime sees it, and what in it does nothing
///
/// Which files the runtime reads and what each sets, where every registry is asked and which way, the proxies and
/// certificates of its own process, name servers, and the kubelet's settings for images. Then what is ignored, invalid,
/// or otherwise in the files than in the running process. Nothing is contacted but the runtime's own socket.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status:
  0  shown                           1  with --fail-on: there is a warning, or worse
  2  wrong usage, or own trouble

Examples:
  pullagent node
  pullagent node --host registry.corp.io:5000        whom a pull from it would ask
  pullagent node -o json > node-1.json               on a node that works
  pullagent node --diff node-1.json                  on one that does not")]
pub(crate) struct NodeArguments {
    /// Show only where one registry is asked, which way and how
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Option<String>,

    /// Show only what differs from another node, whose JSON is in this file
    #[arg(long, value_name = "FILE", conflicts_with = "host")]
    pub(crate) diff: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) standpoint: StandpointArguments,

    /// Exit with 1 if anything is ignored, invalid or has come apart
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<FailOnNode>,

    /// Show every row
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    /// How to report
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: NodeFormat,
}

/// From which severity on a finding fails the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOnNode {
    /// A warning or worse
    Warning,
}

/// The forms of a node's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum NodeFormat {
    /// The screen for a person
    Text,
    /// One line of JSON
    Json,
}

/// How long one image may take.
pub(super) fn parse_timeout(text: &str) -> Result<Duration, String> {
    duration::parse_duration(text, Duration::from_millis(1), Duration::from_mins(10))
}

/// A pod as `NAMESPACE/NAME`.
fn parse_pod_of_namespace(text: &str) -> Result<(String, String), String> {
    let is_name =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
    let (namespace, name) = text.split_once('/').unwrap_or_default();
    if is_name(namespace) && is_name(name) {
        return Ok((namespace.to_owned(), name.to_owned()));
    }
    Err("write it as NAMESPACE/NAME".to_owned())
}

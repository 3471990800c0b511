//! The command line of `run`.

use clap::{Args, ValueEnum};
use tracing::level_filters::LevelFilter;

use super::standpoint::StandpointArguments;
use crate::service::LogFormat;

/// Watch this node's pods and say in their events why an image cannot be pulled; run its checks
///
/// Runs until it is told to stop. When a pull has settled into failure it is examined from this node, once for all pods
/// that ask the same, and the cause, the fix and who owns it are written to the pod's events. Beside that it checks what
/// the settings list and what the node's pods use, and tells the fleet in a summary how the node stands. What it knows is
/// shown on its socket, and counted in its metrics.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status:
  0  told to stop, or with --check-config: the settings are in order
  2  wrong usage, or own trouble     130  interrupted

Signals:
  SIGTERM, SIGINT  end within 5 s
  SIGHUP           read the settings again; what cannot be read is told of, and the old ones stay

Examples:
  pullagent run --check-config
  pullagent run --config /etc/pullagent/config.yaml --log-format json")]
pub(crate) struct RunArguments {
    /// Only read the settings, and say what is wrong with them
    #[arg(long)]
    pub(crate) check_config: bool,

    #[command(flatten)]
    pub(crate) standpoint: StandpointArguments,

    /// How the log is written
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,

    /// How much is logged; the variable `RUST_LOG` may ask for more of single modules
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub(crate) log_level: LogLevel,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    /// What needs somebody
    Error,
    /// What somebody should know
    Warn,
    /// What the daemon does as a whole
    Info,
    /// Each examination
    Debug,
    /// Everything that can be told without a secret
    Trace,
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}

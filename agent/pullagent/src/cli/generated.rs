//! The command lines of `completions` and `man`, which are made from all the others.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

/// Print a script with which a shell completes pullagent's command line
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pullagent completions bash > /usr/share/bash-completion/completions/pullagent
  pullagent completions zsh > /usr/share/zsh/vendor-completions/_pullagent
  pullagent completions fish > /usr/share/fish/vendor_completions.d/pullagent.fish")]
pub(crate) struct CompletionsArguments {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

/// Print the manual page of pullagent, or write the pages of all commands into a folder
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pullagent man | man -l -
  pullagent man /usr/local/share/man/man1")]
pub(crate) struct ManArguments {
    /// The folder, which has to be there; each page is a file named pullagent-COMMAND.1
    #[arg(value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
}

//! `pullagent completions`: the command line as a shell's script. It looks at nothing.

use clap::CommandFactory as _;

use crate::cli::Cli;
use crate::cli::generated::CompletionsArguments;
use crate::terminal;

/// Prints the script.
pub(crate) fn run(arguments: &CompletionsArguments) -> anyhow::Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "pullagent", &mut script);
    terminal::print(&String::from_utf8(script)?)?;
    Ok(0)
}

//! The pullagent command: reads the command line, runs one command, and ends with its exit status.

mod agent_client;
mod agent_service;
mod checks;
mod cli;
mod command;
mod daemon;
mod episodes;
mod examination;
#[cfg(test)]
mod fixtures;
mod fleet_page;
mod hardening;
mod http;
mod inquiry;
mod kube;
mod memory;
mod metrics;
mod page;
mod schedule;
mod service;
mod settings;
mod socket;
mod standpoint;
mod summary;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use command::run as run_command;
use command::{check, completions, explain, fleet, health, man, node, probe, secrets, why};

/// The tool itself failed, or was called wrongly.
const TROUBLE: u8 = 2;
/// Interrupted by a person.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    // Every command may meet a password: in a secret, in the environment of a proxy, in a pasted text.
    if let Err(error) = hardening::harden() {
        terminal::complain(&format!("{error:#}"));
    }
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&anyhow::Error::from(error).context("cannot start the event loop")),
    };
    let code = runtime.block_on(async {
        match cli.command {
            // It ends in its own time, whatever the signal.
            Command::Run(arguments) => Box::pin(run_command::run(arguments)).await,
            other => tokio::select! {
                code = run(other) => code,
                _ = tokio::signal::ctrl_c() => Ok(INTERRUPTED),
            },
        }
    });
    // A look-up of the system that never returns must not hold the exit.
    runtime.shutdown_background();
    code.map_or_else(|error| fail(&error), ExitCode::from)
}

async fn run(command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Probe(arguments) => probe::run(*arguments).await,
        Command::Check(arguments) => check::run(&arguments).await,
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Node(arguments) => node::run(&arguments).await,
        Command::Why(arguments) => Box::pin(why::run(*arguments)).await,
        Command::Run(arguments) => run_command::run(arguments).await,
        Command::Health(arguments) => health::run(&arguments).await,
        Command::Fleet(arguments) => fleet::run(&arguments).await,
        Command::Secrets(arguments) => secrets::run(&arguments).await,
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    terminal::complain(&format!("{error:#}"));
    ExitCode::from(TROUBLE)
}

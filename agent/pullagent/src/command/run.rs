//! `pullagent run`: puts the daemon together, and lets it run.

use std::sync::Arc;

use anyhow::Context;
use tokio::sync::watch;
use tracing::{error, info};

use crate::INTERRUPTED;
use crate::agent_service::AgentService;
use crate::cli::run::RunArguments;
use crate::cli::standpoint::StandpointArguments;
use crate::daemon::{Daemon, Desk, Ended, keep_looking, open_once_it_can_be, serve};
use crate::http::{Readiness, Served};
use crate::memory::Memory;
use crate::metrics::{Build, Metrics};
use crate::service::{Signals, Supervisor, start_log};
use crate::settings::Settings;
use crate::summary::keep_summary;
use crate::terminal;

/// Runs until it is asked to stop.
pub(crate) async fn run(arguments: RunArguments) -> anyhow::Result<u8> {
    let settings = Arc::new(Settings::of_command(&arguments.standpoint)?);
    if arguments.check_config {
        terminal::print("the settings are in order\n")?;
        return Ok(0);
    }
    let wish = std::env::var("RUST_LOG").ok();
    start_log(arguments.log_format, arguments.log_level.into(), wish.as_deref()).context("cannot write a log")?;
    let signals = Signals::listen().context("cannot listen for signals")?;
    let supervisor = Supervisor::from_environment();
    let memory = Memory::default();
    let build = Build { version: env!("CARGO_PKG_VERSION"), revision: env!("PULLAGENT_REVISION") };
    let metrics = Metrics::new(build, memory.clone());
    metrics.reloaded(true);
    let served = Served { memory, metrics, readiness: Readiness::default() };

    // Everything that follows the settings has an end of `told`, everything that asks the API server one of `cluster`.
    let (tell, told) = watch::channel(settings.clone());
    let (opened, cluster) = watch::channel(None);
    let (seen, looks) = watch::channel(None);
    let (stop, stopped) = watch::channel(false);
    let (desk, asks) = Desk::new();
    let daemon = Daemon::new(settings.clone(), cluster.clone(), asks, looks.clone(), served.clone());
    let agent = AgentService::new(told.clone(), cluster.clone(), served.memory.clone(), desk);
    let mut beside = serve(&settings, &served, agent, &stopped).await;
    beside.spawn(keep_looking(told.clone(), served.metrics.clone(), seen));
    beside.spawn(keep_summary(told.clone(), cluster, looks, served.memory.clone()));
    beside.spawn(open_once_it_can_be(told, served.readiness.clone(), opened));
    info!(node = settings.node.name, version = env!("CARGO_PKG_VERSION"), "started");
    let ended = daemon.run(signals, supervisor, || read_again(&arguments.standpoint, &tell)).await;
    // Nobody is left to hear of it if that fails.
    let _ = stop.send(true);
    beside.shutdown().await;
    Ok(if ended == Ended::Interrupted { INTERRUPTED } else { 0 })
}

/// Reads the settings again, and tells everybody who follows them; nothing where they are not in order.
fn read_again(standpoint: &StandpointArguments, tell: &watch::Sender<Arc<Settings>>) -> Option<Arc<Settings>> {
    match Settings::of_command(standpoint) {
        Ok(settings) => {
            let settings = Arc::new(settings);
            tell.send_replace(settings.clone());
            info!("the settings were read again; addresses, socket and identity change with a restart");
            Some(settings)
        }
        Err(error) => {
            error!("{error}; the old settings stay");
            None
        }
    }
}

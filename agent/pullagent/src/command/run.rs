//! `pullagent run`: sets up what the daemon needs, and lets it run.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use pullagent_diagnosis::pull_configuration::pull_configuration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::level_filters::LevelFilter;
use tracing::{error, info, warn};

use crate::INTERRUPTED;
use crate::agent_service::AgentService;
use crate::cli::run::{LogLevel, RunArguments};
use crate::daemon::{Daemon, Ended};
use crate::http::{Bounds, Readiness, Served, Settings as Http, keep_serving, on_socket};
use crate::kube::{Asked, Cluster, Connection, PodChange, Watch, open_as, watch_pods};
use crate::memory::Memory;
use crate::metrics::{Build, Metrics};
use crate::service::{Signals, Supervisor, start_log};
use crate::settings::{IdentityChoice, Settings};
use crate::socket::Socket;
use crate::standpoint::{self, Wanted};
use crate::terminal;

/// The time between two looks at the node's pull configuration.
const LINT: Duration = Duration::from_hours(1);
/// What is not ready before the pods are listed.
const PODS: &str = "the pods of this node";

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
    let build = Build { version: env!("CARGO_PKG_VERSION"), revision: option_env!("PULLAGENT_REVISION").unwrap_or("") };
    let metrics = Metrics::new(build, memory.clone());
    metrics.reloaded(true);
    let served = Served { memory, metrics, readiness: Readiness::default() };
    let (stop, stopped) = watch::channel(false);
    let cluster = open(&settings).await;
    let agent = AgentService::new(settings.clone(), cluster.clone(), served.memory.clone());
    let mut servers = serve(&settings, &served, agent, &stopped).await;
    servers.spawn(lint(settings.clone(), served.clone()));
    let pods = match &cluster {
        Some(cluster) if settings.watch.pods => Some(watched(cluster, &settings, &served, &mut servers)),
        Some(_) => {
            info!("watch.pods is off: no pod is watched");
            None
        }
        None => {
            if settings.kubernetes.identity != IdentityChoice::None {
                served
                    .readiness
                    .wait_for(PODS, "the API server is not asked; the log says why, and a restart tries again");
            }
            None
        }
    };
    let standpoint = arguments.standpoint.clone();
    let reload = move || match Settings::of_command(&standpoint) {
        Ok(settings) => {
            info!("the settings were read again; addresses, socket and identity change with a restart");
            Some(Arc::new(settings))
        }
        Err(error) => {
            error!("{error}; the old settings stay");
            None
        }
    };
    info!(node = settings.node.name, version = env!("CARGO_PKG_VERSION"), "started");
    let ended = Daemon::new(settings, cluster, served).run(pods, signals, supervisor, reload).await;
    // Nobody is left to hear of it if that fails.
    let _ = stop.send(true);
    servers.shutdown().await;
    Ok(if ended == Ended::Interrupted { INTERRUPTED } else { 0 })
}

/// Serves at every place that the settings name. One that cannot be had is told of, and the daemon goes on without.
async fn serve(
    settings: &Settings,
    served: &Served,
    agent: AgentService,
    stopped: &watch::Receiver<bool>,
) -> JoinSet<()> {
    let mut servers = JoinSet::new();
    let http = Http { listen: settings.http.listen, reports: settings.http.reports, metrics: settings.metrics.listen };
    let stop = || {
        let mut stopped = stopped.clone();
        async move { drop(stopped.wait_for(|stopped| *stopped).await) }
    };
    if http.reports_withheld() {
        warn!("http.reports is for a loopback address; nothing but health and metrics is served elsewhere");
    }
    for place in http.places(served) {
        servers.spawn(keep_serving(place.address, place.router, Bounds::default(), stop()));
    }
    let socket = &settings.socket;
    let group = Some(socket.group.as_str()).filter(|group| !group.is_empty());
    let opened = match Socket::open(&socket.path, group).await {
        Err(crate::socket::SocketError::NoGroup(group)) => {
            warn!("there is no group `{group}`: only root may ask at {}", socket.path.display());
            Socket::open(&socket.path, None).await
        }
        opened => opened,
    };
    match opened {
        Ok(socket) => {
            servers.spawn(socket.serve(on_socket(served).merge(agent.router()), stop()));
        }
        Err(error) => warn!("no socket: {error}"),
    }
    servers
}

/// Looks again and again at what is said of the node's pull configuration.
async fn lint(settings: Arc<Settings>, served: Served) {
    loop {
        match standpoint::look(&settings, Wanted::Configuration(None)).await {
            Ok(here) => {
                let configuration = pull_configuration(&here.node, None);
                served.metrics.linted(configuration.findings.iter().map(|finding| finding.code));
            }
            Err(error) => warn!(error = format!("{error:#}"), "cannot look at the node's configuration"),
        }
        tokio::time::sleep(LINT).await;
    }
}

/// The API server, if there is somebody to ask as.
async fn open(settings: &Settings) -> Option<Arc<Cluster>> {
    let asked = Asked { choice: settings.kubernetes.identity, ..Asked::default() };
    match open_as(asked, settings).await {
        Ok(cluster) => {
            for note in &cluster.identity().notes {
                warn!("{}: {}", note.what, note.why);
            }
            info!(identity = cluster.identity().name, "asking the API server");
            Some(Arc::new(cluster))
        }
        Err(error) => {
            warn!("no pod is watched: {error:#}");
            None
        }
    }
}

/// Begins to watch. Whether the API server tells what happens is counted, and part of being ready.
fn watched(cluster: &Arc<Cluster>, settings: &Settings, served: &Served, beside: &mut JoinSet<()>) -> Watch<PodChange> {
    let node = &settings.node.name;
    let pods = watch_pods(cluster.clone(), node);
    let (mut connection, served) = (pods.connection(), served.clone());
    beside.spawn(async move {
        loop {
            let now = connection.borrow_and_update().clone();
            served.metrics.connected(now == Connection::Connected);
            match now {
                Connection::Connecting => served.readiness.wait_for(PODS, "they are not listed yet"),
                Connection::Connected => served.readiness.is_there(PODS),
                Connection::Lost { why } => served.readiness.wait_for(PODS, &why),
            }
            if connection.changed().await.is_err() {
                return;
            }
        }
    });
    pods
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

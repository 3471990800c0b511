//! Everything that the daemon serves, at every place that the settings name.

use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::warn;

use crate::agent_service::AgentService;
use crate::http::{Bounds, Served, Settings as Http, keep_serving, on_socket};
use crate::settings::Settings;
use crate::socket::{Socket, SocketError};

/// Begins to serve, until `stopped` is true. A place that cannot be had is told of, and the daemon goes on without.
pub(crate) async fn serve(
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
    match open(settings).await {
        Ok(socket) => {
            servers.spawn(socket.serve(on_socket(served).merge(agent.router()), stop()));
        }
        Err(error) => warn!("no socket: {error}"),
    }
    servers
}

/// The socket. Without the group that the settings name it is root's alone.
async fn open(settings: &Settings) -> Result<Socket, SocketError> {
    let path = &settings.socket.path;
    let group = Some(settings.socket.group.as_str()).filter(|group| !group.is_empty());
    match Socket::open(path, group).await {
        Err(SocketError::NoGroup(group)) => {
            warn!("there is no group `{group}`: only root may ask at {}", path.display());
            Socket::open(path, None).await
        }
        opened => opened,
    }
}

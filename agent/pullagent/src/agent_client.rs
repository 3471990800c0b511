//! The node's agent, asked by a person who may not open the runtime's socket. Sends the caller's own logins only, and only
//! to an agent of root or of the caller himself.

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use pullagent_diagnosis::case::{Case, GivenCredential};
use pullagent_diagnosis::diagnosis::{Diagnosis, SCHEMA};
use pullagent_diagnosis::not_checked::NotChecked;
use pullagent_diagnosis::runtime::RuntimeAnswer;
use pullagent_diagnosis::text::clean;
use pullagent_proto::v1::agent_client::AgentClient as Client;
use pullagent_proto::v1::credential::Kind;
use pullagent_proto::v1::probe_update::Update;
use pullagent_proto::v1::{Credential, DockerConfig, Login, ProbeRequest, ProbeUpdate, Pull};
use tokio::net::UnixStream;
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Status, Streaming};

use crate::settings::Socket;
use crate::standpoint::Here;

/// How long the agent may take to accept.
const CONNECT: Duration = Duration::from_secs(2);
/// How much longer than the examination its answer may take.
const GRACE: Duration = Duration::from_secs(5);
/// Bytes of one report.
const MAX_REPORT: usize = 4 << 20;
/// What is missing where the agent does not answer.
const WHAT: &str = "what only root or this node's agent sees";

/// Whether the runtime is there and its socket is closed to this process.
pub(crate) async fn is_shut_out(here: &Here) -> bool {
    let answer = here.node.runtime.as_ref().map(|runtime| &runtime.answer);
    let (Some(RuntimeAnswer::NotAsked { .. }), Some(socket)) = (answer, &here.socket) else { return false };
    let refused = |result: io::Result<UnixStream>| result.is_err_and(|e| e.kind() == io::ErrorKind::PermissionDenied);
    timeout(CONNECT, UnixStream::connect(socket)).await.is_ok_and(refused)
}

/// A connection to the node's agent.
#[derive(Clone, Debug)]
pub(crate) struct AgentClient(Client<Channel>);

/// Why the agent did not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    /// There is none.
    #[error("no agent answers at {}; with `sudo` it is seen without one", .0.display())]
    Absent(PathBuf),
    /// Its socket is closed to this user.
    #[error("the agent at {} answers root and the group `{group}`: `sudo usermod -aG {group} $USER`, then log in again", path.display())]
    NotLetIn {
        /// The agent's socket.
        path: PathBuf,
        /// Who is let in.
        group: String,
    },
    /// Another user listens there, who is told nothing.
    #[error("what answers at {} is no agent of root's", .0.display())]
    Stranger(PathBuf),
    /// It refused, or its answer is of no use.
    #[error("the agent does not answer: {0}")]
    Refused(String),
}

impl Unanswered {
    /// As a row of a report.
    pub(crate) fn note(&self) -> NotChecked {
        NotChecked::new(WHAT, self.to_string())
    }
}

impl From<Status> for Unanswered {
    fn from(status: Status) -> Self {
        let words = clean(status.message(), 200);
        Self::Refused(if words.is_empty() { format!("{:?}", status.code()) } else { words })
    }
}

impl AgentClient {
    /// Connects to the agent at the socket of the settings.
    pub(crate) async fn connect(socket: &Socket) -> Result<Self, Unanswered> {
        let path = socket.path.as_path();
        let stream = match timeout(CONNECT, UnixStream::connect(path)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(Unanswered::NotLetIn { path: path.to_owned(), group: socket.group.clone() });
            }
            Ok(Err(_)) | Err(_) => return Err(Unanswered::Absent(path.to_owned())),
        };
        let is_trusted = |uid: u32| uid == 0 || uid == nix::unistd::geteuid().as_raw();
        if !stream.peer_cred().is_ok_and(|peer| is_trusted(peer.uid())) {
            return Err(Unanswered::Stranger(path.to_owned()));
        }
        let channel = timeout(CONNECT, channel(path, stream)).await;
        let channel = channel.ok().and_then(Result::ok).ok_or_else(|| Unanswered::Absent(path.to_owned()))?;
        Ok(Self(Client::new(channel).max_decoding_message_size(MAX_REPORT)))
    }

    /// Lets the agent examine a case without a pod for at most `time`; `show` is told how far it is. Dropping the future
    /// ends the examination.
    pub(crate) async fn probe(
        &self,
        case: &Case,
        pull: Pull,
        time: Duration,
        show: impl Fn(&str),
    ) -> Result<Diagnosis, Unanswered> {
        let request = request(case, pull, time);
        let answer = async {
            let mut updates = self.0.clone().probe(request).await?.into_inner();
            report(&mut updates, show).await
        };
        // The future of one of tonic's calls takes twenty kilobytes.
        timeout(time + GRACE, Box::pin(answer))
            .await
            .unwrap_or_else(|_| Err(Unanswered::Refused("it did not come to an end in time".to_owned())))
    }
}

async fn channel(path: &Path, stream: UnixStream) -> Result<Channel, tonic::transport::Error> {
    let once = Mutex::new(Some(stream));
    let connector = tower::service_fn(move |_: Uri| {
        let stream = once.lock().ok().and_then(|mut stream| stream.take());
        std::future::ready(stream.map(TokioIo::new).ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected)))
    });
    tracing::debug!(path = %path.display(), "asking the agent");
    Endpoint::from_static("http://localhost").connect_with_connector(connector).await
}

/// The report at the end of the updates.
async fn report(updates: &mut Streaming<ProbeUpdate>, show: impl Fn(&str)) -> Result<Diagnosis, Unanswered> {
    while let Some(update) = updates.message().await? {
        match update.update {
            Some(Update::Progress(progress)) => show(&clean(&progress.text, 200)),
            Some(Update::ReportJson(json)) => {
                let report: Option<Diagnosis> = serde_json::from_str(&json).ok();
                let unknown = || Unanswered::Refused("its report is of another version".to_owned());
                return report.filter(|report| report.schema == SCHEMA).ok_or_else(unknown);
            }
            None => {}
        }
    }
    Err(Unanswered::Refused("it ended without a report".to_owned()))
}

fn request(case: &Case, pull: Pull, time: Duration) -> ProbeRequest {
    ProbeRequest {
        image: case.image.clone(),
        platform: case.platform.as_ref().map(ToString::to_string),
        timeout_ms: u32::try_from(time.as_millis()).unwrap_or(u32::MAX),
        pull: pull.into(),
        credentials: case.credentials.iter().filter_map(credential).collect(),
        anonymous: case.anonymous,
    }
}

/// A login of the command line; nothing else is the caller's to send.
fn credential(given: &GivenCredential) -> Option<Credential> {
    let (source, kind) = match given {
        GivenCredential::Login { source, user, password } => {
            (source, Kind::Login(Login { user: user.clone(), password: password.expose().clone() }))
        }
        GivenCredential::DockerConfig { source, text } => {
            (source, Kind::DockerConfig(DockerConfig { text: text.expose().clone() }))
        }
        GivenCredential::Secret(_) | GivenCredential::NodeFile { .. } | GivenCredential::Plugin { .. } => return None,
    };
    Some(Credential { source: source.clone(), kind: Some(kind) })
}

//! Which socket is the runtime's: the one that is named, else the one that the kubelet or crictl names, else the first
//! usual place that answers. Asks each for its version and nothing more.

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::join_all;
use pullagent_diagnosis::runtime::{RuntimeAnswer, SocketFailure};
use pullagent_diagnosis::text::clean;
use thiserror::Error;

use super::client::{Client, within};
use super::failure::{CallFailure, without_connection, without_version};
use super::kubelet::{named_by_crictl, named_by_kubelet};
use crate::host_root::below;

/// The time that a runtime has for telling its version.
const PATIENCE: Duration = Duration::from_secs(2);
/// Docker's own socket: its containerd, at the usual place, offers no CRI.
const DOCKER: &str = "run/docker.sock";
/// Where runtimes put their sockets.
const USUAL: [&str; 8] = [
    "run/containerd/containerd.sock",
    "run/crio/crio.sock",
    "var/run/crio/crio.sock",
    "run/cri-dockerd.sock",
    "var/run/cri-dockerd.sock",
    "run/k3s/containerd/containerd.sock",
    "run/k0s/containerd.sock",
    "var/snap/microk8s/common/run/containerd.sock",
];

/// A runtime's socket, and what came of asking there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The socket as a URL; a path on the node, unless it was named to [`find`].
    pub endpoint: String,
    /// The socket as this process sees it.
    pub socket: PathBuf,
    /// Who names it, for a person; `None` for a usual place.
    pub named_by: Option<String>,
    /// Its version, or why there is none.
    pub answer: RuntimeAnswer,
}

/// An endpoint that is no path of a unix socket.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{given}` is no endpoint of a runtime: {why}")]
pub struct EndpointError {
    given: String,
    why: &'static str,
}

/// Finds the runtime of the node whose file tree is at `host_root`; `None` if there is no socket at all.
///
/// `named` is an endpoint as this process sees it, by URL or path. Without it the running kubelet decides; without one
/// that can be looked at, crictl's configuration and the usual places are tried, and the first that answers is the
/// runtime. Errors: `named` is no unix socket.
pub async fn find(host_root: &Path, named: Option<&str>) -> Result<Option<Found>, EndpointError> {
    if let Some(named) = named {
        let socket = path_of(named)?;
        let answer = ask(&socket).await;
        let endpoint = url(&socket);
        return Ok(Some(Found { endpoint, socket, named_by: Some("`--runtime-endpoint`".to_owned()), answer }));
    }
    if let Some(naming) = named_by_kubelet(host_root) {
        return Ok(Some(ask_named(host_root, &naming.endpoint, naming.by).await));
    }
    let mut found = Vec::new();
    if let Some(naming) = named_by_crictl(host_root) {
        found.push(ask_named(host_root, &naming.endpoint, naming.by).await);
    }
    found.extend(ask_usual(host_root).await);
    // A configuration of crictl may be out of date; a runtime that answers is not.
    let answers = found.iter().position(|found| matches!(found.answer, RuntimeAnswer::Version(_)));
    Ok(found.into_iter().nth(answers.unwrap_or(0)))
}

/// The path that an endpoint means (`k8s.io/cri-client` `pkg/util/util_unix.go` `parseEndpoint`).
fn path_of(endpoint: &str) -> Result<PathBuf, EndpointError> {
    let error = |why| Err(EndpointError { given: clean(endpoint, 200), why });
    match endpoint.strip_prefix("unix:") {
        Some(rest) => match rest.strip_prefix("//").unwrap_or(rest) {
            path if path.starts_with('/') => Ok(PathBuf::from(path)),
            _ => error("after `unix://` stands an absolute path: unix:///run/containerd/containerd.sock"),
        },
        None if endpoint.starts_with('/') => Ok(PathBuf::from(endpoint)),
        None if endpoint.starts_with("tcp:") => error("the CRI is served on a unix socket, not over TCP"),
        None if endpoint.starts_with("npipe:") => error("named pipes are Windows'"),
        None => error("it is neither unix:///PATH nor an absolute path"),
    }
}

fn url(path: &Path) -> String {
    format!("unix://{}", path.display())
}

/// What is at an endpoint that somebody on the node names.
async fn ask_named(host_root: &Path, endpoint: &str, by: String) -> Found {
    let named_by = Some(by);
    let path = match path_of(endpoint) {
        Ok(path) => path,
        Err(error) => {
            let answer = RuntimeAnswer::NotAsked { why: error.to_string() };
            return Found { endpoint: clean(endpoint, 200), socket: PathBuf::new(), named_by, answer };
        }
    };
    let endpoint = url(&path);
    match below(host_root, &path) {
        Ok(socket) => Found { answer: ask(&socket).await, endpoint, socket, named_by },
        Err(error) => Found { answer: without_connection(&error), endpoint, socket: host_root.join(&path), named_by },
    }
}

/// What is at the usual places where something is, in their order.
async fn ask_usual(host_root: &Path) -> Vec<Found> {
    let mut sockets: Vec<(&str, PathBuf)> = Vec::new();
    let mut hidden = Vec::new();
    for place in USUAL {
        match below(host_root, Path::new(place)) {
            // `/var/run` is a link to `/run` nearly everywhere.
            Ok(socket) if sockets.iter().all(|(_, other)| *other != socket) => sockets.push((place, socket)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => hidden.push((place, error)),
            Ok(_) | Err(_) => {}
        }
    }
    let found =
        |place: &str, socket, answer| Found { endpoint: format!("unix:///{place}"), socket, named_by: None, answer };
    let answers = join_all(sockets.iter().map(|(_, socket)| ask(socket))).await;
    let beside_docker = below(host_root, Path::new(DOCKER)).is_ok();
    let is_dockers =
        |answer: &RuntimeAnswer| beside_docker && matches!(answer, RuntimeAnswer::Broken(SocketFailure::NoCri { .. }));
    let asked = sockets.into_iter().zip(answers).filter(|(_, answer)| !is_dockers(answer));
    let asked = asked.map(|((place, socket), answer)| found(place, socket, answer));
    let hidden = hidden.iter().map(|(place, error)| found(place, host_root.join(place), without_connection(error)));
    asked.chain(hidden).collect()
}

/// Who listens at a socket. Both services are asked, as the kubelet does when it starts (`k8s.io/cri-client`
/// `pkg/remote_runtime.go` and `remote_image.go` `validateServiceConnection`): one may be there without the other.
async fn ask(socket: &Path) -> RuntimeAnswer {
    if let Some(failure) = other_than_a_socket(socket) {
        return failure;
    }
    let by = within(PATIENCE);
    let client = match Client::connect(socket, by).await {
        Ok(client) => client,
        Err(error) => return without_connection(&error),
    };
    let version = match client.version(by).await {
        Ok(version) => version,
        Err(failure) => return without_version(failure),
    };
    match client.image_filesystem(by).await {
        Err(failure @ CallFailure::Refused { .. }) if is_unimplemented(&failure) => without_version(failure),
        // Whatever else it says to this question, it is there.
        _ => RuntimeAnswer::Version(version),
    }
}

fn is_unimplemented(failure: &CallFailure) -> bool {
    matches!(failure, CallFailure::Refused { status, .. } if status == "Unimplemented")
}

/// What is wrong with a file before it is connected to.
fn other_than_a_socket(path: &Path) -> Option<RuntimeAnswer> {
    let kind = match path.metadata() {
        Ok(metadata) => metadata.file_type(),
        Err(error) => return Some(without_connection(&error)),
    };
    let kind = match kind {
        kind if kind.is_socket() => return None,
        kind if kind.is_dir() => "a directory",
        kind if kind.is_file() => "a regular file",
        kind if kind.is_fifo() => "a FIFO",
        _ => "a device",
    };
    Some(RuntimeAnswer::Broken(SocketFailure::NotASocket { kind: kind.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(endpoint: &str, want: Result<&str, &str>) {
        let path = path_of(endpoint).map_err(|error| error.to_string());
        match want {
            Ok(want) => assert_eq!(path.as_deref(), Ok(Path::new(want))),
            Err(want) => assert!(path.as_ref().is_err_and(|error| error.contains(want)), "{endpoint}: {path:?}"),
        }
    }

    #[test]
    fn an_endpoint_is_the_path_of_a_unix_socket() {
        check("unix:///run/a.sock", Ok("/run/a.sock"));
        check("unix:/run/a.sock", Ok("/run/a.sock"));
        check("/run/a.sock", Ok("/run/a.sock"));
        check("unix://run/a.sock", Err("an absolute path"));
        check("tcp://127.0.0.1:1", Err("not over TCP"));
        check("npipe:////./pipe/x", Err("Windows"));
        check("run/a.sock", Err("`run/a.sock` is no endpoint of a runtime: it is neither"));
        check("", Err("neither"));
    }
}

//! The agent's unix socket: HTTP for people and tools, and the calls of other commands, on one path.
//!
//! Its mode and group decide who may ask at all. Whoever does is known by the kernel's word and not by its own.

use std::fs::{self, Permissions};
use std::future::Future;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use nix::unistd::{Gid, Group};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::ServiceExt as _;
use tracing::{debug, info};

/// Its owner and its group may ask.
const MODE: u32 = 0o660;
/// Connections at once; more wait to be accepted.
const MAX_CONNECTIONS: usize = 16;
/// Calls at once on one connection.
const MAX_CALLS: u32 = 16;
/// Until a request's head is there.
const HEAD: Duration = Duration::from_secs(10);
/// A connection altogether: the longest examination, and some more.
const CONNECTION: Duration = Duration::from_mins(15);
/// How long nothing is accepted after accepting failed.
const BREATH: Duration = Duration::from_millis(200);

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocketError {
    /// Another agent answers there.
    #[error("another agent answers at {0}")]
    Taken(PathBuf),
    /// What is there is no socket, and is left alone.
    #[error("{0} is there and is no socket")]
    NoSocket(PathBuf),
    /// The group cannot be looked up, or there is none of this name.
    #[error("there is no group `{0}`")]
    NoGroup(String),
    /// The system refuses.
    #[error("{}: {error}", path.display())]
    System {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// Who asks, by the kernel's word. Requests carry it as an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// The user.
    pub(crate) uid: u32,
    /// The group.
    pub(crate) gid: u32,
    /// The process, where it is in a namespace that is seen from here.
    pub(crate) pid: Option<i32>,
}

impl Peer {
    /// Whether it may see everything.
    pub(crate) const fn is_root(self) -> bool {
        self.uid == 0
    }
}

/// A socket that is listened at; its file goes with it.
#[derive(Debug)]
pub(crate) struct Socket {
    listener: UnixListener,
    path: PathBuf,
    inode: u64,
}

impl Socket {
    /// Listens at `path`, which only root and `group` may open; the process's own group where none is named. A socket
    /// that nobody answers on is replaced.
    pub(crate) async fn open(path: &Path, group: Option<&str>) -> Result<Self, SocketError> {
        let system = |error| SocketError::System { path: path.to_owned(), error };
        let gid = group.map(group_id).transpose()?;
        remove_stale(path).await?;
        // Between the two calls nobody but the owner may connect.
        let before = nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o177));
        let bound = UnixListener::bind(path);
        nix::sys::stat::umask(before);
        let listener = bound.map_err(system)?;
        if let Some(gid) = gid {
            std::os::unix::fs::chown(path, None, Some(gid.as_raw())).map_err(system)?;
        }
        fs::set_permissions(path, Permissions::from_mode(MODE)).map_err(system)?;
        let inode = fs::symlink_metadata(path).map_err(system)?.ino();
        info!(path = %path.display(), "listening");
        Ok(Self { listener, path: path.to_owned(), inode })
    }

    /// Serves `router` until `stop`; each request carries the [`Peer`] that asks.
    pub(crate) async fn serve(self, router: Router, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let accepted = async {
                let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
                Ok::<_, io::Error>((self.listener.accept().await?.0, place))
            };
            tokio::select! {
                () = &mut stop => return,
                accepted = accepted => match accepted {
                    Ok((stream, place)) => {
                        let router = router.clone();
                        connections.spawn(async move {
                            connection(stream, router).await;
                            drop(place);
                        });
                    }
                    Err(error) => {
                        debug!(%error, "cannot accept");
                        sleep(BREATH).await;
                    }
                },
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Another agent may have put its own there.
        if fs::symlink_metadata(&self.path).is_ok_and(|there| there.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

async fn connection(stream: UnixStream, router: Router) {
    let peer = match stream.peer_cred() {
        Ok(cred) => Peer { uid: cred.uid(), gid: cred.gid(), pid: cred.pid() },
        Err(error) => return debug!(%error, "nobody knows who asks"),
    };
    debug!(peer.uid, peer.gid, peer.pid, "asked");
    let service = service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        async move { router.oneshot(request).await }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(16 << 10).max_headers(64);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(MAX_CALLS).max_header_list_size(16 << 10);
    match timeout(CONNECTION, builder.serve_connection(TokioIo::new(stream), service)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "a connection ended"),
        Err(_) => debug!("a connection was open for too long"),
    }
}

fn group_id(name: &str) -> Result<Gid, SocketError> {
    let found = Group::from_name(name).ok().flatten();
    found.map(|group| group.gid).ok_or_else(|| SocketError::NoGroup(name.to_owned()))
}

/// Removes a socket that nobody answers on any more. Anything else at its place is left alone.
async fn remove_stale(path: &Path) -> Result<(), SocketError> {
    let system = |error| SocketError::System { path: path.to_owned(), error };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(system(error)),
        Ok(there) if !there.file_type().is_socket() => return Err(SocketError::NoSocket(path.to_owned())),
        Ok(_) => {}
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(system),
        Ok(_) => Err(SocketError::Taken(path.to_owned())),
        Err(error) => Err(system(error)),
    }
}

#[cfg(test)]
mod tests {
    use axum::Extension;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::oneshot;

    use super::*;

    fn router() -> Router {
        Router::new().route("/who", get(|Extension(peer): Extension<Peer>| async move { format!("{peer:?}") }))
    }

    async fn asked(path: &Path) -> String {
        let mut stream = UnixStream::connect(path).await.unwrap();
        stream.write_all(b"GET /who HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn whoever_asks_is_known_by_the_kernels_word() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.sock");
        let socket = Socket::open(&path, None).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(socket.serve(router(), async {
            let _ = stopped.await;
        }));
        let answer = asked(&path).await;
        let own = format!(
            "uid: {}, gid: {}, pid: Some({})",
            nix::unistd::getuid(),
            nix::unistd::getgid(),
            std::process::id()
        );
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains(&own), "{answer}");
        stop.send(()).unwrap();
        serving.await.unwrap();
        assert!(!path.exists(), "the file goes with the socket");
    }

    #[tokio::test]
    async fn a_socket_left_behind_is_replaced_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.sock");
        drop(UnixListener::bind(&path).unwrap());
        let first = Socket::open(&path, None).await.unwrap();
        assert!(matches!(Socket::open(&path, None).await, Err(SocketError::Taken(_))));
        drop(first);
        fs::write(&path, "a file").unwrap();
        assert!(matches!(Socket::open(&path, None).await, Err(SocketError::NoSocket(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "a file");
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("elsewhere", &path).unwrap();
        assert!(matches!(Socket::open(&path, None).await, Err(SocketError::NoSocket(_))));
    }

    #[tokio::test]
    async fn the_socket_of_a_successor_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.sock");
        let first = Socket::open(&path, None).await.unwrap();
        fs::rename(&path, folder.path().join("moved")).unwrap();
        let _second = Socket::open(&path, None).await.unwrap();
        drop(first);
        assert!(path.exists());
    }

    #[tokio::test]
    async fn a_group_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = Socket::open(&folder.path().join("s"), Some("no-such-group")).await.unwrap_err();
        assert_eq!(error.to_string(), "there is no group `no-such-group`");
    }
}

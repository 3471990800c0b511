//! A container runtime that speaks the CRI on a unix socket: it holds images, pulls as a test chooses, and notes what
//! it was asked. Peers that are no runtime are in `peer`.

mod peer;
mod service;

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::UnixListener;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};

pub use peer::{SocketPeer, start_peer};

/// A runtime that is not running yet.
#[derive(Debug, Clone)]
pub struct Cri {
    name: String,
    version: String,
    images: Vec<CriImage>,
    image_filesystem: Option<String>,
    used_by_containers: Vec<String>,
    pulls: VecDeque<PullBehaviour>,
    without: Vec<String>,
}

/// An image as the runtime lists it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CriImage {
    /// `sha256:…` of its configuration.
    pub id: String,
    /// Names with a tag.
    pub tags: Vec<String>,
    /// Names with a digest.
    pub digests: Vec<String>,
    /// Bytes.
    pub size: u64,
}

/// What comes of a pull.
#[derive(Debug, Clone)]
pub enum PullBehaviour {
    /// The image is there, with these names.
    Brings(CriImage),
    /// A gRPC status and its words; `{password}` stands for what was offered.
    Fails(u32, String),
    /// It never ends.
    Hangs,
    /// The runtime closes every connection and its socket.
    Dies,
    /// A file grows to so many bytes, a few at a time, without end of the pull: a download.
    Grows(std::path::PathBuf),
}

/// What a runtime was asked, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CriCall {
    /// Who it is.
    Version,
    /// What it holds under a name.
    ImageStatus(String),
    /// To pull an image as a user with a password, or as nobody.
    Pull(String, Option<(String, String)>),
    /// A pull was given up by its caller.
    Cancelled,
    /// To remove an image.
    Remove(String),
    /// Something else: the method's name.
    Other(String),
}

impl Default for Cri {
    /// containerd 1.7 without images, whose pulls fail.
    fn default() -> Self {
        Self {
            name: "containerd".to_owned(),
            version: "v1.7.24".to_owned(),
            images: Vec::new(),
            image_filesystem: None,
            used_by_containers: Vec::new(),
            pulls: VecDeque::new(),
            without: Vec::new(),
        }
    }
}

impl Cri {
    /// What it says that it is.
    #[must_use]
    pub fn version(mut self, name: &str, version: &str) -> Self {
        (self.name, self.version) = (name.to_owned(), version.to_owned());
        self
    }

    /// An image that it holds.
    #[must_use]
    pub fn image(mut self, image: CriImage) -> Self {
        self.images.push(image);
        self
    }

    /// Where it says that it keeps images.
    #[must_use]
    pub fn image_filesystem(mut self, path: &str) -> Self {
        self.image_filesystem = Some(path.to_owned());
        self
    }

    /// What a container calls its image.
    #[must_use]
    pub fn container_of(mut self, image: &str) -> Self {
        self.used_by_containers.push(image.to_owned());
        self
    }

    /// What comes of the next pull; the last one is repeated.
    #[must_use]
    pub fn pull(mut self, behaviour: PullBehaviour) -> Self {
        self.pulls.push_back(behaviour);
        self
    }

    /// A service (`runtime.v1.ImageService`) or method (`/runtime.v1.ImageService/ListImages`) that it does not know.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.without.push(name.to_owned());
        self
    }

    /// Listens at `path` until the handle is dropped. Errors: the socket cannot be made.
    pub fn start(self, path: &Path) -> io::Result<CriHandle> {
        let listener = UnixListener::bind(path)?;
        let state = Arc::new(State::new(self));
        let serving = Arc::clone(&state);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        let Ok((stream, _)) = accepted else { break };
                        let state = Arc::clone(&serving);
                        let answer = service_fn(move |request| service::answer(Arc::clone(&state), request));
                        let server = http2::Builder::new(TokioExecutor::new());
                        connections.spawn(server.serve_connection(TokioIo::new(stream), answer));
                    }
                    // What was spawned for a connection ends with it.
                    () = serving.died.notified() => break,
                }
            }
        });
        Ok(CriHandle { state, task: task.abort_handle() })
    }
}

/// A running runtime; dropping it closes its socket and every connection.
#[derive(Debug)]
#[must_use = "the runtime stops when its handle is dropped"]
pub struct CriHandle {
    state: Arc<State>,
    task: AbortHandle,
}

impl CriHandle {
    /// What it was asked so far.
    pub fn calls(&self) -> Vec<CriCall> {
        locked(&self.state.calls).clone()
    }

    /// What it holds now.
    pub fn images(&self) -> Vec<CriImage> {
        locked(&self.state.images).clone()
    }

    /// Waits until a pull was given up by its caller.
    pub async fn cancelled(&self) {
        self.state.cancelled.notified().await;
    }
}

impl Drop for CriHandle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a running runtime knows.
#[derive(Debug)]
struct State {
    told: Cri,
    images: Mutex<Vec<CriImage>>,
    pulls: Mutex<VecDeque<PullBehaviour>>,
    calls: Mutex<Vec<CriCall>>,
    cancelled: Notify,
    died: Notify,
}

impl State {
    fn new(told: Cri) -> Self {
        Self {
            images: Mutex::new(told.images.clone()),
            pulls: Mutex::new(told.pulls.clone()),
            calls: Mutex::default(),
            cancelled: Notify::new(),
            died: Notify::new(),
            told,
        }
    }

    fn note(&self, call: CriCall) {
        locked(&self.calls).push(call);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics while holding it")
}

//! A distribution-spec registry over TLS or plain HTTP, with its token service and blob storage, each breakable on
//! purpose. Images live in memory; nothing can be pushed.

mod accounts;
mod answer;
mod archive;
mod auth;
mod behaviour;
mod content;
mod image;
mod request;
mod wire;

use std::{
    io,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
};

use http::Request;
use hyper::{body::Incoming, server::conn, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

pub use self::{
    accounts::{Access, Accounts},
    archive::Compression,
    auth::{Auth, TokenService, Uncovered, Unentitled},
    behaviour::{Answer, Behaviour, On},
    image::{Format, Image, Layer, Stored, digest},
    request::Recorded,
};
use self::{
    content::Content,
    wire::{Cut, Ending, Wire},
};
use crate::{
    listen::{self, Handle, LOOPBACK},
    tls::Tls,
};

/// A registry to be started.
#[derive(Clone)]
pub struct Registry {
    content: Content,
    auth: Auth,
    accounts: Accounts,
    token_service: Option<TokenService>,
    behaviours: Vec<(On, Behaviour)>,
    tls: Option<Tls>,
}

/// A running registry.
#[derive(Debug)]
#[must_use = "the server stops when its handle is dropped"]
pub struct RegistryHandle {
    handle: Handle,
    site: Arc<Site>,
}

/// What all connections of one server share.
#[derive(Debug)]
struct Site {
    scheme: &'static str,
    content: Content,
    auth: Auth,
    accounts: Accounts,
    token_service: Option<TokenService>,
    behaviours: Mutex<Vec<(On, Behaviour)>>,
    requests: Mutex<Vec<Recorded>>,
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    /// An empty registry on plain HTTP that asks for no login.
    pub fn new() -> Self {
        Self {
            content: Content { prefix: "/v2".to_owned(), ..Content::default() },
            auth: Auth::None,
            accounts: Accounts::new(),
            token_service: None,
            behaviours: Vec::new(),
            tls: None,
        }
    }

    /// The same over TLS.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// The same with an image under these tags.
    #[must_use]
    pub fn image<S: Into<String>>(
        mut self,
        repository: &str,
        tags: impl IntoIterator<Item = S>,
        image: &Image,
    ) -> Self {
        let held = self.content.repositories.entry(repository.to_owned()).or_default();
        held.add(tags.into_iter().map(Into::into), image.store());
        self
    }

    /// The same asking for logins as `auth` says, which `accounts` judges.
    #[must_use]
    pub fn auth(mut self, auth: Auth, accounts: &Accounts) -> Self {
        self.auth = auth;
        self.accounts = accounts.clone();
        self
    }

    /// The same with a token service at `/token` for `accounts`.
    #[must_use]
    pub fn token_service(mut self, service: TokenService, accounts: &Accounts) -> Self {
        self.token_service = Some(service);
        self.accounts = accounts.clone();
        self
    }

    /// The same with the API below this path (`/v2/hub`) instead of `/v2`.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        prefix.trim_end_matches('/').clone_into(&mut self.content.prefix);
        self
    }

    /// The same giving out at most this many tags at once.
    #[must_use]
    pub fn tag_page(mut self, tags: usize) -> Self {
        self.content.tag_page = Some(tags);
        self
    }

    /// The same behaving like this from the start.
    #[must_use]
    pub fn behave(mut self, on: On, behaviour: Behaviour) -> Self {
        self.behaviours.push((on, behaviour));
        self
    }

    /// Starts on a free port of 127.0.0.1.
    pub async fn start(self) -> io::Result<RegistryHandle> {
        self.start_on(listen::bind(LOOPBACK).await?)
    }

    /// Starts on a socket bound before.
    pub fn start_on(self, listener: TcpListener) -> io::Result<RegistryHandle> {
        let site = Arc::new(Site {
            scheme: if self.tls.is_some() { "https" } else { "http" },
            content: self.content,
            auth: self.auth,
            accounts: self.accounts,
            token_service: self.token_service,
            behaviours: Mutex::new(self.behaviours),
            requests: Mutex::default(),
        });
        let shared = Arc::clone(&site);
        let tls = self.tls;
        let handle = listen::serve(listener, move |stream| connection(stream, tls.clone(), Arc::clone(&shared)))?;
        Ok(RegistryHandle { handle, site })
    }
}

impl RegistryHandle {
    /// Where it listens.
    pub fn addr(&self) -> std::net::SocketAddr {
        self.handle.addr()
    }

    /// Every request so far, in the order of arrival.
    pub fn requests(&self) -> Vec<Recorded> {
        self.site.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds a behaviour from now on.
    pub fn behave(&self, on: On, behaviour: Behaviour) {
        self.site.behaviours.lock().unwrap_or_else(PoisonError::into_inner).push((on, behaviour));
    }

    /// Takes every behaviour back.
    pub fn behave_well(&self) {
        self.site.behaviours.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Site {
    fn record(&self, request: Recorded) {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    }

    /// The behaviours for every request, and those for requests of the narrow kind `request`.
    fn behaviours_of(&self, request: On) -> (Vec<Behaviour>, Vec<Behaviour>) {
        let behaviours = self.behaviours.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |everything: bool| {
            behaviours
                .iter()
                .filter(|(on, _)| (*on == On::Everything) == everything && on.covers(request))
                .map(|(_, behaviour)| behaviour.clone())
                .collect()
        };
        (of(true), of(false))
    }
}

/// What Go's net/http server answers a plain request on a TLS port (net/http server.go `tlsRecordHeaderLooksLikeHTTP`).
const GO_PLAIN_REQUEST: &[u8] = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
/// First byte of a TLS handshake record.
const TLS_HANDSHAKE: u8 = 22;

/// Whether the client began with something else than TLS; its request is then read.
async fn speaks_plainly(stream: &mut TcpStream) -> bool {
    let mut first = [0];
    let plain = matches!(stream.peek(&mut first).await, Ok(1) if first[0] != TLS_HANDSHAKE);
    if plain {
        // Closing with unread bytes would turn the answer into a reset.
        let _ = stream.read(&mut vec![0; 16 * 1024]).await;
    }
    plain
}

async fn connection(mut stream: TcpStream, tls: Option<Tls>, site: Arc<Site>) {
    let mut http2 = false;
    let wire = match tls {
        None => Wire::plain(stream),
        Some(_) if speaks_plainly(&mut stream).await => {
            return Wire::plain(stream).end(Ending::Bytes(GO_PLAIN_REQUEST)).await;
        }
        // A handshake that fails is what the client came to see.
        Some(tls) => match tls.acceptor().accept(stream).await {
            Ok(stream) => {
                http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                Wire::tls(stream)
            }
            Err(_) => return,
        },
    };
    let (sender, cuts) = mpsc::channel(1);
    let cut = Cut(sender);
    let service = service_fn(move |request: Request<Incoming>| {
        let (site, cut) = (Arc::clone(&site), cut.clone());
        async move { site.answer(request, cut).await }
    });
    let io = TokioIo::new(wire.clone());
    if http2 {
        let serving = conn::http2::Builder::new(TokioExecutor::new());
        serve(serving.serve_connection(io, service), wire, cuts).await;
    } else {
        let serving = conn::http1::Builder::new();
        serve(serving.serve_connection(io, service), wire, cuts).await;
    }
}

/// Drives a connection until HTTP or a behaviour ends it.
async fn serve(http: impl Future, wire: Wire, mut cuts: mpsc::Receiver<Ending>) {
    let ending = {
        let mut http = pin!(http);
        let ending = tokio::select! {
            biased;
            _ = &mut http => return,
            Some(ending) = cuts.recv() => ending,
        };
        // What was answered before the end still goes out.
        let _ = futures_util::future::poll_immediate(http.as_mut()).await;
        ending
    };
    wire.end(ending).await;
}

//! A proxy, HTTP plain or over TLS or SOCKS5: tunnels and forwarded plain requests, or the refusals of real proxies.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::{
    listen::{self, Handle, LOOPBACK},
    socks,
    tls::Tls,
};

/// Longest request head that is read, in bytes.
const HEAD_LIMIT: usize = 16 * 1024;

/// What a proxy does with a request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Decision {
    /// Connects to the target; 502 if that fails.
    #[default]
    Forward,
    /// Answers this status, with a page as squid writes it.
    Status(u16),
    /// Replies this number of RFC 1928; for SOCKS5 only.
    Reply(u8),
    /// Never answers.
    Silent,
    /// Closes without an answer.
    Close,
    /// Bytes that are neither HTTP nor SOCKS5.
    Garbage,
}

/// A proxy to be started.
#[derive(Clone, Default)]
pub struct Proxy {
    decision: Decision,
    login: Option<(String, String)>,
    socks: bool,
    names: BTreeMap<String, IpAddr>,
    date: Option<String>,
    tls: Option<Tls>,
    inspects: Option<Tls>,
}

/// A running proxy.
#[derive(Debug)]
#[must_use = "the server stops when its handle is dropped"]
pub struct ProxyHandle {
    handle: Handle,
    requests: Requests,
}

/// A request that a proxy got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyRequest {
    /// `CONNECT`, `GET`, …
    pub method: String,
    /// The authority of a CONNECT, the URL of any other.
    pub target: String,
    /// Whether it carried Proxy-Authorization.
    pub authorized: bool,
}

type Requests = Arc<Mutex<Vec<ProxyRequest>>>;

impl Proxy {
    /// A proxy that forwards to IP addresses and to the names it is told.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with this decision on every request.
    #[must_use]
    pub fn decide(mut self, decision: Decision) -> Self {
        self.decision = decision;
        self
    }

    /// The same speaking SOCKS5 and no HTTP.
    #[must_use]
    pub fn socks(mut self) -> Self {
        self.socks = true;
        self
    }

    /// The same asking for this login: 407 without it.
    #[must_use]
    pub fn login(mut self, user: &str, password: &str) -> Self {
        self.login = Some((user.to_owned(), password.to_owned()));
        self
    }

    /// The same resolving a name to this address.
    #[must_use]
    pub fn name(mut self, name: &str, ip: IpAddr) -> Self {
        self.names.insert(name.to_ascii_lowercase(), ip);
        self
    }

    /// The same with this `Date` in its own answers.
    #[must_use]
    pub fn date(mut self, date: &str) -> Self {
        self.date = Some(date.to_owned());
        self
    }

    /// The same spoken to over TLS (`https://` proxy).
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls.http1_only());
        self
    }

    /// The same ending the TLS of every tunnel itself, as inspecting proxies do, and serving nothing inside.
    #[must_use]
    pub fn inspects(mut self, tls: Tls) -> Self {
        self.inspects = Some(tls);
        self
    }

    /// Starts on a free port of 127.0.0.1.
    pub async fn start(self) -> io::Result<ProxyHandle> {
        self.start_on(listen::bind(LOOPBACK).await?)
    }

    /// Starts on a socket bound before.
    pub fn start_on(self, listener: TcpListener) -> io::Result<ProxyHandle> {
        let (proxy, requests) = (Arc::new(self), Requests::default());
        let recorded = Arc::clone(&requests);
        let handle = listen::serve(listener, move |stream| {
            let (proxy, requests) = (Arc::clone(&proxy), Arc::clone(&recorded));
            async move {
                // Whatever breaks here breaks for the client too, who will say so.
                let _ = match proxy.tls.clone() {
                    _ if proxy.socks => proxy.talk_socks(stream, &requests).await,
                    None => proxy.talk(stream, &requests).await,
                    Some(tls) => match tls.acceptor().accept(stream).await {
                        Ok(stream) => proxy.talk(stream, &requests).await,
                        Err(error) => Err(error),
                    },
                };
            }
        })?;
        Ok(ProxyHandle { handle, requests })
    }

    async fn talk<S>(&self, mut client: S, requests: &Requests) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (head, rest) = read_head(&mut client).await?;
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (own, kept): (Vec<&str>, Vec<&str>) = lines.filter(|line| !line.is_empty()).partition(|line| {
            line.split(':').next().is_some_and(|name| name.to_ascii_lowercase().starts_with("proxy-"))
        });
        let login = own
            .iter()
            .filter_map(|line| line.split_once(':'))
            .find_map(|(name, value)| name.eq_ignore_ascii_case("proxy-authorization").then(|| value.trim()));
        record(requests, method, target, login.is_some());
        let wanted = self
            .login
            .as_ref()
            .map(|(user, password)| format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}"))));
        if wanted.is_some_and(|wanted| login != Some(wanted.as_str())) {
            return self.refuse(&mut client, 407).await;
        }
        match self.decision {
            Decision::Status(status) => return self.refuse(&mut client, status).await,
            Decision::Close => return Ok(()),
            Decision::Silent => return std::future::pending().await,
            Decision::Garbage => return client.write_all(b"\x05\xff no http here\r\n").await,
            Decision::Forward | Decision::Reply(_) => {}
        }
        let connect = method == "CONNECT";
        let (authority, path) = if connect { (target, "") } else { split_url(target) };
        let Some(addr) = self.resolve(authority, if connect { 443 } else { 80 }) else {
            return self.refuse(&mut client, 503).await;
        };
        let Ok(mut server) = TcpStream::connect(addr).await else { return self.refuse(&mut client, 502).await };
        if connect {
            let date = self.date.as_ref().map(|date| format!("Date: {date}\r\n")).unwrap_or_default();
            client.write_all(format!("HTTP/1.1 200 Connection established\r\n{date}\r\n").as_bytes()).await?;
            if let Some(tls) = &self.inspects {
                let mut inside = tls.acceptor().accept(client).await?;
                return tokio::io::copy(&mut inside, &mut tokio::io::sink()).await.map(drop);
            }
        } else {
            // One request a connection, so that the rest of the stream needs no reading.
            let headers: String = kept
                .iter()
                .filter(|line| !line.to_ascii_lowercase().starts_with("connection:"))
                .flat_map(|line| [*line, "\r\n"])
                .collect();
            let head = format!("{method} {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
            server.write_all(head.as_bytes()).await?;
        }
        server.write_all(&rest).await?;
        tokio::io::copy_bidirectional(&mut client, &mut server).await.map(drop)
    }

    async fn talk_socks(&self, mut client: TcpStream, requests: &Requests) -> io::Result<()> {
        match self.decision {
            Decision::Close => return Ok(()),
            Decision::Silent => return std::future::pending().await,
            Decision::Garbage => return client.write_all(b"no socks here\r\n").await,
            Decision::Forward | Decision::Reply(_) | Decision::Status(_) => {}
        }
        let Some(asked) = socks::greet(&mut client, self.login.as_ref()).await? else { return Ok(()) };
        record(requests, "CONNECT", &asked.target, asked.authorized);
        if let Decision::Reply(number) = self.decision {
            return socks::reply(&mut client, number, None).await;
        }
        let Some(addr) = self.resolve(&asked.target, 443) else {
            return socks::reply(&mut client, socks::HOST_UNREACHABLE, None).await;
        };
        let Ok(mut server) = TcpStream::connect(addr).await else {
            return socks::reply(&mut client, socks::CONNECTION_REFUSED, None).await;
        };
        socks::reply(&mut client, socks::SUCCEEDED, server.local_addr().ok()).await?;
        tokio::io::copy_bidirectional(&mut client, &mut server).await.map(drop)
    }

    fn resolve(&self, authority: &str, default_port: u16) -> Option<SocketAddr> {
        if let Ok(addr) = authority.parse() {
            return Some(addr);
        }
        let (name, port) = match authority.rsplit_once(':') {
            Some((name, port)) => (name, port.parse().ok()?),
            None => (authority, default_port),
        };
        let ip = name.parse().ok().or_else(|| self.names.get(&name.to_ascii_lowercase()).copied())?;
        Some(SocketAddr::new(ip, port))
    }

    async fn refuse<S: AsyncWrite + AsyncRead + Unpin>(&self, client: &mut S, status: u16) -> io::Result<()> {
        let challenge = if status == 407 { "Proxy-Authenticate: Basic realm=\"corporate proxy\"\r\n" } else { "" };
        let date = self.date.as_ref().map(|date| format!("Date: {date}\r\n")).unwrap_or_default();
        let reason = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("");
        let body =
            format!("<html><body><h1>ERROR</h1>The requested URL could not be retrieved ({reason})</body></html>");
        let head = format!(
            "HTTP/1.1 {status} {reason}\r\nServer: squid/5.7\r\n{date}{challenge}Content-Type: text/html\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        client.write_all(head.as_bytes()).await?;
        client.write_all(body.as_bytes()).await?;
        client.shutdown().await?;
        tokio::io::copy(client, &mut tokio::io::sink()).await.map(drop)
    }
}

impl ProxyHandle {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.handle.addr()
    }

    /// Every request so far, in the order of arrival.
    pub fn requests(&self) -> Vec<ProxyRequest> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn record(requests: &Requests, method: &str, target: &str, authorized: bool) {
    let (method, target) = (method.to_owned(), target.to_owned());
    requests.lock().unwrap_or_else(PoisonError::into_inner).push(ProxyRequest { method, target, authorized });
}

/// The head without its final blank line, and the bytes read beyond it.
async fn read_head<S: AsyncRead + Unpin>(client: &mut S) -> io::Result<(String, Vec<u8>)> {
    const END: &[u8] = b"\r\n\r\n";
    let mut bytes = Vec::new();
    loop {
        if let Some(at) = bytes.windows(END.len()).position(|window| window == END) {
            let rest = bytes.split_off(at + END.len());
            return Ok((String::from_utf8_lossy(&bytes).into_owned(), rest));
        }
        if bytes.len() > HEAD_LIMIT || client.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
}

/// Authority and path of an absolute `http://` URL.
fn split_url(url: &str) -> (&str, &str) {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    rest.find('/').map_or((rest, "/"), |at| rest.split_at(at))
}

//! A plain HTTP client with a deadline: one connection, one request.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Full, Limited, combinators::BoxBody};
use hyper::client::conn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use pullagent_testkit::ca::Ca;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Long enough for a busy machine; no test waits for it but those of silence.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
const BODY_LIMIT: usize = 1024 * 1024;

#[derive(Clone, Copy)]
pub(crate) struct Client<'a> {
    pub(crate) addr: SocketAddr,
    pub(crate) trust: Option<(&'a Ca, &'a str)>,
    pub(crate) alpn: &'a [u8],
}

#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a text body")
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a text header"))
    }
}

impl<'a> Client<'a> {
    pub(crate) fn plain(addr: SocketAddr) -> Self {
        Self { addr, trust: None, alpn: b"http/1.1" }
    }

    pub(crate) fn tls(addr: SocketAddr, ca: &'a Ca, name: &'a str) -> Self {
        Self { addr, trust: Some((ca, name)), alpn: b"http/1.1" }
    }

    pub(crate) async fn get(self, path: &str) -> Result<Seen, Failure> {
        self.send("GET", path, &[], "").await
    }

    pub(crate) async fn send(
        self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        form: &str,
    ) -> Result<Seen, Failure> {
        tokio::time::timeout(DEADLINE, self.exchange(method, path, headers, form)).await?
    }

    async fn exchange(self, method: &str, path: &str, headers: &[(&str, &str)], form: &str) -> Result<Seen, Failure> {
        let body: BoxBody<Bytes, std::convert::Infallible> =
            if form.is_empty() { Empty::new().boxed() } else { Full::from(form.to_owned()).boxed() };
        let stream = TcpStream::connect(self.addr).await?;
        let http2 = self.alpn == b"h2";
        let host = self.trust.map_or_else(|| self.addr.to_string(), |(_, name)| name.to_owned());
        let uri = if http2 { format!("https://{host}{path}") } else { path.to_owned() };
        let mut request = Request::builder().method(method).uri(uri);
        if !http2 {
            request = request.header("host", host);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body)?;
        let response = match self.trust {
            None => {
                let (mut sender, connection) = conn::http1::handshake(TokioIo::new(stream)).await?;
                tokio::spawn(connection);
                sender.send_request(request).await?
            }
            Some((ca, name)) => {
                let stream = handshake(stream, Some(ca), name, self.alpn).await?;
                if http2 {
                    let (mut sender, connection) =
                        conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
                    tokio::spawn(connection);
                    sender.send_request(request).await?
                } else {
                    let (mut sender, connection) = conn::http1::handshake(TokioIo::new(stream)).await?;
                    tokio::spawn(connection);
                    sender.send_request(request).await?
                }
            }
        };
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, BODY_LIMIT).collect().await?.to_bytes();
        Ok(Seen { status: parts.status, headers: parts.headers, body })
    }
}

pub(crate) async fn handshake(
    stream: TcpStream,
    ca: Option<&Ca>,
    name: &str,
    alpn: &[u8],
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    if let Some(ca) = ca {
        roots.add(ca.der().clone()).expect("a root certificate");
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("TLS versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let name = ServerName::try_from(name.to_owned()).expect("a server name");
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

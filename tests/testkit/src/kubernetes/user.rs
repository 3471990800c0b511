//! Who asks an API server, and how: a certificate or a token, JSON over HTTPS, one connection a request, each with a
//! deadline. Knows nothing of what is asked.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::ca::Identity;

/// How long one answer may take, on a busy machine.
const ANSWER: Duration = Duration::from_secs(20);
/// How long [`User::until`] looks, and the pause between two looks.
const UNTIL: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(20);
/// How much of an answer is read, in bytes.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// How a user proves who it is.
#[derive(Clone)]
pub(super) enum Proof {
    /// By a client certificate.
    Certificate(Arc<Identity>),
    /// By a bearer token.
    Token(String),
    /// Not at all.
    None,
}

/// Somebody who asks an API server.
#[derive(Clone)]
pub struct User {
    pub(super) addr: SocketAddr,
    pub(super) authority: CertificateDer<'static>,
    pub(super) authority_pem: String,
    pub(super) proof: Proof,
    pub(super) agent: String,
}

/// What the API server answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The body; a string where it is no JSON.
    pub body: Value,
}

impl Answer {
    /// The body of a success; anything else is an error with what the API server says.
    pub fn success(self) -> io::Result<Value> {
        if self.status.is_success() {
            return Ok(self.body);
        }
        let said = self.body["message"].as_str().map_or_else(|| self.body.to_string(), str::to_owned);
        Err(io::Error::other(format!("{}: {said}", self.status)))
    }
}

impl User {
    /// The answer to GET; an error only if there is none.
    pub async fn get(&self, path: &str) -> io::Result<Answer> {
        self.send(Method::GET, path, "application/json", None).await
    }

    /// Creates an object below the path of its collection.
    pub async fn post(&self, path: &str, object: &Value) -> io::Result<Answer> {
        self.send(Method::POST, path, "application/json", Some(object)).await
    }

    /// Changes an object, lists by the keys of their entries: a strategic merge patch, as the kubelet sends.
    pub async fn patch(&self, path: &str, change: &Value) -> io::Result<Answer> {
        self.send(Method::PATCH, path, "application/strategic-merge-patch+json", Some(change)).await
    }

    /// Removes an object at once.
    pub async fn delete(&self, path: &str) -> io::Result<Answer> {
        let now = serde_json::json!({ "kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0 });
        self.send(Method::DELETE, path, "application/json", Some(&now)).await
    }

    /// Asks until the answer is as wanted, since the API server learns from itself with a delay: a node's permissions, for
    /// instance. The error says the last answer.
    pub async fn until(&self, path: &str, wanted: impl Fn(&Answer) -> bool) -> io::Result<Answer> {
        let mut last = None;
        let found = timeout(UNTIL, async {
            loop {
                let answer = self.get(path).await?;
                if wanted(&answer) {
                    return Ok(answer);
                }
                last = Some(answer);
                tokio::time::sleep(PAUSE).await;
            }
        })
        .await;
        found.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, format!("{path}: at last {last:?}"))))
    }

    /// Sends a request with this type of body and returns the whole answer.
    pub async fn send(&self, method: Method, path: &str, kind: &str, body: Option<&Value>) -> io::Result<Answer> {
        let bytes = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.addr.to_string())
            .header(header::USER_AGENT, &self.agent)
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, kind);
        if let Proof::Token(token) = &self.proof {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Full::new(bytes)).map_err(io::Error::other)?;
        let (status, bytes) = timeout(ANSWER, self.exchange(request))
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, format!("no answer to {path}")))??;
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Ok(Answer { status, body })
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> io::Result<(StatusCode, Bytes)> {
        let stream = TcpStream::connect(self.addr).await?;
        let name = ServerName::IpAddress(self.addr.ip().into());
        let stream = TlsConnector::from(Arc::new(self.tls()?)).connect(name, stream).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let connection = tokio::spawn(connection);
        let answered = async {
            let (parts, body) = sender.send_request(request).await.map_err(io::Error::other)?.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(io::Error::other)?;
            Ok((parts.status, body.to_bytes()))
        }
        .await;
        connection.abort();
        answered
    }

    fn tls(&self) -> io::Result<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.clone()).map_err(io::Error::other)?;
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots);
        match &self.proof {
            Proof::Certificate(identity) => config
                .with_client_auth_cert(identity.certificates().to_vec(), identity.key().into())
                .map_err(io::Error::other),
            Proof::Token(_) | Proof::None => Ok(config.with_no_client_auth()),
        }
    }
}

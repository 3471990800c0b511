//! A client for the API server that stays valid: it is built anew when a certificate, a token or the kubeconfig changes.

use std::future::Future;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Once;
use std::time::Duration;

use http::HeaderValue;
use http::header::USER_AGENT;
use kube::config::AuthInfo;
use kube::{Client, Config};
use tokio::sync::Mutex;

use super::error::{Asker, KubeError, Rule, from_client, why};
use super::identity::{How, Identity, PodAccount};
use super::kubeconfig::{Source, Watched};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a request may take, repetitions and plugins included.
const REQUEST: Duration = Duration::from_secs(10);

/// The API server, asked as one identity.
///
/// Each request takes the client anew; so does a watch when it begins again.
pub(crate) struct Cluster {
    identity: Identity,
    deadline: Duration,
    current: Mutex<Current>,
}

struct Current {
    client: Client,
    server: String,
    namespace: String,
    files: Watched,
}

impl Cluster {
    /// Reads what the identity consists of. Sends nothing to the API server; a plugin of the kubeconfig may run.
    ///
    /// Errors: there is nobody to ask as, or what it consists of cannot be read.
    pub(crate) async fn open(identity: Identity) -> Result<Self, KubeError> {
        let current = Current::of(&identity.how).await.map_err(|error| match error {
            // What stood in the way was found out by whoever chose.
            KubeError::Nobody { .. } => {
                let whys: Vec<&str> = identity.notes.iter().map(|note| note.why.as_str()).collect();
                KubeError::Nobody { why: whys.join("; ") }
            }
            other => other,
        })?;
        Ok(Self { identity, deadline: REQUEST, current: Mutex::new(current) })
    }

    /// As whom it is asked.
    pub(crate) const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The addresses of the API server; none where its name cannot be resolved now, and then nobody else gets there by it.
    pub(crate) async fn addresses(&self) -> Vec<IpAddr> {
        let server = self.current.lock().await.server.clone();
        let Ok(url) = server.parse::<http::Uri>() else { return Vec::new() };
        let Some(host) = url.host() else { return Vec::new() };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let found = tokio::time::timeout(CONNECT, tokio::net::lookup_host((host, 443))).await;
        found.into_iter().flatten().flatten().map(|address| address.ip()).collect()
    }

    /// The namespace where none is given: the context's, or the pod's own.
    pub(crate) async fn default_namespace(&self) -> String {
        self.current.lock().await.namespace.clone()
    }

    /// Asks for what `rule` would allow, within the deadline.
    pub(super) async fn ask<T, F>(&self, rule: &Rule, request: impl FnOnce(Client) -> F) -> Result<T, KubeError>
    where
        F: Future<Output = kube::Result<T>>,
    {
        let (client, asker) = self.client().await;
        match tokio::time::timeout(self.deadline, request(client)).await {
            Ok(answer) => answer.map_err(|error| from_client(&error, rule, &asker)),
            Err(_) => Err(KubeError::TimedOut {
                attempted: rule.in_words(),
                server: asker.server,
                seconds: self.deadline.as_secs(),
            }),
        }
    }

    /// A client that is valid now, and who asks with it where.
    pub(super) async fn client(&self) -> (Client, Asker) {
        let mut current = self.current.lock().await;
        // Some small files of the node itself.
        if current.files.has_changed() {
            // While a file is being replaced the old login is still the best there is.
            if let Ok(next) = Current::of(&self.identity.how).await {
                *current = next;
            }
        }
        let is_kubelet = matches!(self.identity.how, How::Kubelet(_));
        let asker = Asker { who: self.identity.name.clone(), server: current.server.clone(), is_kubelet };
        (current.client.clone(), asker)
    }
}

impl Current {
    async fn of(how: &How) -> Result<Self, KubeError> {
        static PROVIDER: Once = Once::new();
        // The one cryptography library of this program, before the client chooses for itself.
        PROVIDER.call_once(|| drop(rustls::crypto::aws_lc_rs::default_provider().install_default()));
        let (config, files) = match how {
            How::ServiceAccount(pod) => (of_pod(pod)?, Watched::default()),
            How::Kubelet(source) | How::Kubeconfig(source) => of_kubeconfig(source.clone()).await?,
            How::Nobody => return Err(KubeError::Nobody { why: String::new() }),
        };
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let namespace = config.default_namespace.clone();
        // A plugin of the kubeconfig is run right here, and waited for.
        let built = tokio::task::spawn_blocking(move || Client::try_from(config));
        let client = match tokio::time::timeout(REQUEST, built).await {
            Ok(Ok(Ok(client))) => client,
            Ok(Ok(Err(error))) => return Err(KubeError::Kubeconfig { why: why(&error) }),
            Ok(Err(_)) => return Err(KubeError::Kubeconfig { why: "the client could not be set up".to_owned() }),
            Err(_) => {
                let why = format!("the plugin of the kubeconfig did not end within {} s", REQUEST.as_secs());
                return Err(KubeError::Kubeconfig { why });
            }
        };
        Ok(Self { client, server, namespace, files })
    }
}

/// What all configurations have in common.
fn finished(mut config: Config) -> Config {
    config.connect_timeout = Some(CONNECT);
    config.headers.push((USER_AGENT, HeaderValue::from_static(concat!("pullagent/", env!("CARGO_PKG_VERSION")))));
    config
}

async fn of_kubeconfig(source: Source) -> Result<(Config, Watched), KubeError> {
    let options = source.options();
    let read = tokio::task::spawn_blocking(move || source.read()).await;
    let read = read.map_err(|_| KubeError::Kubeconfig { why: "the kubeconfig could not be read".to_owned() })??;
    let wrong = |what: &str| KubeError::Kubeconfig { why: format!("the kubeconfig is of no use: {what}") };
    // Its own words may quote what it read.
    let config = Config::from_custom_kubeconfig(read.kubeconfig, &options).await;
    let mut config = config.map_err(|_| wrong("its server, or one of its certificates, cannot be understood"))?;
    // The client would also take a proxy from our own environment, which is not meant for the cluster.
    let proxy = read.proxy.map(|proxy| proxy.parse()).transpose();
    config.proxy_url = proxy.map_err(|_| wrong("its proxy-url cannot be understood"))?;
    Ok((finished(config), read.files))
}

/// As `client-go/rest/config.go` `InClusterConfig`. The client itself reads token and authority again as they change.
fn of_pod(pod: &PodAccount) -> Result<Config, KubeError> {
    let PodAccount { host, port, folder } = pod;
    let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    let url = format!("https://{host}:{port}").parse();
    let url = url.map_err(|_| KubeError::Nobody { why: "KUBERNETES_SERVICE_HOST names no host".to_owned() })?;
    let file = |name: &str| -> PathBuf { folder.join(name) };
    let mut config = Config::new(url);
    if let Ok(namespace) = std::fs::read_to_string(file("namespace")) {
        namespace.trim().clone_into(&mut config.default_namespace);
    }
    config.root_cert_file = Some(file("ca.crt"));
    let token = file("token").to_string_lossy().into_owned();
    config.auth_info = AuthInfo { token_file: Some(token), ..AuthInfo::default() };
    Ok(finished(config))
}

#[cfg(test)]
mod tests;

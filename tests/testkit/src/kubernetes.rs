//! A real Kubernetes API server with an etcd of its own, both stopped when dropped. There is neither a controller manager
//! nor a scheduler nor a kubelet: what these do is done here by hand, with their identities and in their words.
//!
//! Authorization is that of a kubeadm cluster: `Node,RBAC` with `NodeRestriction`.

mod apply;
mod assets;
mod audit;
mod events;
mod files;
mod fleet;
mod kubelet;
mod pki;
mod pod;
mod server;
mod user;

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::ca::{Identity, Leaf};
use pki::Pki;
use server::{Etcd, Server};
use user::Proof;

pub use assets::{VERSION, folder};
pub use audit::Call;
pub use events::Event;
pub use fleet::{SimulatedFleet, SimulatedNode};
pub use kubelet::Waiting;
pub use pod::Pod;
pub use user::{Answer, User};

/// A running API server. Its namespace `default` has the service account `default`.
#[must_use = "the servers are killed when their handle is dropped"]
pub struct KubeApi {
    // Before the folder and etcd: killed first.
    server: Server,
    etcd: Etcd,
    pki: Pki,
    admin: User,
}

impl KubeApi {
    /// Starts etcd and the API server, from the folder that [`folder`] finds; `NotFound` when they are not there.
    pub async fn start() -> io::Result<Self> {
        let programs = folder()?;
        let etcd = Etcd::start(&programs.join("etcd")).await?;
        let pki = Pki::write(etcd.folder())?;
        let server = Server::start(&programs.join("kube-apiserver"), etcd.folder()).await?;
        let admin = User {
            addr: server.addr(),
            authority: pki.ca().der().clone(),
            authority_pem: pki.ca().pem(),
            proof: Proof::Certificate(Arc::new(pki.ca().issue(&Leaf::user("kubernetes-admin", "system:masters")))),
            agent: "kubectl/v1.20.2 (linux/amd64) kubernetes/faecb19".to_owned(),
        };
        let api = Self { server, etcd, pki, admin };
        api.ready().await?;
        api.default_service_account("default").await?;
        Ok(api)
    }

    /// Where it is, as `https://127.0.0.1:PORT`; the same after a restart.
    pub fn url(&self) -> String {
        format!("https://{}", self.server.addr())
    }

    /// The authority of its certificate and of the certificates of its users, in PEM.
    pub fn authority_pem(&self) -> String {
        self.pki.ca().pem()
    }

    /// Who may do everything.
    pub fn admin(&self) -> &User {
        &self.admin
    }

    /// The kubelet of a node, with a new certificate. Whether there is a [`KubeApi::create_node`] of this name is another
    /// matter.
    pub fn node(&self, name: &str) -> User {
        User {
            proof: Proof::Certificate(Arc::new(self.node_identity(name))),
            agent: "kubelet/v1.20.2 (linux/amd64) kubernetes/faecb19".to_owned(),
            ..self.admin.clone()
        }
    }

    /// Who has a new certificate of this name and no group that is known, and may do what somebody allows this name.
    pub fn user(&self, name: &str) -> User {
        let identity = self.pki.ca().issue(&Leaf::user(name, "people"));
        User { proof: Proof::Certificate(Arc::new(identity)), agent: "testkit".to_owned(), ..self.admin.clone() }
    }

    /// Who has this token.
    pub fn bearer(&self, token: &str) -> User {
        User { proof: Proof::Token(token.to_owned()), agent: "testkit".to_owned(), ..self.admin.clone() }
    }

    /// Who does not say who it is.
    pub fn nobody(&self) -> User {
        User { proof: Proof::None, agent: "testkit".to_owned(), ..self.admin.clone() }
    }

    /// What the admin sees below this path.
    pub async fn get(&self, path: &str) -> io::Result<Value> {
        self.admin.get(path).await?.success()
    }

    /// What this service account has asked for so far, each kind of request once.
    pub fn calls_of(&self, namespace: &str, account: &str) -> io::Result<BTreeSet<Call>> {
        audit::read(self.etcd.folder(), &format!("system:serviceaccount:{namespace}:{account}"))
    }

    /// Creates or changes the objects of these YAML documents, as `kubectl apply --server-side`; returns them as they
    /// are stored. An object that names no namespace goes into `default`.
    pub async fn apply(&self, yaml: &str) -> io::Result<Vec<Value>> {
        apply::documents(&self.admin, yaml).await
    }

    /// Creates a namespace with its service account `default`, for which there is no controller here.
    pub async fn create_namespace(&self, name: &str) -> io::Result<()> {
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
        self.admin.post("/api/v1/namespaces", &namespace).await?.success()?;
        self.default_service_account(name).await
    }

    /// Registers a node that is not ready, with the address 127.0.0.1.
    pub async fn create_node(&self, name: &str) -> io::Result<Value> {
        let node = json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": { "name": name, "labels": { "kubernetes.io/hostname": name, "kubernetes.io/os": "linux" } },
            "status": { "addresses": [
                { "type": "InternalIP", "address": "127.0.0.1" },
                { "type": "Hostname", "address": name },
            ] },
        });
        self.admin.post("/api/v1/nodes", &node).await?.success()
    }

    /// The bytes of what is stored, as etcd has it on disk.
    pub fn stored_bytes(&self) -> io::Result<u64> {
        Ok(std::fs::metadata(self.etcd.folder().join("etcd/member/snap/db"))?.len())
    }

    /// A token of a service account that exists, for this API server and an hour, by a token request.
    pub async fn service_account_token(&self, namespace: &str, name: &str) -> io::Result<String> {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
        let request = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": { "expirationSeconds": 3600 },
        });
        let granted = self.admin.post(&path, &request).await?.success()?;
        let token = granted["status"]["token"].as_str();
        token.map(str::to_owned).ok_or_else(|| io::Error::other("the API server granted a request without a token"))
    }

    /// Kills the API server and starts it again on the same port; etcd goes on, so nothing is forgotten.
    pub async fn restart(&mut self) -> io::Result<()> {
        self.kill().await?;
        self.revive().await
    }

    /// Kills the API server alone: connections break, and new ones are refused until [`KubeApi::revive`].
    pub async fn kill(&mut self) -> io::Result<()> {
        self.server.kill().await
    }

    /// Starts the API server after [`KubeApi::kill`], on the same port and with all that it knew.
    pub async fn revive(&mut self) -> io::Result<()> {
        self.server.revive(self.etcd.folder()).await?;
        self.ready().await
    }

    fn node_identity(&self, name: &str) -> Identity {
        self.pki.ca().issue(&Leaf::user(&format!("system:node:{name}"), "system:nodes"))
    }

    /// Waits for all that the API server makes for itself at its start.
    async fn ready(&self) -> io::Result<()> {
        for path in ["/readyz", "/api/v1/namespaces/default"] {
            self.admin.until(path, |answer| answer.status.is_success()).await?;
        }
        Ok(())
    }

    async fn default_service_account(&self, namespace: &str) -> io::Result<()> {
        let account = json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "default" } });
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
        self.admin.post(&path, &account).await?.success().map(drop)
    }
}

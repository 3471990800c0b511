//! Credentials as files: kubeconfigs, a kubelet's as kubeadm and the kubelet leave them, and a pod's service account.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::KubeApi;
use super::user::{Proof, User};
use crate::ca::Identity;

/// Where the kubelet keeps its certificates.
const PKI: &str = "/var/lib/kubelet/pki";
/// Where a pod finds its service account.
const SERVICE_ACCOUNT: &str = "var/run/secrets/kubernetes.io/serviceaccount";

impl User {
    /// A kubeconfig with all of it inside.
    pub fn kubeconfig(&self) -> String {
        let proof = match &self.proof {
            Proof::Certificate(identity) => json!({
                "client-certificate-data": BASE64.encode(identity.certificate_pem()),
                "client-key-data": BASE64.encode(identity.key_pem()),
            }),
            Proof::Token(token) => json!({ "token": token }),
            Proof::None => json!({}),
        };
        self.config(&proof)
    }

    /// Writes what a kubelet of a kubeadm cluster has, below the root of a node: `etc/kubernetes/kubelet.conf`, which names
    /// `var/lib/kubelet/pki/kubelet-client-current.pem`, which is a link to the certificate of today with its key. As in
    /// life that link is absolute, so it leads out of a root that is not `/`. Written again it is a rotated certificate.
    /// An error for who has no certificate.
    pub fn write_kubelet_files(&self, root: &Path) -> io::Result<()> {
        let Proof::Certificate(identity) = &self.proof else {
            return Err(io::Error::other("a kubelet proves itself with a certificate"));
        };
        let folder = root.join(PKI.trim_start_matches('/'));
        fs::create_dir_all(&folder)?;
        let dated = format!("kubelet-client-{}.pem", jiff::Timestamp::now().strftime("%Y-%m-%d-%H-%M-%S"));
        write_secret(&folder.join(&dated), &both(identity))?;
        // As the kubelet does it: whoever reads sees the old certificate or the new one.
        symlink(format!("{PKI}/{dated}"), folder.join("kubelet-client-updated.pem"))?;
        fs::rename(folder.join("kubelet-client-updated.pem"), folder.join("kubelet-client-current.pem"))?;
        let current = format!("{PKI}/kubelet-client-current.pem");
        let config = root.join("etc/kubernetes/kubelet.conf");
        fs::create_dir_all(root.join("etc/kubernetes"))?;
        write_secret(&config, &self.config(&json!({ "client-certificate": current, "client-key": current })))
    }

    /// The text as client-go writes it, but for the user, who is JSON in one line: that is YAML too.
    fn config(&self, proof: &Value) -> String {
        format!(
            "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: {}\n    server: https://{}\n  \
             name: default-cluster\ncontexts:\n- context:\n    cluster: default-cluster\n    namespace: default\n    \
             user: default-auth\n  name: default-context\ncurrent-context: default-context\nkind: Config\n\
             preferences: {{}}\nusers:\n- name: default-auth\n  user: {proof}\n",
            BASE64.encode(&self.authority_pem),
            self.addr,
        )
    }
}

impl KubeApi {
    /// Writes what a pod of this service account finds below the root of its container: `token`, `ca.crt` and `namespace`.
    pub async fn write_service_account(&self, root: &Path, namespace: &str, name: &str) -> io::Result<()> {
        let token = self.service_account_token(namespace, name).await?;
        let folder = root.join(SERVICE_ACCOUNT);
        fs::create_dir_all(&folder)?;
        write_secret(&folder.join("token"), &token)?;
        fs::write(folder.join("ca.crt"), self.authority_pem())?;
        fs::write(folder.join("namespace"), namespace)
    }
}

fn both(identity: &Identity) -> String {
    format!("{}{}", identity.certificate_pem(), identity.key_pem())
}

fn write_secret(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}

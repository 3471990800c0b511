//! What was read of a namespace. Secrets come as they were read; nothing is judged here.

use crate::not_checked::NotChecked;
use crate::pod::Pod;
use crate::pull_secret::PullSecret;

/// What was read of a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// Its pods.
    pub pods: Vec<Pod>,
    /// Its service accounts.
    pub service_accounts: Vec<ServiceAccount>,
    /// Each secret that a pod or a service account refers to, once, and those of the types of pull secrets that nobody
    /// refers to, if they could be listed. One that is referred to and not in here counts as not looked at.
    pub secrets: Vec<PullSecret>,
    /// What was not looked at.
    pub not_checked: Vec<NotChecked>,
}

/// A service account as far as pulls go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Its name.
    pub name: String,
    /// Its `imagePullSecrets`, empty names left out. They reach a pod when it is created, if it names none itself
    /// (`plugin/pkg/admission/serviceaccount/admission.go`).
    pub pull_secrets: Vec<String>,
}

impl Namespace {
    /// The pods that are not being deleted.
    pub(super) fn live_pods(&self) -> impl Iterator<Item = &Pod> {
        self.pods.iter().filter(|pod| !pod.is_deleted)
    }
}

//! What was read of a namespace. Secrets come as they were read; nothing is judged here.

use crate::not_checked::NotChecked;
use crate::pod::Pod;
use crate::secret::Secret;

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

/// A secret by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullSecret {
    /// Its name.
    pub name: String,
    /// What was found under it.
    pub found: FoundSecret,
}

/// What was found under a secret's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundSecret {
    /// It was read.
    Read {
        /// Its `type`.
        kind: String,
        /// The content of `.dockerconfigjson`, decoded from base64; bytes that are no UTF-8 replaced, as Go's JSON does.
        dockerconfigjson: Option<Secret<String>>,
        /// The content of `.dockercfg`, likewise.
        dockercfg: Option<Secret<String>>,
    },
    /// The namespace has none of that name.
    Absent {
        /// Other namespaces that have one, where they could be looked at.
        elsewhere: Vec<String>,
    },
    /// It could not be looked at.
    Unreadable {
        /// Why.
        why: String,
    },
}

impl Namespace {
    /// The pods that are not being deleted.
    pub(super) fn live_pods(&self) -> impl Iterator<Item = &Pod> {
        self.pods.iter().filter(|pod| !pod.is_deleted)
    }
}

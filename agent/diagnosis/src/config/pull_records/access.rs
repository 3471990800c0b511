//! Whether a pod may use an image that is on the node, or has to show first that it could pull it.
//!
//! Copied rules: Kubernetes 1.36 `pkg/kubelet/images/pullmanager/image_pull_manager.go` `MustAttemptImagePull`.

use serde::{Deserialize, Serialize};

use super::verification::{Told, VerificationSettings};
use super::{ObjectIdentity, ProvenCredentials, PullRecords};
use crate::pod::PullPolicy;
use crate::reference::Reference;
use crate::secret::Secret;

/// From this many recorded secrets on, a secret that is known by its name only and holds another login by now has to be
/// proven anew (`writeRecordWhileMatchingLimit`).
const SECRETS: usize = 100;

/// Whether the kubelet lets a pod use an image that is on the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Access {
    /// It does, without asking any registry.
    Allowed {
        /// Why.
        why: String,
    },
    /// It asks the runtime to pull, with the credentials of the pod and of the node. With the policy `Never` it says that
    /// the image is not present, although it is.
    MustPull {
        /// Why.
        why: String,
    },
    /// Too little is known of the kubelet, its records or the pod.
    NotKnown {
        /// What.
        why: String,
    },
}

/// What a pod wants and brings.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The image, as written in the pod.
    pub image: &'a str,
    /// Its pull policy.
    pub policy: PullPolicy,
    /// Its pull secrets as far as the keyring offers them for the image, with the kubelet's hash of the login that they
    /// hold for it. What the node itself offers does not count here.
    pub secrets: &'a [(ObjectIdentity, Secret<String>)],
    /// Its service account, if a credential provider plugin that is given tokens serves the image; else `None`.
    pub service_account: Option<&'a ObjectIdentity>,
    /// Whether this is all that the pod brings: false where a secret was not read or a plugin not run.
    pub is_all: bool,
}

/// The kubelet's decision over an image that is on the node.
pub fn access(wish: &Wish<'_>, records: &PullRecords, settings: &VerificationSettings) -> Access {
    if wish.policy == PullPolicy::Always {
        return must_pull("its pull policy is Always");
    }
    let on = settings.is_on(records);
    if let Told::No(why) = on {
        return Access::Allowed { why };
    }
    let decided = verified(wish, records, settings);
    match (on, decided) {
        // Whatever it verifies, it would let the pod have it.
        (Told::NotKnown(why), Access::MustPull { .. } | Access::NotKnown { .. }) => Access::NotKnown { why },
        (_, decided) => decided,
    }
}

/// The decision of a kubelet that verifies.
fn verified(wish: &Wish<'_>, records: &PullRecords, settings: &VerificationSettings) -> Access {
    if let Some(why) = &records.unreadable {
        // The kubelet lets nobody have what it cannot look up; whether it can is another matter.
        return Access::NotKnown { why: format!("the kubelet's records of pulls cannot be read: {why}") };
    }
    let policy = match settings.policy() {
        Ok(policy) => policy,
        Err(why) => return Access::NotKnown { why },
    };
    match policy.verifies(wish.image, records) {
        Told::No(why) => return Access::Allowed { why },
        Told::NotKnown(why) => return Access::NotKnown { why },
        Told::Yes => {}
    }
    let Some(record) = &records.pulled else {
        return must_pull("the kubelet has no record of who may use it");
    };
    let proven = Reference::parse(wish.image).ok().and_then(|name| record.credential_mapping.get(&name.name()));
    match proven {
        None => must_pull("it was pulled under another name, and no credentials were proven for this one"),
        Some(proven) => by_credentials(wish, proven),
    }
}

fn by_credentials(wish: &Wish<'_>, proven: &ProvenCredentials) -> Access {
    let allowed = |why: &str| Access::Allowed { why: why.to_owned() };
    if proven.node_pods_accessible {
        return allowed("it was pulled anonymously or with the node's own login, so every pod may use it");
    }
    if proven.kubernetes_secrets.is_empty() && proven.kubernetes_service_accounts.is_empty() {
        return must_pull("the kubelet does not know with which credentials it was pulled");
    }
    let mut in_doubt = !wish.is_all;
    for (secret, hash) in wish.secrets {
        for known in &proven.kubernetes_secrets {
            if !known.credential_hash.expose().is_empty() && known.credential_hash == *hash {
                return allowed("one of the pod's pull secrets holds a login that was proven for it");
            }
            match same(secret, &known.secret) {
                Some(true) if proven.kubernetes_secrets.len() < SECRETS => {
                    return allowed("one of the pod's pull secrets was proven for it");
                }
                Some(_) => {}
                None => in_doubt = true,
            }
        }
    }
    for known in &proven.kubernetes_service_accounts {
        match wish.service_account.map(|account| same(account, known)) {
            Some(Some(true)) => return allowed("the pod's service account was proven for it"),
            Some(None) => in_doubt = true,
            Some(Some(false)) | None => {}
        }
    }
    if in_doubt {
        let why = "not all of what the pod brings is known, and nothing of what is was proven for it";
        return Access::NotKnown { why: why.to_owned() };
    }
    must_pull("it was pulled with credentials that the pod does not bring")
}

/// Whether two identities are one object; `None` where a uid is missing and the names are equal.
fn same(ours: &ObjectIdentity, known: &ObjectIdentity) -> Option<bool> {
    if (&ours.namespace, &ours.name) != (&known.namespace, &known.name) {
        return Some(false);
    }
    if ours.uid.is_empty() { None } else { Some(ours.uid == known.uid) }
}

fn must_pull(why: &str) -> Access {
    Access::MustPull { why: why.to_owned() }
}

//! An image that is on the node already, for a pod: whether its kubelet lets it have it. Decides by what was read; reads
//! nothing.

use serde::{Deserialize, Serialize};

use crate::case::{Case, GivenCredential, NodeConfig};
use crate::config::pull_records::{
    Access, ObjectIdentity, ProvenCredentials, PullRecords, VerificationSettings, Wish, access, credential_hash,
};
use crate::keyring::{Generation, Source, Union};
use crate::plan::Plan;
use crate::pull_configuration::verification_settings;
use crate::pull_secret::{SecretFound, Usable};
use crate::secret::Secret;

/// What the kubelet makes of a pod's wish for an image that is on the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OnNode {
    /// Its decision.
    pub access: Access,
    /// What its record says was proven for the image's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proven: Option<ProvenCredentials>,
}

/// What the kubelet of `node` makes of the image of `case` being on the node, by these records of its own and its release
/// as major and minor version. `None` where the case is of no pod.
pub fn on_node(
    case: &Case,
    plan: &Plan,
    node: &NodeConfig,
    records: &PullRecords,
    release: Option<(u32, u32)>,
) -> Option<OnNode> {
    let pod = case.pod.as_ref()?;
    let reference = plan.reference()?;
    let settings = verification_settings(node, release)
        .unwrap_or_else(|| VerificationSettings { version: release, ..VerificationSettings::default() });
    let name = reference.name();
    let secrets: Vec<(ObjectIdentity, Secret<String>)> =
        case.credentials.iter().flat_map(|given| proofs(given, &name)).collect();
    let wish = Wish {
        image: &case.image,
        policy: pod.policy,
        secrets: &secrets,
        service_account: None,
        is_all: plan.knows_every_credential(),
    };
    let proven = records.pulled.as_ref().and_then(|record| record.credential_mapping.get(&name)).cloned();
    Some(OnNode { access: access(&wish, records, &settings), proven })
}

/// A pull secret once for each of its logins that serve the image.
fn proofs(given: &GivenCredential, image: &str) -> Vec<(ObjectIdentity, Secret<String>)> {
    let GivenCredential::Secret(secret) = given else { return Vec::new() };
    let (SecretFound::Secret { uid, .. }, Some(Usable::Logins(entries))) = (&secret.found, secret.usable()) else {
        return Vec::new();
    };
    let identity = ObjectIdentity { uid: uid.clone(), namespace: secret.namespace.clone(), name: secret.name.clone() };
    let keyring = Union::new(vec![Source { name: String::new(), entries }], None, Vec::new(), Generation::Apart);
    keyring.lookup(image).into_iter().map(|login| (identity.clone(), credential_hash(&login.entry))).collect()
}

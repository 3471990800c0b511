//! Pull secrets: one by its name, and the names and types of all in a namespace. Only the two fields that kubelets read
//! are kept of a secret, and nobody prints them.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1 as core;
use kube::api::{ListParams, PartialObjectMeta};
use kube::{Api, Client, ResourceExt};
use pullagent_diagnosis::pull_secret::{DOCKERCFG, DOCKERCONFIGJSON, PullSecret, SecretFound};
use pullagent_diagnosis::secret::Secret;

use futures_util::{StreamExt, stream};
use pullagent_diagnosis::case::GivenCredential;
use pullagent_diagnosis::pod::Pod;

use super::client::Cluster;
use super::error::{KubeError, Rule};
use super::identity::How;
use super::pods::{MOST_PAGES, PAGE};

/// How many other namespaces are named in which there is a secret of the same name.
const MOST_ELSEWHERE: u32 = 5;

/// Secrets that are read at once.
const AT_ONCE: usize = 8;

/// A secret of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its name.
    pub(crate) name: String,
    /// Its type.
    pub(crate) kind: ListedKind,
}

/// The type of a secret of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListedKind {
    /// `kubernetes.io/dockerconfigjson`.
    DockerConfigJson,
    /// `kubernetes.io/dockercfg`.
    DockerCfg,
    /// One that kubelets take no login from.
    Other,
}

/// The secret that a pod names. Whatever stands in the way is part of the answer.
pub(crate) async fn read_secret(cluster: &Cluster, namespace: &str, name: &str) -> PullSecret {
    let found = match look_up_secret(cluster, namespace, name).await {
        SecretFound::Absent { .. } => SecretFound::Absent { elsewhere: elsewhere(cluster, namespace, name).await },
        found => found,
    };
    PullSecret { namespace: namespace.to_owned(), name: name.to_owned(), found }
}

/// The same with one request: of a secret that is absent, nobody looks for others of its name.
pub(crate) async fn look_up_secret(cluster: &Cluster, namespace: &str, name: &str) -> SecretFound {
    let rule =
        Rule { verb: "get", resource: "secrets", name: Some(name.to_owned()), namespace: Some(namespace.to_owned()) };
    let read =
        cluster.ask(&rule, async |client| Api::<core::Secret>::namespaced(client, namespace).get(name).await).await;
    match read {
        Ok(secret) => found(secret),
        Err(KubeError::Absent { .. }) => SecretFound::Absent { elsewhere: Vec::new() },
        Err(error) => SecretFound::NotRead { why: error.to_string() },
    }
}

/// Pull secrets of one pod; further ones are not read, and that is said.
const MOST_OF_A_POD: usize = 64;

/// A pod's pull secrets as credentials, in its order.
pub(crate) async fn pull_secrets(cluster: &Cluster, pod: &Pod) -> Vec<GivenCredential> {
    let names = pod.pull_secrets.iter().enumerate();
    let reads: Vec<_> = names.map(|(place, name)| secret_of_pod(cluster, &pod.namespace, place, name)).collect();
    stream::iter(reads).buffered(AT_ONCE).map(GivenCredential::Secret).collect().await
}

/// The secret that a pod names at this place of its list.
async fn secret_of_pod(cluster: &Cluster, namespace: &str, place: usize, name: &str) -> PullSecret {
    if place < MOST_OF_A_POD {
        return read_secret(cluster, namespace, name).await;
    }
    let why = format!("no more than {MOST_OF_A_POD} of a pod's secrets are read");
    PullSecret { namespace: namespace.to_owned(), name: name.to_owned(), found: SecretFound::NotRead { why } }
}

fn found(secret: core::Secret) -> SecretFound {
    let uid = secret.uid().unwrap_or_default();
    let mut data: BTreeMap<String, ByteString> = secret.data.unwrap_or_default();
    let mut take = |key: &str| data.remove(key).map(|ByteString(bytes)| Secret::from(bytes));
    SecretFound::Secret {
        uid,
        // What the API server stores for a secret without a type (`pkg/apis/core/v1/defaults.go`).
        kind: secret.type_.unwrap_or_else(|| "Opaque".to_owned()),
        dockerconfigjson: take(".dockerconfigjson"),
        dockercfg: take(".dockercfg"),
    }
}

/// Other namespaces with a secret of this name, as far as they may be looked into: a kubelet never may.
async fn elsewhere(cluster: &Cluster, namespace: &str, name: &str) -> Vec<String> {
    if matches!(cluster.identity().how, How::Kubelet(_)) {
        return Vec::new();
    }
    let rule = Rule { verb: "list", resource: "secrets", name: None, namespace: None };
    let params = ListParams::default().limit(MOST_ELSEWHERE).fields(&format!("metadata.name={name}"));
    let list = cluster.ask(&rule, async |client| Api::<core::Secret>::all(client).list_metadata(&params).await).await;
    let found = list.map(|list| list.items).unwrap_or_default();
    let mut namespaces: Vec<String> = found.iter().filter_map(ResourceExt::namespace).collect();
    namespaces.retain(|other| other != namespace);
    namespaces.sort_unstable();
    namespaces
}

/// The names and types of the secrets of a namespace, by name, at most 20,000. What they hold is not sent.
///
/// Errors: `Forbidden` without the right to list them; then each can still be read by its name.
pub(crate) async fn list_secrets(cluster: &Cluster, namespace: &str) -> Result<Vec<Listed>, KubeError> {
    // The type is not part of an object's metadata, but secrets can be selected by it.
    let mut all = BTreeMap::new();
    let kinds = [
        (String::new(), ListedKind::Other),
        (format!("type={DOCKERCONFIGJSON}"), ListedKind::DockerConfigJson),
        (format!("type={DOCKERCFG}"), ListedKind::DockerCfg),
    ];
    for (fields, kind) in kinds {
        for name in names(cluster, namespace, &fields).await? {
            all.insert(name, kind);
        }
    }
    Ok(all.into_iter().map(|(name, kind)| Listed { name, kind }).collect())
}

async fn names(cluster: &Cluster, namespace: &str, fields: &str) -> Result<Vec<String>, KubeError> {
    let rule = Rule { verb: "list", resource: "secrets", name: None, namespace: Some(namespace.to_owned()) };
    let mut names = Vec::new();
    let mut params = ListParams { field_selector: Some(fields.to_owned()), ..ListParams::default() }.limit(PAGE);
    for _ in 0..MOST_PAGES {
        let request = &params;
        let list =
            async |client: Client| Api::<core::Secret>::namespaced(client, namespace).list_metadata(request).await;
        let page = cluster.ask(&rule, list).await?;
        names.extend(page.items.iter().map(PartialObjectMeta::name_any));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => break,
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_kubelets_read_is_kept() {
        let secret = json!({
            "metadata": { "name": "regcred", "uid": "7" }, "type": "kubernetes.io/dockerconfigjson",
            "data": { ".dockerconfigjson": "aHVudGVyMg==", "other": "aHVudGVyMw==" },
        });
        let found = found(serde_json::from_value(secret).unwrap());
        let SecretFound::Secret { uid, kind, dockerconfigjson, dockercfg } = &found else { panic!("{found:?}") };
        assert_eq!((uid.as_str(), kind.as_str(), dockercfg), ("7", DOCKERCONFIGJSON, &None));
        assert_eq!(dockerconfigjson.as_ref().unwrap().expose(), b"hunter2");
        assert!(!format!("{found:?}").contains("hunter"));
    }

    #[test]
    fn a_secret_without_type_is_opaque() {
        let secret = serde_json::from_value(json!({ "metadata": {} })).unwrap();
        assert!(matches!(found(secret), SecretFound::Secret { kind, .. } if kind == "Opaque"));
    }
}

//! The service accounts of a namespace, as far as pulls go.

use k8s_openapi::api::core::v1 as core;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use pullagent_diagnosis::pull_secrets::ServiceAccount;

use super::client::Cluster;
use super::error::{KubeError, Rule};
use super::pods::{MOST_PAGES, PAGE};

/// The service accounts of a namespace, at most 20,000.
pub(crate) async fn list_accounts(cluster: &Cluster, namespace: &str) -> Result<Vec<ServiceAccount>, KubeError> {
    let rule = Rule { verb: "list", resource: "serviceaccounts", name: None, namespace: Some(namespace.to_owned()) };
    let mut accounts = Vec::new();
    let mut params = ListParams::default().limit(PAGE);
    for _ in 0..MOST_PAGES {
        let request = &params;
        let page = cluster
            .ask(&rule, async |client| Api::<core::ServiceAccount>::namespaced(client, namespace).list(request).await)
            .await?;
        accounts.extend(page.items.iter().map(account_from));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => break,
        }
    }
    Ok(accounts)
}

fn account_from(account: &core::ServiceAccount) -> ServiceAccount {
    let listed = account.image_pull_secrets.iter().flatten().map(|secret| secret.name.clone());
    ServiceAccount { name: account.name_any(), pull_secrets: listed.filter(|name| !name.is_empty()).collect() }
}

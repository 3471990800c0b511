//! `pullagent secrets`: what the pull secrets of a namespace are good for.

use std::collections::BTreeSet;

use futures_util::{StreamExt, stream};
use pullagent_diagnosis::not_checked::NotChecked;
use pullagent_diagnosis::pull_secrets::{Namespace, PullSecrets, pull_secrets};
use pullagent_diagnosis::report;

use crate::cli::FailOnNode;
use crate::cli::secrets::{SecretsArguments, SecretsFormat};
use crate::kube::{Cluster, ListedKind, list_accounts, list_pods, list_secrets, open, read_secret};
use crate::settings::Settings;
use crate::terminal;

/// There is a warning, and that was asked to count.
const WARNED: u8 = 1;
/// Secrets that are read at once.
const AT_ONCE: usize = 8;
/// Secrets that are read at most.
const MOST_SECRETS: usize = 500;

/// Shows the secrets.
pub(crate) async fn run(arguments: &SecretsArguments) -> anyhow::Result<u8> {
    let settings = Settings::of_command(&arguments.standpoint)?;
    let cluster = open(&arguments.kube, &settings).await?;
    let name = match &arguments.kube.namespace {
        Some(name) => name.clone(),
        None => cluster.default_namespace().await,
    };
    let secrets = pull_secrets(&look(&cluster, name).await?);
    terminal::print(&format!("{}\n", shown(arguments, &secrets)))?;
    let fails = arguments.fail_on == Some(FailOnNode::Warning) && secrets.warns();
    Ok(if fails { WARNED } else { 0 })
}

/// Reads the namespace. Without its pods there is nothing to tell; anything else that stands in the way is told.
async fn look(cluster: &Cluster, name: String) -> anyhow::Result<Namespace> {
    let mut namespace = Namespace { pods: list_pods(cluster, &name).await?, name, ..Namespace::default() };
    match list_accounts(cluster, &namespace.name).await {
        Ok(accounts) => namespace.service_accounts = accounts,
        Err(error) => namespace.not_checked.push(NotChecked::new("the service accounts", error.to_string())),
    }
    let mut names: BTreeSet<String> = namespace.pods.iter().flat_map(|pod| pod.pull_secrets.clone()).collect();
    names.extend(namespace.service_accounts.iter().flat_map(|account| account.pull_secrets.clone()));
    match list_secrets(cluster, &namespace.name).await {
        Ok(listed) => {
            names.extend(listed.into_iter().filter(|one| one.kind != ListedKind::Other).map(|one| one.name));
        }
        Err(error) => {
            let what = "pull secrets that nobody refers to";
            namespace.not_checked.push(NotChecked::new(what, error.to_string()));
        }
    }
    if names.len() > MOST_SECRETS {
        let what = format!("{} further secrets", names.len() - MOST_SECRETS);
        namespace.not_checked.push(NotChecked::new(what, format!("at most {MOST_SECRETS} are read")));
    }
    let read = names.iter().take(MOST_SECRETS).map(|secret| read_secret(cluster, &namespace.name, secret));
    let secrets: Vec<_> = stream::iter(read).buffered(AT_ONCE).collect().await;
    namespace.secrets = secrets;
    Ok(namespace)
}

fn shown(arguments: &SecretsArguments, secrets: &PullSecrets) -> String {
    match arguments.output {
        SecretsFormat::Text => report::secrets_text(secrets, &terminal::style(arguments.verbose)),
        SecretsFormat::Short => report::secrets_short(secrets),
        SecretsFormat::Json => report::secrets_json(secrets),
    }
}

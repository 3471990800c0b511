//! All credentials that a node's kubelet has of its own, beside a pod's: knows where they come from and in which order.

use std::path::Path;
use std::time::Duration;

use pullagent_diagnosis::case::{GivenCredential, NotChecked};

use crate::credential_plugin::Plugins;
use crate::{docker_config, process};

/// What a kubelet would offer for whatever image, and what is not known of it.
#[derive(Clone, Debug, Default)]
pub struct KubeletCredentials {
    file: Option<GivenCredential>,
    plugins: Plugins,
    /// Places from which the kubelet would offer credentials that are not known, for a person.
    pub unread: Vec<String>,
    /// What the kubelet passes over without a word, and why.
    pub passed_over: Vec<NotChecked>,
}

/// Looks for the kubelet of the node whose file tree is at `host_root`, and reads what it reads. Nothing is run yet.
/// Blocking.
pub fn read(host_root: &Path) -> KubeletCredentials {
    let kubelet = process::kubelet_start(host_root);
    let seen = kubelet.as_ref().ok().and_then(Option::as_ref);
    let found = docker_config::read(host_root, seen);
    let plugins = seen.map(|kubelet| Plugins::of(kubelet, host_root)).unwrap_or_default();
    let why = match &kubelet {
        Ok(_) => plugins.unread().map(str::to_owned),
        Err(unseen) => unseen.uses_plugins.then(|| unseen.why.clone()),
    };
    let unread = why.map(|why| format!("the kubelet's credential provider plugins ({why})"));
    KubeletCredentials {
        file: found.file,
        plugins,
        unread: found.unread.into_iter().chain(unread).collect(),
        passed_over: found.passed_over,
    }
}

impl KubeletCredentials {
    /// Lets no plugin run, for this reason; those that are for an image are then named as not run.
    pub fn forbid_plugins(&mut self, why: &str) {
        self.plugins.forbid(why);
    }

    /// Offers none of it, for this reason; what the kubelet would offer is then named as not read.
    pub fn withhold(&mut self, why: &str) {
        self.forbid_plugins(why);
        if let Some(GivenCredential::NodeFile { path, .. }) = self.file.take() {
            self.unread.push(format!("node {path} ({why})"));
        }
    }

    /// What the kubelet would offer for `image`, in its order. Runs the plugins that are for it, each for at most
    /// `limit`.
    pub async fn offered(&self, image: &str, limit: Duration) -> Vec<GivenCredential> {
        self.file.iter().cloned().chain(self.plugins.ask(image, limit).await).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_withheld_is_named_and_not_offered() {
        let file = GivenCredential::NodeFile { path: "/root/.docker/config.json".to_owned(), logins: Vec::new() };
        let mut credentials = KubeletCredentials { file: Some(file), ..KubeletCredentials::default() };
        credentials.withhold("only root may use it");
        assert_eq!(credentials.unread, ["node /root/.docker/config.json (only root may use it)"]);
        assert_eq!(credentials.offered("r.io/a:1", Duration::from_secs(1)).await, []);
    }
}

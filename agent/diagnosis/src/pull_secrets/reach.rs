//! Secrets of a service account that did not reach its pods.
//!
//! The list is copied into a pod when it is created, if the pod has none of its own; later changes reach no pod, and a
//! kubelet never looks at the service account (`plugin/pkg/admission/serviceaccount/admission.go`).

use std::collections::{BTreeMap, BTreeSet};

use super::NAME;
use super::content::Content;
use super::given::{Namespace, ServiceAccount};
use super::lookup::Lookups;
use super::rows::Names;
use crate::cause::{Code, Severity};
use crate::finding::Finding;
use crate::keyring::Keyring;
use crate::pod::Pod;
use crate::text::clean;

/// Comparisons of a key with an image, in all.
const MOST_COMPARISONS: usize = 300_000;

/// What is said of each service account whose secrets did not reach pods of it.
pub(super) fn findings(
    namespace: &Namespace,
    contents: &BTreeMap<&str, Content<'_>>,
    lookups: &Lookups<'_>,
) -> Vec<Finding> {
    let mut pods: BTreeMap<&str, Vec<&Pod>> = BTreeMap::new();
    for pod in namespace.live_pods().filter(|pod| !pod.is_static) {
        pods.entry(&pod.service_account).or_default().push(pod);
    }
    let mut left = MOST_COMPARISONS;
    let of = |account: &ServiceAccount| {
        let pods = pods.get(account.name.as_str()).map(Vec::as_slice).unwrap_or_default();
        let unreached = Unreached::new(account, pods, contents);
        unreached.missed(lookups, &mut left).map_or_else(|| unreached.unused(pods), |finding| vec![finding])
    };
    namespace.service_accounts.iter().flat_map(of).collect()
}

/// A service account, the secrets of it that can be read, and its pods that name none of them.
struct Unreached<'a> {
    account: &'a ServiceAccount,
    secrets: Vec<&'a str>,
    keyring: Keyring,
    keys: usize,
    pods: BTreeMap<&'a str, &'a Pod>,
}

impl<'a> Unreached<'a> {
    fn new(account: &'a ServiceAccount, pods: &[&'a Pod], contents: &BTreeMap<&str, Content<'_>>) -> Self {
        let (mut secrets, mut keyring, mut keys) = (Vec::new(), Keyring::default(), 0);
        let lacks = |pod: &&&Pod| !account.pull_secrets.iter().any(|name| pod.pull_secrets.contains(name));
        let pods: BTreeMap<&str, &Pod> = pods.iter().filter(lacks).map(|pod| (pod.name.as_str(), *pod)).collect();
        for name in &account.pull_secrets {
            if let Some(Content::Logins { entries, .. }) = contents.get(name.as_str()) {
                secrets.push(name.as_str());
                if !pods.is_empty() {
                    keys += entries.len();
                    keyring.add(name, entries.clone());
                }
            }
        }
        Self { account, secrets, keyring, keys, pods }
    }

    /// Images that these secrets would serve, if the pods had them.
    fn missed(&self, lookups: &Lookups<'_>, left: &mut usize) -> Option<Finding> {
        if self.pods.is_empty() || self.keys == 0 {
            return None;
        }
        let (mut images, mut pods, mut refused) = (BTreeSet::new(), BTreeSet::new(), false);
        for lookup in &lookups.all {
            let mut lacking = lookup.pods.iter().filter(|pod| self.pods.contains_key(**pod)).peekable();
            let has_none = lookup.offered.is_empty() && lookup.row.blocked_by.is_none() && !lookup.in_doubt;
            if !has_none || lacking.peek().is_none() || *left < self.keys {
                continue;
            }
            *left -= self.keys;
            if !self.keyring.lookup(&lookup.image.name()).is_empty() {
                images.insert(lookup.row.image.as_str());
                pods.extend(lacking.copied());
                refused |= lookup.row.refused;
            }
        }
        if images.is_empty() {
            return None;
        }
        let is_listed = |name: &&&str| self.pods.get(**name).is_some_and(|pod| !pod.pull_secrets.is_empty());
        let listing = Names::of(pods.iter().filter(is_listed));
        let older = Names::of(pods.iter().filter(|name| !is_listed(name)));
        let summary = format!(
            "service account {} has {}, which would serve {} and did not reach {}, {}",
            clean(&self.account.name, NAME),
            Names::of(&self.secrets),
            Names::of(&images),
            Names::of(&pods).counted("pod").unwrap_or_default(),
            match (older.is_empty(), listing.is_empty()) {
                (false, true) => "created before it was listed there",
                (true, false) => "with pull secrets of its own, which replace the service account's",
                _ => "created before it was listed there or with pull secrets of its own",
            }
        );
        let severity = if refused { Severity::Error } else { Severity::Warning };
        let finding = Finding::new(Code::CredentialsMissing, summary).severity(severity);
        Some(self.fix(finding, &older, &listing))
    }

    /// Secrets of the service account that none of its pods names.
    fn unused(&self, pods: &[&Pod]) -> Vec<Finding> {
        let has = |name: &str| pods.iter().any(|pod| pod.pull_secrets.iter().any(|other| other == name));
        let unused: Vec<&str> = self.secrets.iter().filter(|name| !has(name)).copied().collect();
        if unused.is_empty() || pods.is_empty() {
            return Vec::new();
        }
        let all = Names::of(pods.iter().map(|pod| &pod.name));
        let summary = format!(
            "service account {} lists {}, which reached none of its pods {all}: the list is copied when a pod is \
             created, if it names no pull secret itself",
            clean(&self.account.name, NAME),
            Names::of(&unused),
        );
        let (listing, older): (Vec<&Pod>, Vec<&Pod>) = pods.iter().partition(|pod| !pod.pull_secrets.is_empty());
        let names = |pods: Vec<&Pod>| Names::of(pods.into_iter().map(|pod| &pod.name));
        vec![self.fix(Finding::new(Code::SecretUnused, summary), &names(older), &names(listing))]
    }

    fn fix(&self, finding: Finding, older: &Names, listing: &Names) -> Finding {
        let finding = if older.is_empty() {
            finding
        } else {
            finding.fix(format!("recreate {older}, so that they get the list as it is now"))
        };
        if listing.is_empty() {
            return finding;
        }
        let secrets = Names::of(&self.secrets);
        finding.fix(format!("name {secrets} in the pod template of {listing} too, or take the list out of it"))
    }
}

//! What is wrong with the secrets of a namespace, and what to do about it.
//!
//! An error is what is known to fail a pull: the kubelet says that an image wants a login, or a secret cannot be read.

use std::collections::{BTreeMap, BTreeSet};

use super::NAME;
use super::content::{Content, kubelet_words};
use super::given::Namespace;
use super::lookup::{Lookup, Lookups, NearestKey};
use super::rows::{Names, References};
use crate::cause::{Code, Severity};
use crate::config::dockerconfigjson::{ConfigEntry, MalformedConfig};
use crate::finding::Finding;
use crate::layer::credentials::create_this_secret;
use crate::text::clean;

/// What is said of each secret, and of the images that none of them serves.
pub(super) fn findings(
    namespace: &Namespace,
    contents: &BTreeMap<&str, Content<'_>>,
    lookups: &Lookups<'_>,
) -> Vec<Finding> {
    let about = About { namespace: &namespace.name, references: References::new(namespace), lookups };
    let of_secrets = contents.iter().flat_map(|(name, content)| about.secret(name, content));
    of_secrets.chain(about.images(contents)).collect()
}

struct About<'a> {
    namespace: &'a str,
    references: References<'a>,
    lookups: &'a Lookups<'a>,
}

impl About<'_> {
    fn secret(&self, name: &str, content: &Content<'_>) -> Vec<Finding> {
        match content {
            Content::Absent { elsewhere } => self.absent(name, elsewhere).into_iter().collect(),
            Content::Skipped { field, why, .. } => self.skipped(name, field, why).into_iter().collect(),
            Content::Malformed { error, .. } => vec![self.malformed(name, error)],
            Content::Logins { entries, .. } => self.logins(name, entries),
            Content::Unread { .. } => Vec::new(),
        }
    }

    fn absent(&self, name: &str, elsewhere: &[String]) -> Option<Finding> {
        let who = self.who(name)?;
        let others = match elsewhere.len() {
            0 => String::new(),
            _ => format!("; the one in {} is of no use here", Names::of(elsewhere)),
        };
        let absent = format!("secret {} is not in namespace {}", shown(name), shown(self.namespace));
        Some(
            Finding::new(Code::SecretNotFound, format!("{absent}; {who}{others}"))
                .severity(self.severity(name))
                .run("create it; the next attempt finds it", &self.create(name, self.registry_wanted(name)))
                .fix("if nothing needs it any more, take its name out of the pod template and the service account"),
        )
    }

    fn skipped(&self, name: &str, field: &str, why: &str) -> Option<Finding> {
        self.who(name)?;
        let summary = format!("the kubelet passes secret {} over without a word: {field} {why}", shown(name));
        Some(self.anew(Finding::new(Code::SecretMalformed, summary).severity(self.severity(name)), name))
    }

    fn malformed(&self, name: &str, error: &MalformedConfig) -> Finding {
        let pods = self.references.pods(name);
        let (severity, so) = match (pods.is_empty(), self.who(name)) {
            (false, _) => (Severity::Error, format!(", so that the kubelet pulls no image of {pods}")),
            (true, Some(_)) => (Severity::Warning, ", so that pods which get it can pull no image".to_owned()),
            (true, None) => (Severity::Info, "; nobody refers to it".to_owned()),
        };
        let MalformedConfig { field, fault } = error;
        let says = kubelet_words(*fault);
        let summary = format!("secret {} cannot be read: {field} {fault}{so} (it says \"{says}\")", shown(name));
        self.anew(Finding::new(Code::SecretMalformed, summary).severity(severity), name)
    }

    /// What is said of a secret that the kubelet reads.
    fn logins(&self, name: &str, entries: &[ConfigEntry]) -> Vec<Finding> {
        let Some(who) = self.who(name) else {
            let summary = format!("no pod and no service account refers to secret {}", shown(name));
            let command = ["kubectl", "-n", self.namespace, "delete", "secret", name];
            return vec![Finding::new(Code::SecretUnused, summary).run("if nothing needs it, delete it", &command)];
        };
        if entries.is_empty() {
            let summary = format!("secret {} holds no login at all; {who}", shown(name));
            let finding = Finding::new(Code::SecretMalformed, summary).severity(self.severity(name));
            let finding = self.anew(finding, name);
            return vec![finding.fix("a file that `docker login` wrote with a `credsStore` holds no passwords")];
        }
        let mut findings = self.without_user(name, entries);
        findings.extend(self.unused(name, entries));
        findings
    }

    /// Images for which the only logins have no user.
    fn without_user(&self, name: &str, entries: &[ConfigEntry]) -> Vec<Finding> {
        let nameless: BTreeSet<&str> =
            entries.iter().filter(|entry| entry.username.is_empty()).map(|entry| entry.key.as_str()).collect();
        let is_only = |lookup: &&Lookup<'_>| {
            let has_user = lookup.row.logins.iter().any(|login| !login.user.is_empty());
            !has_user && lookup.offered.iter().any(|(secret, key)| *secret == name && nameless.contains(key.as_str()))
        };
        let images: Vec<&Lookup<'_>> = self.lookups.all.iter().filter(is_only).collect();
        if images.is_empty() {
            return Vec::new();
        }
        let refused = images.iter().any(|lookup| lookup.row.refused);
        let summary = format!(
            "secret {} has a login without a user for {}: it is pulled as a stranger",
            shown(name),
            Names::of(images.iter().map(|lookup| &lookup.row.image))
        );
        let finding = Finding::new(Code::SecretMalformed, summary).severity(error_if(refused));
        let finding = self.anew(finding, name);
        vec![finding.fix("a file that `docker login` wrote with a `credsStore` holds no passwords")]
    }

    /// A secret that serves none of the images of the pods that name it, and is not mistaken for one either.
    fn unused(&self, name: &str, entries: &[ConfigEntry]) -> Option<Finding> {
        let pods = self.references.pods(name);
        let mut beside = self.lookups.all.iter().filter(|lookup| lookup.list.iter().any(|secret| secret == name));
        let is_used = beside.any(|lookup| {
            let is_meant = lookup.row.nearest.as_ref().is_some_and(|key| key.mistaken && key.secret == shown(name));
            is_meant || lookup.row.blocked_by.is_some() || lookup.offered.iter().any(|(secret, _)| *secret == name)
        });
        if pods.is_empty() || is_used || self.lookups.has_left_out() {
            return None;
        }
        let keys = Names::of(entries.iter().map(ConfigEntry::shown_key));
        let summary = format!("secret {} serves no image of {pods}: its keys are {keys}", shown(name));
        Some(
            Finding::new(Code::SecretUnused, summary)
                .fix("take its name out of the pod template or the service account, or correct its keys"),
        )
    }

    /// Images that no login of their pods serves, though one nearly does or the registry wants one: a finding for each
    /// key that is wrong, and one for those without any.
    fn images(&self, contents: &BTreeMap<&str, Content<'_>>) -> Vec<Finding> {
        let mut by_key: BTreeMap<&NearestKey, Vec<&Lookup<'_>>> = BTreeMap::new();
        let mut by_list: BTreeMap<(&[String], &str), Vec<&Lookup<'_>>> = BTreeMap::new();
        for lookup in &self.lookups.all {
            let is_blocked = lookup.row.blocked_by.is_some() || lookup.in_doubt;
            if is_blocked || !lookup.offered.is_empty() {
                continue;
            }
            match &lookup.row.nearest {
                Some(key) if key.mistaken || lookup.row.refused => by_key.entry(key).or_default().push(lookup),
                None if lookup.row.refused => {
                    by_list.entry((lookup.list, &lookup.image.registry)).or_default().push(lookup);
                }
                _ => {}
            }
        }
        let near = by_key.into_iter().map(|(key, lookups)| self.near(key, &lookups));
        let far = by_list.into_iter().filter_map(|((list, registry), lookups)| {
            let has_keys = list.iter().any(
                |name| matches!(contents.get(name.as_str()), Some(Content::Logins { entries, .. }) if !entries.is_empty()),
            );
            (has_keys || list.is_empty()).then(|| self.far(list, registry, &lookups))
        });
        near.chain(far).collect()
    }

    fn near(&self, key: &NearestKey, lookups: &[&Lookup<'_>]) -> Finding {
        let refused = lookups.iter().any(|lookup| lookup.row.refused);
        let images = Names::of(lookups.iter().map(|lookup| &lookup.row.image));
        let wanted = if refused { "; the registry wants one" } else { "" };
        let summary = format!(
            "no login of the pull secrets serves {images}{wanted}: the key \"{}\" of secret {} {}",
            key.key, key.secret, key.why
        );
        Finding::new(Code::CredentialsNotMatching, summary)
            .severity(error_if(refused))
            .fix(format!("write the key as the image begins: \"{}\"", key.write))
            .run("or add a secret for it, and name it in the pod template", &self.create("<name>", &key.write))
    }

    fn far(&self, list: &[String], registry: &str, lookups: &[&Lookup<'_>]) -> Finding {
        let images = Names::of(lookups.iter().map(|lookup| &lookup.row.image));
        let pods: BTreeSet<&&str> = lookups.iter().flat_map(|lookup| &lookup.pods).collect();
        let pods = Names::of(pods);
        let (code, why) = match list {
            [] => (Code::CredentialsMissing, format!("there is no pull secret in {pods}")),
            _ => (Code::CredentialsNotMatching, format!("no key of {} matches", Names::of(list))),
        };
        Finding::new(code, format!("the registry wants a login for {images}, and {why}"))
            .severity(Severity::Error)
            .run("create a pull secret for it, and name it in the pod template", &self.create("<name>", registry))
    }

    /// With the two commands that make a secret anew: its type cannot be changed in place.
    fn anew(&self, finding: Finding, name: &str) -> Finding {
        finding
            .run("delete it", &["kubectl", "-n", self.namespace, "delete", "secret", name])
            .run("and let kubectl write it anew", &self.create(name, self.registry_wanted(name)))
    }

    /// The command that makes a pull secret for `registry`.
    fn create(&self, name: &str, registry: &str) -> Vec<String> {
        create_this_secret(self.namespace, name, registry)
    }

    /// Who refers to a secret, as a clause; `None` if nobody does.
    fn who(&self, name: &str) -> Option<String> {
        let pods = self.references.pods(name).counted("pod");
        let accounts = self.references.accounts(name).counted("service account");
        let who = match (pods, accounts) {
            (Some(pods), Some(accounts)) => format!("{pods}, and by {accounts}"),
            (pods, accounts) => pods.or(accounts)?,
        };
        Some(format!("it is named by {who}"))
    }

    /// The first image that is refused to pods which name this secret, and for which they have no login.
    fn missed(&self, name: &str) -> Option<&Lookup<'_>> {
        self.lookups.all.iter().find(|lookup| {
            lookup.row.refused && lookup.offered.is_empty() && lookup.list.iter().any(|secret| secret == name)
        })
    }

    fn severity(&self, name: &str) -> Severity {
        error_if(self.missed(name).is_some())
    }

    /// The registry to create a secret for.
    fn registry_wanted(&self, name: &str) -> &str {
        self.missed(name).map_or("<registry>", |lookup| &lookup.image.registry)
    }
}

fn error_if(fails: bool) -> Severity {
    if fails { Severity::Error } else { Severity::Warning }
}

fn shown(name: &str) -> String {
    clean(name, NAME)
}

//! Which of the credentials at hand serve this image.

use serde::{Deserialize, Serialize};

use crate::case::{Case, GivenCredential, Withheld};
use crate::config::dockerconfigjson::parse_dockerconfigjson;
use crate::keyring::{Generation, Login, Miss, Source, Union, nearest_miss};
use crate::plugin::PluginOutcome;
use crate::pull_secret::{PullSecret, SecretFound, Usable};
use crate::reference::Reference;
use crate::secret::Secret;
use crate::text::clean;

/// Bytes of a foreign name or pattern.
const KEY: usize = 200;

/// A credential with its place in the order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Credential {
    /// Where it came from, for a person.
    pub source: String,
    /// The key it stands under, as it may be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The user as it is offered. Empty means that the runtime asks as a stranger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The password.
    #[serde(skip)]
    pub password: Secret<String>,
    /// Whether it is offered.
    pub offer: Offer,
}

impl Credential {
    /// Whether there is no user: containerd then pulls as a stranger, whatever the password
    /// (`internal/cri/server/images/image_pull.go` `ParseAuth`).
    pub fn is_nameless(&self) -> bool {
        self.user.as_ref().is_none_or(String::is_empty)
    }
}

/// Whether a credential is offered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Offer {
    /// It is.
    Yes,
    /// Its key does not match the image.
    NotMatching {
        /// What is the matter with the key; goes on after the key's name.
        why: String,
    },
    /// It cannot be read.
    Unreadable {
        /// The field that is wrong.
        field: String,
        /// What is wrong with it.
        why: String,
    },
    /// The kubelet passes it over without a word.
    PassedOver {
        /// The field that is wrong.
        field: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is no such secret in the pod's namespace.
    Absent {
        /// Other namespaces that have one of this name, as far as is known.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        elsewhere: Vec<String>,
    },
    /// It was refused before and is not offered again; the kubelet does offer it.
    Withheld,
    /// We could not read it; the kubelet may.
    NotRead {
        /// Why.
        why: String,
    },
    /// The plugin that should have given it failed.
    PluginFailed {
        /// How; goes on after the plugin's name.
        why: String,
        /// Whether the kubelet itself might have had more luck with it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        in_doubt: bool,
    },
}

/// Every credential at hand, each with whether it is offered for `reference`: those that are, in the order in which they
/// are, then those that are not, the nearest miss first.
///
/// A single login is meant for the image and asked for with it, so that it comes first and has no key to match. The
/// documents make one keyring, as a pod's secrets do; the node's own file and its plugins come after it.
pub(super) fn offered(case: &Case, reference: &Reference) -> Vec<Credential> {
    let image = reference.name();
    let (mut credentials, mut unmatched, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
    let (mut secrets, mut file, mut plugins) = (Vec::new(), None, Vec::new());
    for given in &case.credentials {
        match given {
            GivenCredential::Login { source, user, password } => credentials.push(Credential {
                user: Some(user.clone()),
                password: password.clone(),
                ..of_nobody(source.clone(), Offer::Yes)
            }),
            GivenCredential::DockerConfig { source, text } => match parse_dockerconfigjson(text.expose()) {
                Ok(entries) => secrets.push(Source { name: source.clone(), entries }),
                Err(error) => {
                    let offer = Offer::Unreadable { field: error.field, why: error.fault.to_string() };
                    unreadable.push(of_nobody(source.clone(), offer));
                }
            },
            GivenCredential::Secret(secret) => match of_secret(secret) {
                Ok(source) => secrets.push(source),
                Err(offer) => unreadable.push(of_nobody(secret.source(), offer)),
            },
            GivenCredential::NodeFile { path, logins } => {
                file = Some(Source { name: format!("node {path}"), entries: logins.clone() });
            }
            GivenCredential::Plugin { name, outcome } => match outcome {
                PluginOutcome::Answered { logins } => {
                    plugins.push(Source { name: plugin(name), entries: logins.clone() });
                }
                PluginOutcome::NotMatched { patterns } => {
                    unmatched.extend(nearest_miss(patterns, &image).map(|(pattern, miss)| {
                        let offer = Offer::NotMatching { why: miss.to_string() };
                        (miss, Credential { key: Some(clean(pattern, KEY)), ..of_nobody(plugin(name), offer) })
                    }));
                }
                PluginOutcome::Failed { .. } | PluginOutcome::BadAnswer { .. } => {
                    let why = outcome.failure().unwrap_or_default();
                    let offer = Offer::PluginFailed { why, in_doubt: outcome.is_in_doubt() };
                    unreadable.push(of_nobody(plugin(name), offer));
                }
                PluginOutcome::NotRun { .. } => {}
            },
        }
    }
    // Older kubelets mix the file's logins with the plugins'; which release this one is, nobody has told.
    let union = Union::new(secrets, file, plugins, Generation::Apart);
    credentials.extend(union.lookup(&image).into_iter().map(|login| of_login(login, Offer::Yes)));
    let of_miss = |(miss, login): (Miss, &Login)| (miss, of_login(login, Offer::NotMatching { why: miss.to_string() }));
    let mut misses: Vec<(Miss, Credential)> = union.misses(&image).into_iter().map(of_miss).chain(unmatched).collect();
    misses.sort_by_key(|(miss, _)| *miss);
    credentials.extend(misses.into_iter().map(|(_, credential)| credential));
    credentials.extend(unreadable);
    for credential in credentials.iter_mut().filter(|credential| credential.offer == Offer::Yes) {
        let is_withheld = |login: &Withheld| (&login.source, &login.key) == (&credential.source, &credential.key);
        if case.withheld.iter().any(is_withheld) {
            credential.offer = Offer::Withheld;
        }
    }
    credentials
}

/// What the kubelet would run for this image and we did not.
pub(super) fn unread(case: &Case) -> impl Iterator<Item = String> {
    case.credentials.iter().filter_map(|given| match given {
        GivenCredential::Plugin { name, outcome: PluginOutcome::NotRun { why } } => {
            Some(format!("the kubelet's credential provider {} ({why})", plugin(name)))
        }
        GivenCredential::Secret(secret) => match &secret.found {
            SecretFound::NotRead { why } => Some(format!("{} ({why})", secret.source())),
            SecretFound::Secret { .. } | SecretFound::Absent { .. } => None,
        },
        _ => None,
    })
}

/// A pod's secret as a source of logins, or why it is none.
fn of_secret(secret: &PullSecret) -> Result<Source, Offer> {
    match (secret.usable(), &secret.found) {
        (Some(Usable::Logins(entries)), _) => Ok(Source { name: secret.source(), entries }),
        (Some(Usable::PassedOver { field, why }), _) => Err(Offer::PassedOver { field, why }),
        (Some(Usable::Broken(error)), _) => Err(Offer::Unreadable { field: error.field, why: error.fault.to_string() }),
        (None, SecretFound::Absent { elsewhere }) => Err(Offer::Absent { elsewhere: elsewhere.clone() }),
        (None, SecretFound::NotRead { why }) => Err(Offer::NotRead { why: why.clone() }),
        (None, SecretFound::Secret { .. }) => Ok(Source { name: secret.source(), entries: Vec::new() }),
    }
}

fn plugin(name: &str) -> String {
    format!("plugin {}", clean(name, KEY))
}

/// A credential of a source of which no login is known.
fn of_nobody(source: String, offer: Offer) -> Credential {
    Credential { source, key: None, user: None, password: Secret::default(), offer }
}

fn of_login(login: &Login, offer: Offer) -> Credential {
    Credential {
        source: login.source.clone(),
        key: Some(login.entry.shown_key()),
        user: Some(login.entry.username.clone()),
        password: login.entry.password.clone(),
        offer,
    }
}

#[cfg(test)]
mod tests;

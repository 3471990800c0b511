//! Which of the credentials at hand serve this image.

use serde::{Deserialize, Serialize};

use crate::case::{Case, GivenCredential};
use crate::config::dockerconfigjson::parse_dockerconfigjson;
use crate::keyring::{Keyring, Login};
use crate::reference::Reference;
use crate::secret::Secret;

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
}

/// Every credential at hand, each with whether it is offered for `reference`: those that are, in the order in which they
/// are, then those that are not, the nearest miss first.
///
/// A single login is meant for the image and asked for with it, so that it comes first and has no key to match. The
/// documents make one keyring, as a pod's secrets do.
pub(super) fn offered(case: &Case, reference: &Reference) -> Vec<Credential> {
    let (mut credentials, mut unreadable) = (Vec::new(), Vec::new());
    let mut keyring = Keyring::default();
    for given in &case.credentials {
        match given {
            GivenCredential::Login { source, user, password } => credentials.push(Credential {
                source: source.clone(),
                key: None,
                user: Some(user.clone()),
                password: password.clone(),
                offer: Offer::Yes,
            }),
            GivenCredential::DockerConfig { source, text } => match parse_dockerconfigjson(text.expose()) {
                Ok(entries) => keyring.add(source, entries),
                Err(error) => unreadable.push(Credential {
                    source: source.clone(),
                    key: None,
                    user: None,
                    password: Secret::default(),
                    offer: Offer::Unreadable { field: error.field, why: error.fault.to_string() },
                }),
            },
        }
    }
    let image = reference.name();
    credentials.extend(keyring.lookup(&image).into_iter().map(|login| of_login(login, Offer::Yes)));
    let mut misses = keyring.misses(&image);
    misses.sort_by_key(|(miss, _)| *miss);
    let misses = misses.into_iter();
    credentials.extend(misses.map(|(miss, login)| of_login(login, Offer::NotMatching { why: miss.to_string() })));
    credentials.extend(unreadable);
    credentials
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
mod tests {
    use super::*;

    #[test]
    fn credentials_are_in_the_order_in_which_they_are_offered_and_then_by_how_near_they_are() {
        let document = |source: &str, text: &str| GivenCredential::DockerConfig {
            source: source.to_owned(),
            text: text.to_owned().into(),
        };
        let case = Case {
            image: String::new(),
            platform: None,
            credentials: vec![
                document("broken", "{"),
                document("one", r#"{"auths":{"c.d":{},"a.b:5000":{},"a.b":{}}}"#),
                document("two", r#"{"auths":{"a.b/team":{}}}"#),
                GivenCredential::Login { source: "login".into(), user: "u".into(), password: Secret::default() },
            ],
            anonymous: false,
        };
        let offered = offered(&case, &Reference::parse("a.b/team/api").unwrap());
        let shown: Vec<String> = offered
            .iter()
            .map(|credential| {
                let offer = match &credential.offer {
                    Offer::Yes => "offered",
                    Offer::NotMatching { why } => why,
                    Offer::Unreadable { .. } => "unreadable",
                };
                format!("{} {} {offer}", credential.source, credential.key.as_deref().unwrap_or("-"))
            })
            .collect();
        assert_eq!(
            shown,
            [
                "login - offered",
                "two a.b/team offered",
                "one a.b offered",
                "one a.b:5000 differs in the port",
                "one c.d is for another host",
                "broken - unreadable",
            ]
        );
    }
}

//! Which of the credentials at hand serve this image.

use serde::{Deserialize, Serialize};

use crate::case::{Case, GivenCredential};
use crate::config::dockerconfigjson::{ConfigEntry, parse_dockerconfigjson};
use crate::reference::Reference;
use crate::secret::Secret;

/// A credential with its place in the order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Credential {
    /// Where it came from, for a person.
    pub source: String,
    /// The key it stands under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The user as it is offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The password.
    #[serde(skip)]
    pub password: Secret<String>,
    /// Whether it is offered.
    pub offer: Offer,
}

/// Whether a credential is offered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Offer {
    /// It is.
    Yes,
    /// Its key does not match the image.
    NotMatching,
    /// It cannot be read.
    Unreadable {
        /// The field that is wrong.
        field: String,
        /// What is wrong with it.
        why: String,
    },
}

/// Every credential at hand, in order, each with whether it is offered for `reference`.
pub(super) fn offered(case: &Case, reference: &Reference) -> Vec<Credential> {
    case.credentials.iter().flat_map(|given| read(given, reference)).collect()
}

fn read(given: &GivenCredential, reference: &Reference) -> Vec<Credential> {
    match given {
        GivenCredential::Login { source, user, password } => vec![Credential {
            source: source.clone(),
            key: None,
            user: Some(user.clone()),
            password: password.clone(),
            offer: Offer::Yes,
        }],
        GivenCredential::DockerConfig { source, text } => match parse_dockerconfigjson(text.expose()) {
            Ok(entries) => entries.into_iter().map(|entry| of_entry(source, entry, reference)).collect(),
            Err(error) => vec![Credential {
                source: source.clone(),
                key: None,
                user: None,
                password: Secret::default(),
                offer: Offer::Unreadable { field: error.field, why: error.fault.to_string() },
            }],
        },
    }
}

fn of_entry(source: &str, entry: ConfigEntry, reference: &Reference) -> Credential {
    let matches =
        entry.host() == reference.registry || (reference.registry == "docker.io" && entry.host() == "index.docker.io");
    Credential {
        source: source.to_owned(),
        key: Some(entry.shown_key()),
        user: Some(entry.username),
        password: entry.password,
        offer: if matches { Offer::Yes } else { Offer::NotMatching },
    }
}

//! A pull secret that a pod names: what was found under the name, and what the kubelet makes of it.
//!
//! Which of its logins serve an image is the keyring's business.

use serde::{Deserialize, Serialize};

use crate::config::dockerconfigjson::{ConfigEntry, MalformedConfig, parse_dockercfg, parse_dockerconfigjson};
use crate::secret::Secret;
use crate::text::clean;

/// The type of a secret with a `.dockerconfigjson`.
pub const DOCKERCONFIGJSON: &str = "kubernetes.io/dockerconfigjson";
/// The type of a secret with a `.dockercfg`.
pub const DOCKERCFG: &str = "kubernetes.io/dockercfg";

/// Bytes of a foreign type or name.
const NAME: usize = 100;

/// A pull secret that a pod names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PullSecret {
    /// The pod's namespace, and so the secret's.
    pub namespace: String,
    /// The name that the pod gives.
    pub name: String,
    /// What was found under it.
    pub found: SecretFound,
}

/// What was found under a secret's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum SecretFound {
    /// A secret.
    Secret {
        /// Its uid.
        uid: String,
        /// Its type.
        kind: String,
        /// What stands under `.dockerconfigjson`.
        #[serde(skip)]
        dockerconfigjson: Option<Secret<Vec<u8>>>,
        /// What stands under `.dockercfg`.
        #[serde(skip)]
        dockercfg: Option<Secret<Vec<u8>>>,
    },
    /// Nothing.
    Absent {
        /// Other namespaces in which there is a secret of this name, as far as they could be looked into.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        elsewhere: Vec<String>,
    },
    /// It could not be read, which says nothing about whether it is there.
    NotRead {
        /// Why, for a person.
        why: String,
    },
}

/// What the kubelet makes of a secret (`pkg/credentialprovider/secrets/secrets.go` `MakeDockerKeyring`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Usable {
    /// Logins, perhaps none.
    Logins(Vec<ConfigEntry>),
    /// It passes it over without a word.
    PassedOver {
        /// The field that is wrong.
        field: String,
        /// What is wrong with it; goes on after the field's name.
        why: String,
    },
    /// It gives up on every image of the pod.
    Broken(MalformedConfig),
}

impl PullSecret {
    /// The secret as a source of credentials, for a person.
    pub fn source(&self) -> String {
        format!("secret {}/{}", clean(&self.namespace, NAME), clean(&self.name, NAME))
    }

    /// What the kubelet makes of it; `None` where nothing was read.
    pub fn usable(&self) -> Option<Usable> {
        let SecretFound::Secret { kind, dockerconfigjson, dockercfg, .. } = &self.found else { return None };
        let (key, data, other) = match kind.as_str() {
            DOCKERCONFIGJSON => (".dockerconfigjson", dockerconfigjson, dockercfg.as_ref().map(|_| ".dockercfg")),
            DOCKERCFG => (".dockercfg", dockercfg, dockerconfigjson.as_ref().map(|_| ".dockerconfigjson")),
            _ => return Some(wrong_type(kind, dockerconfigjson.is_some(), dockercfg.is_some())),
        };
        let text = data.as_ref().map(|data| String::from_utf8_lossy(data.expose()));
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            let instead = other.map(|other| format!(", and has `{other}` instead")).unwrap_or_default();
            let why = format!("is missing or empty, though the type is `{kind}`{instead}");
            return Some(Usable::PassedOver { field: format!("data[\"{key}\"]"), why });
        };
        let parsed = if kind == DOCKERCFG { parse_dockercfg(&text) } else { parse_dockerconfigjson(&text) };
        Some(match parsed {
            Ok(logins) => Usable::Logins(logins),
            Err(error) => Usable::Broken(error),
        })
    }
}

fn wrong_type(kind: &str, has_json: bool, has_cfg: bool) -> Usable {
    let wanted = if has_cfg && !has_json { DOCKERCFG } else { DOCKERCONFIGJSON };
    let why = format!("is `{}`, and the kubelet takes `{wanted}`", clean(kind, NAME));
    Usable::PassedOver { field: "type".to_owned(), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"auths":{"quay.io":{"username":"u","password":"hunter2"}}}"#;

    #[track_caller]
    fn check(kind: &str, json: Option<&str>, cfg: Option<&str>, want: &str) {
        let bytes = |text: Option<&str>| text.map(|text| Secret::from(text.as_bytes().to_vec()));
        let found = SecretFound::Secret {
            uid: "1".to_owned(),
            kind: kind.to_owned(),
            dockerconfigjson: bytes(json),
            dockercfg: bytes(cfg),
        };
        let secret = PullSecret { namespace: "prod".to_owned(), name: "regcred".to_owned(), found };
        let shown = match secret.usable().unwrap() {
            Usable::Logins(logins) => format!("{} logins", logins.len()),
            Usable::PassedOver { field, why } => format!("passed over: {field} {why}"),
            Usable::Broken(error) => format!("broken: {} {}", error.field, error.fault),
        };
        assert_eq!(shown, want);
        assert!(!format!("{secret:?} {}", serde_json::to_string(&secret).unwrap()).contains("hunter2"));
    }

    #[test]
    fn type_and_key_have_to_agree() {
        check(DOCKERCONFIGJSON, Some(GOOD), None, "1 logins");
        check(DOCKERCFG, None, Some(r#"{"quay.io":{"auth":"dTpw"}}"#), "1 logins");
        check(DOCKERCONFIGJSON, Some(r#"{"auths":null}"#), None, "0 logins");
        let missing = "passed over: data[\".dockerconfigjson\"] is missing or empty, though the type is \
                       `kubernetes.io/dockerconfigjson`";
        check(DOCKERCONFIGJSON, None, None, missing);
        check(DOCKERCONFIGJSON, Some(""), None, missing);
        check(DOCKERCONFIGJSON, None, Some(GOOD), &format!("{missing}, and has `.dockercfg` instead"));
        let opaque = "passed over: type is `Opaque`, and the kubelet takes `kubernetes.io/dockerconfigjson`";
        check("Opaque", Some(GOOD), None, opaque);
        check(
            "Opaque",
            None,
            Some(GOOD),
            "passed over: type is `Opaque`, and the kubelet takes `kubernetes.io/dockercfg`",
        );
    }

    #[test]
    fn what_does_not_decode_fails_the_pod() {
        let broken = "broken: auths[\"quay.io\"].auth must be the base64 of `username:password`";
        check(DOCKERCONFIGJSON, Some(r#"{"auths":{"quay.io":{"auth":"aHVudGVyMg=="}}}"#), None, broken);
    }
}

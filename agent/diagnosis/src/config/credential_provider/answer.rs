//! What a credential provider plugin is asked, and what it answers.
//!
//! Copied rules: Kubernetes 1.36 pkg/credentialprovider/plugin/plugin.go, and its codecs, which take JSON and YAML, letter
//! by letter, and overlook unknown fields.

use serde_json::{Map, Value, json};

use crate::config::dockerconfigjson::ConfigEntry;
use crate::config::go_duration::GoDuration;
use crate::secret::Secret;
use crate::text::clean;

/// What a plugin says that did its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// For what else the kubelet keeps it.
    pub cache_key: CacheKey,
    /// How long the kubelet keeps it; `None` means as long as the configuration says, zero not at all.
    pub cache_duration: Option<GoDuration>,
    /// The logins, in the order of the document; the kubelet's own is random where two keys mean the same.
    pub logins: Vec<ConfigEntry>,
}

/// For which images an answer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheKey {
    /// For the one it was given for.
    Image,
    /// For all of the registry.
    Registry,
    /// For all.
    Global,
}

/// Why a kubelet makes nothing of an answer. Names the field and never quotes a login.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {fault}")]
pub struct BadAnswer {
    /// The field, such as `auth["quay.io"].username`; empty for the whole.
    pub field: String,
    /// What is wrong with it.
    pub fault: AnswerFault,
}

/// What can be wrong with a field. Display goes on after the field's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerFault {
    /// There is nothing at all.
    #[error("is empty")]
    Empty,
    /// It is neither JSON nor YAML.
    #[error("is neither JSON nor YAML")]
    NotADocument,
    /// Something else than an object.
    #[error("must be an object")]
    NotAnObject,
    /// Something else than a string.
    #[error("must be a string")]
    NotAString,
    /// Another kind of document.
    #[error("must be `CredentialProviderResponse`")]
    Kind,
    /// Another version than the configuration's.
    #[error("must be `{expected}` as in the configuration, and is `{actual}`")]
    Version {
        /// The configuration's.
        expected: String,
        /// The answer's.
        actual: String,
    },
    /// None of the three.
    #[error("must be `Image`, `Registry` or `Global`")]
    CacheKey,
    /// No duration of Go's.
    #[error("is no duration")]
    NotADuration,
}

/// What the kubelet writes to the plugin's standard input for `image`, a normalised name without tag and digest.
pub fn request(api_version: &str, image: &str) -> String {
    format!("{}\n", json!({ "kind": "CredentialProviderRequest", "apiVersion": api_version, "image": image }))
}

/// Reads what a plugin wrote that is spoken to in `api_version` (`decodeResponse`).
pub fn parse_answer(text: &[u8], api_version: &str) -> Result<Answer, BadAnswer> {
    if text.trim_ascii().is_empty() {
        return Err(bad("the answer", AnswerFault::Empty));
    }
    let document = str::from_utf8(text).ok().and_then(document);
    let Some(document) = document else { return Err(bad("the answer", AnswerFault::NotADocument)) };
    let Value::Object(document) = document else { return Err(bad("the answer", AnswerFault::NotAnObject)) };
    if string(&document, "kind", "kind")? != Some("CredentialProviderResponse") {
        return Err(bad("kind", AnswerFault::Kind));
    }
    let actual = string(&document, "apiVersion", "apiVersion")?.unwrap_or_default();
    if actual != api_version {
        let fault = AnswerFault::Version { expected: api_version.to_owned(), actual: clean(actual, 100) };
        return Err(bad("apiVersion", fault));
    }
    let cache_duration = match string(&document, "cacheDuration", "cacheDuration")? {
        None => None,
        Some(text) => Some(GoDuration::parse(text).ok_or_else(|| bad("cacheDuration", AnswerFault::NotADuration))?),
    };
    let logins = logins(&document)?;
    let cache_key = match string(&document, "cacheKeyType", "cacheKeyType")? {
        Some("Image") => CacheKey::Image,
        Some("Registry") => CacheKey::Registry,
        Some("Global") => CacheKey::Global,
        _ => return Err(bad("cacheKeyType", AnswerFault::CacheKey)),
    };
    Ok(Answer { cache_key, cache_duration, logins })
}

fn document(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().or_else(|| serde_saphyr::from_str(text).ok())
}

fn logins(document: &Map<String, Value>) -> Result<Vec<ConfigEntry>, BadAnswer> {
    let auth = match document.get("auth") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(auth)) => auth,
        Some(_) => return Err(bad("auth", AnswerFault::NotAnObject)),
    };
    auth.iter().map(|(key, login)| entry(key, login)).collect()
}

fn entry(key: &str, login: &Value) -> Result<ConfigEntry, BadAnswer> {
    let entry = ConfigEntry { key: key.to_owned(), ..ConfigEntry::default() };
    let place = format!("auth[{:?}]", entry.shown_key());
    let login = match login {
        Value::Null => return Ok(entry),
        Value::Object(login) => login,
        _ => return Err(bad(&place, AnswerFault::NotAnObject)),
    };
    let text = |name: &str| string(login, name, &format!("{place}.{name}")).map(Option::unwrap_or_default);
    let username = text("username")?.to_owned();
    let password = Secret::from(text("password")?.to_owned());
    Ok(ConfigEntry { username, password, ..entry })
}

/// A member that is a string; `None` if it is absent or null.
fn string<'a>(object: &'a Map<String, Value>, name: &str, place: &str) -> Result<Option<&'a str>, BadAnswer> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(bad(place, AnswerFault::NotAString)),
    }
}

fn bad(field: &str, fault: AnswerFault) -> BadAnswer {
    BadAnswer { field: field.to_owned(), fault }
}

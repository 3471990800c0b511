//! The content of a pull secret of type `kubernetes.io/dockerconfigjson`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::secret::Secret;

/// One login of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigEntry {
    /// The key as written.
    pub key: String,
    /// The user.
    pub username: String,
    /// The password.
    pub password: Secret<String>,
}

/// What is wrong with a document. Names the field and never quotes its content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: {why}")]
pub struct MalformedConfig {
    /// The field, such as `auths["quay.io"].auth`.
    pub field: String,
    /// What is wrong with it.
    pub why: String,
}

impl ConfigEntry {
    /// The host of the key: its scheme and path dropped.
    pub fn host(&self) -> &str {
        let rest = self.key.strip_prefix("https://").or_else(|| self.key.strip_prefix("http://")).unwrap_or(&self.key);
        rest.split('/').next().unwrap_or(rest)
    }
}

/// Reads a document; one bad entry fails it, as it does in the kubelet
/// (`pkg/credentialprovider/config.go`).
pub fn parse_dockerconfigjson(text: &str) -> Result<Vec<ConfigEntry>, MalformedConfig> {
    let malformed = |field: String, why: &str| MalformedConfig { field, why: why.to_owned() };
    let document: Value = serde_json::from_str(text).map_err(|error| {
        // Only the place is told: the library's text may quote what stands there.
        malformed(".dockerconfigjson".into(), &format!("is no JSON (line {}, column {})", error.line(), error.column()))
    })?;
    let Value::Object(document) = document else {
        return Err(malformed(".dockerconfigjson".into(), "must be a JSON object"));
    };
    let auths = match document.get("auths") {
        None | Some(Value::Null) => &Map::new(),
        Some(Value::Object(auths)) => auths,
        Some(_) => return Err(malformed("auths".into(), "must be an object from registry to login")),
    };
    auths.iter().map(|(key, entry)| read_entry(key, entry)).collect()
}

fn read_entry(key: &str, entry: &Value) -> Result<ConfigEntry, MalformedConfig> {
    let path = |field: &str| format!("auths[{:?}]{field}", crate::text::clean(key, 100));
    let wrong = |field: &str, why: &str| MalformedConfig { field: path(field), why: why.to_owned() };
    let text = |field: &str| match entry.get(field) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(wrong(&format!(".{field}"), "must be a string")),
    };
    if !entry.is_object() && !entry.is_null() {
        return Err(wrong("", "must be an object"));
    }
    let (mut username, mut password, auth) = (text("username")?, text("password")?, text("auth")?);
    if !auth.is_empty() {
        let bytes = STANDARD.decode(auth.trim()).map_err(|_| wrong(".auth", "is no base64"))?;
        let decoded = String::from_utf8_lossy(&bytes);
        let (user, secret) =
            decoded.split_once(':').ok_or_else(|| wrong(".auth", "must be the base64 of `username:password`"))?;
        (username, password) = (user.to_owned(), secret.to_owned());
    }
    Ok(ConfigEntry { key: key.to_owned(), username, password: password.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_error(text: &str, field: &str) {
        let error = parse_dockerconfigjson(text).unwrap_err();
        assert_eq!(error.field, field, "{error}");
    }

    #[test]
    fn an_auth_wins_over_user_and_password() {
        let entries =
            parse_dockerconfigjson(r#"{"auths":{"https://quay.io/v1/":{"username":"x","auth":"dTpwOnE="}}}"#).unwrap();
        assert_eq!((entries[0].host(), entries[0].username.as_str()), ("quay.io", "u"));
        assert_eq!(entries[0].password.expose(), "p:q");
    }

    #[test]
    fn what_is_malformed_is_named_and_never_quoted() {
        check_error("hunter2", ".dockerconfigjson");
        check_error("[]", ".dockerconfigjson");
        check_error(r#"{"auths":7}"#, "auths");
        check_error(r#"{"auths":{"a.b":{"auth":"%%hunter2"}}}"#, r#"auths["a.b"].auth"#);
        check_error(r#"{"auths":{"a.b":{"auth":"aHVudGVyMg=="}}}"#, r#"auths["a.b"].auth"#);
        let error = parse_dockerconfigjson(r#"{"auths":{"a.b":{"auth":"%%hunter2"}}}"#).unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }
}

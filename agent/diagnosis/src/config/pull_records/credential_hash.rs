//! The kubelet's fingerprint of a login, by which it knows one again that it has proven.

use std::fmt::Write as _;

use serde::Serialize;

use super::sha256;
use crate::config::dockerconfigjson::ConfigEntry;
use crate::secret::Secret;

/// The fields of `AuthConfig` that the kubelet fills, in its order.
#[derive(Serialize)]
struct AuthConfig<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    username: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    password: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    email: &'a str,
}

/// The SHA-256 over the JSON of user, password and email, as Go writes it (`pkg/credentialprovider/keyring.go`
/// `hashAuthConfig`, `encoding/json` `Marshal`).
pub fn credential_hash(login: &ConfigEntry) -> Secret<String> {
    let fields = AuthConfig { username: &login.username, password: login.password.expose(), email: &login.email };
    // Three strings always become JSON; the kubelet keeps an empty hash where it fails.
    let Ok(json) = serde_json::to_string(&fields) else { return Secret::default() };
    Secret::from(sha256(escaped(&json).expose()))
}

/// Go also escapes what HTML and JavaScript read otherwise. None of these stands in JSON but within a string.
fn escaped(json: &str) -> Secret<String> {
    let mut text = String::with_capacity(json.len());
    for letter in json.chars() {
        match letter {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                // Writing to a String cannot fail.
                let _ = write!(text, "\\u{:04x}", u32::from(letter));
            }
            other => text.push(other),
        }
    }
    Secret::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hash of a login is that of this JSON.
    #[track_caller]
    fn check(user: &str, password: &str, email: &str, json: &str) {
        let login = ConfigEntry {
            key: "r.test".into(),
            username: user.into(),
            password: password.to_owned().into(),
            email: email.into(),
        };
        assert_eq!(credential_hash(&login).expose(), &sha256(json), "{json}");
    }

    #[test]
    fn a_login_is_hashed_as_gos_json() {
        check("u", "p", "", r#"{"username":"u","password":"p"}"#);
        check("u", "p", "u@r.test", r#"{"username":"u","password":"p","email":"u@r.test"}"#);
        check("", "", "", "{}");
        check("u", "a<b>&\u{2028}\u{2029}é", "", r#"{"username":"u","password":"a\u003cb\u003e\u0026\u2028\u2029é"}"#);
        check(
            "u",
            "\"\\\n\t\r\u{8}\u{c}\u{1}\u{7f}",
            "",
            "{\"username\":\"u\",\"password\":\"\\\"\\\\\\n\\t\\r\\b\\f\\u0001\u{7f}\"}",
        );
    }

    #[test]
    fn the_hash_is_the_one_that_sha256sum_prints() {
        let login = ConfigEntry { username: "u".into(), password: "p".to_owned().into(), ..ConfigEntry::default() };
        assert_eq!(
            credential_hash(&login).expose(),
            "edbd57ca9372e64eb1c9070ecf3a049ac553596b0529acf034c7a71d4e618e88"
        );
    }
}

//! The secrets that one examination has sent, so that a peer that repeats them is not quoted with them.

use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use pullagent_diagnosis::secret::Secret;
use url::form_urlencoded;

/// Bytes below which a secret is no more hidden: it would be found in every other word.
const SHORTEST: usize = 4;
/// Texts that are looked for.
const MOST: usize = 256;

/// The secrets sent so far, in every form in which a peer is likely to repeat them. Debug shows none.
#[derive(Debug, Default)]
pub(super) struct Sent(Mutex<Vec<Secret<String>>>);

impl Sent {
    /// Keeps in mind what a request carries: the value of its `Authorization`, and the form that asks for a token.
    pub(super) fn add(&self, authorization: Option<&str>, form: Option<&Secret<String>>) {
        if let Some(value) = authorization {
            let (scheme, value) = value.split_once(' ').unwrap_or(("", value));
            self.hide(value);
            let login = STANDARD.decode(value).ok().filter(|_| scheme == "Basic");
            let login = login.and_then(|login| String::from_utf8(login).ok());
            if let Some((_, password)) = login.as_ref().and_then(|login| login.split_once(':')) {
                self.hide_password(password);
            }
        }
        for (name, value) in form.into_iter().flat_map(|form| form_urlencoded::parse(form.expose().as_bytes())) {
            if matches!(&*name, "password" | "refresh_token") {
                self.hide_password(&value);
            }
        }
    }

    fn hide_password(&self, password: &str) {
        let encoded: String = form_urlencoded::byte_serialize(password.as_bytes()).collect();
        // As it stands within a JSON string.
        let json = serde_json::Value::from(password).to_string();
        let blanks = encoded.replace('+', "%20");
        let (standard, url_safe) = (STANDARD_NO_PAD.encode(password), URL_SAFE_NO_PAD.encode(password));
        for form in [password, &encoded, &blanks, &standard, &url_safe, json.trim_matches('"')] {
            self.hide(form);
        }
    }

    fn hide(&self, text: &str) {
        let text = text.trim_end_matches('=');
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if text.len() >= SHORTEST && list.len() < MOST && !list.iter().any(|known| known.expose() == text) {
            list.push(Secret::from(text.to_owned()));
            // The longest first: one may be the beginning of another.
            list.sort_by_key(|known| std::cmp::Reverse(known.expose().len()));
        }
    }

    /// The text with `***` in place of every secret.
    pub(super) fn mask(&self, text: &str) -> String {
        let list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        list.iter().fold(text.to_owned(), |text, secret| {
            if text.contains(secret.expose()) { text.replace(secret.expose(), "***") } else { text }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sent: &Sent, text: &str, want: &str) {
        assert_eq!(sent.mask(text), want);
        assert_eq!(format!("{sent:?}").matches("s3").count(), 0);
    }

    #[test]
    fn a_login_is_hidden_in_every_form_in_which_it_comes_back() {
        let sent = Sent::default();
        check(&sent, "nothing s3cret/1 was sent", "nothing s3cret/1 was sent");
        sent.add(Some(&format!("Basic {}", STANDARD.encode("bob:s3 \"cret/1"))), None);
        check(&sent, "bob's s3 \"cret/1 is wrong", "bob's *** is wrong");
        check(&sent, &format!("Basic {} is wrong", STANDARD.encode("bob:s3 \"cret/1")), "Basic ***= is wrong");
        check(&sent, &format!("[{}]", STANDARD.encode("s3 \"cret/1").trim_end_matches('=')), "[***]");
        check(&sent, "?p=s3+%22cret%2F1&q=s3%20%22cret%2F1", "?p=***&q=***");
        check(&sent, r#"{"message":"s3 \"cret/1"}"#, r#"{"message":"***"}"#);
    }

    #[test]
    fn tokens_and_forms_are_hidden_and_what_is_too_short_is_not() {
        let sent = Sent::default();
        sent.add(Some("Bearer t0ken.abc"), None);
        sent.add(None, Some(&"grant_type=password&username=bob&password=s3%2Bcret".to_owned().into()));
        check(&sent, "t0ken.abc, s3+cret and s3%2Bcret of bob by password", "***, *** and *** of bob by password");
        sent.add(None, Some(&"password=or".to_owned().into()));
        check(&sent, "for or against", "for or against");
    }
}

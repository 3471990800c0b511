//! A text as it may be quoted: short, on one line, and without anything that could be a secret.

use crate::text::clean;

/// As many bytes are quoted.
const MOST: usize = 160;
/// As many bytes are looked at; what is quoted is at their beginning.
const LOOKED_AT: usize = 2048;
/// Words before a secret.
const BEFORE: [&str; 14] = [
    "authorization:",
    "password=",
    "password:",
    "passwd=",
    "token=",
    "secret=",
    "apikey=",
    "api_key=",
    "access_key=",
    "\"auth\":",
    "\"password\":",
    "identitytoken\":",
    "invalid decoded auth:",
    "cookie:",
];

/// The beginning of `text`, safe to show.
pub(super) fn quote(text: &str) -> String {
    let mut end = text.len().min(LOOKED_AT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    clean(&redacted(&text[..end]), MOST)
}

pub(super) fn redacted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut hide_next = Next::Show;
    for word in text.split(' ') {
        if !out.is_empty() {
            out.push(' ');
        }
        let lower = word.to_ascii_lowercase();
        let is_scheme = matches!(lower.as_str(), "bearer" | "basic");
        // `Authorization: Bearer abc`: the scheme may stay, what follows it may not.
        match std::mem::replace(&mut hide_next, if is_scheme { Next::IfTokenLike } else { Next::Show }) {
            Next::Hide if is_scheme => hide_next = Next::Hide,
            Next::IfTokenLike if !is_token_like(word) => {}
            Next::Hide | Next::IfTokenLike => {
                out.push_str("***");
                continue;
            }
            Next::Show => {}
        }
        let found =
            BEFORE.iter().find_map(|before| lower.find(before.trim_end()).map(|at| at + before.trim_end().len()));
        match found {
            // Known words alone announce a secret; `auth:` of `invalid decoded auth:` is one of them. `authorization:`
            // is also the end of a sentence.
            Some(at) if at >= word.len() => {
                hide_next = if lower.ends_with("authorization:") { Next::IfTokenLike } else { Next::Hide };
                out.push_str(word);
            }
            Some(at) if word.is_char_boundary(at) => {
                out.push_str(&word[..at]);
                out.push_str("***");
            }
            _ if lower == "auth:" => {
                hide_next = Next::Hide;
                out.push_str(word);
            }
            _ => out.push_str(&without_url_secrets(word)),
        }
    }
    out
}

/// What becomes of the next word.
#[derive(Clone, Copy)]
enum Next {
    Show,
    Hide,
    /// `Bearer` and `Basic` also stand in sentences: `no basic auth credentials`.
    IfTokenLike,
}

fn is_token_like(word: &str) -> bool {
    word.len() > 16 || word.trim_end_matches([',', '.', ':', ')', '"']).bytes().any(|b| !b.is_ascii_lowercase())
}

/// A URL without user, password and query: signed links are passwords.
fn without_url_secrets(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else { return word.to_owned() };
    let authority = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(authority);
    let host = authority.rsplit('@').next().unwrap_or_default();
    let user = if host.len() < authority.len() { "***@" } else { "" };
    match tail.split_once('?') {
        Some((path, query)) => {
            // What closes the URL is no part of it.
            let quoted = query.trim_start_matches(|c: char| !matches!(c, '"' | '\''));
            let bare = &query[query.trim_end_matches([':', ',', ';', ')']).len()..];
            let closing = if quoted.is_empty() { bare } else { quoted };
            format!("{scheme}://{user}{host}{path}?***{}", without_url_secrets(closing))
        }
        None => format!("{scheme}://{user}{host}{tail}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_quoted() {
        for text in [
            "Authorization: Bearer hunter2 x",
            "authorization: basic hunter2",
            "Get \"https://user:hunter2@a.b/v2/\": EOF",
            "Get \"https://s3.b/x?X-Amz-Signature=hunter2\": 403",
            "invalid decoded auth: \"hunter2\"",
            "proxy http://u:hunter2@proxy:3128",
            "password=hunter2",
            "{\"auths\":{\"a.b\":{\"auth\":\"hunter2\"}}}",
            "--password: hunter2",
            "token=hunter2",
        ] {
            assert!(!quote(text).contains("hunter2"), "{}", quote(text));
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        assert_eq!(quote("no basic auth credentials"), "no basic auth credentials");
        assert_eq!(quote("Get \"https://a.b/v2/\": EOF"), "Get \"https://a.b/v2/\": EOF");
        assert_eq!(quote("Get \"https://a.b/t?s=1\": EOF"), "Get \"https://a.b/t?***\": EOF");
        assert_eq!(quote("from GET https://a.b/t?s=1: 401"), "from GET https://a.b/t?***: 401");
        assert_eq!(quote("require authorization: server message: no"), "require authorization: server message: no");
    }
}

//! `WWW-Authenticate` as registries write it (RFC 9110 §11.6.1, and the distribution token specification).

use serde::{Deserialize, Serialize};

/// The longest header that is read, in bytes.
const MAX_HEADER: usize = 8 * 1024;

/// What a host asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "scheme", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Challenge {
    /// User and password with each request.
    Basic,
    /// A token of a token service.
    Bearer {
        /// Where tokens are given.
        realm: String,
        /// Whom the token is for.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        service: String,
        /// What it allows.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        scope: String,
        /// Why the last token was not enough.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        error: String,
    },
    /// A scheme that no container runtime speaks.
    Other {
        /// Its name.
        name: String,
    },
}

/// The challenges of one header value, in order. Never fails: what cannot be read is left out.
pub fn parse_challenges(header: &str) -> Vec<Challenge> {
    let mut rest = header.get(..MAX_HEADER).unwrap_or(header);
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start_matches([',', ' ', '\t']);
        let end = rest.find([' ', '\t', ',']).unwrap_or(rest.len());
        let (scheme, tail) = rest.split_at(end);
        if scheme.is_empty() {
            return found;
        }
        let (params, tail) = parse_parameters(tail);
        rest = tail;
        let get = |name: &str| {
            params
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.clone())
                .unwrap_or_default()
        };
        found.push(if scheme.eq_ignore_ascii_case("basic") {
            Challenge::Basic
        } else if scheme.eq_ignore_ascii_case("bearer") {
            Challenge::Bearer { realm: get("realm"), service: get("service"), scope: get("scope"), error: get("error") }
        } else {
            Challenge::Other { name: crate::text::clean(scheme, 32) }
        });
    }
}

/// `name=value` pairs up to the next scheme, and what is left.
fn parse_parameters(mut rest: &str) -> (Vec<(String, String)>, &str) {
    let mut params = Vec::new();
    loop {
        let start = rest.trim_start_matches([',', ' ', '\t']);
        let name_end = start.find(['=', ' ', '\t', ',', '"']).unwrap_or(start.len());
        let after_name = start[name_end..].trim_start();
        // A word without `=` begins the next challenge.
        let Some(value) = after_name.strip_prefix('=').filter(|_| name_end > 0) else { return (params, start) };
        let value = value.trim_start();
        let (text, tail) = if let Some(quoted) = value.strip_prefix('"') {
            parse_quoted(quoted)
        } else {
            let end = value.find([',', ' ', '\t']).unwrap_or(value.len());
            (value[..end].to_owned(), &value[end..])
        };
        params.push((start[..name_end].to_owned(), text));
        rest = tail;
    }
}

/// The inside of a quoted string and what follows its closing quote.
fn parse_quoted(text: &str) -> (String, &str) {
    let mut out = String::new();
    let mut chars = text.char_indices();
    while let Some((index, c)) = chars.next() {
        match c {
            '"' => return (out, &text[index + 1..]),
            '\\' => out.extend(chars.next().map(|(_, escaped)| escaped)),
            c => out.push(c),
        }
    }
    (out, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bearer(realm: &str, service: &str, scope: &str, error: &str) -> Challenge {
        Challenge::Bearer { realm: realm.into(), service: service.into(), scope: scope.into(), error: error.into() }
    }

    #[track_caller]
    fn check(header: &str, want: &[Challenge]) {
        assert_eq!(parse_challenges(header), want);
    }

    #[test]
    fn a_bearer_challenge_in_any_order() {
        check(
            r#"Bearer realm="https://a/t",service="r",scope="repository:x:pull,push""#,
            &[bearer("https://a/t", "r", "repository:x:pull,push", "")],
        );
        check(
            r#"bearer error=insufficient_scope, scope="s" ,realm=https://a/t"#,
            &[bearer("https://a/t", "", "s", "insufficient_scope")],
        );
    }

    #[test]
    fn several_challenges_in_one_header() {
        check(r#"Basic realm="x, y", Bearer realm="https://a""#, &[Challenge::Basic, bearer("https://a", "", "", "")]);
        check("Negotiate, Basic", &[Challenge::Other { name: "Negotiate".into() }, Challenge::Basic]);
    }

    #[test]
    fn escapes_and_missing_quotes_are_survived() {
        check(r#"Bearer realm="a\"b"#, &[bearer("a\"b", "", "", "")]);
        check("", &[]);
    }

    proptest! {
        #[test]
        fn reading_any_header_ends(header in any::<String>()) {
            let _ = parse_challenges(&header);
        }
    }
}

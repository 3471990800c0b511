//! `{ID.port}` and its like in the text of a scenario, put in once the servers' ports are known. Braces of any other
//! form are left alone.

/// Replaces each `{id.what}`; the error is the first one that `value` does not know, with its line.
pub(super) fn fill(text: &str, value: impl Fn(&str, &str) -> Option<String>) -> Result<String, (usize, String)> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let (before, braced) = rest.split_at(at);
        filled.push_str(before);
        let inside = &braced[1..];
        match inside.split_once('}').and_then(|(name, after)| Some((name.split_once('.')?, after))) {
            Some(((id, what), after)) if is_word(id) && is_word(what) => {
                let Some(value) = value(id, what) else {
                    let line = text[..text.len() - braced.len()].lines().count().max(1);
                    return Err((line, format!("{{{id}.{what}}}")));
                };
                filled.push_str(&value);
                rest = after;
            }
            _ => {
                filled.push('{');
                rest = inside;
            }
        }
    }
    filled.push_str(rest);
    Ok(filled)
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, (usize, &str)>) {
        let filled = fill(text, |id, what| (id == "main" && what == "port").then(|| "5000".to_owned()));
        assert_eq!(filled.as_deref().map_err(|(line, name)| (*line, name.as_str())), expected, "{text}");
    }

    #[test]
    fn known_placeholders_are_filled_and_other_braces_stay() {
        check("r:{main.port}/a", Ok("r:5000/a"));
        check("{main.port}{main.port}", Ok("50005000"));
        check("x = { a.b = 1 } {digest} {\"auths\":{}} {", Ok("x = { a.b = 1 } {digest} {\"auths\":{}} {"));
        check("é {{main.port}}", Ok("é {5000}"));
    }

    #[test]
    fn unknown_placeholder_is_named_with_its_line() {
        check("a\nb {main.prot}", Err((2, "{main.prot}")));
        check("{other.port}", Err((1, "{other.port}")));
    }
}

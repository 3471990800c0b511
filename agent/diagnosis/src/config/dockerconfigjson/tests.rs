//! What the kubelet reads of a pull secret, where it fails, and that nothing of a secret is told then.

use proptest::prelude::*;

use super::{ConfigEntry, Fault, MalformedConfig, parse_dockercfg, parse_dockerconfigjson};

/// Key, user and password of every entry.
fn shown(entries: &[ConfigEntry]) -> Vec<[&str; 3]> {
    entries.iter().map(|entry| [entry.key.as_str(), &entry.username, entry.password.expose()]).collect()
}

#[track_caller]
fn check(text: &str, expected: &[[&str; 3]]) {
    let entries = parse_dockerconfigjson(text).unwrap();
    assert_eq!(shown(&entries), expected, "{text}");
}

#[track_caller]
fn check_auth(auth: &str, expected: [&str; 2]) {
    let entries = parse_dockerconfigjson(&serde_json::json!({"auths": {"a.b": {"auth": auth}}}).to_string()).unwrap();
    assert_eq!(shown(&entries), [["a.b", expected[0], expected[1]]], "{auth:?}");
}

#[track_caller]
fn refuse(text: &str, field: &str, fault: Fault) {
    assert_eq!(parse_dockerconfigjson(text).unwrap_err(), MalformedConfig { field: field.into(), fault }, "{text}");
}

#[track_caller]
fn refuse_auth(auth: &str, fault: Fault) {
    let text = serde_json::json!({"auths": {"a.b": {"auth": auth}}}).to_string();
    refuse(&text, r#"auths["a.b"].auth"#, fault);
}

#[test]
fn an_auth_wins_over_user_and_password() {
    check(r#"{"auths":{"q.io":{"username":"x","password":"y","auth":"dTpwOnE="}}}"#, &[["q.io", "u", "p:q"]]);
    check(r#"{"auths":{"q.io":{"username":"x","password":"y","auth":""}}}"#, &[["q.io", "x", "y"]]);
}

#[test]
fn an_auth_is_base64_with_or_without_padding() {
    check_auth("dTpwYXNzdw==", ["u", "passw"]);
    check_auth("dTpwYXNzdw", ["u", "passw"]);
    check_auth("dTpw\r\nYXNz\ndw==\n", ["u", "passw"]);
    // The last bits of a character may be anything.
    check_auth("dTpwYXNzdx==", ["u", "passw"]);
    check_auth("Og==", ["", ""]);
    check_auth("dTpwCg==", ["u", "p\n"]);
    refuse_auth("dTpwYXNzdw=", Fault::NotBase64);
    refuse_auth("dTpwYXNzdw== ", Fault::NotBase64);
    refuse_auth("dTpw=", Fault::NotBase64);
    refuse_auth("dTpw_-__", Fault::NotBase64);
    refuse_auth("aHVudGVyMg==", Fault::NoColon);
    refuse_auth("\n", Fault::NoColon);
}

#[test]
fn an_entry_without_user_and_password_is_a_login_all_the_same() {
    check(r#"{"auths":{"a":{},"b":null,"c":{"identitytoken":"t"}}}"#, &[["a", "", ""], ["b", "", ""], ["c", "", ""]]);
}

#[test]
fn a_document_without_auths_is_empty() {
    for text in ["null", "{}", r#"{"auths":null}"#, r#"{"credsStore":"pass","credHelpers":{"a":"b"}}"#] {
        check(text, &[]);
    }
}

#[test]
fn field_names_fold_as_go_folds_them_and_keys_do_not() {
    check(r#"{"Auth\u017f":{"a":{"USERNAME":"u","pa\u017fſword":"p"},"A":{}}}"#, &[["a", "u", "p"], ["A", "", ""]]);
}

#[test]
fn what_comes_again_is_merged_as_go_merges_it() {
    check(
        r#"{"auths":{"a":{"username":"u"},"b":{}},"AUTHS":{"a":{"password":"p"}}}"#,
        &[["a", "", "p"], ["b", "", ""]],
    );
    check(r#"{"auths":{"a":{}},"auths":null,"auths":{"b":{}}}"#, &[["b", "", ""]]);
    check(r#"{"auths":{"a":{"username":"u","username":"v","Username":null}}}"#, &[["a", "v", ""]]);
    check(r#"{"auths":{"a":{"auth":"***","auth":"dTpw"}}}"#, &[["a", "u", "p"]]);
    // What is replaced has to be well-formed nevertheless.
    refuse(r#"{"auths":{"a":{"auth":"*"},"a":{}}}"#, r#"auths["a"].auth"#, Fault::NotBase64);
    refuse(r#"{"auths":{"a":{"email":5,"email":""}}}"#, r#"auths["a"].email"#, Fault::NotAString);
}

#[test]
fn half_a_surrogate_pair_is_replaced() {
    check(
        r#"{"auths":{"\ud800":{"username":"\ud800\u0041","password":"\ud83d\ude00\udc00\ud800"}}}"#,
        &[["\u{fffd}", "\u{fffd}A", "\u{1f600}\u{fffd}\u{fffd}"]],
    );
}

#[test]
fn a_wrong_type_is_named_by_its_place() {
    refuse("[]", ".dockerconfigjson", Fault::NotAnObject);
    refuse(r#"{"auths":7}"#, "auths", Fault::NotAnObject);
    refuse(r#"{"auths":{"a.b":[]}}"#, r#"auths["a.b"]"#, Fault::NotAnObject);
    refuse(r#"{"auths":{"a.b":{"password":12345}}}"#, r#"auths["a.b"].password"#, Fault::NotAString);
    refuse(r#"{"auths":{"a.b":{"password":["x"]}}}"#, r#"auths["a.b"].password"#, Fault::NotAString);
    refuse(r#"{"HttpHeaders":{"X":1}}"#, r#"HttpHeaders["X"]"#, Fault::NotAString);
    assert_eq!(parse_dockercfg("7").unwrap_err().field, ".dockercfg");
    assert_eq!(parse_dockercfg(r#"{"a.b":5}"#).unwrap_err().field, r#".dockercfg["a.b"]"#);
}

#[test]
fn what_is_no_json_is_told_by_its_place_or_by_what_it_is() {
    refuse("", ".dockerconfigjson", Fault::NotJson { line: 1, column: 0 });
    refuse("hunter2", ".dockerconfigjson", Fault::NotJson { line: 1, column: 1 });
    refuse("{}\n}", ".dockerconfigjson", Fault::NotJson { line: 2, column: 1 });
    refuse("{\"auths\": // none\n{}}", ".dockerconfigjson", Fault::NotJson { line: 1, column: 11 });
    refuse("\u{feff}{}", ".dockerconfigjson", Fault::ByteOrderMark);
    refuse("eyJhdXRo\ncyI6e319Cg==\n", ".dockerconfigjson", Fault::EncodedTwice);
}

#[test]
fn nesting_is_limited_where_go_limits_it() {
    let nested = |depth: usize| format!(r#"{{"x]":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    check(&nested(9_999), &[]);
    refuse(&nested(10_000), ".dockerconfigjson", Fault::TooDeep);
}

#[test]
fn an_error_quotes_no_value_and_no_login_of_a_key() {
    for text in [
        "hunter2",
        r#"{"auths":"hunter2"}"#,
        r#"{"auths":{"a.b":"hunter2"}}"#,
        r#"{"auths":{"a.b":{"auth":"%%hunter2"}}}"#,
        r#"{"auths":{"https://me:hunter2@a.b/x":{"auth":5}}}"#,
        r#"{"auths":{"me:hun/hunter2@a.b/x":{"auth":5}}}"#,
        r#"{"auths":{"me:hunter2@https://a.b/x":{"auth":5}}}"#,
        r#"{"auths":{"me:hunter2://hun@a.b/x":{"auth":5}}}"#,
    ] {
        let error = parse_dockerconfigjson(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _ = (parse_dockerconfigjson(&text), parse_dockercfg(&text));
    }

    #[test]
    fn what_was_written_is_read(entries in proptest::collection::btree_map(any::<String>(), any::<[String; 3]>(), 0..4)) {
        let document = entries.iter().map(|(key, [username, password, email])| {
            (key.clone(), serde_json::json!({"username": username, "password": password, "email": email}))
        });
        let document = serde_json::Value::Object(document.collect());
        let read = parse_dockercfg(&document.to_string()).unwrap();
        let read = read.into_iter().map(|e| (e.key, [e.username, e.password.expose().clone(), e.email]));
        prop_assert_eq!(read.collect::<std::collections::BTreeMap<_, _>>(), entries);
    }
}

//! Which configurations a kubelet takes, and what it makes of a plugin's answer.

use proptest::prelude::*;

use super::super::go_duration::GoDuration;
use super::{CacheKey, is_provider_file, parse_answer, parse_providers, request};

const V1: &str = "credentialprovider.kubelet.k8s.io/v1";

/// A configuration of one provider with these lines besides its name.
fn config(version: &str, name: &str, lines: &str) -> String {
    format!(
        "apiVersion: kubelet.config.k8s.io/{version}\nkind: CredentialProviderConfig\nproviders:\n- name: {name}\n{lines}"
    )
}

const LINES: &str = "  apiVersion: credentialprovider.kubelet.k8s.io/v1\n  matchImages: [\"*.dkr.ecr.*.amazonaws.com\"]\n  \
    defaultCacheDuration: 12h\n";

#[test]
fn a_provider_is_read_with_all_that_it_is_run_with() {
    let lines = format!(
        "{LINES}  args: [get-credentials, --token=t0k3n]\n  env:\n  - name: AWS_PROFILE\n    value: s3cret\n  \
         tokenAttributes:\n    serviceAccountTokenAudience: a\n    cacheType: Token\n    requireServiceAccount: true\n"
    );
    let text = config("v1", "ecr-credential-provider", &lines);
    let [provider] = &parse_providers([("c.yaml", text.as_str())]).unwrap()[..] else { panic!("not one") };
    assert_eq!((provider.name.as_str(), provider.api_version.as_str()), ("ecr-credential-provider", V1));
    assert_eq!(provider.match_images, ["*.dkr.ecr.*.amazonaws.com"]);
    assert_eq!(provider.arguments.expose(), &["get-credentials", "--token=t0k3n"]);
    assert_eq!(provider.environment[0].1.expose(), "s3cret");
    assert!(provider.wants_token);
    let shown = format!("{provider:?}");
    assert!(!shown.contains("s3cret") && !shown.contains("t0k3n"), "{shown}");
}

#[track_caller]
fn check_config(text: &str, want: Result<&[&str], &str>) {
    match (parse_providers([("c.yaml", text)]), want) {
        (Ok(providers), Ok(names)) => {
            assert_eq!(providers.iter().map(|provider| provider.name.as_str()).collect::<Vec<_>>(), names);
        }
        (Err(error), Err(want)) => {
            let said = error.to_string();
            assert!(said.starts_with("c.yaml: ") && said.contains(want) && !said.contains("s3cret"), "{said}");
        }
        (got, _) => panic!("{got:?} for {text}"),
    }
}

#[test]
fn a_configuration_is_taken_or_refused_as_a_kubelet_does() {
    for version in ["v1", "v1beta1", "v1alpha1"] {
        check_config(&config(version, "a", LINES), Ok(&["a"]));
    }
    let json = r#"{"apiVersion":"kubelet.config.k8s.io/v1","kind":"CredentialProviderConfig","providers":[{"name":"j",
        "apiVersion":"credentialprovider.kubelet.k8s.io/v1beta1","matchImages":["a.b"],"defaultCacheDuration":"0",
        "args":null,"env":null}]}"#;
    check_config(json, Ok(&["j"]));
    check_config("a: [s3cret", Err("does not decode (line 1"));
    check_config("", Err("d"));
    check_config(&config("v2", "a", LINES), Err("is no CredentialProviderConfig"));
    check_config("apiVersion: kubelet.config.k8s.io/v1\nkind: KubeletConfiguration\n", Err("is no Credential"));
    check_config("apiVersion: kubelet.config.k8s.io/v1\nkind: CredentialProviderConfig\n", Err("lists no provider"));
    check_config(&config("v1", "a", &format!("{LINES}  password: s3cret\n")), Err("does not decode (line "));
    check_config(&config("v1", "a", &format!("{LINES}  args: [s3cret]\n  args: []\n")), Err("does not decode"));
    check_config(&config("v1beta1", "a", &format!("{LINES}  tokenAttributes: {{}}\n")), Err("does not decode"));
    for name in ["''", "..", "a/b", "'a b'"] {
        check_config(&config("v1", name, LINES), Err("`providers[0].name` is no file name"));
    }
    let without = |line: &str| LINES.split_inclusive('\n').filter(|l| !l.contains(line)).collect::<String>();
    check_config(&config("v1", "a", &without("matchImages")), Err("`providers[0].matchImages`"));
    check_config(&config("v1", "a", &without("defaultCacheDuration")), Err("defaultCacheDuration"));
    check_config(&config("v1", "a", &LINES.replace("12h", "-1s")), Err("defaultCacheDuration"));
    check_config(&config("v1", "a", &LINES.replace("*.dkr", "[x")), Err("matchImages"));
    check_config(&config("v1", "a", &LINES.replace("k8s.io/v1", "k8s.io/v3")), Err("providers[0].apiVersion"));
    let twice = format!("{}- name: a\n{LINES}", config("v1", "a", LINES));
    check_config(&twice, Err("`providers[1].name`: there is another provider `a`"));
}

#[test]
fn the_files_of_a_folder_make_one_list_in_which_a_name_stands_once() {
    let [one, two] = ["b", "a"].map(|name| config("v1", name, LINES));
    let names: Vec<String> = parse_providers([("10.yaml", one.as_str()), ("20.json", two.as_str())])
        .unwrap()
        .into_iter()
        .map(|provider| provider.name)
        .collect();
    assert_eq!(names, ["b", "a"]);
    let error = parse_providers([("10.yaml", one.as_str()), ("20.yml", one.as_str())]).unwrap_err();
    assert_eq!(error.file, "20.yml");
    assert!(["a.json", "a.yaml", ".yml"].into_iter().all(is_provider_file));
    assert!(!["a.yaml.bak", "json", "A.YAML"].into_iter().any(is_provider_file));
}

#[test]
fn a_plugin_is_asked_in_its_own_version() {
    let asked: serde_json::Value = serde_json::from_str(&request(V1, "a.b/c")).unwrap();
    let want = serde_json::json!({ "kind": "CredentialProviderRequest", "apiVersion": V1, "image": "a.b/c" });
    assert_eq!(asked, want);
}

/// An answer with these members besides its kind and version.
fn answer(members: &str) -> String {
    format!(r#"{{"kind":"CredentialProviderResponse","apiVersion":"{V1}"{members}}}"#)
}

#[track_caller]
fn check_answer(text: &str, want: Result<(CacheKey, Option<i64>, &[&str]), &str>) {
    match (parse_answer(text.as_bytes(), V1), want) {
        (Ok(answer), Ok((cache_key, millis, logins))) => {
            assert_eq!((answer.cache_key, answer.cache_duration.map(GoDuration::as_millis)), (cache_key, millis));
            let got = answer.logins.iter().map(|l| format!("{} {}:{}", l.key, l.username, l.password.expose()));
            assert_eq!(got.collect::<Vec<_>>(), logins);
        }
        (Err(error), Err(want)) => {
            let said = error.to_string();
            assert!(said.contains(want) && !said.contains("s3cret"), "{said}");
        }
        (got, _) => panic!("{got:?} for {text}"),
    }
}

#[test]
fn an_answer_is_taken_or_refused_as_a_kubelet_does() {
    let good = r#","cacheKeyType":"Registry","cacheDuration":"5m","auth":{"b.c":{"username":"u","password":"p"},"a.b":null},"more":1"#;
    check_answer(&answer(good), Ok((CacheKey::Registry, Some(300_000), &["b.c u:p", "a.b :"])));
    check_answer(&answer(r#","cacheKeyType":"Image","cacheDuration":null"#), Ok((CacheKey::Image, None, &[])));
    check_answer(&answer(r#","cacheKeyType":"Global","auth":null"#), Ok((CacheKey::Global, None, &[])));
    let yaml = format!(
        "apiVersion: {V1}\nkind: CredentialProviderResponse\ncacheKeyType: Image\nauth:\n  a.b: {{username: u}}\n"
    );
    check_answer(&yaml, Ok((CacheKey::Image, None, &["a.b u:"])));
    check_answer(" \n", Err("is empty"));
    check_answer("{s3cret", Err("is neither JSON nor YAML"));
    check_answer("s3cret", Err("must be an object"));
    check_answer("[]", Err("must be an object"));
    check_answer(r#"{"kind":"Secret"}"#, Err("`kind` must be"));
    check_answer(
        &answer("").replace("k8s.io/v1", "k8s.io/v1alpha1"),
        Err("and is `credentialprovider.kubelet.k8s.io/v1alpha1`"),
    );
    check_answer(r#"{"kind":"CredentialProviderResponse"}"#, Err("`apiVersion` must be"));
    check_answer(&answer(""), Err("`cacheKeyType` must be"));
    check_answer(&answer(r#","cacheKeyType":"image""#), Err("`cacheKeyType` must be"));
    check_answer(&answer(r#","cacheKeyType":"Image","cacheDuration":"s3cret""#), Err("`cacheDuration` is no"));
    check_answer(&answer(r#","cacheKeyType":"Image","cacheDuration":5"#), Err("`cacheDuration` must be a string"));
    check_answer(&answer(r#","cacheKeyType":"Image","auth":["s3cret"]"#), Err("`auth` must be an object"));
    check_answer(&answer(r#","cacheKeyType":"Image","auth":{"u:s3cret@a.b":"s3cret"}"#), Err(r#"auth["***@a.b"]"#));
    check_answer(
        &answer(r#","cacheKeyType":"Image","auth":{"a.b":{"username":"u","password":["s3cret"]}}"#),
        Err(r#"`auth["a.b"].password` must be a string"#),
    );
}

proptest! {
    #[test]
    fn anything_is_an_answer_or_none(text in any::<Vec<u8>>()) {
        let _ = parse_answer(&text, V1);
    }

    #[test]
    fn any_text_is_a_configuration_or_none(text in "\\PC{0,60}|[a-z:\\[\\]{}&*\n -]{0,60}") {
        let _ = parse_providers([("c", text.as_str())]);
    }
}

//! Records as kubelets write them, and each rule of who may use an image that is there.

use proptest::prelude::*;

use super::*;
use crate::pod::PullPolicy;

/// A record as the kubelet writes it.
const PULLED: &str = r#"{"kind":"ImagePulledRecord","apiVersion":"kubelet.config.k8s.io/v1alpha1",
 "lastUpdatedTime":"2026-02-03T04:05:06Z","imageRef":"sha256:1d","credentialMapping":{
   "r.test/team/api":{"kubernetesSecrets":[
     {"uid":"u1","namespace":"prod","name":"regcred","credentialHash":"h1"},
     {"uid":"u2","namespace":"dev","name":"regcred","credentialHash":""}],
     "kubernetesServiceAccounts":[{"uid":"s1","namespace":"prod","name":"builder"}]},
   "docker.io/library/nginx":{"nodePodsAccessible":true},
   "r.test/lost":{}}}"#;

fn pulled() -> PullRecords {
    let Ok(PullRecord::Pulled(record)) = parse_pull_record(PULLED.as_bytes()) else { panic!("no record") };
    PullRecords { kept: true, pulled: Some(record), ..PullRecords::default() }
}

fn identity(uid: &str, namespace: &str, name: &str) -> ObjectIdentity {
    ObjectIdentity { uid: uid.into(), namespace: namespace.into(), name: name.into() }
}

fn policy(policy: &str) -> VerificationSettings {
    VerificationSettings { version: Some((1, 35)), policy: Some(policy.into()), ..VerificationSettings::default() }
}

/// A pod that brings nothing.
const NOTHING: Wish<'_> = Wish {
    image: "r.test/team/api:1",
    policy: PullPolicy::IfNotPresent,
    secrets: &[],
    service_account: None,
    is_all: true,
};

/// What is decided, and some words of why.
#[track_caller]
fn check(wish: &Wish<'_>, records: &PullRecords, settings: &VerificationSettings, want: &str, words: &str) {
    let decided = access(wish, records, settings);
    let (got, why) = match &decided {
        Access::Allowed { why } => ("allowed", why),
        Access::MustPull { why } => ("must pull", why),
        Access::NotKnown { why } => ("not known", why),
    };
    assert!(got == want && why.contains(words), "{decided:?}, wanted {want} with `{words}`");
}

#[test]
fn records_are_read_as_they_are_written() {
    let record = pulled().pulled.unwrap();
    assert_eq!(record.image_ref, "sha256:1d");
    let proven = &record.credential_mapping["r.test/team/api"];
    assert_eq!(proven.kubernetes_secrets[0].secret, identity("u1", "prod", "regcred"));
    assert_eq!(proven.kubernetes_secrets[0].credential_hash.expose(), "h1");
    assert!(!format!("{record:?}").contains("h1"));
    let intent = br#"{"kind":"ImagePullIntent","apiVersion":"kubelet.config.k8s.io/v1alpha1","image":"nginx:latest"}"#;
    assert_eq!(parse_pull_record(intent), Ok(PullRecord::Intent { image: "nginx:latest".into() }));
    let sparse = br#"{"imageRef":"sha256:1d","credentialMapping":{"a":{"kubernetesSecrets":null}},"later":1}"#;
    assert!(
        matches!(parse_pull_record(sparse), Ok(PullRecord::Pulled(record)) if record.credential_mapping.len() == 1)
    );
    assert!(matches!(parse_pull_record(br#"{"imageRef":"a","credentialMapping":null}"#), Ok(PullRecord::Pulled(_))));
    assert_eq!(parse_pull_record(b"{}"), Err(MalformedRecord::NoImage));
    assert_eq!(
        parse_pull_record(b"{\"image\":\n1}").unwrap_err().to_string(),
        "is no record of a pull (line 2, column 1)"
    );
}

#[test]
fn files_are_named_by_the_hash_of_what_they_are_about() {
    // `printf %s sha256:1d | sha256sum`
    assert_eq!(record_file("sha256:1d"), "sha256-d8bcd3f55c36bc98b952e85f3347d3fa3cd59b75d9ca48b8c84b9fdae7d321c7");
}

#[test]
fn the_pull_policy_comes_first() {
    let always = Wish { policy: PullPolicy::Always, ..NOTHING };
    check(&always, &PullRecords::default(), &policy("NeverVerify"), "must pull", "policy is Always");
    let never = Wish { policy: PullPolicy::Never, ..NOTHING };
    check(&never, &pulled(), &policy("AlwaysVerify"), "must pull", "does not bring");
}

#[test]
fn a_kubelet_that_does_not_verify_lets_everybody_have_it() {
    let release =
        |minor, gate| VerificationSettings { version: Some((1, minor)), gate, ..VerificationSettings::default() };
    check(&NOTHING, &pulled(), &release(32, None), "allowed", "Kubernetes 1.32");
    check(&NOTHING, &pulled(), &release(32, Some(true)), "allowed", "Kubernetes 1.32");
    check(&NOTHING, &pulled(), &release(34, None), "allowed", "off by default");
    check(&NOTHING, &pulled(), &release(34, Some(true)), "must pull", "does not bring");
    check(&NOTHING, &pulled(), &release(35, None), "must pull", "does not bring");
    check(&NOTHING, &pulled(), &release(36, Some(false)), "allowed", "is off in the kubelet");
    check(&NOTHING, &pulled(), &policy("NeverVerify"), "allowed", "NeverVerify");
}

#[test]
fn a_kubelet_of_unknown_release_is_told_by_what_it_keeps() {
    let unknown = VerificationSettings::default();
    check(&NOTHING, &PullRecords::default(), &unknown, "allowed", "keeps no records");
    check(&NOTHING, &pulled(), &unknown, "not known", "which release");
    check(&Wish { image: "nginx", ..NOTHING }, &pulled(), &unknown, "allowed", "every pod may use it");
    let set = VerificationSettings { policy: Some("AlwaysVerify".into()), ..VerificationSettings::default() };
    check(&NOTHING, &pulled(), &set, "must pull", "does not bring");
    check(&NOTHING, &pulled(), &policy("Sometimes"), "not known", "\"Sometimes\"");
}

#[test]
fn only_what_the_kubelet_has_pulled_is_verified_by_default() {
    let preloaded = policy("NeverVerifyPreloadedImages");
    let kept = PullRecords { kept: true, ..PullRecords::default() };
    check(&NOTHING, &kept, &preloaded, "allowed", "not pulled it itself");
    check(&NOTHING, &kept, &policy(""), "allowed", "not pulled it itself");
    check(&NOTHING, &kept, &policy("AlwaysVerify"), "must pull", "no record");
    let begun = PullRecords { intent: true, ..kept };
    check(&NOTHING, &begun, &preloaded, "must pull", "no record");
    let unreadable = PullRecords { unreadable: Some("permission denied".into()), ..PullRecords::default() };
    check(&NOTHING, &unreadable, &preloaded, "not known", "permission denied");
}

#[test]
fn the_list_counts_whoever_pulled_the_image() {
    let listing = |entries: &[&str]| VerificationSettings {
        allow_list: entries.iter().map(|entry| (*entry).to_owned()).collect(),
        ..policy("NeverVerifyAllowlistedImages")
    };
    let check = |image: &str, entries: &[&str], want: &str, words: &str| {
        check(&Wish { image, ..NOTHING }, &pulled(), &listing(entries), want, words);
    };
    check("r.test/team/api:1", &["r.test/team/api"], "allowed", "on the kubelet's list");
    check(&format!("r.test/team/api@sha256:{:064}", 0), &["r.test/team/api"], "allowed", "on the kubelet's list");
    check("r.test/team/api", &["r.test/team/*"], "allowed", "on the kubelet's list");
    check("r.test/team/api", &["r.test/tea*", "r.test/team", "*"], "must pull", "does not bring");
    check("r.test:5000/a", &["r.test"], "must pull", "another name");
    check("nginx", &["docker.io/library/nginx"], "not known", "depends on the kubelet's release");
    check("nginx:1", &["nginx"], "not known", "depends on the kubelet's release");
}

#[test]
fn what_was_proven_is_asked_of_the_name_in_full() {
    let always = policy("AlwaysVerify");
    check(&Wish { image: "nginx:1.27", ..NOTHING }, &pulled(), &always, "allowed", "every pod may use it");
    check(&Wish { image: "docker.io/nginx", ..NOTHING }, &pulled(), &always, "allowed", "every pod may use it");
    check(&Wish { image: "mirror.test/nginx", ..NOTHING }, &pulled(), &always, "must pull", "another name");
    check(&Wish { image: "r.test/lost", ..NOTHING }, &pulled(), &always, "must pull", "does not know");
    check(&Wish { image: "r.test/LOST", ..NOTHING }, &pulled(), &always, "must pull", "another name");
}

#[test]
fn a_secret_is_known_by_its_login_or_by_its_name_and_uid() {
    let with = |uid: &str, namespace: &str, name: &str, hash: &str, is_all: bool, want: &str, words: &str| {
        let secrets = [(identity(uid, namespace, name), Secret::from(hash.to_owned()))];
        check(&Wish { secrets: &secrets, is_all, ..NOTHING }, &pulled(), &policy("AlwaysVerify"), want, words);
    };
    with("x", "other", "any", "h1", true, "allowed", "holds a login");
    with("u1", "prod", "regcred", "new", true, "allowed", "was proven");
    with("u9", "prod", "regcred", "new", true, "must pull", "does not bring");
    with("u1", "dev", "regcred", "new", true, "must pull", "does not bring");
    with("", "prod", "regcred", "new", true, "not known", "not all");
    with("", "dev", "other", "", true, "must pull", "does not bring");
    with("x", "other", "any", "new", false, "not known", "not all");
}

#[test]
fn a_service_account_is_known_by_its_name_and_uid() {
    let with = |uid: &str, name: &str, want: &str| {
        let account = identity(uid, "prod", name);
        let wish = Wish { service_account: Some(&account), ..NOTHING };
        check(&wish, &pulled(), &policy("AlwaysVerify"), want, "");
    };
    with("s1", "builder", "allowed");
    with("s2", "builder", "must pull");
    with("", "builder", "not known");
    with("", "default", "must pull");
}

#[test]
fn a_changed_secret_is_proven_anew_where_a_hundred_are_known() {
    let mut records = pulled();
    let proven = records.pulled.as_mut().unwrap().credential_mapping.get_mut("r.test/team/api").unwrap();
    proven.kubernetes_secrets.resize(100, ProvenSecret::default());
    let check_with = |hash: &str, want: &str| {
        let secrets = [(identity("u1", "prod", "regcred"), Secret::from(hash.to_owned()))];
        check(&Wish { secrets: &secrets, ..NOTHING }, &records, &policy("AlwaysVerify"), want, "");
    };
    check_with("new", "must pull");
    check_with("h1", "allowed");
}

proptest! {
    #[test]
    fn no_text_is_too_odd_to_be_read(text in any::<Vec<u8>>(), image in any::<String>()) {
        let _ = parse_pull_record(&text);
        let listing = VerificationSettings { allow_list: vec![image.clone()], ..policy("NeverVerifyAllowlistedImages") };
        let _ = access(&Wish { image: &image, ..NOTHING }, &pulled(), &listing);
    }
}

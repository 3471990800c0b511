//! Which credentials are offered, in which order, and what is said of the others.

use super::*;
use crate::config::dockerconfigjson::ConfigEntry;
use crate::plugin::PluginFailure;

fn document(source: &str, text: &str) -> GivenCredential {
    GivenCredential::DockerConfig { source: source.to_owned(), text: text.to_owned().into() }
}

fn plugin(name: &str, outcome: PluginOutcome) -> GivenCredential {
    GivenCredential::Plugin { name: name.to_owned(), outcome }
}

fn logins(keys: &[&str]) -> Vec<ConfigEntry> {
    keys.iter().map(|key| ConfigEntry { key: (*key).to_owned(), ..ConfigEntry::default() }).collect()
}

fn case(credentials: Vec<GivenCredential>) -> Case {
    Case { credentials, ..Case::default() }
}

#[track_caller]
fn check(credentials: Vec<GivenCredential>, want: &[&str]) {
    let offered = offered(&case(credentials), &Reference::parse("a.b/team/api").unwrap());
    let in_words = |credential: &Credential| {
        let offer = match &credential.offer {
            Offer::Yes => "offered",
            Offer::NotMatching { why } | Offer::PluginFailed { why, .. } => why,
            _ => "unreadable",
        };
        format!("{} {} {offer}", credential.source, credential.key.as_deref().unwrap_or("-"))
    };
    assert_eq!(offered.iter().map(in_words).collect::<Vec<_>>(), want);
}

#[test]
fn credentials_are_in_the_order_in_which_they_are_offered_and_then_by_how_near_they_are() {
    check(
        vec![
            document("broken", "{"),
            document("one", r#"{"auths":{"c.d":{},"a.b:5000":{},"a.b":{}}}"#),
            document("two", r#"{"auths":{"a.b/team":{}}}"#),
            GivenCredential::Login { source: "login".into(), user: "u".into(), password: Secret::default() },
        ],
        &[
            "login - offered",
            "two a.b/team offered",
            "one a.b offered",
            "one a.b:5000 differs in the port",
            "one c.d is for another host",
            "broken - unreadable",
        ],
    );
}

#[test]
fn the_nodes_own_logins_come_after_the_secrets_and_the_plugins_after_those() {
    let outcome = |status| PluginOutcome::failed(PluginFailure::Status { status }, b"");
    check(
        vec![
            plugin("z", PluginOutcome::Answered { logins: logins(&["a.b", "c.d"]) }),
            plugin("ecr", PluginOutcome::NotMatched { patterns: vec!["c.d".into(), "*.a.b".into()] }),
            plugin("token", PluginOutcome::NotRun { why: "it needs a token".into() }),
            plugin("gone", outcome(3)),
            plugin("y", PluginOutcome::Answered { logins: logins(&["a.b/team"]) }),
            GivenCredential::NodeFile { path: "/c.json".into(), logins: logins(&["a.b", "u:p@a.b:5000"]) },
            document("one", r#"{"auths":{"*.b":{}}}"#),
        ],
        &[
            "one *.b offered",
            "node /c.json a.b offered",
            "plugin y a.b/team offered",
            "plugin z a.b offered",
            "node /c.json ***@a.b:5000 differs in the port",
            "plugin ecr *.a.b has a `*` for one label of the host, neither for none nor for several",
            "plugin z c.d is for another host",
            "plugin gone - ended with status 3",
        ],
    );
}

#[test]
fn a_plugin_that_was_not_run_is_named_and_its_logins_are_not_known() {
    let case = case(vec![plugin("token", PluginOutcome::NotRun { why: "it needs a token".into() })]);
    let unread: Vec<String> = unread(&case).collect();
    assert_eq!(unread, ["the kubelet's credential provider plugin token (it needs a token)"]);
}

#[test]
fn a_login_that_was_refused_before_is_neither_offered_nor_forgotten() {
    let text = r#"{"auths":{"a.b":{"auth":"dTpw"},"a.b/team":{"auth":"dTpw"}}}"#;
    let withheld = vec![Withheld { source: "one".into(), key: Some("a.b".into()) }];
    let case = Case { image: "a.b/team/api".into(), withheld, ..case(vec![document("one", text)]) };
    let plan = crate::plan::plan(&case, &crate::case::fixtures::node(&[], &[]));
    let offers: Vec<&Offer> = plan.credentials.iter().map(|credential| &credential.offer).collect();
    assert_eq!(offers, [&Offer::Yes, &Offer::Withheld]);
    assert_eq!(plan.unread_credentials, ["the login of one (refused before: not offered again)"]);
}

#[test]
fn no_login_is_saved_with_a_case() {
    let secret = ConfigEntry { password: "s3cret".to_owned().into(), ..ConfigEntry::default() };
    let case = case(vec![
        plugin("z", PluginOutcome::Answered { logins: vec![secret.clone()] }),
        GivenCredential::NodeFile { path: "/c.json".into(), logins: vec![secret] },
    ]);
    let shown = format!("{case:?} {}", serde_json::to_string(&case).unwrap());
    assert!(!shown.contains("s3cret"), "{shown}");
}

//! A credential provider plugin that fails, and what the registry then says.

use pullagent_diagnosis::case::{Case, GivenCredential};
use pullagent_diagnosis::cause::{Code, Confidence, Severity};
use pullagent_diagnosis::diagnose::diagnose;
use pullagent_diagnosis::diagnosis::{CredentialReport, Diagnosis, Verdict};
use pullagent_diagnosis::layer::credentials::CredentialOutcome;
use pullagent_diagnosis::layer::dns::DnsOutcome;
use pullagent_diagnosis::layer::registry::Answer;
use pullagent_diagnosis::plan::plan;
use pullagent_diagnosis::plugin::{PluginFailure, PluginOutcome};

use crate::healthy;

/// What comes of a plugin with this outcome where the registry says `status` to a stranger's token.
fn examined(outcome: PluginOutcome, status: u16) -> Diagnosis {
    let (case, _) = healthy::posed();
    let case = Case { credentials: vec![GivenCredential::Plugin { name: "ecr".to_owned(), outcome }], ..case };
    let plan = plan(&case, &healthy::config());
    let mut evidence = healthy::evidence();
    if status != 200 {
        let exchanges = &mut evidence.endpoints[0].exchanges;
        // 401 is the token service's word: it gives none.
        let place = if status == 401 { 1 } else { 2 };
        exchanges[place].answer = Answer::Response(healthy::answered(status));
        exchanges.truncate(place + 1);
        evidence.endpoints[0].image = None;
    }
    diagnose(&case, &plan, &evidence)
}

fn failed() -> PluginOutcome {
    PluginOutcome::failed(PluginFailure::Status { status: 1 }, b"no role attached")
}

#[test]
fn a_plugin_that_fails_is_the_cause_of_a_refusal() {
    let found = examined(failed(), 401);
    let cause = found.cause.unwrap();
    assert_eq!((found.verdict, cause.code), (Verdict::Failing, Code::CredentialProviderFailed), "{}", cause.summary);
    assert!(
        cause.summary.contains("plugin ecr ended with status 1 and said \"no role attached\""),
        "{}",
        cause.summary
    );
    assert!(cause.summary.contains("registry.test") || cause.summary.contains("auth.test"), "{}", cause.summary);
    // It is told once.
    assert_eq!(found.findings.iter().filter(|f| f.code == Code::CredentialProviderFailed).count(), 1);
    let row = |row: &CredentialReport| (row.source.clone(), row.outcome);
    assert_eq!(row(&found.credentials[0]), ("plugin ecr".to_owned(), CredentialOutcome::Unreadable));
}

#[test]
fn a_plugin_that_we_waited_less_for_than_the_kubelet_is_no_certain_cause() {
    let found = examined(PluginOutcome::failed(PluginFailure::TimedOut { seconds: 10 }, b""), 401);
    let cause = found.cause.unwrap();
    assert!(cause.code == Code::CredentialProviderFailed && cause.confidence < Confidence::Certain);
}

#[test]
fn a_plugin_that_fails_warns_where_its_login_is_not_missed() {
    let found = examined(failed(), 200);
    assert_eq!((found.verdict, found.cause.is_none()), (Verdict::Degraded, true));
    let warned = &found.findings[0];
    assert_eq!((warned.code, warned.severity), (Code::CredentialProviderFailed, Severity::Warning));
}

#[test]
fn a_broken_link_before_the_registry_stays_the_cause() {
    let (case, _) = healthy::posed();
    let case =
        Case { credentials: vec![GivenCredential::Plugin { name: "ecr".to_owned(), outcome: failed() }], ..case };
    let mut evidence = healthy::evidence();
    evidence.endpoints[0].hops[0].dns.as_mut().unwrap().outcome = DnsOutcome::NameNotFound;
    let found = diagnose(&case, &plan(&case, &healthy::config()), &evidence);
    let codes: Vec<_> = found.findings.iter().map(|f| (f.code, f.severity)).collect();
    assert_eq!(found.cause.unwrap().code, Code::DnsNameNotFound);
    assert!(codes.contains(&(Code::CredentialProviderFailed, Severity::Warning)), "{codes:?}");
}

#[test]
fn a_plugin_for_other_images_is_among_the_keys_that_do_not_match() {
    let found = examined(PluginOutcome::NotMatched { patterns: vec!["registry.test:443".to_owned()] }, 401);
    let cause = found.cause.unwrap();
    assert_eq!(cause.code, Code::CredentialsNotMatching);
    assert!(cause.summary.contains("\"registry.test:443\" differs in the port"), "{}", cause.summary);
    assert!(
        found.remedy.iter().any(|r| r.text.contains("\"registry.test\" in its `matchImages`")),
        "{:?}",
        found.remedy
    );
}

#[test]
fn what_a_stranger_hears_is_doubtful_while_a_plugin_was_not_run() {
    let found = examined(PluginOutcome::NotRun { why: "it wants a token".to_owned() }, 401);
    assert_eq!(found.cause.unwrap().confidence, Confidence::Possible);
    let told = found.not_checked.iter().any(|unseen| unseen.what.contains("plugin ecr (it wants a token)"));
    assert!(told, "{:?}", found.not_checked);
}

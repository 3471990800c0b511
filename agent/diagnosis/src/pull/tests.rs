//! How the runtime's words are joined.

use super::*;

#[track_caller]
fn check(outcomes: &[(&str, &str)], want: Option<&str>) {
    let attempt = |(status, message): &(&str, &str)| Attempt {
        identity: Identity::Anonymous,
        outcome: PullOutcome::Failed { status: (*status).to_owned(), message: (*message).to_owned() },
    };
    let pull = Pull { attempts: outcomes.iter().map(attempt).collect(), ms: 1, growth: Growth::NotSeen, brought: None };
    assert_eq!(pull.message().as_deref(), want);
}

#[test]
fn the_words_of_several_attempts_are_joined_as_the_kubelet_joins_them() {
    check(&[], None);
    check(&[("Unknown", "denied")], Some("denied"));
    check(&[("NotFound", "gone")], Some("rpc error: code = NotFound desc = gone"));
    check(&[("Unknown", "denied"), ("Unknown", "denied")], Some("denied"));
    check(&[("Unknown", "a"), ("Unknown", "b")], Some("[a, b]"));
}

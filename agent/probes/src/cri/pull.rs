//! The runtime's own pull, made as the kubelet makes it: one call for each login until one succeeds. Whether to make it
//! is decided elsewhere; what it brought is put back.

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use pullagent_diagnosis::evidence::Identity;
use pullagent_diagnosis::plan::Plan;
use pullagent_diagnosis::pull::{Attempt, Growth, Pull, PullOutcome};
use tokio::time::Instant;

use super::brought::{Asked, put_back};
use super::client::{Client, Login, within};
use super::failure::CallFailure;
use super::growth::{Places, Progress, Watch};
use crate::limits::ms_since;

/// The time for what is asked before the pull.
const PATIENCE: Duration = Duration::from_secs(2);
/// The shortest password that is looked for in the runtime's words: a shorter one is found in any text.
const SHORTEST: usize = 4;

/// Asks the runtime at `socket` to pull the plan's image as each of `logins` in turn, until one succeeds.
///
/// A call that is still running after `time` is cancelled, and so is one when the future is dropped. An image that was
/// brought is removed again where nobody else can rely on it, which may take 5 seconds more. `progress` is called about
/// twice a second. A plan without a reference is not pulled.
pub async fn reproduce(
    plan: &Plan,
    logins: &[Identity],
    socket: &Path,
    host_root: &Path,
    time: Duration,
    mut progress: impl FnMut(Progress) + Send,
) -> Pull {
    let started = Instant::now();
    let deadline = started + time;
    let mut pull = Pull { attempts: Vec::new(), ms: 0, growth: Growth::NotSeen, brought: None };
    let Some(reference) = plan.reference() else { return pull };
    let asked = Asked { text: &plan.image, reference };
    let by = deadline.min(within(PATIENCE));
    match Client::connect(socket, by).await {
        Ok(client) => {
            let (before, mountpoint) = tokio::join!(client.all_held(by), client.image_filesystem(by));
            let places = mountpoint.ok().flatten().map(|path| Places::of(host_root, Path::new(&path)));
            let places = places.unwrap_or_default();
            let mut watch = Watch::default();
            // The watch never ends by itself.
            tokio::select! {
                attempts = attempt_each(&client, plan, logins, deadline) => pull.attempts = attempts,
                _ = watch.run(&places, started, &mut progress) => {}
            }
            pull.growth = watch.growth();
            if pull.outcome() == Some(&PullOutcome::Ok) {
                pull.brought = put_back(&client, host_root, asked, &before).await;
            }
        }
        Err(error) => {
            let outcome = PullOutcome::Lost { why: format!("its socket cannot be connected to: {error}") };
            pull.attempts.extend(logins.first().map(|&identity| Attempt { identity, outcome }));
        }
    }
    pull.ms = ms_since(started);
    pull
}

/// One call for each login: the first success ends it, and so does a runtime that is gone or a time that is over.
async fn attempt_each(client: &Client, plan: &Plan, logins: &[Identity], deadline: Instant) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    for &identity in logins {
        let outcome = match client.pull(&plan.image, login(plan, identity), deadline).await {
            Ok(_) => PullOutcome::Ok,
            Err(CallFailure::Refused { status, message }) => {
                PullOutcome::Failed { status, message: without_logins(&message, plan, logins) }
            }
            Err(CallFailure::Gone { why } | CallFailure::NotGrpc { why }) => PullOutcome::Lost { why },
            Err(CallFailure::Late) => PullOutcome::Cancelled,
        };
        let goes_on = matches!(outcome, PullOutcome::Failed { .. });
        attempts.push(Attempt { identity, outcome });
        if !goes_on {
            break;
        }
    }
    attempts
}

fn login(plan: &Plan, identity: Identity) -> Option<Login<'_>> {
    match identity {
        Identity::Anonymous => None,
        Identity::Credential(index) => plan.credentials.get(index).map(|credential| Login {
            user: credential.user.as_deref().unwrap_or_default(),
            password: &credential.password,
        }),
    }
}

/// A runtime's words without the passwords that were offered to it, plain or as they go into a header.
fn without_logins(message: &str, plan: &Plan, logins: &[Identity]) -> String {
    let offered = logins.iter().filter_map(|&identity| login(plan, identity));
    offered.fold(message.to_owned(), |message, Login { user, password }| {
        let password = password.expose();
        if password.len() < SHORTEST {
            return message;
        }
        let basic = BASE64_STANDARD.encode(format!("{user}:{password}"));
        let forms =
            [basic.clone(), basic.trim_end_matches('=').to_owned(), BASE64_STANDARD.encode(password), password.clone()];
        forms.iter().fold(message, |message, form| message.replace(form.as_str(), "***"))
    })
}

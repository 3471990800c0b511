//! `pullagent probe IMAGE...`: examines each image from this node and reports.

use std::io::Read;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, bail};
use futures_util::StreamExt;
use futures_util::stream;
use pullagent_diagnosis::case::{Case, GivenCredential};
use pullagent_diagnosis::diagnose::diagnose;
use pullagent_diagnosis::diagnosis::Diagnosis;
use pullagent_diagnosis::plan::plan;
use pullagent_diagnosis::pull::PullEvidence;
use pullagent_diagnosis::report::{self, Format};
use pullagent_diagnosis::reproduction::{Order, Policy, decide};
use pullagent_diagnosis::text::size_in_words;
use pullagent_probes::cri::Progress;
use pullagent_probes::{Limits, Standpoint, examine_from, reproduce};

use crate::cli::{FailOn, ProbeArguments};
use crate::standpoint::{self, Here, Wanted};
use crate::terminal::{self, StatusLine};

/// Images examined at the same time; they are reported in the order of the command line.
const AT_ONCE: usize = 4;
/// Bytes of a secret file, as the API server bounds a secret.
const MAX_SECRET: u64 = 1024 * 1024;
/// Bytes of a password.
const MAX_PASSWORD: u64 = 64 * 1024;

/// Examines and reports; the worst verdict decides the exit status.
pub(crate) async fn run(arguments: ProbeArguments) -> anyhow::Result<u8> {
    let credentials = credentials(&arguments)?;
    let cases: Vec<Case> = arguments.images.iter().map(|image| case(image, &arguments, &credentials)).collect();
    let endpoint = arguments.runtime_endpoint.as_deref();
    let here = standpoint::look(&arguments.host_root, endpoint, Wanted::Cases(cases.clone())).await?;
    let limits = Limits { total: arguments.timeout, ..Limits::default() };
    let style = terminal::style(arguments.verbose);
    let status = StatusLine::new(arguments.output == Format::Text && !arguments.list_hosts);
    let policy = Policy::from(arguments.pull);
    let examination = Examination { here: &here, limits: &limits, policy, status: &status };
    let mut answers = stream::iter(cases).map(|case| examination.answer(case)).buffered(AT_ONCE);
    let mut verdicts = Vec::new();
    while let Some(diagnosis) = answers.next().await {
        let first = verdicts.is_empty();
        verdicts.push(diagnosis.verdict);
        let text = if arguments.list_hosts {
            report::hosts(&diagnosis)
        } else {
            report::render(arguments.output, &diagnosis, &style)
        };
        let gap = if first || arguments.list_hosts || matches!(arguments.output, Format::Short | Format::Json) {
            ""
        } else {
            "\n"
        };
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        status.clear();
        terminal::print(&format!("{gap}{text}{end}"))?;
    }
    Ok(report::exit_code(verdicts, arguments.fail_on == Some(FailOn::Degraded)))
}

fn case(image: &str, arguments: &ProbeArguments, credentials: &[GivenCredential]) -> Case {
    Case {
        image: image.to_owned(),
        platform: arguments.platform.clone(),
        credentials: credentials.to_vec(),
        anonymous: arguments.anonymous,
        pod: None,
    }
}

/// What every image of one command is examined with.
struct Examination<'a> {
    here: &'a Here,
    limits: &'a Limits,
    policy: Policy,
    status: &'a StatusLine,
}

impl Examination<'_> {
    /// The examination, then the runtime's own pull where that is worth it, then one diagnosis of both.
    async fn answer(&self, mut case: Case) -> Diagnosis {
        let begun = Instant::now();
        if !case.anonymous {
            // A plugin that hangs must leave time for the registry.
            let limit = self.limits.total / 2;
            case.credentials.extend(self.here.credentials.offered(&case.image, limit).await);
        }
        let limits = Limits { total: self.limits.total.saturating_sub(begun.elapsed()), ..*self.limits };
        let plan = plan(&case, &self.here.node);
        let standpoint = Standpoint {
            host_root: &self.here.host_root,
            socket: self.here.socket.as_deref(),
            ..Standpoint::default()
        };
        let mut evidence = examine_from(&plan, &limits, &standpoint).await;
        let found = diagnose(&case, &plan, &evidence);
        let left = self.limits.total.saturating_sub(begun.elapsed());
        let order = decide(self.policy, &plan, &evidence, &found, left);
        evidence.pull = Some(match (order, &self.here.socket) {
            (Order::Leave { why }, _) => PullEvidence::NotMade { why },
            (Order::Pull(_), None) => PullEvidence::NotMade { why: "its socket was not found".to_owned() },
            (Order::Pull(logins), Some(socket)) => {
                let show = |progress: Progress| self.status.show(&waiting(&found, progress));
                PullEvidence::Made(reproduce(&plan, &logins, socket, &self.here.host_root, left, show).await)
            }
        });
        evidence.took_ms = u32::try_from(begun.elapsed().as_millis()).unwrap_or(u32::MAX);
        diagnose(&case, &plan, &evidence)
    }
}

/// What a person reads while the runtime pulls: the examination's verdict, and how far the pull is.
fn waiting(found: &Diagnosis, progress: Progress) -> String {
    let code = found.cause.as_ref().map(|cause| format!(" [{}]", cause.code)).unwrap_or_default();
    let runtime = found.node.runtime.as_ref().map_or("the runtime", |runtime| runtime.name.as_str());
    let brought = match progress.brought {
        0 => String::new(),
        bytes => format!(", {}", size_in_words(bytes)),
    };
    let seconds = progress.elapsed.as_secs();
    format!("{} is {}{code}; {runtime} pulls it: {seconds} s{brought}", found.target.image, found.verdict.word())
}

/// The credentials of the command line. A file that cannot be read is our trouble; one that cannot be parsed is a finding.
fn credentials(arguments: &ProbeArguments) -> anyhow::Result<Vec<GivenCredential>> {
    let mut given = Vec::new();
    if let Some(user) = &arguments.username {
        let password = password(&mut std::io::stdin().lock())?;
        given.push(GivenCredential::Login {
            source: "--username".to_owned(),
            user: user.clone(),
            password: password.into(),
        });
    }
    for path in &arguments.secret {
        let text = read_text(path).with_context(|| format!("cannot read --secret `{}`", path.display()))?;
        given.push(GivenCredential::DockerConfig { source: path.display().to_string(), text: text.into() });
    }
    Ok(given)
}

/// A password from standard input, without its one trailing line break.
fn password(input: &mut impl Read) -> anyhow::Result<String> {
    let mut text = String::new();
    input.take(MAX_PASSWORD + 1).read_to_string(&mut text).context("cannot read the password from standard input")?;
    if text.len() as u64 > MAX_PASSWORD {
        bail!("the password on standard input is longer than {MAX_PASSWORD} bytes");
    }
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

fn read_text(path: &Path) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_SECRET + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_SECRET {
        bail!("it is larger than {MAX_SECRET} bytes");
    }
    // What is no text is no JSON either, and will be said to be malformed.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_trailing_line_break_of_a_password_is_dropped() {
        let check = |typed: &str, want: &str| assert_eq!(password(&mut typed.as_bytes()).unwrap(), want);
        check("hunter2\n", "hunter2");
        check("hunter2\r\n", "hunter2");
        check("hunter2\n\n", "hunter2\n");
        check(" spaces stay ", " spaces stay ");
        check("", "");
    }

    #[test]
    fn an_endless_password_is_refused() {
        assert!(password(&mut std::io::repeat(b'x')).is_err());
    }
}

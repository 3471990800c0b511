//! `pullagent probe IMAGE...`: examines each image from this node and reports.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail};
use futures_util::StreamExt;
use futures_util::stream;
use pullagent_diagnosis::case::{Case, GivenCredential};
use pullagent_diagnosis::diagnosis::Diagnosis;
use pullagent_diagnosis::report::{self, Format};
use pullagent_diagnosis::reproduction::Policy;
use pullagent_probes::Limits;
use pullagent_proto::v1::Pull as Asked;

use crate::agent_client::{AgentClient, Unanswered, is_shut_out};
use crate::cli::kube::KubeArguments;
use crate::cli::standpoint::StandpointArguments;
use crate::cli::{FailOn, ProbeArguments, Pull};
use crate::examination::{Examination, waiting};
use crate::kube::{get_pod, open, pull_secrets};
use crate::settings::Settings;
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
    let settings = Settings::of_command(&arguments.standpoint)?;
    let mut credentials = credentials(&arguments)?;
    let mut notes = Vec::new();
    if let Some((namespace, name)) = &arguments.pod {
        let cluster = open(&KubeArguments::default(), &settings).await?;
        notes.extend(cluster.identity().notes.iter().cloned());
        let pod = get_pod(&cluster, namespace, name).await?;
        credentials.extend(pull_secrets(&cluster, &pod).await);
    }
    let cases: Vec<Case> = arguments.images.iter().map(|image| case(image, &arguments, &credentials)).collect();
    let mut here = standpoint::look(&settings, Wanted::Cases(cases.clone())).await?;
    here.node.not_checked.extend(notes);
    let limits = Limits { total: arguments.timeout, ..Limits::default() };
    let style = terminal::style(arguments.verbose);
    let status = StatusLine::new(arguments.output == Format::Text && !arguments.list_hosts);
    let policy = Policy::from(arguments.pull);
    let agent = match agent(&arguments, &settings, &here).await {
        Some(Ok(agent)) => Some(agent),
        Some(Err(unanswered)) => {
            here.node.not_checked.push(unanswered.note());
            None
        }
        None => None,
    };
    let examination = Examination { here: &here, limits: &limits, policy, release: None, denied: None, known: None };
    let show = |found: &Diagnosis, progress| status.show(&waiting(found, progress));
    let (agent, examination, show, status, limits) = (agent.as_ref(), &examination, &show, &status, &limits);
    let pull = if arguments.pull == Pull::Never { Asked::Never } else { Asked::Auto };
    let answer = |case: Case| async move {
        let Some(agent) = agent else { return examination.answer(case, show).await };
        match agent.probe(&case, pull, limits.total, |text| status.show(text)).await {
            Ok(diagnosis) => diagnosis,
            Err(unanswered) => {
                let mut diagnosis = examination.answer(case, show).await;
                diagnosis.not_checked.push(unanswered.note());
                diagnosis
            }
        }
    };
    // The agent does one thing at a time for each user.
    let at_once = if agent.is_some() { 1 } else { AT_ONCE };
    let mut answers = stream::iter(cases).map(answer).buffered(at_once);
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

/// The node's agent, where the runtime's socket is closed to this user and the agent can do what is asked for; or why it
/// does not answer. `None` where there is no need of one.
async fn agent(
    arguments: &ProbeArguments,
    settings: &Settings,
    here: &Here,
) -> Option<Result<AgentClient, Unanswered>> {
    let StandpointArguments { runtime_endpoint, host_root, .. } = &arguments.standpoint;
    let is_this_node = runtime_endpoint.is_none() && host_root.is_none();
    // What a pod has is not the caller's to hand on, and an agent pulls nothing.
    let is_for_agents = is_this_node && arguments.pod.is_none() && arguments.pull != Pull::Always;
    if !is_for_agents || !is_shut_out(here).await {
        return None;
    }
    Some(AgentClient::connect(&settings.socket).await)
}

fn case(image: &str, arguments: &ProbeArguments, credentials: &[GivenCredential]) -> Case {
    Case {
        image: image.to_owned(),
        platform: arguments.platform.clone(),
        credentials: credentials.to_vec(),
        anonymous: arguments.anonymous,
        ..Case::default()
    }
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

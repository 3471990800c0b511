//! `pullagent probe IMAGE...`: examines each image from this node and reports.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail};
use futures_util::StreamExt;
use futures_util::stream;
use pullagent_diagnosis::case::{Case, GivenCredential, NodeConfig};
use pullagent_diagnosis::diagnose::diagnose;
use pullagent_diagnosis::diagnosis::Diagnosis;
use pullagent_diagnosis::plan::plan;
use pullagent_diagnosis::report::{self, Format};
use pullagent_probes::node::{Environment, read_node};
use pullagent_probes::{Limits, examine};

use crate::cli::{FailOn, ProbeArguments};
use crate::terminal;

/// Images examined at the same time; they are reported in the order of the command line.
const AT_ONCE: usize = 4;
/// Bytes of a secret file, as the API server bounds a secret.
const MAX_SECRET: u64 = 1024 * 1024;
/// Bytes of a password.
const MAX_PASSWORD: u64 = 64 * 1024;

/// Examines and reports; the worst verdict decides the exit status.
pub(crate) async fn run(arguments: ProbeArguments) -> anyhow::Result<u8> {
    let credentials = credentials(&arguments)?;
    let node = node(&arguments.host_root)?;
    let limits = Limits { total: arguments.timeout, ..Limits::default() };
    let style = terminal::style(arguments.verbose);
    let cases = arguments.images.iter().map(|image| Case {
        image: image.clone(),
        platform: arguments.platform.clone(),
        credentials: credentials.clone(),
        anonymous: arguments.anonymous,
    });
    let mut answers = stream::iter(cases).map(|case| answer(case, &node, &limits)).buffered(AT_ONCE);
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
        terminal::print(&format!("{gap}{text}{end}"))?;
    }
    Ok(report::exit_code(verdicts, arguments.fail_on == Some(FailOn::Degraded)))
}

async fn answer(case: Case, node: &NodeConfig, limits: &Limits) -> Diagnosis {
    let plan = plan(&case, node);
    let evidence = examine(&plan, limits).await;
    diagnose(&case, &plan, &evidence)
}

fn node(host_root: &Path) -> anyhow::Result<NodeConfig> {
    if !host_root.is_dir() {
        bail!("--host-root `{}` is no folder", host_root.display());
    }
    // Variables that are not text hold neither a proxy nor a path that could be used.
    let variables: Environment =
        std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect();
    Ok(read_node(host_root, &variables, None))
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

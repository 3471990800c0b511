//! `pullagent check`: runs the configured checks once and reports, or tells what they cost.

use anyhow::bail;
use futures_util::{StreamExt, stream};
use pullagent_diagnosis::diagnosis::{Diagnosis, Verdict};
use pullagent_diagnosis::report::{self, Format, Style};
use pullagent_diagnosis::text::clean;
use pullagent_probes::{Contents, Limits};

use crate::checks::cost::cost;
use crate::checks::examine::{self, With, is_near_its_limit};
use crate::checks::{Check, configured};
use crate::cli::FailOn;
use crate::cli::check::{CheckArguments, CheckFormat};
use crate::kube::{Asked, Cluster, open_as};
use crate::settings::Settings;
use crate::terminal::{self, StatusLine};

/// Checks made at the same time; they are reported in the order of the settings.
const AT_ONCE: usize = 4;
/// Bytes of a name on its line.
const NAME: usize = 200;
/// What to write where there is no check.
const SAMPLE: &str = "\
no check is configured. In the settings, /etc/pullagent/config.yaml if --config names no other file, write for example:

checks:
  images:
    - { image: registry.corp.io/team/app:1.4, every: 5m, secret: prod/regcred }
  registries:
    - { host: registry.corp.io, every: 15m }";

/// Checks and reports; the worst verdict decides the exit status.
pub(crate) async fn run(arguments: &CheckArguments) -> anyhow::Result<u8> {
    let settings = Settings::of_command(&arguments.standpoint)?;
    let checks: Vec<Check> = configured(&settings.checks).into_iter().map(|(check, _)| check).collect();
    if checks.is_empty() {
        bail!(SAMPLE);
    }
    if let Some(nodes) = arguments.explain_cost {
        let cost = cost(&settings.checks, nodes);
        let text = match arguments.output {
            CheckFormat::Json => cost.json(),
            CheckFormat::Text => cost.text(),
            CheckFormat::Short | CheckFormat::Markdown => bail!("the cost is shown with `-o text` or `-o json`"),
        };
        terminal::print(&format!("{text}\n"))?;
        return Ok(0);
    }
    let cluster = if names_secrets(&checks) {
        let asked = Asked { choice: settings.kubernetes.identity, ..Asked::default() };
        open_as(asked, &settings).await.map_err(|error| format!("{error:#}"))
    } else {
        Err(String::new())
    };
    let found = check_all(&checks, &settings, cluster.as_ref().map_err(String::as_str), arguments).await?;
    Ok(report::exit_code(found, arguments.fail_on == Some(FailOn::Degraded)))
}

fn names_secrets(checks: &[Check]) -> bool {
    checks.iter().any(|check| matches!(check, Check::Image { secret: Some(_), .. }))
}

/// Makes the checks, prints what comes of them, and hands back the verdicts.
async fn check_all(
    checks: &[Check],
    settings: &Settings,
    cluster: Result<&Cluster, &str>,
    arguments: &CheckArguments,
) -> anyhow::Result<Vec<Verdict>> {
    let limits = Limits { total: arguments.timeout, ..Limits::default() };
    let known = Contents::default();
    let with = &With { settings, cluster, known: &known, limits: &limits, withheld: Vec::new(), denied: None };
    let status = StatusLine::new(true);
    let is_text = arguments.output == CheckFormat::Text;
    let style = terminal::style(arguments.verbose);
    let columns = checks.iter().map(|check| clean(check.name(), NAME).chars().count()).max().unwrap_or_default();
    let answer = |check| async move { (check, examine::run(check, with).await) };
    let mut answers = stream::iter(checks).map(answer).buffered(AT_ONCE);
    let mut found: Vec<Diagnosis> = Vec::new();
    let progress = |done: usize| status.show(&format!("checked {done} of {}", checks.len()));
    progress(0);
    while let Some((check, diagnosis)) = answers.next().await {
        let diagnosis = diagnosis?;
        let text = if is_text { line(check, &diagnosis, columns) } else { whole(&diagnosis, arguments, &style) };
        let gap = if arguments.output == CheckFormat::Markdown && !found.is_empty() { "\n" } else { "" };
        status.clear();
        terminal::print(&format!("{gap}{text}\n"))?;
        found.push(diagnosis);
        progress(found.len());
    }
    status.clear();
    if is_text {
        for diagnosis in found.iter().filter(|diagnosis| diagnosis.verdict != Verdict::Pullable) {
            terminal::print(&format!("\n{}\n", whole(diagnosis, arguments, &style)))?;
        }
    }
    Ok(found.into_iter().map(|diagnosis| diagnosis.verdict).collect())
}

fn whole(diagnosis: &Diagnosis, arguments: &CheckArguments, style: &Style) -> String {
    report::render(Format::from(arguments.output), diagnosis, style).trim_end_matches('\n').to_owned()
}

/// The line of a check: verdict, what it is of, code, host and how long it took.
fn line(check: &Check, diagnosis: &Diagnosis, columns: usize) -> String {
    let cause = diagnosis.cause.as_ref();
    let code = cause.map_or("-", |cause| cause.code.name());
    let host = cause.and_then(|cause| cause.host.as_deref()).map_or_else(|| "-".to_owned(), |host| clean(host, NAME));
    let (verdict, what, name) = (diagnosis.verdict.word(), check.what(), clean(check.name(), NAME));
    let limit = if is_near_its_limit(diagnosis) { "  near its limit" } else { "" };
    format!("{verdict:<12}  {what:<8}  {name:<columns$}  {code}  {host}  {} ms{limit}", diagnosis.took_ms)
}

//! `pullagent why pod/NAME`: the pod from the API server, its failing images examined from this node, and what its
//! kubelet said beside that.

use anyhow::Context;
use pullagent_diagnosis::report::{self, Format, render_waiting};
use pullagent_diagnosis::reproduction::Policy;
use pullagent_probes::Limits;

use crate::cli::FailOn;
use crate::cli::why::WhyArguments;
use crate::examination::waiting;
use crate::inquiry::{Inquiry, inquire};
use crate::kube::{get_pod, open};
use crate::settings::Settings;
use crate::terminal::{self, StatusLine};

/// Examines and reports; the worst verdict decides the exit status.
pub(crate) async fn run(arguments: WhyArguments) -> anyhow::Result<u8> {
    let settings = Settings::of_command(&arguments.standpoint)?;
    let status = StatusLine::new(arguments.output == Format::Text);
    status.show("asking the API server");
    let cluster = open(&arguments.kube, &settings).await?;
    let namespace = match &arguments.kube.namespace {
        Some(namespace) => namespace.clone(),
        None => cluster.default_namespace().await,
    };
    let pod = get_pod(&cluster, &namespace, &arguments.pod).await?;
    status.show("looking at the pod and its node");
    let style = terminal::style(arguments.verbose);
    let failing = match inquire(&cluster, &settings, &pod).await? {
        Inquiry::Failing(failing) => failing,
        Inquiry::Waiting(report) => {
            let text = render_waiting(arguments.output, &report, &style)
                .with_context(|| format!("`{}` is for images that failed only", arguments.output))?;
            status.clear();
            terminal::print(&format!("{text}\n"))?;
            return Ok(0);
        }
    };
    let limits = Limits { total: arguments.timeout, ..Limits::default() };
    let show = |found: &_, progress| status.show(&waiting(found, progress));
    let mut verdicts = Vec::new();
    for case in &failing.cases {
        status.show(&format!("examining {}", case.image));
        let diagnosis = failing.diagnose(case, &limits, Policy::Stranger, None, &show).await;
        let gap =
            if verdicts.is_empty() || matches!(arguments.output, Format::Short | Format::Json) { "" } else { "\n" };
        verdicts.push(diagnosis.verdict);
        let text = report::render(arguments.output, &diagnosis, &style);
        status.clear();
        terminal::print(&format!("{gap}{text}\n"))?;
    }
    Ok(report::exit_code(verdicts, arguments.fail_on == Some(FailOn::Degraded)))
}

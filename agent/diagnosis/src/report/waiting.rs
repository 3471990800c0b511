//! A pod of which no image failed: it is still pulling, or waits for something else.

use anstyle::AnsiColor;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::layout::{Line, cut_end, wrap};
use super::{Format, Style, json, shown};
use crate::not_checked::NotChecked;
use crate::pod::{Pod, Waiting};
use crate::text::{duration_in_words, size_in_words};

/// The name and version of the JSON form.
const SCHEMA: &str = "pullagent.dev/waiting/v1";

/// A pod of which no image failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "pullagent.dev/waiting/v1")]
pub struct WaitingReport {
    /// The name and version of this form.
    pub schema: String,
    /// What it waits for.
    pub state: WaitingState,
    /// The pod's namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The image that is being pulled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The container that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Since when it is being pulled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// By how many bytes the node's image store grew while it was looked at; absent where that could not be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<u64>,
    /// Other pulls that the node's kubelet began earlier and has not ended: it makes one at a time unless it is told
    /// otherwise. Absent where they were not looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<u32>,
    /// One sentence.
    pub summary: String,
    /// What was not looked at, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_checked: Vec<NotChecked>,
}

/// What a pod waits for of which no image failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WaitingState {
    /// The kubelet is pulling.
    StillPulling,
    /// No image is the matter.
    NotAnImageProblem,
}

/// What was seen while a pod was pulling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Movement {
    /// By how many bytes the image store grew, and in how many seconds.
    pub grew: Option<(u64, u32)>,
    /// Pulls that were begun earlier and have not ended.
    pub ahead: Option<u32>,
}

impl WaitingReport {
    /// What `pod` waits for at `now`.
    pub fn new(pod: &Pod, waiting: &Waiting<'_>, movement: Movement, now: Timestamp) -> Self {
        let report = Self {
            schema: SCHEMA.to_owned(),
            state: WaitingState::NotAnImageProblem,
            namespace: pod.namespace.clone(),
            name: pod.name.clone(),
            image: None,
            container: None,
            since: None,
            moved: None,
            ahead: None,
            summary: String::new(),
            not_checked: Vec::new(),
        };
        match waiting {
            Waiting::NotAnImageProblem { why } => {
                let summary = format!("{}/{} {why}", pod.namespace, pod.name);
                Self { summary, ..report }
            }
            Waiting::StillPulling { container, since } => Self {
                state: WaitingState::StillPulling,
                image: Some(container.image.clone()),
                container: Some(container.name.clone()),
                since: *since,
                moved: movement.grew.map(|(bytes, _)| bytes),
                ahead: movement.ahead,
                summary: pulling(*since, movement, now),
                ..report
            },
        }
    }
}

fn pulling(since: Option<Timestamp>, movement: Movement, now: Timestamp) -> String {
    let seconds = since.and_then(|since| u64::try_from(since.duration_until(now).as_secs()).ok());
    let long = seconds.map_or("the kubelet is pulling it".to_owned(), |seconds| {
        format!("the kubelet has been pulling it for {}", duration_in_words(seconds))
    });
    let moves = match movement.grew {
        Some((0, seconds)) => format!("; the image store did not grow in {seconds} s"),
        Some((bytes, seconds)) => format!("; the image store grew by {} in {seconds} s", size_in_words(bytes)),
        None => String::new(),
    };
    let queued = match movement.ahead {
        Some(1) => "; another pull on this node began before it and has not ended".to_owned(),
        Some(ahead) if ahead > 1 => format!("; {ahead} other pulls on this node began before it and have not ended"),
        _ => String::new(),
    };
    format!("{long}{moves}{queued}")
}

/// The report in this form; `None` for a form that it does not have. Without a final line break.
pub fn render_waiting(format: Format, report: &WaitingReport, style: &Style) -> Option<String> {
    let subject = report.image.as_deref().unwrap_or(&report.name);
    let (word, short) = match report.state {
        WaitingState::StillPulling => ("STILL PULLING", "stillPulling"),
        WaitingState::NotAnImageProblem => ("NOT AN IMAGE PROBLEM", "notAnImageProblem"),
    };
    Some(match format {
        Format::Json => json::render(report),
        Format::Short => format!("{}\t{short}\t-\t-", shown(subject)),
        Format::Text => {
            let first = match report.state {
                WaitingState::StillPulling => {
                    format!("  {} for {}/{}", shown(subject), shown(&report.namespace), shown(&report.name))
                }
                WaitingState::NotAnImageProblem => String::new(),
            };
            let width = style.width.max(40);
            let head = cut_end(&first, width.saturating_sub(word.len()));
            let mut lines = vec![Line::painted(word, AnsiColor::Yellow.on_default().bold(), head)];
            lines.extend(wrap(&shown(&report.summary), width, width).into_iter().map(Line::plain));
            for NotChecked { what, why } in &report.not_checked {
                let text = format!("Not checked: {what}: {why}");
                lines.extend(wrap(&shown(&text), width, width).into_iter().map(Line::plain));
            }
            lines.iter().map(|line| line.text(style.color)).collect::<Vec<_>>().join("\n")
        }
        Format::Markdown | Format::Ticket => return None,
    })
}

/// The JSON schema of the report.
pub fn waiting_schema() -> serde_json::Value {
    json::schema_of::<WaitingReport>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod::{Container, ContainerKind, ContainerState, PullPolicy};

    #[track_caller]
    fn check(waiting: &Waiting<'_>, movement: Movement, want: &str) {
        let pod = Pod { namespace: "prod".into(), name: "web-0".into(), ..Pod::default() };
        let report = WaitingReport::new(&pod, waiting, movement, "2026-07-01T03:10:00Z".parse().unwrap());
        let style = Style { width: 100, color: false, verbose: 0 };
        assert_eq!(render_waiting(Format::Text, &report, &style).unwrap(), want);
        assert_eq!(render_waiting(Format::Json, &report, &style).unwrap().lines().count(), 1);
    }

    #[test]
    fn a_pod_that_pulls_is_told_with_what_moves() {
        let container = Container {
            name: "app".into(),
            kind: ContainerKind::Regular,
            image: "r.test/a:1".into(),
            policy: PullPolicy::Always,
            state: ContainerState::Unknown,
        };
        let since = Some("2026-07-01T03:06:00Z".parse().unwrap());
        check(
            &Waiting::StillPulling { container: &container, since },
            Movement { grew: Some((3 << 20, 2)), ahead: Some(2) },
            "STILL PULLING  r.test/a:1 for prod/web-0\nthe kubelet has been pulling it for 4 minutes; the image store \
             grew by 3.0 MiB in 2 s; 2 other pulls\non this node began before it and have not ended",
        );
        check(
            &Waiting::StillPulling { container: &container, since: None },
            Movement::default(),
            "STILL PULLING  r.test/a:1 for prod/web-0\nthe kubelet is pulling it",
        );
    }

    #[test]
    fn what_was_not_looked_at_is_said_below() {
        let waiting = Waiting::NotAnImageProblem { why: "waits to be started".to_owned() };
        let pod = Pod { namespace: "prod".into(), name: "web-0".into(), ..Pod::default() };
        let mut report = WaitingReport::new(&pod, &waiting, Movement::default(), Timestamp::UNIX_EPOCH);
        report.not_checked.push(NotChecked::new("the kubelet's events", "nobody may"));
        let style = Style { width: 100, color: false, verbose: 0 };
        assert_eq!(
            render_waiting(Format::Text, &report, &style).unwrap(),
            "NOT AN IMAGE PROBLEM\nprod/web-0 waits to be started\nNot checked: the kubelet's events: nobody may"
        );
    }

    #[test]
    fn a_pod_that_has_its_images_is_said_to_have_them() {
        let why = "has its images; the container app says CrashLoopBackOff".to_owned();
        check(
            &Waiting::NotAnImageProblem { why },
            Movement::default(),
            "NOT AN IMAGE PROBLEM\nprod/web-0 has its images; the container app says CrashLoopBackOff",
        );
    }
}

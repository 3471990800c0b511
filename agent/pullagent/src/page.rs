//! The page for a person: this node, its checks and its last diagnoses, as one HTML document.
//!
//! No script and nothing from elsewhere. Whatever comes from the world goes through [`foreign`]: cleaned, bounded,
//! escaped, and apart from the direction of the text around it.

mod diagnosis;

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use pullagent_diagnosis::diagnosis::{Diagnosis, NodeReport, Verdict};
use pullagent_diagnosis::text::{clean, duration_in_words};
use sha2::{Digest, Sha256};

use crate::memory::{CheckState, Kept, Snapshot};

/// As many diagnoses are shown; the others are in the JSON.
const MOST_SHOWN: usize = 50;
/// Bytes of one piece of foreign text.
const MAX_TEXT: usize = 2048;
const STYLE: &str = include_str!("page/style.css");

/// What a browser may do with the page: use the one style sheet within it, and nothing else.
pub(crate) static CONTENT_SECURITY_POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

/// How something stands: in a word, a sign and a colour, so that none of them is needed.
#[derive(Clone, Copy)]
struct Standing {
    word: &'static str,
    class: &'static str,
    edge: &'static str,
    sign: &'static str,
}

impl Standing {
    fn of(verdict: Verdict) -> Self {
        let (word, class, edge, sign) = match verdict {
            Verdict::Pullable => ("Would pull", "tag good", "card good-edge", "✓"),
            Verdict::Degraded => ("Would pull, degraded", "tag warn", "card warn-edge", "!"),
            Verdict::Failing => ("Would fail", "tag bad", "card bad-edge", "✕"),
            Verdict::Inconclusive => ("Cannot tell", "tag warn", "card warn-edge", "?"),
        };
        Self { word, class, edge, sign }
    }

    fn tag(self) -> Markup {
        html! { span class=(self.class) { span aria-hidden="true" { (self.sign) " " } (self.word) } }
    }
}

/// The page for what is remembered, as of `now`.
pub(crate) fn render(snapshot: &Snapshot, now: Timestamp) -> String {
    let shown: Vec<(&Kept, Diagnosis)> =
        snapshot.reports.iter().take(MOST_SHOWN).filter_map(|kept| Some((&**kept, kept.diagnosis()?))).collect();
    let name = snapshot.node.as_ref().map_or_else(|| "this node".to_owned(), |node| clean(&node.name, MAX_TEXT));
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { "pullagent on " (name) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { "Image pulls on " (foreign(&name)) }
                    @if let Some(node) = &snapshot.node { (about(node)) }
                    (in_short(&shown))
                    p.quiet.small { "As of " (time(now)) ". Reload the page for what was found out since." }
                }
                main {
                    (checks(&snapshot.checks, now))
                    (diagnoses(&shown, snapshot, now))
                }
                footer.quiet.small {
                    p { "The same for programs: " a href="/reports" { "/reports" } ". What a code means: "
                        code { "pullagent explain CODE" } "." }
                }
            }
        }
    };
    page.into_string()
}

/// How many of the images would fail.
fn in_short(shown: &[(&Kept, Diagnosis)]) -> Markup {
    let failing = shown.iter().filter(|(_, diagnosis)| diagnosis.verdict == Verdict::Failing).count();
    html! {
        @if !shown.is_empty() {
            p { strong { (failing) " of " (shown.len()) } " diagnoses below say that the pull would fail." }
        }
    }
}

fn about(node: &NodeReport) -> Markup {
    html! {
        p {
            @match &node.runtime {
                Some(runtime) => {
                    (foreign(&runtime.name)) " " (foreign(runtime.version.trim_start_matches('v'))) " at "
                    code { (foreign(&runtime.endpoint)) }
                }
                None => { "No container runtime was found" }
            }
            ", " (foreign(&node.os)) "/" (foreign(&node.arch))
        }
    }
}

fn checks(checks: &[CheckState], now: Timestamp) -> Markup {
    html! {
        section aria-labelledby="checks" {
            h2 #checks { "Checks" }
            @if checks.is_empty() {
                p.quiet { "No check is configured, and none was discovered." }
            } @else {
                div.card { div.scroll role="region" aria-labelledby="checks" tabindex="0" {
                    table.wraps {
                        thead { tr {
                            th scope="col" { "Check" } th scope="col" { "State" } th scope="col" { "Last run" }
                        } }
                        tbody { @for check in checks { (check_row(check, now)) } }
                    }
                } }
            }
        }
    }
}

fn check_row(check: &CheckState, now: Timestamp) -> Markup {
    html! {
        tr {
            th scope="row" {
                (foreign(&check.name))
                @if check.name != check.host { span.under { "at " (foreign(&check.host)) } }
                @if !check.configured { span.under { "discovered" } }
            }
            @match &check.last {
                None => { td { "Not run yet" } td { "–" } }
                Some(run) => {
                    td {
                        (Standing::of(run.verdict).tag())
                        @if let Some(cause) = run.cause { strong { (cause.name()) } }
                        @if let Some(summary) = &run.summary { span.under { (foreign(summary)) } }
                    }
                    td { (ago(run.at, now)) span.under { (run.took_ms) " ms" } }
                }
            }
        }
    }
}

fn diagnoses(shown: &[(&Kept, Diagnosis)], snapshot: &Snapshot, now: Timestamp) -> Markup {
    let more = snapshot.reports.len().saturating_sub(shown.len());
    html! {
        section aria-labelledby="diagnoses" {
            h2 #diagnoses { "Last diagnoses" }
            @if shown.is_empty() { p.quiet { "No image was examined yet." } }
            @for (kept, diagnosis) in shown { (diagnosis::article(kept, diagnosis, now)) }
            @if more > 0 { p { (more) " more are in " a href="/reports" { "/reports" } "." } }
            @if snapshot.left_out > 0 { p.quiet { (snapshot.left_out) " were too large to be kept." } }
        }
    }
}

/// Text that others wrote.
fn foreign(text: &str) -> Markup {
    html! { bdi { (clean(text, MAX_TEXT)) } }
}

/// A moment, to the second and in UTC.
fn time(at: Timestamp) -> Markup {
    let shown = at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    html! { time datetime=(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()) { (shown) } }
}

/// How long ago a moment was.
fn ago(at: Timestamp, now: Timestamp) -> Markup {
    let seconds = u64::try_from(now.duration_since(at).as_secs()).unwrap_or(0);
    let iso = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    html! { time datetime=(iso) { (duration_in_words(seconds)) " ago" } }
}

#[cfg(test)]
mod tests;

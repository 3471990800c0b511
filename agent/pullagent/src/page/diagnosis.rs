//! One diagnosis on the page: the verdict, why and what to do, then what it rests on.

use jiff::Timestamp;
use maud::{Markup, html};
use pullagent_diagnosis::cause::Confidence;
use pullagent_diagnosis::diagnosis::{Diagnosis, Verdict};
use pullagent_diagnosis::evidence::Hop;
use pullagent_diagnosis::finding::{Finding, Remedy};
use pullagent_diagnosis::report::phase::{self, State};
use pullagent_diagnosis::report::{beside_the_cause, owner_in_words, pulled_sentence};

use super::{MAX_TEXT, Standing, ago, foreign, time};
use crate::memory::Kept;

/// A diagnosis and the pod that it is for.
pub(super) fn article(kept: &Kept, diagnosis: &Diagnosis, now: Timestamp) -> Markup {
    let standing = Standing::of(diagnosis.verdict);
    let fails = matches!(diagnosis.verdict, Verdict::Failing | Verdict::Inconclusive);
    html! {
        article class=(standing.edge) {
            h3 { (standing.tag()) (foreign(&diagnosis.target.image)) }
            p.quiet.small {
                @match &kept.pod {
                    Some(pod) => {
                        "Pod " (foreign(&pod.namespace)) "/" (foreign(&pod.name))
                        @if let Some(of) = &diagnosis.pod { ", container " (foreign(&of.container)) }
                        ", examined "
                    }
                    None => { "Check, " }
                }
                (ago(diagnosis.started_at, now)) ", took " (diagnosis.took_ms) " ms"
            }
            (cause(diagnosis))
            (kubelet(diagnosis, now))
            (also(beside_the_cause(diagnosis)))
            details open[fails] {
                summary { "What this rests on" }
                (chain(diagnosis))
                (logins(diagnosis))
                @if let Some(said) = pulled_sentence(diagnosis, MAX_TEXT) { h4 { "Runtime" } p.small { (foreign(&said)) } }
                (not_checked(diagnosis))
            }
        }
    }
}

fn cause(diagnosis: &Diagnosis) -> Markup {
    let Some(cause) = &diagnosis.cause else { return html! {} };
    html! {
        dl {
            dt { "Cause" }
            dd {
                strong { (cause.code.name()) }
                @if let Some(detail) = &cause.detail { " (" (foreign(detail)) ")" }
                @if cause.confidence != Confidence::Certain { ", " (cause.confidence) }
            }
            dt { "Because" }
            dd { (foreign(&cause.summary)) }
            @if !diagnosis.remedy.is_empty() { dt { "Fix" } dd { (remedies(&diagnosis.remedy)) } }
            @if let Some(owner) = cause.owner { dt { "Owner" } dd { (owner_in_words(owner)) } }
        }
    }
}

/// What the kubelet says of its own attempts, and when it makes the next one.
fn kubelet(diagnosis: &Diagnosis, now: Timestamp) -> Markup {
    let Some(said) = &diagnosis.kubelet else { return html! {} };
    // A reason may be the text of an error, which the message then repeats.
    let words = [&said.reason, &said.message];
    let words: Vec<&str> = words.into_iter().map(String::as_str).filter(|words| !words.is_empty()).collect();
    html! {
        dl {
            dt { "Kubelet" }
            dd.small {
                @if words.is_empty() { "said nothing" }
                (foreign(&words.join(": ")))
                span.under { "since " (time(said.since)) }
            }
            @if let Some(retry_by) = said.retry_by {
                dt { "Retry by" }
                dd { (time(retry_by)) @if retry_by < now { span.under { "that is over: reload the page" } } }
            }
        }
    }
}

fn remedies(remedies: &[Remedy]) -> Markup {
    html! {
        ul.plain {
            @for remedy in remedies {
                li {
                    (foreign(&remedy.text))
                    @if let Some(command) = &remedy.command { code.block { (foreign(command)) } }
                }
            }
        }
    }
}

fn also(findings: &[Finding]) -> Markup {
    html! {
        @if !findings.is_empty() {
            ul.small {
                @for finding in findings {
                    li {
                        strong { (finding.code.name()) } " (" (finding.severity) "): " (foreign(&finding.summary))
                        @if !finding.remedy.is_empty() { span.under { "Fix" } (remedies(&finding.remedy)) }
                    }
                }
            }
        }
    }
}

fn chain(diagnosis: &Diagnosis) -> Markup {
    if diagnosis.hops.is_empty() {
        return html! { h4 { "Hosts" } p.small { "None was asked." } };
    }
    let any_proxy = diagnosis.hops.iter().any(Hop::is_proxied);
    let told = |name: &str| any_proxy || name != "Proxy";
    html! {
        h4 { "Hosts" }
        div.scroll role="region" aria-label="Hosts" tabindex="0" {
            table {
                thead { tr {
                    th scope="col" { "Host" }
                    @for name in ["DNS", "TCP", "Proxy", "TLS", "HTTP"].into_iter().filter(|name| told(name)) { th scope="col" { (name) } }
                    th.number scope="col" { "ms" }
                } }
                tbody {
                    @for hop in &diagnosis.hops {
                        tr {
                            th scope="row" {
                                (foreign(&hop.host))
                                span.under { (hop.role.word()) ", " (foreign(&hop.via)) }
                            }
                            @for phase in phase::phases(hop).into_iter().filter(|phase| told(phase.name)) {
                                td.broken[phase.state == State::Broken] {
                                    @if phase.state == State::Broken { span aria-hidden="true" { "✕ " } }
                                    (foreign(&phase.word))
                                }
                            }
                            td.number { (phase::total_ms(hop)) }
                        }
                    }
                }
            }
        }
    }
}

fn logins(diagnosis: &Diagnosis) -> Markup {
    html! {
        @if !diagnosis.credentials.is_empty() {
            h4 { "Logins, as the kubelet offers them" }
            div.scroll role="region" aria-label="Logins" tabindex="0" {
                table {
                    thead { tr {
                        th scope="col" { "Source" } th scope="col" { "User" } th scope="col" { "Outcome" }
                    } }
                    tbody {
                        @for row in &diagnosis.credentials {
                            tr {
                                th scope="row" {
                                    (foreign(&row.source))
                                    @if let Some(key) = &row.key { span.under { "for " (foreign(key)) } }
                                }
                                td { (foreign(row.user.as_deref().unwrap_or("–"))) }
                                td { (row.outcome.words()) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn not_checked(diagnosis: &Diagnosis) -> Markup {
    html! {
        @if !diagnosis.not_checked.is_empty() {
            h4 { "Not checked, and why" }
            ul.small { @for one in &diagnosis.not_checked { li { (foreign(&one.what)) ": " (foreign(&one.why)) } } }
        }
    }
}

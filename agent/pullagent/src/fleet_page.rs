//! The fleet as one HTML file to pass on: no script, nothing from elsewhere, and bounded whatever the size of the fleet.
//!
//! Its map has a cell for each registry and group of nodes, never one for each node. Colour only repeats what a sign and a
//! number say. Whatever comes from the world is cleaned, escaped, and apart from the direction of the text around it.

mod map;
mod rest;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use pullagent_diagnosis::diagnosis::Verdict;
use pullagent_diagnosis::fleet::{Fleet, Group, RegistryRow};
use pullagent_diagnosis::report;
use pullagent_diagnosis::text::clean;
use sha2::{Digest, Sha256};

/// Bytes of one piece of foreign text.
const MAX_TEXT: usize = 512;
/// Registries that are shown with their groups, groups of one, and nodes that a group names.
const MOST_FAILING: usize = 30;
const MOST_GROUPS: usize = 10;
const MOST_NODES: usize = 200;
/// The page of a node's own agent looks the same.
const STYLE: &str = concat!(include_str!("page/style.css"), include_str!("fleet_page/style.css"));

/// The page.
pub(crate) fn render(fleet: &Fleet) -> String {
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        STANDARD.encode(Sha256::digest(STYLE))
    );
    let failing: Vec<&RegistryRow> = fleet.registries.iter().filter(|row| row.nodes.failing > 0).collect();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                meta name="referrer" content="no-referrer";
                title { "Image pulls of the fleet" }
                style { (PreEscaped(STYLE)) }
            }
            body.fleet {
                header {
                    h1 { "Image pulls of the fleet" }
                    (in_short(fleet, failing.len()))
                    p.quiet.small { "As of " (time(fleet.at)) "." }
                }
                main {
                    @if !failing.is_empty() {
                        section aria-labelledby="failing" {
                            h2 #failing { "What fails" }
                            @for (number, row) in failing.iter().take(MOST_FAILING).enumerate() {
                                (registry(row, number, fleet.at))
                            }
                            (more(failing.len(), MOST_FAILING, "registries"))
                        }
                    }
                    (map::section(fleet))
                    (rest::section(fleet))
                }
                footer.quiet.small {
                    p { "What a code means: " code { "pullagent explain CODE" } "." }
                }
            }
        }
    };
    page.into_string()
}

fn in_short(fleet: &Fleet, failing: usize) -> Markup {
    let nodes = &fleet.nodes;
    let (class, sign, words) = match (nodes.reporting, failing) {
        (0, _) => ("tag warn", "?", "Nothing known"),
        (_, 0) => ("tag good", "✓", "No check fails"),
        _ => ("tag bad", "✕", "Checks fail"),
    };
    html! {
        p {
            span class=(class) { span aria-hidden="true" { (sign) " " } (words) }
            @if failing > 0 {
                "On " strong { (nodes.failing) } " of " (nodes.reporting) " nodes, at " strong { (failing) } " of "
                (fleet.registries.len()) " registries."
            } @else {
                (fleet.registries.len()) " registries are checked on " (nodes.reporting) " nodes."
            }
        }
        ul.facts {
            @for (number, what) in [
                (nodes.total, "nodes"), (nodes.reporting, "tell how they stand"), (nodes.silent, "silent"),
                (nodes.unreadable, "unreadable"), (nodes.newer, "of a newer version"), (nodes.not_covered, "not covered"),
            ] {
                @if number > 0 { li { strong { (number) } " " (what) } }
            }
        }
    }
}

/// A registry with what fails there.
fn registry(row: &RegistryRow, number: usize, now: Timestamp) -> Markup {
    let groups: Vec<&Group> = row.groups.iter().filter(|group| group.verdict == Verdict::Failing).collect();
    html! {
        article.card.bad-edge id=(format!("r{number}")) {
            h3 { (foreign(&row.registry)) }
            p.small.quiet { (map::in_words(&row.nodes)) }
            @for group in groups.iter().take(MOST_GROUPS) { (self::group(group, now)) }
            (more(groups.len(), MOST_GROUPS, "groups"))
        }
    }
}

fn group(group: &Group, now: Timestamp) -> Markup {
    html! {
        div.group {
            h4 {
                code { (group.code.name()) }
                @if let Some(host) = &group.host { " at " (foreign(host)) }
                " on " (nodes(group.nodes.len()))
            }
            dl {
                dt { "In common" }
                dd { (foreign(&report::apart_in_words(&group.apart, group.since, now))) }
                @if let Some(remedy) = group.remedy.first() { dt { "Fix" } dd { (remedy) } }
                @if let Some(owner) = group.owner { dt { "Owner" } dd { (report::owner_in_words(owner)) } }
                @if !group.checks.is_empty() {
                    dt { "Checks" }
                    dd { @for (index, check) in group.checks.iter().enumerate() { @if index > 0 { ", " } (foreign(check)) } }
                }
            }
            details {
                summary { "The " (nodes(group.nodes.len())) }
                (names(&group.nodes))
            }
        }
    }
}

/// Names of nodes, not too many.
fn names(all: &[String]) -> Markup {
    html! {
        ul.names { @for name in all.iter().take(MOST_NODES) { li { (foreign(name)) } } }
        (more(all.len(), MOST_NODES, "nodes"))
    }
}

fn nodes(number: usize) -> String {
    format!("{number} node{}", if number == 1 { "" } else { "s" })
}

/// Says how many there are beyond those that are shown.
fn more(all: usize, shown: usize, what: &str) -> Markup {
    let more = all.saturating_sub(shown);
    html! { @if more > 0 { p.quiet.small { "And " (more) " more " (what) "; the JSON has them all." } } }
}

/// Text that others wrote.
fn foreign(text: &str) -> Markup {
    html! { bdi { (clean(text, MAX_TEXT)) } }
}

/// A moment, to the minute and in UTC.
fn time(at: Timestamp) -> Markup {
    html! { time datetime=(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()) { (at.strftime("%Y-%m-%d %H:%M UTC").to_string()) } }
}

#[cfg(test)]
mod tests;

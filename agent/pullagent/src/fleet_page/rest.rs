//! What else is worth knowing: degraded pulls, tags with several digests, allowances, certificates, nodes that say nothing.

use std::collections::BTreeMap;

use maud::{Markup, html};
use pullagent_diagnosis::diagnosis::Verdict;
use pullagent_diagnosis::fleet::{Fleet, NodeNote};
use pullagent_diagnosis::report::{self, CERTIFICATE_SOON};

use super::{foreign, more, names, nodes, time};

/// Rows of one table.
const MOST_ROWS: usize = 50;

/// The section; nothing where there is nothing to know.
pub(super) fn section(fleet: &Fleet) -> Markup {
    let tables = html! { (groups(fleet)) (digests(fleet)) (headroom(fleet)) (certificates(fleet)) (quiet(fleet)) };
    html! {
        @if !tables.0.is_empty() {
            section aria-labelledby="rest" { h2 #rest { "Worth knowing" } (tables) }
        }
    }
}

/// A table behind its title.
fn table(title: &str, open: bool, head: &[&str], rows: &[Markup]) -> Markup {
    html! {
        @if !rows.is_empty() {
            details.card open[open] {
                summary { strong { (title) } " (" (rows.len()) ")" }
                div.scroll {
                    table.wraps {
                        thead { tr { @for cell in head { th scope="col" { (cell) } } } }
                        tbody { @for row in rows.iter().take(MOST_ROWS) { tr { (row) } } }
                    }
                }
                (more(rows.len(), MOST_ROWS, "rows"))
            }
        }
    }
}

fn groups(fleet: &Fleet) -> Markup {
    let all = fleet.registries.iter().flat_map(|row| row.groups.iter().map(move |group| (row, group)));
    let rows: Vec<Markup> = all
        .filter(|(_, group)| group.verdict != Verdict::Failing)
        .map(|(row, group)| {
            let how = if group.verdict == Verdict::Degraded { "! degraded" } else { "? cannot tell" };
            html! {
                th scope="row" { (foreign(&row.registry)) }
                td { (how) " " code { (group.code.name()) }
                    @if let Some(host) = &group.host { span.under { "at " (foreign(host)) } } }
                td { (nodes(group.nodes.len()))
                    @if group.verdict == Verdict::Degraded {
                        span.under { (foreign(&report::apart_in_words(&group.apart, group.since, fleet.at))) }
                    } }
            }
        })
        .collect();
    table("Pulls that work less well, or cannot be told", true, &["Registry", "What", "Where"], &rows)
}

fn digests(fleet: &Fleet) -> Markup {
    let row = |image: &pullagent_diagnosis::fleet::DigestRow| {
        html! {
            th scope="row" { (foreign(&image.image)) }
            td { @for one in image.digests.iter().take(5) {
                div { code { (foreign(&one.digest)) } " on " (nodes(one.count)) ", last asked " (time(one.last)) }
            } (more(image.digests.len(), 5, "digests")) }
        }
    };
    let rows: Vec<Markup> = fleet.digests.iter().map(row).collect();
    table("One tag, several digests", true, &["Image", "Digests"], &rows)
}

fn headroom(fleet: &Fleet) -> Markup {
    let row = |row: &pullagent_diagnosis::fleet::HeadroomRow| {
        let low = row.remaining.saturating_mul(5) <= row.limit;
        html! {
            th scope="row" { (foreign(&row.registry))
                @if !row.source.is_empty() { span.under { "counted as " (foreign(&row.source)) } } }
            td { @if low { "! " } (row.remaining) " of " (row.limit) " pulls left" }
            td { (nodes(row.nodes)) }
        }
    };
    let rows: Vec<Markup> = fleet.headroom.iter().map(row).collect();
    table("Rate limits", false, &["Registry", "Left", "Shared by"], &rows)
}

fn certificates(fleet: &Fleet) -> Markup {
    let row = |row: &pullagent_diagnosis::fleet::CertificateRow| {
        let left = row.ends.duration_since(fleet.at);
        html! {
            th scope="row" { (foreign(&row.registry)) }
            td {
                @if left.is_negative() { "✕ ended " } @else if left < CERTIFICATE_SOON { "! " }
                (time(row.ends))
                @if !left.is_negative() { span.under { "in " (left.as_hours() / 24) " days" } }
            }
            td { (nodes(row.nodes)) }
        }
    };
    let soon = fleet.certificates.first().is_some_and(|row| row.ends.duration_since(fleet.at) < CERTIFICATE_SOON);
    let rows: Vec<Markup> = fleet.certificates.iter().map(row).collect();
    table("Certificates by their end", soon, &["Registry", "Ends", "Seen by"], &rows)
}

/// Nodes of which nothing is known, by the reason.
fn quiet(fleet: &Fleet) -> Markup {
    let kinds = [
        ("silent", &fleet.silent),
        ("unreadable", &fleet.unreadable),
        ("newer", &fleet.newer),
        ("not covered", &fleet.not_covered),
    ];
    let mut rows = Vec::new();
    for (kind, notes) in kinds {
        let mut by_reason: BTreeMap<&str, Vec<&NodeNote>> = BTreeMap::new();
        for note in notes {
            by_reason.entry(&note.why).or_default().push(note);
        }
        for (why, notes) in by_reason {
            let all: Vec<String> = notes.iter().map(|note| note.node.clone()).collect();
            rows.push(html! {
                th scope="row" { (kind) }
                td { (foreign(why)) }
                td { details { summary { (nodes(all.len())) } (names(&all)) } }
            });
        }
    }
    table("Nodes of which nothing is known", true, &["", "Why", "Nodes"], &rows)
}

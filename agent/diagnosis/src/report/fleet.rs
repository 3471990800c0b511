//! The fleet as a screen for a person and as JSON: what fails first, with what the nodes have in common, then what else is
//! worth knowing.

mod incidents;
mod sentences;

use anstyle::{AnsiColor, Style as Paint};
use jiff::{SignedDuration, Timestamp};

use super::layout::{Line, pad, width, wrap};
use super::{Style, json, owner_in_words, shown};
use crate::diagnosis::Verdict;
use crate::fleet::{Cell, Fleet, Group, Incidents, NodeNote, RegistryRow};

pub use incidents::incidents_text;
pub use sentences::{apart_in_words, attribute_in_words};

/// The narrowest screen that is laid out for.
const MIN_WIDTH: usize = 40;
/// The column in which the text beside the labels stands.
const GUTTER: usize = 14;
/// As many rows of one kind are shown without `-v`.
const MOST_ROWS: usize = 5;
/// As many nodes of a group are named without `-v`.
const MOST_NODES: usize = 6;
/// A certificate that ends within this time is worth a warning.
pub const CERTIFICATE_SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The fleet on one line of JSON.
pub fn fleet_json(fleet: &Fleet) -> String {
    json::render(fleet)
}

/// The incidents on one line of JSON.
pub fn incidents_json(incidents: &Incidents) -> String {
    json::render(incidents)
}

/// The fleet as a screen, without a final line break.
pub fn fleet_text(fleet: &Fleet, style: &Style) -> String {
    let most = if style.verbose > 0 { usize::MAX } else { MOST_ROWS };
    let mut screen = Screen::new(style, most);
    screen.fleet(fleet);
    screen.text(style)
}

/// Lines on their way to the screen.
struct Screen {
    width: usize,
    most: usize,
    most_nodes: usize,
    lines: Vec<Line>,
}

impl Screen {
    fn new(style: &Style, most: usize) -> Self {
        let most_nodes = if style.verbose > 0 { usize::MAX } else { MOST_NODES };
        Self { width: style.width.max(MIN_WIDTH), most, most_nodes, lines: Vec::new() }
    }

    fn text(&self, style: &Style) -> String {
        self.lines.iter().map(|line| line.text(style.color)).collect::<Vec<_>>().join("\n")
    }

    fn fleet(&mut self, fleet: &Fleet) {
        self.totals(fleet);
        let is_bad = |row: &&RegistryRow| row.nodes.failing > 0;
        let bad: Vec<&RegistryRow> = fleet.registries.iter().filter(is_bad).collect();
        for row in bad.iter().take(self.most) {
            self.lines.push(Line::plain(""));
            self.registry(row, fleet.at);
        }
        self.left_out(bad.len(), "registries with failures");
        let before = self.lines.len();
        self.warnings(fleet);
        if self.lines.len() > before {
            let head = Line::painted("Worth knowing", Paint::new().bold(), "");
            self.lines.splice(before..before, [Line::plain(""), head]);
        }
    }

    fn totals(&mut self, fleet: &Fleet) {
        let nodes = &fleet.nodes;
        let failing = fleet.registries.iter().filter(|row| row.nodes.failing > 0).count();
        let all = registries(fleet.registries.len());
        match (nodes.reporting, failing) {
            (0, _) => self.head("NOTHING KNOWN", AnsiColor::Yellow, "no node tells how it stands"),
            (_, 0) => self.head("NO CHECK FAILS", AnsiColor::Green, &format!("at {all}")),
            (_, failing) => {
                let on = format!("on {} of {}", nodes.failing, count(nodes.reporting, "node"));
                self.head("CHECKS FAIL", AnsiColor::Red, &format!("{on}, at {failing} of {all}"));
            }
        }
        let mut parts = vec![format!("{}: {} tell how they stand", nodes.total, nodes.reporting)];
        for (number, what) in [
            (nodes.silent, "silent"),
            (nodes.unreadable, "unreadable"),
            (nodes.newer, "of a newer version"),
            (nodes.not_covered, "not covered"),
        ] {
            if number > 0 {
                parts.push(format!("{number} {what}"));
            }
        }
        self.row("Nodes", &parts.join(", "));
    }

    fn registry(&mut self, row: &RegistryRow, now: Timestamp) {
        let groups: Vec<&Group> = row.groups.iter().filter(|group| group.verdict == Verdict::Failing).collect();
        let mut codes: Vec<String> = groups.iter().map(|group| group.code.to_string()).collect();
        codes.dedup();
        self.head(&row.registry, AnsiColor::Red, &format!("{} [{}]", cell_in_words(&row.nodes), codes.join(", ")));
        let several = groups.len() > 1;
        for group in groups.iter().take(self.most) {
            self.group(group, several, now);
        }
        self.left_out(groups.len(), "groups");
    }

    fn group(&mut self, group: &Group, several: bool, now: Timestamp) {
        if several || group.host.is_some() {
            let at = group.host.as_ref().map(|host| format!(" at {host}")).unwrap_or_default();
            self.row("Cause", &format!("{}{at}, {}", group.code, count(group.nodes.len(), "node")));
        }
        self.row("In common", &apart_in_words(&group.apart, group.since, now));
        self.row("Nodes", &self.names(&group.nodes));
        if let Some(remedy) = group.remedy.first() {
            self.row("Fix", remedy);
        }
        if let Some(owner) = group.owner {
            self.row("Owner", owner_in_words(owner));
        }
    }

    fn warnings(&mut self, fleet: &Fleet) {
        let other = fleet.registries.iter().flat_map(|row| row.groups.iter().map(move |group| (row, group)));
        let other: Vec<_> = other.filter(|(_, group)| group.verdict != Verdict::Failing).collect();
        for (row, group) in other.iter().take(self.most) {
            let how = if group.verdict == Verdict::Degraded { "pull, degraded" } else { "cannot tell" };
            let at = group.host.as_ref().map(|host| format!(" at {host}")).unwrap_or_default();
            let nodes = count(group.nodes.len(), "node");
            self.row("", &format!("{}: {nodes} {how} [{}{at}]", row.registry, group.code));
        }
        self.left_out(other.len(), "of these");
        for row in fleet.digests.iter().take(self.most) {
            let digests = row.digests.iter().take(3).map(|one| {
                format!(
                    "{} on {}, asked {}",
                    short(&one.digest),
                    count(one.count, "node"),
                    sentences::time(one.last, fleet.at)
                )
            });
            let more = if row.digests.len() > 3 { "; …" } else { "" };
            self.row("Digests", &format!("{}: {}{more}", row.image, digests.collect::<Vec<_>>().join("; ")));
        }
        self.left_out(fleet.digests.len(), "images with several digests");
        let low: Vec<_> = fleet.headroom.iter().filter(|row| row.remaining.saturating_mul(5) <= row.limit).collect();
        for row in low.iter().take(self.most) {
            let whose = if row.source.is_empty() { String::new() } else { format!(", counted as {}", row.source) };
            let left = format!("{} of {} pulls left", row.remaining, row.limit);
            self.row("Rate limit", &format!("{}: {left} for {}{whose}", row.registry, count(row.nodes, "node")));
        }
        self.left_out(low.len(), "allowances");
        let soon = |ends: Timestamp| ends.duration_since(fleet.at) < CERTIFICATE_SOON;
        let ending: Vec<_> = fleet.certificates.iter().filter(|row| soon(row.ends)).collect();
        for row in ending.iter().take(self.most) {
            let verb = if row.ends <= fleet.at { "ended" } else { "ends" };
            let at = row.ends.strftime("%Y-%m-%d %H:%M UTC");
            self.row("Expiry", &format!("{} {verb} {at}, seen by {}", row.registry, count(row.nodes, "node")));
        }
        self.left_out(ending.len(), "certificates");
        self.notes("Silent", &fleet.silent);
        self.notes("Unreadable", &fleet.unreadable);
        self.notes("Newer", &fleet.newer);
        self.notes("Uncovered", &fleet.not_covered);
    }

    /// Nodes of which nothing is known, those with the same reason taken together.
    fn notes(&mut self, label: &str, notes: &[NodeNote]) {
        let mut by_reason: std::collections::BTreeMap<&str, Vec<String>> = std::collections::BTreeMap::new();
        for note in notes {
            by_reason.entry(&note.why).or_default().push(note.node.clone());
        }
        for (why, nodes) in by_reason.iter().take(self.most) {
            self.row(label, &format!("{}: {why}", self.names(nodes)));
        }
        self.left_out(by_reason.len(), "reasons");
    }

    fn names(&self, nodes: &[String]) -> String {
        let names = nodes.iter().take(self.most_nodes).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = nodes.len().saturating_sub(self.most_nodes);
        if more > 0 { format!("{names} and {more} more") } else { names }
    }

    fn left_out(&mut self, of: usize, what: &str) {
        let more = of.saturating_sub(self.most);
        if more > 0 {
            self.row("", &format!("… and {more} more {what}; -v shows all"));
        }
    }

    /// A painted name with its text behind it.
    fn head(&mut self, name: &str, color: AnsiColor, text: &str) {
        let paint = Paint::new().bold().fg_color(Some(color.into()));
        let name = shown(name);
        let room = self.width.saturating_sub(width(&name) + 2);
        if room < self.width / 3 {
            self.lines.push(Line::painted(name, paint, ""));
            self.row("", text);
            return;
        }
        let then = self.width - 4;
        for (index, line) in wrap(&shown(text), room, then).into_iter().enumerate() {
            self.lines.push(if index == 0 {
                Line::painted(&name, paint, format!("  {line}"))
            } else {
                Line::plain(format!("    {line}"))
            });
        }
    }

    fn row(&mut self, label: &str, text: &str) {
        let room = self.width - GUTTER;
        for (index, line) in wrap(&shown(text), room, room).into_iter().enumerate() {
            let label = if index == 0 { format!("  {label}") } else { String::new() };
            self.lines.push(Line::plain(format!("{}{line}", pad(&label, GUTTER))));
        }
    }
}

/// `209 ok; 3 fail`.
fn cell_in_words(cell: &Cell) -> String {
    let mut parts = vec![format!("{} ok", cell.ok)];
    for (number, what) in [(cell.degraded, "degraded"), (cell.failing, "fail"), (cell.inconclusive, "cannot tell")] {
        if number > 0 {
            parts.push(format!("{number} {what}"));
        }
    }
    parts.join("; ")
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn registries(number: usize) -> String {
    if number == 1 { "1 registry".to_owned() } else { format!("{number} registries") }
}

/// The first digits of a digest.
fn short(digest: &str) -> String {
    let digits = digest.split_once(':').map_or(digest, |(_, digits)| digits);
    digits.chars().take(12).collect()
}

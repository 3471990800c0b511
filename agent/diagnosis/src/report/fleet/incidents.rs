//! The incidents of the fleet as lines for a person.

use anstyle::AnsiColor;

use super::{Screen, Style, count, sentences};
use crate::fleet::{Incident, Incidents};

/// As many incidents are shown without `-v`.
const MOST: usize = 15;

/// One line an incident, without a final line break.
pub fn incidents_text(incidents: &Incidents, style: &Style) -> String {
    let most = if style.verbose > 0 { usize::MAX } else { MOST };
    let mut screen = Screen::new(style, most);
    let nodes = &incidents.nodes;
    let known = format!("{} of {} tell how they stand", nodes.reporting, count(nodes.total, "node"));
    let (word, color) = match (incidents.incidents.is_empty(), nodes.reporting) {
        (false, _) => ("PODS WAIT FOR IMAGES", AnsiColor::Red),
        (true, 0) => ("NOTHING KNOWN", AnsiColor::Yellow),
        (true, _) => ("NO POD WAITS FOR AN IMAGE", AnsiColor::Green),
    };
    screen.head(word, color, &known);
    for one in incidents.incidents.iter().take(most) {
        let host = one.host.as_ref().map(|host| format!(" {host}")).unwrap_or_default();
        screen.head(&format!("{}{host}", one.code), AnsiColor::Red, &line(one, incidents));
    }
    screen.left_out(incidents.incidents.len(), "incidents");
    if incidents.cut > 0 {
        let cut = count(incidents.cut, "node");
        screen.row("", &format!("{cut} left something out of what they tell: there may be more of everything"));
    }
    screen.text(style)
}

/// `37 pods, 12 nodes, at least 4 namespaces since 02:41 UTC, owner network`.
fn line(one: &Incident, all: &Incidents) -> String {
    let pods = format!("{} pod{}", one.pods, if one.pods == 1 { "" } else { "s" });
    let least = if one.at_least { "at least " } else { "" };
    let owner = one.owner.map(|owner| format!(", owner {owner}")).unwrap_or_default();
    format!(
        "{pods}, {}, {least}{} since {}{owner}",
        count(one.nodes, "node"),
        count(one.namespaces, "namespace"),
        sentences::time(one.since, all.at)
    )
}

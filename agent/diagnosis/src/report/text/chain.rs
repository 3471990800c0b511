//! The chain as a table: one row for each host that matters, the others in one.

use anstyle::Style as Paint;

use super::Screen;
use crate::diagnosis::Diagnosis;
use crate::evidence::Hop;
use crate::report::layout::{Line, columns, cut_middle, width};
use crate::report::phase::{self, State};
use crate::report::shown;

/// A host's name keeps at least so many columns where it is longer, else the table gives up another column.
const HOST_MIN: usize = 24;

/// What the table tells of a host, from everything to what a narrow screen can hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// Every phase in a column of its own, and the way to the host.
    Full,
    /// Without the way, where no proxy is on it.
    WithoutVia,
    /// The phases in one column: the first that is broken.
    Merged,
    /// The same, without way and time.
    Narrow,
}

impl Screen {
    /// One row a host that matters; what is well is folded into one row if something else matters.
    pub(super) fn chain(&mut self, diagnosis: &Diagnosis) {
        let rows = Rows::of(diagnosis, if self.verbose > 0 { None } else { Some(self.room.hosts) });
        if rows.shown.is_empty() {
            return;
        }
        self.blank();
        let mut lines = table(&rows.shown, self.width).into_iter();
        if let Some(header) = lines.next() {
            self.lines.push(Line::painted(header, Paint::new().dimmed(), ""));
        }
        self.lines.extend(lines.map(Line::plain));
        let fold = match (rows.well, rows.left_out) {
            (0, 0) => return,
            (well, 0) => format!("{well} hosts ok"),
            (0, more) => format!("and {more} more: -v"),
            (well, more) => format!("and {more} more: -v; {well} hosts ok"),
        };
        self.lines.push(Line::plain(fold));
    }
}

/// The hosts of the table.
struct Rows<'a> {
    shown: Vec<&'a Hop>,
    /// How many that are well are folded into one row.
    well: usize,
    /// How many are left out for want of room.
    left_out: usize,
}

impl<'a> Rows<'a> {
    /// All of them without `most`; else those that matter, the cause's host before any other.
    fn of(diagnosis: &'a Diagnosis, most: Option<usize>) -> Self {
        let all: Vec<&Hop> = diagnosis.hops.iter().collect();
        let Some(most) = most else { return Self { shown: all, well: 0, left_out: 0 } };
        let blamed = diagnosis.cause.as_ref().and_then(|cause| cause.host.as_deref());
        let is_blamed = |hop: &Hop| Some(hop.host.as_str()) == blamed;
        let matter: Vec<&Hop> = all.iter().copied().filter(|h| !phase::is_well(h) || is_blamed(h)).collect();
        let well = all.len() - matter.len();
        // One host that is well takes no more room than a row that says so.
        let (mut shown, well) = if matter.is_empty() || well < 2 { (all, 0) } else { (matter, well) };
        let before = shown.len();
        if before > most {
            let others = most.saturating_sub(shown.iter().filter(|h| is_blamed(h)).count());
            let (mut blamed_left, mut others_left) = (most, others);
            shown.retain(|hop| {
                let left = if is_blamed(hop) { &mut blamed_left } else { &mut others_left };
                let keep = *left > 0;
                *left = left.saturating_sub(1);
                keep
            });
        }
        Self { left_out: before - shown.len(), shown, well }
    }
}

/// The table with its header, in the layout that fits.
fn table(hops: &[&Hop], room: usize) -> Vec<String> {
    let any_proxy = hops.iter().any(|hop| hop.is_proxied());
    let longest = hops.iter().map(|hop| width(&shown(&hop.host))).max().unwrap_or(0);
    let layouts: &[Layout] = if any_proxy {
        &[Layout::Full, Layout::Merged, Layout::Narrow]
    } else {
        &[Layout::Full, Layout::WithoutVia, Layout::Merged, Layout::Narrow]
    };
    let mut rows = Vec::new();
    let (mut host_room, mut ends_in_ms) = (0, true);
    for layout in layouts {
        ends_in_ms = *layout != Layout::Narrow;
        rows = cells(hops, *layout, any_proxy);
        let taken = columns(&rows, ends_in_ms).iter().map(|line| width(line)).max().unwrap_or(0);
        host_room = (room + longest.max(width("Host"))).saturating_sub(taken);
        if host_room >= longest.min(HOST_MIN) {
            break;
        }
    }
    for row in &mut rows {
        row[1] = cut_middle(&row[1], host_room.max(4));
    }
    columns(&rows, ends_in_ms)
}

fn cells(hops: &[&Hop], layout: Layout, any_proxy: bool) -> Vec<Vec<String>> {
    let header = ["Role", "Host"].into_iter().map(str::to_owned);
    let mut header: Vec<String> = header.collect();
    let (via, time) = (matches!(layout, Layout::Full | Layout::Merged), layout != Layout::Narrow);
    let merged = matches!(layout, Layout::Merged | Layout::Narrow);
    header.extend(via.then(|| "Via".to_owned()));
    if merged {
        header.push("Outcome".to_owned());
    } else {
        let names = ["DNS", "TCP", "Proxy", "TLS", "HTTP"].into_iter().filter(|name| *name != "Proxy" || any_proxy);
        header.extend(names.map(str::to_owned));
    }
    header.extend(time.then(|| "ms".to_owned()));
    let row = |hop: &&Hop| {
        let mut row = vec![hop.role.word().to_owned(), shown(&hop.host)];
        row.extend(via.then(|| cut_middle(&way(hop), 24)));
        if merged {
            row.push(outcome(hop));
        } else {
            let phases = phase::phases(hop).into_iter().filter(|p| p.name != "Proxy" || any_proxy);
            row.extend(phases.map(|p| p.word));
        }
        row.extend(time.then(|| phase::total_ms(hop).to_string()));
        row
    };
    std::iter::once(header).chain(hops.iter().map(row)).collect()
}

/// `direct`, or the proxy's host and port.
fn way(hop: &Hop) -> String {
    let via = shown(&hop.via);
    via.strip_prefix("http://").map(|host| host.trim_end_matches('/').to_owned()).unwrap_or(via)
}

/// The first phase that is broken, or else that it is well.
fn outcome(hop: &Hop) -> String {
    match phase::broken(hop) {
        Some(broken) => format!("{} {}", broken.name, broken.word),
        None if phase::phases(hop).iter().any(|p| p.state == State::Well) => "ok".to_owned(),
        None => "-".to_owned(),
    }
}

//! The screen for a person: the verdict first, then why, what to do, and what it rests on.
//!
//! Without `-v` it has at most [`MAX_LINES`] lines; [`FOLDING`] says what gives way.

mod chain;
mod detail;
mod logins;

use anstyle::{AnsiColor, Style as Paint};

use super::layout::{Line, at_most, cut_end, cut_middle, pad, width, wrap};
use super::{Style, beside_the_cause, kubelet, owner_in_words, phase, pulled, shown};
use crate::cause::{Confidence, Severity};
use crate::diagnosis::{Diagnosis, ExaminedBy, Verdict};
use crate::finding::{Finding, Remedy};

/// The lines that one image may take.
const MAX_LINES: usize = 20;
/// The narrowest screen that is laid out for.
const MIN_WIDTH: usize = 40;
/// Below this width the labels have no column of their own.
const NARROW: usize = 60;
/// The column in which the text beside the labels stands.
const GUTTER: usize = 13;

/// Bytes of the runtime's words on the first screen.
const WORDS: usize = 400;

/// How much of each block is shown.
#[derive(Clone, Copy, Debug)]
struct Room {
    not_checked: usize,
    also: usize,
    /// The lines that one item of these two may take.
    item_lines: usize,
    blank_lines: bool,
    logins: usize,
    hosts: usize,
    because_lines: usize,
    fix_lines: usize,
    runtime_lines: usize,
}

/// The screen as long as it fits.
const FIRST: Room = Room {
    not_checked: 3,
    also: 3,
    item_lines: usize::MAX,
    blank_lines: true,
    logins: usize::MAX,
    hosts: usize::MAX,
    because_lines: usize::MAX,
    fix_lines: usize::MAX,
    runtime_lines: 3,
};

/// Everything, for `-v`.
const EVERYTHING: Room = Room { not_checked: usize::MAX, also: usize::MAX, runtime_lines: usize::MAX, ..FIRST };

/// What gives way when the screen is too long, one after the other until it fits. What is left out is counted on the
/// screen, and `-v` shows it.
const FOLDING: [fn(&mut Room); 11] = [
    // What was not looked at and what is beside the point goes first …
    |room| room.item_lines = 2,
    |room| room.not_checked = 1,
    |room| room.item_lines = 1,
    |room| room.also = 1,
    // … then air, then rows of which the first ones tell most …
    |room| room.blank_lines = false,
    |room| room.runtime_lines = 1,
    |room| (room.logins, room.hosts) = (4, 6),
    |room| (room.logins, room.hosts) = (2, 4),
    // … and last the ends of long sentences. Verdict, cause, fix and owner always stay.
    |room| (room.because_lines, room.fix_lines) = (6, 4),
    |room| (room.logins, room.hosts) = (1, 2),
    |room| (room.because_lines, room.fix_lines) = (4, 2),
];

/// The screen for `diagnosis`.
pub(super) fn render(diagnosis: &Diagnosis, style: &Style) -> String {
    let mut screen = Screen::new(style, if style.verbose > 0 { EVERYTHING } else { FIRST });
    screen.draw(diagnosis);
    if style.verbose == 0 {
        for fold in FOLDING {
            if screen.lines.len() <= MAX_LINES {
                break;
            }
            let mut room = screen.room;
            fold(&mut room);
            screen = Screen::new(style, room);
            screen.draw(diagnosis);
        }
        screen.lines.truncate(MAX_LINES);
    }
    screen.lines.iter().map(|line| line.text(style.color)).collect::<Vec<_>>().join("\n")
}

/// The lines drawn so far and the rules for the next.
struct Screen {
    width: usize,
    verbose: u8,
    room: Room,
    lines: Vec<Line>,
}

impl Screen {
    fn new(style: &Style, room: Room) -> Self {
        Self { width: style.width.max(MIN_WIDTH), verbose: style.verbose, room, lines: Vec::new() }
    }

    fn draw(&mut self, diagnosis: &Diagnosis) {
        self.verdict(diagnosis);
        self.container(diagnosis);
        let fails = matches!(diagnosis.verdict, Verdict::Failing | Verdict::Inconclusive);
        if fails {
            self.blank();
            self.cause(diagnosis);
        } else {
            if self.verbose == 0 {
                self.warnings(diagnosis);
            }
            self.slowest(diagnosis);
            if diagnosis.kubelet.is_some() && self.verbose == 0 {
                self.runtime(diagnosis);
                self.times(diagnosis);
            }
        }
        if fails || self.verbose > 0 {
            self.chain(diagnosis);
            self.logins(diagnosis);
            self.runtime(diagnosis);
            self.also(diagnosis);
            self.not_checked(diagnosis);
        }
        if self.verbose > 0 {
            self.detail(diagnosis);
        }
    }

    /// `WOULD FAIL  IMAGE from NODE  [Code]`, on as few lines as it fits on.
    fn verdict(&mut self, diagnosis: &Diagnosis) {
        let (word, color) = match diagnosis.verdict {
            Verdict::Pullable => ("WOULD PULL", AnsiColor::Green),
            Verdict::Degraded => ("WOULD PULL (DEGRADED)", AnsiColor::Yellow),
            Verdict::Failing => ("WOULD FAIL", AnsiColor::Red),
            Verdict::Inconclusive => ("CANNOT TELL", AnsiColor::Yellow),
        };
        let by = if diagnosis.examined_by == ExaminedBy::Agent { " by its agent" } else { "" };
        let from = format!("from {}{by}", shown(&diagnosis.node.name));
        let mut parts = vec![("  ", shown(&diagnosis.target.image)), (" ", from)];
        if let Some(cause) = &diagnosis.cause {
            let doubt = if cause.confidence == Confidence::Certain { "" } else { "?" };
            parts.push(("  ", format!("[{}{doubt}]", cause.code)));
        }
        // What does not fit goes on below the image, or from the left where the image needs a line of its own.
        let beside = width(word) + 2;
        let roomy = !self.is_narrow() && parts.iter().all(|(_, part)| beside + width(part) <= self.width);
        let indent = if roomy { beside } else { 2 };
        let room = self.width - indent;
        let (mut lines, mut line, mut taken) = (Vec::new(), String::new(), width(word));
        for (gap, part) in parts {
            let part = if self.verbose > 0 { part } else { cut_middle(&part, room) };
            if taken + gap.len() + width(&part) <= self.width {
                line.push_str(gap);
                line.push_str(&part);
                taken += gap.len() + width(&part);
                continue;
            }
            lines.push(std::mem::take(&mut line));
            lines.extend(wrap(&part, room, room).iter().map(|piece| format!("{}{piece}", " ".repeat(indent))));
            line = lines.pop().unwrap_or_default();
            taken = width(&line);
        }
        lines.push(line);
        let mut lines = lines.into_iter();
        let first = lines.next().unwrap_or_default();
        self.lines.push(Line::painted(word, color.on_default().bold(), first));
        self.lines.extend(lines.map(Line::plain));
    }

    /// Which container of which pod it is for.
    fn container(&mut self, diagnosis: &Diagnosis) {
        if let Some(pod) = &diagnosis.pod {
            let text = format!("{}/{}, container {}", pod.namespace, pod.name, pod.container);
            self.note("Pod", bold(), &text, 1);
        }
    }

    fn cause(&mut self, diagnosis: &Diagnosis) {
        let Some(cause) = &diagnosis.cause else { return };
        self.note("Because", bold(), &cause.summary, self.room.because_lines);
        if self.verbose > 0 && cause.confidence != Confidence::Certain {
            self.note("Certainty", bold(), &cause.confidence.to_string(), 1);
        }
        let remedies = if self.verbose > 0 { diagnosis.remedy.len() } else { 1 };
        diagnosis.remedy.iter().take(remedies).for_each(|remedy| self.remedy("Fix", remedy));
        if let Some(owner) = cause.owner {
            let text = if self.is_narrow() { owner.to_string() } else { owner_in_words(owner).to_owned() };
            self.note("Owner", bold(), &text, 2);
        }
        self.times(diagnosis);
    }

    /// Since when a pod's container fails, and when its kubelet tries again at the latest.
    fn times(&mut self, diagnosis: &Diagnosis) {
        let Some(kubelet) = &diagnosis.kubelet else { return };
        self.note("Since", bold(), &kubelet::since(kubelet, diagnosis.started_at), 1);
        if let Some(retry) = kubelet::retry_by(kubelet, diagnosis.started_at) {
            self.note("Retry by", bold(), &retry, 2);
        }
    }

    /// What to do, and the command for it on lines of its own that a shell takes as they are.
    fn remedy(&mut self, label: &str, remedy: &Remedy) {
        self.note(label, bold(), &remedy.text, self.room.fix_lines);
        if let Some(command) = &remedy.command {
            self.lines.extend(command_lines(&shown(command), self.indent(), self.width).into_iter().map(Line::plain));
        }
    }

    /// What the runtime itself said, and whether it agrees.
    fn runtime(&mut self, diagnosis: &Diagnosis) {
        let most = if self.verbose > 0 { usize::MAX } else { WORDS };
        if let Some(sentence) = pulled::sentence(diagnosis, most) {
            self.blank();
            self.note("Runtime", bold(), &sentence, self.room.runtime_lines);
        } else if let Some(sentence) = kubelet::sentence(diagnosis, most) {
            self.blank();
            self.note("Kubelet", bold(), &sentence, self.room.runtime_lines);
        }
    }

    fn also(&mut self, diagnosis: &Diagnosis) {
        let findings = beside_the_cause(diagnosis);
        if findings.is_empty() {
            return;
        }
        self.blank();
        let shown_now = self.room.also.min(findings.len());
        for (index, finding) in findings.iter().take(shown_now).enumerate() {
            let label = if index == 0 { "Also" } else { "" };
            let text = format!("{}: {}", finding.severity, finding.summary);
            self.item(label, &text, index + 1 == shown_now, findings.len() - shown_now);
            if self.verbose > 0 {
                for remedy in &finding.remedy {
                    self.remedy("", &Remedy { text: format!("fix: {}", remedy.text), ..remedy.clone() });
                }
            }
        }
    }

    fn not_checked(&mut self, diagnosis: &Diagnosis) {
        let list = &diagnosis.not_checked;
        if list.is_empty() {
            return;
        }
        self.blank();
        let shown_now = self.room.not_checked.min(list.len());
        for (index, unseen) in list.iter().take(shown_now).enumerate() {
            let label = if index == 0 { "Not checked" } else { "" };
            let text = format!("{}: {}", unseen.what, unseen.why);
            self.item(label, &text, index + 1 == shown_now, list.len() - shown_now);
        }
    }

    /// One item of a list. The last one that is shown tells how many are not.
    fn item(&mut self, label: &str, text: &str, is_last: bool, left_out: usize) {
        self.note(label, bold(), text, self.room.item_lines);
        if is_last && left_out > 0 {
            self.note("", bold(), &format!("and {left_out} more: -v"), 1);
        }
    }

    /// Each warning and what to do about it.
    fn warnings(&mut self, diagnosis: &Diagnosis) {
        let warnings: Vec<&Finding> = diagnosis.findings.iter().filter(|f| f.severity >= Severity::Warning).collect();
        let shown_now = self.room.also.min(warnings.len());
        for (index, finding) in warnings.iter().take(shown_now).enumerate() {
            self.item("Warning", &finding.summary, index + 1 == shown_now, warnings.len() - shown_now);
            if let Some(remedy) = finding.remedy.first() {
                self.remedy("Fix", remedy);
            }
        }
    }

    /// The hop that took longest.
    fn slowest(&mut self, diagnosis: &Diagnosis) {
        // Of equals the first: it was met first.
        let Some(hop) = diagnosis.hops.iter().rev().max_by_key(|hop| phase::total_ms(hop)) else { return };
        let tail = format!(" {} ms ({})", phase::total_ms(hop), hop.role.word());
        let label = "slowest: ";
        let host = cut_middle(&shown(&hop.host), self.width - width(label) - width(&tail));
        self.lines.push(Line::painted(label, Paint::new().dimmed(), format!("{host}{tail}")));
    }

    /// A label and its text, wrapped beside it; at most so many lines.
    fn note(&mut self, label: &str, paint: Paint, text: &str, most: usize) {
        let indent = self.indent();
        let head = if self.is_narrow() && !label.is_empty() { format!("{label}  ") } else { pad(label, indent) };
        let room = self.width - indent;
        let first = self.width - width(&head);
        let lines = match most {
            1 => vec![cut_end(&shown(text), first)],
            _ => at_most(wrap(&shown(text), first, room), most, room),
        };
        for (index, line) in lines.into_iter().enumerate() {
            let head = if index == 0 { head.clone() } else { " ".repeat(indent) };
            self.lines.push(Line::painted(head, paint, line));
        }
    }

    fn blank(&mut self) {
        if self.room.blank_lines && self.lines.last().is_some_and(|line| !line.text(false).is_empty()) {
            self.lines.push(Line::default());
        }
    }

    fn is_narrow(&self) -> bool {
        self.width < NARROW
    }

    /// Where text beside a label goes on.
    fn indent(&self) -> usize {
        if self.is_narrow() { 2 } else { GUTTER }
    }
}

/// A command on lines that a shell takes as they are: each but the last ends in a backslash. A word that no line
/// holds goes on in the first column, where a shell joins it again.
pub(super) fn command_lines(command: &str, indent: usize, room: usize) -> Vec<String> {
    const JOINT: usize = 2;
    let longest = command.split(' ').map(width).max().unwrap_or(0);
    let indent = if indent + 2 + longest + JOINT <= room { indent } else { 2 };
    let mut lines = Vec::new();
    let mut line = " ".repeat(indent);
    let mut is_empty = true;
    for word in command.split(' ') {
        if !is_empty && width(&line) + 1 + width(word) + JOINT > room {
            lines.push(format!("{line} \\"));
            line = " ".repeat(indent + 2);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        for c in word.chars() {
            if width(&line) + JOINT + width(c.encode_utf8(&mut [0; 4])) > room {
                lines.push(format!("{line}\\"));
                line.clear();
            }
            line.push(c);
        }
        is_empty = false;
    }
    lines.push(line);
    lines
}

fn bold() -> Paint {
    Paint::new().bold()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_on_several_lines_is_the_same_command() {
        let command =
            "curl -sv --resolve registry.corp.io:443:198.51.100.30 https://registry.corp.io/v2/team/platform/";
        for room in [40, 60, 80, 200] {
            let lines = command_lines(command, 13, room);
            assert!(lines.iter().all(|line| width(line) <= room), "{lines:?}");
            let joined = lines.join("\n").replace("\\\n", "");
            assert_eq!(joined.split_whitespace().collect::<Vec<_>>().join(" "), command);
        }
    }
}

//! The pull secrets of a namespace as a screen for a person, as lines for a shell, and as JSON.

use anstyle::{AnsiColor, Style as Paint};

use super::layout::{Line, pad, width, wrap};
use super::{Style, json, shown};
use crate::cause::Severity;
use crate::pull_secrets::{ImageRow, KeyRow, PullSecrets, SecretRow, SecretState};

/// The narrowest screen that is laid out for.
const MIN_WIDTH: usize = 40;
/// The column in which the text beside the labels stands.
const GUTTER: usize = 13;
/// As many rows of one kind are shown without `-v`.
const MOST_ROWS: usize = 12;

/// The secrets on one line of JSON.
pub fn secrets_json(secrets: &PullSecrets) -> String {
    json::render(secrets)
}

/// One line a secret: namespace, name, what the kubelet makes of it, the hosts of its keys, how many images it serves,
/// and how many pods name it, separated by tabs. Empty where there is no secret.
pub fn secrets_short(secrets: &PullSecrets) -> String {
    let line = |row: &SecretRow| {
        let mut hosts: Vec<&str> = row.keys.iter().filter_map(|key| key.host.as_deref()).collect();
        hosts.sort_unstable();
        hosts.dedup();
        let hosts = if hosts.is_empty() { "-".to_owned() } else { shown(&hosts.join(",")) };
        let cells = [
            shown(&secrets.namespace),
            shown(&row.name),
            row.state.word().to_owned(),
            hosts,
            row.images.count.to_string(),
            row.pods.count.to_string(),
        ];
        cells.join("\t")
    };
    secrets.secrets.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The secrets as a screen: each with its keys, then the images without a login, and what is wrong. Without a final line
/// break.
pub fn secrets_text(secrets: &PullSecrets, style: &Style) -> String {
    let most = if style.verbose > 0 { usize::MAX } else { MOST_ROWS };
    let mut screen = Screen { width: style.width.max(MIN_WIDTH), most, lines: Vec::new() };
    screen.draw(secrets);
    screen.lines.iter().map(|line| line.text(style.color)).collect::<Vec<_>>().join("\n")
}

struct Screen {
    width: usize,
    most: usize,
    lines: Vec<Line>,
}

impl Screen {
    fn draw(&mut self, secrets: &PullSecrets) {
        let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let summary = [
            count(secrets.secrets.len(), "pull secret"),
            count(secrets.pods, "pod"),
            count(secrets.images.len(), "image"),
        ];
        let head = Paint::new().bold();
        self.hanging(&secrets.namespace, head, &summary.join(", "), 0);
        for row in secrets.secrets.iter().take(self.most) {
            self.lines.push(Line::plain(""));
            self.secret(row);
        }
        self.left_out(secrets.secrets.len());
        self.images(&secrets.images);
        self.findings(secrets);
        if !secrets.not_checked.is_empty() {
            self.lines.push(Line::plain(""));
        }
        for (index, one) in secrets.not_checked.iter().take(self.most).enumerate() {
            self.row(if index == 0 { "Not checked" } else { "" }, &format!("{}: {}", one.what, one.why));
        }
        self.left_out(secrets.not_checked.len());
    }

    fn secret(&mut self, row: &SecretRow) {
        let (word, color) = match row.state {
            SecretState::Usable => ("ok", AnsiColor::Green),
            SecretState::NotRead => ("not read", AnsiColor::Yellow),
            SecretState::Skipped => ("skipped by the kubelet", AnsiColor::Yellow),
            SecretState::Malformed => ("cannot be read by the kubelet", AnsiColor::Red),
            SecretState::Absent => ("not found", AnsiColor::Red),
        };
        let kind = row.kind.as_ref().map(|kind| format!(", {}", kind.trim_start_matches("kubernetes.io/")));
        let paint = Paint::new().fg_color(Some(color.into()));
        self.hanging(&row.name, paint, &format!("{word}{}", kind.unwrap_or_default()), 0);
        if let Some(fault) = &row.fault {
            let field = fault.field.as_ref().map(|field| format!("{field} ")).unwrap_or_default();
            self.plain(2, &format!("{field}{}", fault.why));
        }
        if !row.elsewhere.is_empty() {
            self.plain(2, &format!("there is one in {}", row.elsewhere));
        }
        self.plain(2, &referred(row));
        for key in row.keys.iter().take(self.most) {
            self.key(key);
        }
        let further = row.keys.len().saturating_sub(self.most) + row.further_keys;
        if further > 0 {
            self.plain(2, &format!("… and {further} more keys"));
        }
    }

    fn key(&mut self, key: &KeyRow) {
        let user = if key.user.is_empty() { "no user".to_owned() } else { format!("user {}", key.user) };
        let serves = if key.serves.is_empty() { "serves none".to_owned() } else { format!("serves {}", key.serves) };
        self.hanging(&key.key, Paint::new(), &format!("{user}, {serves}"), 2);
        for note in &key.notes {
            self.plain(6, &note.text);
        }
    }

    /// The images for which the pods' secrets have no login.
    fn images(&mut self, images: &[ImageRow]) {
        let without: Vec<&ImageRow> = images.iter().filter(|row| row.logins.is_empty()).collect();
        if without.is_empty() {
            return;
        }
        self.lines.push(Line::plain(""));
        self.lines.push(Line::painted("Images for which the pods bring no login", Paint::new().bold(), ""));
        for row in without.iter().take(self.most) {
            let why = match (&row.blocked_by, &row.nearest) {
                (Some(secret), _) => format!("secret {secret} cannot be read"),
                (None, Some(key)) => format!("\"{}\" of {} {}", key.key, key.secret, key.why),
                (None, None) if row.secrets.is_empty() => format!("in {}, without pull secrets", row.pods),
                (None, None) => format!("in {}, no key of {} is for it", row.pods, row.secrets),
            };
            let refused = if row.refused { ", and the registry wants one" } else { "" };
            self.hanging(&row.image, Paint::new(), &format!("{why}{refused}"), 2);
        }
        self.left_out(without.len());
    }

    fn findings(&mut self, secrets: &PullSecrets) {
        for finding in &secrets.findings {
            let color = match finding.severity {
                Severity::Error => AnsiColor::Red,
                Severity::Warning => AnsiColor::Yellow,
                Severity::Info => AnsiColor::Cyan,
            };
            self.lines.push(Line::plain(""));
            let head = pad(&finding.severity.to_string(), GUTTER);
            let paint = Paint::new().fg_color(Some(color.into()));
            self.lines.push(Line::painted(head, paint, finding.code.to_string()));
            self.row("", &finding.summary);
            for remedy in &finding.remedy {
                let command = remedy.command.as_ref().map(|command| format!(": {command}")).unwrap_or_default();
                self.row("  Fix", &format!("{}{command}", remedy.text));
            }
        }
    }

    fn left_out(&mut self, count: usize) {
        if count > self.most {
            self.plain(2, &format!("… and {} more, with -v", count - self.most));
        }
    }

    /// A label with its text beside it.
    fn row(&mut self, label: &str, text: &str) {
        let room = self.width - GUTTER;
        for (index, line) in wrap(&shown(text), room, room).into_iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            self.lines.push(Line::plain(format!("{}{line}", pad(label, GUTTER))));
        }
    }

    /// A name with its text behind it; what does not fit goes on four columns to the right.
    fn hanging(&mut self, name: &str, paint: Paint, text: &str, by: usize) {
        let (name, by_then) = (shown(name), by + 4);
        let room = self.width - by_then;
        let head = format!("{}{name}", " ".repeat(by));
        let text = shown(text);
        let left = self.width.saturating_sub(width(&head) + 2);
        // A long name has the line for itself.
        let (lines, beside) = if width(&text) <= left || left >= room / 2 {
            (wrap(&text, left, room), true)
        } else {
            (wrap(&text, room, room), false)
        };
        let mut names = wrap(&name, self.width - by, room).into_iter();
        let first = names.next().unwrap_or_default();
        let mut lines = lines.into_iter();
        let rest =
            if beside { lines.next().map(|line| format!("  {line}")).unwrap_or_default() } else { String::new() };
        self.lines.push(Line::painted(format!("{}{first}", " ".repeat(by)), paint, rest));
        let indent = " ".repeat(by_then);
        self.lines.extend(names.chain(lines).map(|line| Line::plain(format!("{indent}{line}"))));
    }

    fn plain(&mut self, by: usize, text: &str) {
        let room = self.width - by - 2;
        for (index, line) in wrap(&shown(text), room + 2, room).into_iter().enumerate() {
            let indent = if index == 0 { by } else { by + 2 };
            self.lines.push(Line::plain(format!("{}{line}", " ".repeat(indent))));
        }
    }
}

/// Who refers to a secret, in words.
fn referred(row: &SecretRow) -> String {
    let pods = row.pods.counted("pod");
    let accounts = row.service_accounts.counted("service account");
    match (pods, accounts) {
        (None, None) => "nobody refers to it".to_owned(),
        (pods, accounts) => {
            let both: Vec<String> = pods.into_iter().chain(accounts).collect();
            format!("in {}", both.join("; "))
        }
    }
}

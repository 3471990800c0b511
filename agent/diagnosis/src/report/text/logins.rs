//! The credentials as a table, in the order in which the kubelet offers them.

use jiff::Timestamp;

use super::Screen;
use crate::diagnosis::{CredentialReport, Diagnosis};
use crate::layer::credentials::CredentialOutcome;
use crate::layer::credentials::expiry::is_near;
use crate::report::layout::{Line, columns, cut_end, cut_middle, pad, width};
use crate::report::shown;

impl Screen {
    /// The credentials in their order. A stranger alone is worth a row only if he was turned away.
    pub(super) fn logins(&mut self, diagnosis: &Diagnosis) {
        let turned_away =
            |row: &CredentialReport| matches!(row.outcome, CredentialOutcome::Denied | CredentialOutcome::Rejected);
        let given = diagnosis.credentials.iter().any(|row| row.source != "anonymous");
        let worth = |row: &&CredentialReport| {
            self.verbose > 0
                || row.source != "anonymous"
                || turned_away(row)
                || given && row.outcome != CredentialOutcome::NotTried
        };
        let rows: Vec<&CredentialReport> = diagnosis.credentials.iter().filter(worth).collect();
        if rows.is_empty() {
            return;
        }
        let most = self.room.logins;
        let cells: Vec<[String; 4]> =
            rows.iter().take(most).map(|row| login_cells(row, diagnosis.started_at)).collect();
        let mut table = login_table(&cells, self.width - self.indent());
        if let Some(more) = rows.len().checked_sub(most).filter(|more| *more > 0) {
            table.push(format!("and {more} more: -v"));
        }
        self.blank();
        self.rows("Logins", table);
    }

    /// Lines that are laid out already, beside a label.
    fn rows(&mut self, label: &str, table: Vec<String>) {
        let mut label = label;
        if self.is_narrow() {
            self.lines.push(Line::painted(label, super::bold(), ""));
            label = "";
        }
        for line in table {
            let head = pad(label, self.indent());
            self.lines.push(Line::painted(head, super::bold(), line));
            label = "";
        }
    }
}

/// Source, key, user and outcome, with the end of a login that is over or near.
fn login_cells(row: &CredentialReport, now: Timestamp) -> [String; 4] {
    let or_dash = |text: &Option<String>| text.as_deref().filter(|t| !t.is_empty()).map_or("-".to_owned(), shown);
    let outcome = row.outcome.words();
    let end = match row.expires_at.filter(|at| is_near(*at, now)) {
        Some(at) if at < now => format!(", expired {}", to_the_minute(at)),
        Some(at) => format!(", expires {}", to_the_minute(at)),
        None => String::new(),
    };
    [shown(&row.source), or_dash(&row.key), or_dash(&row.user), format!("{outcome}{end}")]
}

/// A moment as a row has room for: `2026-03-04 12:00Z`.
fn to_the_minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%MZ").to_string()
}

/// The rows aligned. Where room is short the key gives way first, then the user: source and outcome tell most.
fn login_table(rows: &[[String; 4]], room: usize) -> Vec<String> {
    const KEY_MIN: usize = 12;
    let widest = |column: usize| rows.iter().map(|row| width(&row[column])).max().unwrap_or(0);
    let is_told = |column: &usize| !matches!(column, 1 | 2) || rows.iter().any(|row| row[*column] != "-");
    let mut kept: Vec<usize> = (0..4).filter(is_told).collect();
    let least = |column: usize| if column == 1 { widest(1).min(KEY_MIN) } else { widest(column) };
    for column in [1, 2] {
        if kept.iter().map(|c| least(*c) + 2).sum::<usize>() > room + 2 {
            kept.retain(|c| *c != column);
        }
    }
    let squeezed = usize::from(kept.contains(&1));
    let others = kept.iter().filter(|column| **column != squeezed);
    let squeezed_room = room.saturating_sub(others.map(|column| widest(*column) + 2).sum());
    let cell = |row: &[String; 4], column: usize| {
        if column == squeezed { cut_middle(&row[column], squeezed_room) } else { row[column].clone() }
    };
    let table: Vec<Vec<String>> = rows.iter().map(|row| kept.iter().map(|c| cell(row, *c)).collect()).collect();
    columns(&table, false).iter().map(|line| cut_end(line.trim_end(), room)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expires_at: Option<&str>, want: &str) {
        let row = CredentialReport {
            source: "secret a/b".into(),
            key: None,
            user: None,
            outcome: CredentialOutcome::Accepted,
            expires_at: expires_at.map(|at| at.parse().unwrap()),
        };
        assert_eq!(login_cells(&row, "2026-03-04T12:00:00Z".parse().unwrap())[3], want);
    }

    #[test]
    fn the_end_of_a_login_is_shown_when_it_is_near_or_past() {
        check(None, "accepted");
        check(Some("2026-03-05T12:00:01Z"), "accepted");
        check(Some("2026-03-05T11:30:00Z"), "accepted, expires 2026-03-05 11:30Z");
        check(Some("2026-03-04T11:59:59.5Z"), "accepted, expired 2026-03-04 11:59Z");
    }
}

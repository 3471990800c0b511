//! The catalogue for a terminal: one code's page, and the page of one of the kubelet's words.
//!
//! It only lays out what the rows say; it adds no knowledge of its own about any code.

use super::kubelet_states::{BACK_OFF, kubelet_state};
use super::row::{Place, Row, Saying};
use super::wrap::{beside, wrap};
use super::{Code, Owner, Severity};
use unicode_width::UnicodeWidthStr;

/// One code's page as plain text for a terminal.
///
/// Lines are at most 80 columns wide, but a command or a literal is never broken: one that is longer than a line can
/// still be copied whole.
pub fn page(code: Code) -> String {
    let row = code.row();
    let facts = facts(row).map(|(name, value)| beside(name, 5, &value)).join("\n");
    let mut page = Page(vec![format!("{}\n\n{facts}", row.name)]);
    page.section("What it means", [wrap(row.meaning, "  ", "  ")]);
    page.section(
        "Details",
        row.details.iter().map(|detail| {
            let owner = detail.owner.map(|owner| format!(" (owner: {owner})")).unwrap_or_default();
            wrap(&format!("{}{owner}: {}", detail.name, detail.meaning), "  ", "    ")
        }),
    );
    page.section("How it reads", sayings(row.sayings));
    page.section("Often got wrong", row.mistakes.iter().map(|truth| wrap(truth, "  - ", "    ")));
    page.section(
        "How to confirm by hand",
        row.confirm.iter().map(|check| format!("  {}\n{}", check.command, wrap(check.shows, "    ", "    "))),
    );
    page.section("How to fix", remedy(row));
    page.section(
        "Easily confused with",
        row.confused_with.iter().map(|other| wrap(&format!("{}: {}", other.code, other.difference), "  ", "    ")),
    );
    if row.severity == Severity::Error {
        page.section("After the fix", [wrap(row.after.unwrap_or(BACK_OFF), "  ", "  ")]);
    }
    page.text()
}

/// The page of one of the kubelet's own words, such as `ErrImagePull`; `None` if it is none of them.
pub fn page_of_state(name: &str) -> Option<String> {
    let state = kubelet_state(name)?;
    let mut page = Page(vec![format!("{}\n\n  One of the kubelet's words, no cause.", state.name)]);
    page.section("What it means", [wrap(state.meaning, "  ", "  ")]);
    page.section("Where the cause stands", [wrap(state.look, "  ", "  ")]);
    page.section("Read on", state.codes.iter().map(|code| format!("  pullagent explain {code}")));
    page.section("After the fix", state.backs_off.then(|| wrap(BACK_OFF, "  ", "  ")));
    Some(page.text())
}

/// What stands above the prose of every code.
pub(super) fn facts(row: &Row) -> [(&'static str, String); 3] {
    let kind = match row.severity {
        Severity::Error => "cause (the pull fails)",
        Severity::Warning => "warning (the pull works, though less well than it should)",
        Severity::Info => "info (the pull works)",
    };
    let owner = row.owner.map_or_else(|| "not known".to_owned(), |owner| format!("{owner} ({})", whose(owner)));
    let layer = row.layer.map_or_else(|| "not known".to_owned(), |layer| layer.to_string());
    [("Kind", kind.to_owned()), ("Layer", layer), ("Owner", owner)]
}

/// Whom to call.
const fn whose(owner: Owner) -> &'static str {
    match owner {
        Owner::Image => "whoever writes the image's name, or builds it",
        Owner::Namespace => "whoever owns the namespace, its pods and secrets",
        Owner::Cluster => "whoever runs the cluster",
        Owner::Node => "whoever runs the node",
        Owner::Network => "whoever runs the network in between",
        Owner::Registry => "whoever runs the registry",
    }
}

/// The words beside who says them; what is quoted is never broken.
fn sayings(sayings: &[Saying]) -> impl Iterator<Item = String> {
    let width = sayings.iter().map(|saying| saying.by.to_string().width()).max().unwrap_or(0);
    sayings.iter().flat_map(move |saying| {
        saying.texts.iter().enumerate().map(move |(index, text)| match index {
            0 => format!("  {:width$}  {text}", saying.by),
            _ => format!("  {:width$}  {text}", ""),
        })
    })
}

/// The steps, and below them what they are in one place or the other.
fn remedy(row: &Row) -> Vec<String> {
    let step = |(index, step): (usize, &&str)| wrap(step, &format!("  {}. ", index + 1), "     ");
    let mut lines: Vec<String> = row.remedy.iter().enumerate().map(step).collect();
    let name = |place: Place| place.to_string();
    let width = row.places.iter().map(|there| name(there.place).width()).max().unwrap_or(0);
    if !row.places.is_empty() {
        lines.push(String::new());
    }
    lines.extend(row.places.iter().map(|there| beside(&name(there.place), width, there.text)));
    lines
}

/// Sections with a blank line between them.
struct Page(Vec<String>);

impl Page {
    /// Adds a section, unless it has nothing to say.
    fn section(&mut self, title: &str, lines: impl IntoIterator<Item = String>) {
        let lines: Vec<String> = lines.into_iter().collect();
        if !lines.is_empty() {
            self.0.push(format!("{title}\n{}", lines.join("\n")));
        }
    }

    fn text(self) -> String {
        self.0.join("\n\n") + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::super::wrap::{COLUMNS, words};
    use super::super::{CATALOGUE, kubelet_states};
    use super::*;

    /// A person reads a page in two screens.
    const LINES: usize = 80;

    #[test]
    fn a_page_is_understood_without_colour() {
        insta::assert_snapshot!(page(Code::ConnectionTimeout));
    }

    #[test]
    fn the_kubelets_word_is_explained_as_no_cause() {
        insta::assert_snapshot!(page_of_state("ImagePullBackOff").unwrap());
        assert_eq!(page_of_state("imagepullbackoff"), page_of_state("ImagePullBackOff"));
        assert_eq!(page_of_state("TagNotFound"), None);
    }

    #[test]
    fn a_page_is_at_most_two_screens_long() {
        for row in CATALOGUE {
            let lines = page(row.code).lines().count();
            assert!(lines <= LINES, "{} has {lines} lines", row.name);
        }
    }

    #[test]
    fn no_line_is_wider_than_a_terminal_unless_it_is_one_literal() {
        let check = |name: &str, page: &str, quoted: &dyn Fn(&str) -> bool| {
            for line in page.lines().filter(|line| line.width() > COLUMNS && !quoted(line.trim_start())) {
                let words: Vec<&str> = words(line.trim_start()).collect();
                assert!(matches!(words[..], [literal] if literal.contains('`')), "{name}: {line}");
            }
        };
        for row in CATALOGUE {
            let is_command = |line: &str| row.confirm.iter().any(|check| check.command == line);
            let is_saying = |line: &str| row.wordings.iter().any(|wording| line.ends_with(wording));
            check(row.name, &page(row.code), &|line| is_command(line) || is_saying(line));
        }
        for state in kubelet_states() {
            check(state.name, &page_of_state(state.name).unwrap(), &|_| false);
        }
    }

    #[test]
    fn no_section_is_empty() {
        let titles = ["What it means", "How to fix", "After the fix"];
        for row in CATALOGUE {
            let page = page(row.code);
            for block in page.split("\n\n").filter(|block| !block.starts_with(' ')).skip(1) {
                assert!(block.lines().count() > 1, "{}: {block}", row.name);
                assert!(block.lines().all(|line| !line.trim().is_empty()), "{}: {block}", row.name);
            }
            let wanted = if row.severity == Severity::Error { &titles[..] } else { &titles[..2] };
            assert!(wanted.iter().all(|title| page.contains(&format!("\n\n{title}\n"))), "{}", row.name);
        }
    }
}

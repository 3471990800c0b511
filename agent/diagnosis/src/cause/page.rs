//! The catalogue as text: one code's page for the terminal, and docs/causes.md.
//!
//! It only lays out what the rows say; it adds no knowledge of its own about any code.

use unicode_width::UnicodeWidthStr;

use super::{CATALOGUE, Code, DetailRow, Layer, Owner, Row, Severity};

/// Columns of a terminal page.
const COLUMNS: usize = 80;

const HEAD: &str = "\
# Causes and findings

<!-- Generated from agent/diagnosis/src/cause/catalogue.rs by
     `UPDATE_DOCS=1 cargo test -p pullagent-diagnosis --test docs`. Do not edit. -->

A pull that fails has one cause: the earliest broken link of the chain from the image's name to the unpacked layers, \
named so that it is clear who can mend it. Everything else that was seen is a finding. A code never changes its \
meaning, so it can be searched for, counted and alerted on. `pullagent explain CODE` shows the same page in a terminal.

`detail` splits a code where the remedy or the owner differs. HOST, REGISTRY, NAMESPACE and the like stand for your own.";

/// One code's page as plain text for a terminal.
///
/// Lines are at most 80 columns wide, but a literal in backticks is never broken: a command that is longer than a line
/// can still be copied whole.
pub fn page(code: Code) -> String {
    let row = code.row();
    let mut blocks =
        vec![row.name.to_owned(), facts(row).map(|(name, value)| format!("  {name:<6} {value}")).join("\n")];
    blocks.push(section("What it means", &[wrap(row.meaning, "  ", "  ")]));
    if !row.details.is_empty() {
        let detail = |detail: &DetailRow| {
            let owner = detail.owner.map(|owner| format!(" (owner: {owner})")).unwrap_or_default();
            format!("  {}{owner}\n{}", detail.name, wrap(detail.meaning, "    ", "    "))
        };
        blocks.push(section("Details", &row.details.iter().map(detail).collect::<Vec<_>>()));
    }
    if !row.wordings.is_empty() {
        let quote = |wording: &&str| format!("  {wording}");
        blocks.push(section("How it reads", &row.wordings.iter().map(quote).collect::<Vec<_>>()));
    }
    let step = |(index, step): (usize, &&str)| wrap(step, &format!("  {}. ", index + 1), "     ");
    blocks.push(section("What to do", &row.remedy.iter().enumerate().map(step).collect::<Vec<_>>()));
    blocks.join("\n\n") + "\n"
}

/// All codes as one Markdown document: docs/causes.md.
pub fn reference() -> String {
    let causes: Vec<&Row> = CATALOGUE.iter().filter(|row| row.severity == Severity::Error).collect();
    let findings: Vec<&Row> = CATALOGUE.iter().filter(|row| row.severity != Severity::Error).collect();
    let mut blocks = vec![HEAD.to_owned()];
    blocks.push(format!("**Causes**: the pull fails.\n\n{}", contents(&causes)));
    blocks.push(format!("**Findings**: worth knowing; they fail no pull.\n\n{}", contents(&findings)));
    blocks.extend(CATALOGUE.iter().map(chapter));
    blocks.join("\n\n") + "\n"
}

/// Links to the codes, one line a layer, in the order of the layers.
fn contents(rows: &[&Row]) -> String {
    let mut layers: Vec<Option<Layer>> = rows.iter().map(|row| row.layer).collect();
    layers.sort_by_key(|layer| (layer.is_none(), *layer));
    layers.dedup();
    let line = |layer: Option<Layer>| {
        let links: Vec<String> = rows.iter().filter(|row| row.layer == layer).map(|row| link(row.name)).collect();
        format!("- {}: {}", layer.map_or_else(|| "none".to_owned(), |layer| layer.to_string()), links.join(", "))
    };
    layers.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

/// One code as a section of the reference.
fn chapter(row: &Row) -> String {
    let mut blocks = vec![format!("## {}", row.name), linked(row.meaning)];
    blocks.push(facts(row).map(|(name, value)| format!("- {name}: {value}")).join("\n"));
    if !row.details.is_empty() {
        let detail = |detail: &DetailRow| {
            let owner = detail.owner.map(|owner| format!(" (owner: {owner})")).unwrap_or_default();
            format!("- `{}`{owner}: {}", detail.name, linked(detail.meaning))
        };
        blocks.push(format!("Details:\n\n{}", row.details.iter().map(detail).collect::<Vec<_>>().join("\n")));
    }
    if !row.wordings.is_empty() {
        blocks.push(format!("How it reads:\n\n```text\n{}\n```", row.wordings.join("\n")));
    }
    let step = |(index, step): (usize, &&str)| format!("{}. {}", index + 1, linked(step));
    blocks.push(format!("What to do:\n\n{}", row.remedy.iter().enumerate().map(step).collect::<Vec<_>>().join("\n")));
    blocks.join("\n\n")
}

/// What stands above the prose of every code.
fn facts(row: &Row) -> [(&'static str, String); 3] {
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

fn section(title: &str, blocks: &[String]) -> String {
    format!("{title}\n{}", blocks.join("\n"))
}

fn link(name: &str) -> String {
    format!("[{name}](#{})", name.to_lowercase())
}

/// Turns each code that is named in backticks into a link to its section.
fn linked(text: &str) -> String {
    let is_code = |part: &str| CATALOGUE.iter().any(|row| row.name == part);
    let parts = text.split('`').enumerate().map(|(index, part)| match index % 2 {
        0 => part.to_owned(),
        _ if is_code(part) => link(part),
        _ => format!("`{part}`"),
    });
    parts.collect()
}

/// Breaks `text` at blanks outside backticks; the first line begins with `first`, the others with `rest`.
fn wrap(text: &str, first: &str, rest: &str) -> String {
    let mut lines = vec![first.to_owned()];
    let mut empty = true;
    for word in words(text) {
        let line = lines.last().map_or(0, |line| line.width());
        if !empty && line + 1 + word.width() > COLUMNS {
            lines.push(rest.to_owned());
            empty = true;
        }
        if let Some(line) = lines.last_mut() {
            if !empty {
                line.push(' ');
            }
            line.push_str(word);
            empty = false;
        }
    }
    lines.join("\n")
}

/// The pieces between blanks, where a literal in backticks is one piece with what touches it.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut literal = false;
    text.split(move |c| {
        literal ^= c == '`';
        c == ' ' && !literal
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_understood_without_colour() {
        insta::assert_snapshot!(page(Code::ConnectionTimeout));
    }

    #[test]
    fn no_line_is_wider_than_a_terminal_unless_it_is_one_literal() {
        for row in CATALOGUE {
            for line in page(row.code).lines().filter(|line| line.width() > COLUMNS) {
                let words: Vec<&str> = words(line.trim_start()).collect();
                assert!(matches!(words[..], [literal] if literal.contains('`')), "{}: {line}", row.name);
            }
        }
    }

    #[test]
    fn every_literal_is_closed() {
        for row in CATALOGUE {
            let details = row.details.iter().map(|detail| detail.meaning);
            for text in row.remedy.iter().copied().chain([row.meaning]).chain(details) {
                assert!(text.matches('`').count().is_multiple_of(2), "{}: {text}", row.name);
                assert!(text.ends_with('.') && !text.contains("  "), "{}: {text}", row.name);
            }
        }
    }

    #[test]
    fn a_code_named_in_a_text_becomes_a_link() {
        assert_eq!(linked("see `TagNotFound` and `tag`"), "see [TagNotFound](#tagnotfound) and `tag`");
        assert_eq!(linked("`PullTagNotFound`"), "`PullTagNotFound`");
    }
}

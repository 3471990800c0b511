//! The catalogue as one Markdown document: docs/causes.md.
//!
//! Like the pages of a terminal it only lays out what the tables say.

use super::kubelet_states::{BACK_OFF, KubeletState, kubelet_states};
use super::page::facts;
use super::registries::{REGISTRIES, RegistryHabits};
use super::row::{DetailRow, Row};
use super::{CATALOGUE, Layer, Severity};

const HEAD: &str = "\
# Causes and findings

<!-- Generated from agent/diagnosis/src/cause/ by `make docs`. Do not edit. -->

A pull that fails has one cause: the earliest broken link of the chain from the image's name to the unpacked layers, \
named so that it is clear who can mend it. Everything else that was seen is a finding. A code never changes its \
meaning, so it can be searched for, counted and alerted on. `pullagent explain CODE` shows the same page in a terminal.

`detail` splits a code where the remedy or the owner differs. HOST, REGISTRY, NAMESPACE and the like stand for your \
own.";

const STATES: &str = "\
## What the kubelet's words mean

The reasons in `kubectl get pods` and in events say how far the kubelet came, not why a pull failed.";

const ANSWERS: &str = "\
## What registries answer

A pull touches more hosts than the image names: those for tokens and layers must be reachable as well.";

/// All codes, the kubelet's words and the habits of registries as one Markdown document: docs/causes.md.
pub fn reference() -> String {
    let causes: Vec<&Row> = CATALOGUE.iter().filter(|row| row.severity == Severity::Error).collect();
    let findings: Vec<&Row> = CATALOGUE.iter().filter(|row| row.severity != Severity::Error).collect();
    let mut blocks = vec![HEAD.to_owned()];
    blocks.push(format!("**Causes**: the pull fails.\n\n{}", contents(&causes)));
    blocks.push(format!("**Findings**: worth knowing; they fail no pull.\n\n{}", contents(&findings)));
    blocks.push(
        "**Also here**: [What the kubelet's words mean](#what-the-kubelets-words-mean), \
         [What registries answer](#what-registries-answer)."
            .to_owned(),
    );
    blocks.push(format!("**After a fix**: {BACK_OFF}"));
    blocks.extend(CATALOGUE.iter().map(chapter));
    blocks.push(STATES.to_owned());
    blocks.push(states(kubelet_states()));
    blocks.push(ANSWERS.to_owned());
    blocks.extend(REGISTRIES.iter().map(habits));
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
    let mut list = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            blocks.push(format!("{title}:\n\n{}", lines.join("\n")));
        }
    };
    let detail = |detail: &DetailRow| {
        let owner = detail.owner.map(|owner| format!(" (owner: {owner})")).unwrap_or_default();
        format!("- `{}`{owner}: {}", detail.name, linked(detail.meaning))
    };
    list("Details", row.details.iter().map(detail).collect());
    list("How it reads", row.sayings.iter().map(|said| format!("- {}: {}", said.by, quoted(said.texts))).collect());
    list("Often got wrong", row.mistakes.iter().map(|truth| format!("- {}", linked(truth))).collect());
    let confirm = |(command, shows): (&str, &str)| format!("- `{command}`\\\n  {}", linked(shows));
    list("How to confirm by hand", row.confirm.iter().map(|check| confirm((check.command, check.shows))).collect());
    let step = |(index, step): (usize, &&str)| format!("{}. {}", index + 1, linked(step));
    list("How to fix", row.remedy.iter().enumerate().map(step).collect());
    list(
        "Where it differs",
        row.places.iter().map(|there| format!("- {}: {}", there.place, linked(there.text))).collect(),
    );
    let other = |(name, difference): (&str, &str)| format!("- {}: {}", link(name), linked(difference));
    list("Easily confused with", row.confused_with.iter().map(|it| other((it.code.name(), it.difference))).collect());
    blocks.extend(row.after.map(|after| format!("After the fix: {}", linked(after))));
    blocks.join("\n\n")
}

/// Words that somebody says, each as a literal.
fn quoted(texts: &[&str]) -> String {
    texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ")
}

/// The kubelet's words as a table.
fn states(states: &[KubeletState]) -> String {
    let row = |state: &KubeletState| {
        let codes: Vec<String> = state.codes.iter().map(|code| link(code.name())).collect();
        let codes = match &codes[..] {
            [] if state.backs_off => "any".to_owned(),
            [] => "none".to_owned(),
            _ => codes.join(", "),
        };
        let name = state.name;
        format!("| `{name}` | {} | {} | {codes} |", linked(state.meaning), linked(state.look))
    };
    let head = "| word | what it means | where the cause stands | codes |\n| --- | --- | --- | --- |\n";
    format!("{head}{}", states.iter().map(row).collect::<Vec<_>>().join("\n"))
}

/// One registry's answers as a section.
fn habits(of: &RegistryHabits) -> String {
    let hosts = if of.hosts.is_empty() { "your own".to_owned() } else { quoted(of.hosts) };
    let mut lines = vec![
        format!("| hosts | {hosts} |"),
        format!("| tokens | {} |", of.tokens),
        format!("| layers | {} |", of.blobs),
        format!("| missing repository | {} |", of.missing_repository),
        format!("| missing tag | {} |", of.missing_tag),
        format!("| no access | {} |", of.no_access),
        format!("| bad login | {} |", of.bad_login),
    ];
    lines.extend(of.rate_limit.map(|text| format!("| rate limit | {text} |")));
    lines.extend(of.note.map(|text| format!("| note | {} |", linked(text))));
    format!("### {}\n\n| asked for | answer |\n| --- | --- |\n{}", of.name, lines.join("\n"))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Every sentence of every table, with whose it is.
    fn sentences() -> impl Iterator<Item = (&'static str, &'static str)> {
        let rows = CATALOGUE.iter().flat_map(|row| {
            let details = row.details.iter().map(|detail| detail.meaning);
            let shown = row.confirm.iter().map(|check| check.shows);
            let other = row.confused_with.iter().map(|other| other.difference);
            let texts = details.chain(shown).chain(other).chain(row.mistakes.iter().copied());
            texts
                .chain(row.remedy.iter().copied())
                .chain(row.after)
                .chain([row.meaning])
                .map(move |text| (row.name, text))
        });
        let states = kubelet_states().iter().flat_map(|state| [(state.name, state.meaning), (state.name, state.look)]);
        rows.chain(states)
    }

    #[test]
    fn every_text_is_a_sentence_whose_literals_are_closed() {
        for (name, text) in sentences() {
            assert!(text.matches('`').count().is_multiple_of(2), "{name}: {text}");
            assert!(text.ends_with(['.', '?', '`']) && !text.contains("  "), "{name}: {text}");
        }
        for (name, text) in CATALOGUE.iter().flat_map(|row| row.places.iter().map(move |at| (row.name, at.text))) {
            assert!(text.matches('`').count().is_multiple_of(2) && !text.contains("  "), "{name}: {text}");
        }
    }

    #[test]
    fn no_code_is_confused_with_itself_or_twice_with_another() {
        for row in CATALOGUE {
            let mut others: Vec<_> = row.confused_with.iter().map(|other| other.code).collect();
            others.push(row.code);
            let all = others.len();
            others.sort();
            others.dedup();
            assert_eq!(others.len(), all, "{}", row.name);
        }
    }

    #[test]
    fn a_command_in_a_list_is_one_literal() {
        for row in CATALOGUE {
            for check in row.confirm {
                assert!(!check.command.contains('`') && !check.command.contains('\n'), "{}", row.name);
            }
            assert!(row.wordings.iter().all(|text| !text.contains('`')), "{}", row.name);
        }
    }

    #[test]
    fn no_cell_of_a_table_holds_a_bar() {
        let tables = reference();
        let tables = tables.split("## What the kubelet's words mean").nth(1).unwrap();
        for line in tables.lines().filter(|line| line.starts_with('|')) {
            assert!(matches!(line.matches('|').count(), 3 | 5), "{line}");
        }
    }

    #[test]
    fn a_code_named_in_a_text_becomes_a_link() {
        assert_eq!(linked("see `TagNotFound` and `tag`"), "see [TagNotFound](#tagnotfound) and `tag`");
        assert_eq!(linked("`PullTagNotFound`"), "`PullTagNotFound`");
    }
}

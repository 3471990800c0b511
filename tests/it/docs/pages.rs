//! What a document holds, as far as it can be tried: commands, command lines in sentences, links, headings. Runs nothing.
#![expect(clippy::expect_used, reason = "a document that cannot be read fails these tests")]

use std::fs;
use std::path::{Path, PathBuf};

use super::top;

/// One document.
pub(super) struct Page {
    pub(super) path: PathBuf,
    /// As it is called in the repository.
    pub(super) name: String,
    text: String,
}

/// All documents that people read: those at the top, and all below `docs`.
pub(super) fn pages() -> Vec<Page> {
    let top = top();
    let mut files = Vec::new();
    for folder in ["", "docs", "docs/decisions"] {
        let entries = fs::read_dir(top.join(folder)).expect("a folder of documents");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        files.extend(paths.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    files.sort();
    files.iter().map(|file| Page::read(file)).collect()
}

impl Page {
    /// Reads the document at `path`; what is no text has nothing in it.
    pub(super) fn read(path: &Path) -> Self {
        let name = path.strip_prefix(top()).unwrap_or(path).display().to_string();
        Self { path: path.to_owned(), name, text: fs::read_to_string(path).unwrap_or_default() }
    }

    /// Each line with its number, and the language of the block that it is in, if it is in one. Fences are left out.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, Option<&str>, &str)> {
        let mut block = None;
        self.text.lines().enumerate().filter_map(move |(number, line)| {
            match (line.trim_start().strip_prefix("```"), block) {
                (Some(language), None) => {
                    block = Some(language);
                    None
                }
                (Some(_), Some(_)) => {
                    block = None;
                    None
                }
                (None, inside) => Some((number + 1, inside, line)),
            }
        })
    }

    /// The commands in blocks, one by one: `$ a | b && c` is three. A block of `sh` is commands only, in all others
    /// those begin with `$ `. A backslash at the end goes on in the next line.
    pub(super) fn commands(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        let mut open: Option<(usize, String)> = None;
        for (number, block, line) in self.lines() {
            let Some(language) = block else { continue };
            let begun = match open.take() {
                Some((at, begun)) => Some((at, format!("{begun} {}", line.trim()))),
                None if language == "sh" => Some((number, line.to_owned())),
                None => line.strip_prefix("$ ").map(|command| (number, command.to_owned())),
            };
            match begun {
                Some((at, text)) if text.ends_with('\\') => open = Some((at, text.trim_end_matches('\\').to_owned())),
                Some((at, text)) => found.extend(simple_commands(&text).into_iter().map(|command| (at, command))),
                None => {}
            }
        }
        found
    }

    /// What stands between backticks outside blocks.
    pub(super) fn spans(&self) -> Vec<(usize, String)> {
        let outside = self.lines().filter(|(_, block, _)| block.is_none());
        outside
            .flat_map(|(number, _, line)| line.split('`').skip(1).step_by(2).map(move |span| (number, span.to_owned())))
            .collect()
    }

    /// Where links lead that stay in the repository.
    pub(super) fn links(&self) -> Vec<(usize, String)> {
        let outside = self.lines().filter(|(_, block, _)| block.is_none());
        let links = outside.flat_map(|(number, _, line)| {
            line.split("](").skip(1).filter_map(move |rest| Some((number, rest.split_once(')')?.0.to_owned())))
        });
        links.filter(|(_, link)| !link.contains("://")).collect()
    }

    /// The headings as links name them.
    pub(super) fn anchors(&self) -> Vec<String> {
        let headings = self.lines().filter(|(_, block, line)| block.is_none() && line.starts_with('#'));
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        headings
            .map(|(_, _, line)| {
                line.trim_start_matches('#').trim().to_lowercase().chars().filter(kept).collect::<String>()
            })
            .map(|heading| heading.replace(' ', "-"))
            .collect()
    }
}

/// A line of shell as its single commands, without comments, and without what becomes of their output.
fn simple_commands(line: &str) -> Vec<String> {
    let line = line.split_once(" #").map_or(line, |(command, _)| command);
    let line = if line.starts_with('#') { "" } else { line };
    let parts = line.split("&&").flat_map(|part| part.split(" | "));
    let parts = parts.map(|part| part.split_once(" > ").map_or(part, |(command, _)| command).trim().to_owned());
    parts.filter(|part| !part.is_empty()).collect()
}

/// The commands of pullagent in a line of examples, whose comment stands some blanks behind it.
pub(super) fn example(line: &str) -> Vec<String> {
    let line = line.trim_start();
    let line = line.split_once("   ").map_or(line, |(command, _)| command);
    simple_commands(line).into_iter().filter(|command| command.starts_with("pullagent ")).collect()
}

/// The words of a command, as a shell splits them: quotes hold them together.
pub(super) fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quote) = (None::<String>, None);
    for c in command.chars() {
        match (c, quote) {
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, Some(open)) if c == open => quote = None,
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[test]
fn a_block_is_taken_apart_into_its_commands() {
    let text =
        "```console\n$ sudo a 'b  c' \\\n    --d   # why\nits output\n$ e | f && g > h\n```\n`i` [k](l#m)\n# The n\n";
    let page = Page { path: PathBuf::new(), name: String::new(), text: text.to_owned() };
    let commands: Vec<String> = page.commands().into_iter().map(|(_, command)| command).collect();
    assert_eq!(commands, ["sudo a 'b  c'  --d", "e", "f", "g"]);
    assert_eq!(words(&commands[0]), ["sudo", "a", "b  c", "--d"]);
    assert_eq!((page.spans(), page.links()), (vec![(7, "i".to_owned())], vec![(7, "l#m".to_owned())]));
    assert_eq!(page.anchors(), ["the-n"]);
}

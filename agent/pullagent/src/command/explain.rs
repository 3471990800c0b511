//! `pullagent explain`: one code's page, or the cause behind a pasted text. Offline: it asks nobody.

use std::fs::File;
use std::io::{self, IsTerminal, Read};

use anyhow::{Context, bail};
use pullagent_diagnosis::cause::{Code, page, page_of_state};
use pullagent_diagnosis::message::{Explained, classify, of_code};
use pullagent_diagnosis::report::{Format, render_explained};

use crate::cli::ExplainArguments;
use crate::terminal;

/// The longest text that is read, in bytes.
const LONGEST: u64 = 64 << 20;
/// Nothing was found, or nothing that could be told.
const UNTOLD: u8 = 3;

/// Prints what the code or text means. A lone word that is written like a code and is none is an error that names the
/// nearest one.
pub(crate) fn run(arguments: &ExplainArguments) -> anyhow::Result<u8> {
    let words: Vec<_> = arguments.text.iter().map(|word| word.to_string_lossy()).collect();
    let text = words.join(" ");
    if arguments.file.is_none()
        && let Some(code) = word(&text, arguments.output)?
    {
        return Ok(code);
    }
    let text = match &arguments.file {
        Some(path) if path.as_os_str() != "-" => {
            let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
            read(file).with_context(|| format!("cannot read {}", path.display()))?
        }
        None if !words.is_empty() && text != "-" => text.into_bytes(),
        _ => {
            if words.is_empty() && arguments.file.is_none() && io::stdin().is_terminal() {
                bail!("there is no text to explain; name a code, paste a text in quotes, or pipe one in");
            }
            read(io::stdin().lock()).context("cannot read standard input")?
        }
    };
    let explained = classify(text);
    let shown = shown(arguments.output, &explained)?;
    if !shown.is_empty() {
        terminal::print(&format!("{shown}\n"))?;
    }
    Ok(if explained.iter().any(is_told) { 0 } else { UNTOLD })
}

/// Explains a lone word: a code, or one of the kubelet's own, which names no cause. `None` for any other text.
fn word(text: &str, format: Format) -> anyhow::Result<Option<u8>> {
    let is_word = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_camel_case = is_word && text.starts_with(|c: char| c.is_ascii_uppercase());
    let (shown, exit) = match (text.parse::<Code>(), page_of_state(text)) {
        (Ok(code), _) if format == Format::Text => (page(code), 0),
        (Ok(code), _) => (shown(format, &[of_code(code)])? + "\n", 0),
        (Err(_), Some(state)) if format == Format::Text => (state, UNTOLD),
        (Err(error), None) if is_camel_case && classify(text).is_empty() => return Err(error.into()),
        (Err(_), _) => return Ok(None),
    };
    terminal::print(&shown)?;
    Ok(Some(exit))
}

fn shown(format: Format, explained: &[Explained]) -> anyhow::Result<String> {
    render_explained(format, explained, &terminal::style(0))
        .with_context(|| format!("an explanation has no form `{format}`: it is one of text, short, json"))
}

fn is_told(explained: &Explained) -> bool {
    explained.cause.as_ref().is_some_and(|cause| cause.code != Code::Unknown)
}

fn read(source: impl Read) -> anyhow::Result<Vec<u8>> {
    let mut text = Vec::new();
    source.take(LONGEST + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LONGEST {
        bail!("the text is longer than {} MiB; cut it to the part around the failure", LONGEST >> 20);
    }
    Ok(text)
}

//! `pullagent explain`: one code's page, or the cause behind a pasted text. Offline: it asks nobody.

use std::fs::File;
use std::io::{self, IsTerminal, Read};

use anyhow::{Context, bail};
use pullagent_diagnosis::cause::{Code, page};
use pullagent_diagnosis::message::{Explained, classify};
use pullagent_diagnosis::report::render_explained;

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
        && let Some(shown) = code_page(&text)?
    {
        terminal::print(&shown)?;
        return Ok(0);
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
    let Some(shown) = render_explained(arguments.output, &explained, &terminal::style(0)) else {
        bail!("an explanation has no form `{}`: it is one of text, short, json", arguments.output);
    };
    if !shown.is_empty() {
        terminal::print(&format!("{shown}\n"))?;
    }
    Ok(if explained.iter().any(is_told) { 0 } else { UNTOLD })
}

/// The page, if the text is nothing but a code.
fn code_page(text: &str) -> anyhow::Result<Option<String>> {
    let is_word = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_camel_case = is_word && text.starts_with(|c: char| c.is_ascii_uppercase());
    match text.parse::<Code>() {
        Ok(code) => Ok(Some(page(code))),
        // The kubelet's own states, `ErrImagePull` and the like, look like codes and are texts.
        Err(error) if is_camel_case && classify(text).is_empty() => Err(error.into()),
        Err(_) => Ok(None),
    }
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

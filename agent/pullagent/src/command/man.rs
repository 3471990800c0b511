//! `pullagent man`: the command line as manual pages, one a command. It looks at nothing.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::cli::Cli;
use crate::cli::generated::ManArguments;
use crate::terminal;

/// Prints the first page, or writes all of them.
pub(crate) fn run(arguments: &ManArguments) -> anyhow::Result<u8> {
    let mut program = Cli::command();
    program.build();
    let Some(folder) = &arguments.folder else {
        terminal::print(&String::from_utf8(page(&program)?)?)?;
        return Ok(0);
    };
    write_pages(&program, folder)?;
    Ok(0)
}

/// Writes a command's page and those of the commands below it.
fn write_pages(command: &Command, folder: &Path) -> anyhow::Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let path = folder.join(format!("{name}.1"));
    fs::write(&path, page(command)?).with_context(|| format!("cannot write {}", path.display()))?;
    let mut commands = command.get_subcommands().filter(|command| !command.is_hide_set());
    commands.try_for_each(|command| write_pages(command, folder))
}

/// A command's page.
fn page(command: &Command) -> anyhow::Result<Vec<u8>> {
    let mut page = Vec::new();
    let man = Man::new(command.clone()).manual("pullagent").source(concat!("pullagent ", env!("PULLAGENT_VERSION")));
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    if command.get_arguments().any(|argument| !argument.is_hide_set()) {
        man.render_options_section(&mut page)?;
    }
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    if let Some(text) = command.get_after_help() {
        write_afterword(&mut page, &text.to_string())?;
    }
    Ok(page)
}

/// What stands behind the help, line by line as it is there: a line that ends with a colon and is not indented begins a
/// section of its own.
fn write_afterword(page: &mut Vec<u8>, text: &str) -> anyhow::Result<()> {
    let mut roff = Roff::new();
    let mut is_open = false;
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(heading) = line.strip_suffix(':').filter(|_| !line.starts_with(' ')) {
            if is_open {
                roff.control("fi", []);
            }
            roff.control("SH", [heading.to_uppercase().as_str()]);
            roff.control("nf", []);
            is_open = true;
        } else {
            roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
        }
    }
    if is_open {
        roff.control("fi", []);
    }
    roff.to_writer(page)?;
    Ok(())
}

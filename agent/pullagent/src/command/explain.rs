//! `pullagent explain CODE`: one code's page, offline.

use pullagent_diagnosis::cause::{Code, page};

use crate::cli::ExplainArguments;
use crate::terminal;

/// Prints the page. A word that is no code is an error that names the nearest one.
pub(crate) fn run(arguments: &ExplainArguments) -> anyhow::Result<u8> {
    let code: Code = arguments.code.parse()?;
    terminal::print(&page(code))?;
    Ok(0)
}

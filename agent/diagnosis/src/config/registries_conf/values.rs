//! Single values of a file: of the right type, and cut to what counts of them.

use super::problem::ConfProblem;
use crate::config::toml_document::{Table, Value};
use crate::text::clean;

/// Why a file is refused, with the line.
pub(super) type Refused = (u32, ConfProblem);

/// `parseLocation`.
pub(super) fn trimmed(location: &str, line: u32) -> Result<String, Refused> {
    let trimmed = location.trim_end_matches('/');
    if trimmed.starts_with("http://") || trimmed.starts_with("https://") {
        return Err((line, ConfProblem::Scheme { location: shown(location) }));
    }
    Ok(trimmed.to_owned())
}

/// The value of a field, if it is there, which must have the right type then; and its line.
pub(super) fn typed<'t, T>(
    table: &'t Table,
    key: &'static str,
    expected: &'static str,
    read: impl Fn(&'t Value) -> Option<T>,
) -> Result<Option<(T, u32)>, Refused> {
    let Some(entry) = table.field(key) else { return Ok(None) };
    let value = read(&entry.value).ok_or((entry.line, ConfProblem::WrongType { key, expected }))?;
    Ok(Some((value, entry.line)))
}

/// As it may be shown.
pub(super) fn shown(text: &str) -> String {
    clean(text, 120)
}

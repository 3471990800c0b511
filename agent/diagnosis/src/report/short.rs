//! One line for scripts: image, verdict, code and host, separated by tabs.

use super::shown;
use crate::diagnosis::Diagnosis;

/// The line; `-` stands for what there is not.
pub(super) fn render(diagnosis: &Diagnosis) -> String {
    let cause = diagnosis.cause.as_ref();
    let host = cause.and_then(|c| c.host.as_deref()).map_or_else(|| "-".to_owned(), shown);
    let code = cause.map_or("-", |c| c.code.name());
    format!("{}\t{}\t{code}\t{host}", shown(&diagnosis.target.image), diagnosis.verdict.word())
}

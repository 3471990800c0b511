//! docs/causes.md says what the catalogue says.

use std::path::Path;

use pullagent_diagnosis::cause;

#[test]
#[expect(clippy::disallowed_methods, reason = "the document is a file; the crate itself never reads one")]
fn the_reference_of_causes_is_what_the_catalogue_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/causes.md");
    let wanted = cause::reference();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let first = written.lines().zip(wanted.lines()).position(|(is, should)| is != should);
    let line = first.unwrap_or_else(|| written.lines().count().min(wanted.lines().count())) + 1;
    assert!(
        written == wanted,
        "docs/causes.md differs from the catalogue from line {line} on; \
         run `UPDATE_DOCS=1 cargo test -p pullagent-diagnosis --test docs` and commit it"
    );
}

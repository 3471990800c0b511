//! `imports` of config.toml: paths and patterns, turned into the files that are there.
//!
//! Copied rule: cmd/containerd/server/config/config.go `resolveImports`, with Go's `filepath.Glob`.

use crate::config::files::{Files, NotRead, clean_path, join};

/// More files than that are not read.
pub(super) const MOST_FILES: usize = 256;

/// `resolveImports`: relative to the importing file; a pattern only with a `*` in it.
pub(super) fn resolve(files: &Files, parent: &str, import: &str) -> Vec<String> {
    let path = clean_path(import);
    let directory = parent.rsplit_once('/').map_or("", |(directory, _)| directory);
    let path = if path.starts_with('/') { path } else { join(&format!("{directory}/"), &path) };
    if !path.contains('*') {
        return vec![path];
    }
    let mut found = vec![String::new()];
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let below = |base: &String| -> Vec<String> {
            if !part.contains(['*', '?']) {
                return vec![format!("{base}/{part}")];
            }
            let names = files.list(if base.is_empty() { "/" } else { base }).unwrap_or_default();
            names.into_iter().filter(|name| matches(part, name)).map(|name| format!("{base}/{name}")).collect()
        };
        found = found.iter().flat_map(below).take(MOST_FILES).collect();
    }
    found.retain(|path| files.is_dir(path) != Err(NotRead::Absent));
    found
}

/// Whether a name fits a pattern of `*` and `?`. Classes in brackets are taken literally.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut in_name) = (0, 0);
    // Where to go on after the last star, if a later character does not fit.
    let mut retry = None;
    while in_name < name.len() {
        match pattern.get(at) {
            Some('*') => {
                retry = Some((at + 1, in_name));
                at += 1;
            }
            Some(c) if *c == '?' || name.get(in_name) == Some(c) => {
                at += 1;
                in_name += 1;
            }
            _ => match retry {
                Some((after_star, from)) => {
                    retry = Some((after_star, from + 1));
                    (at, in_name) = (after_star, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_fit_whole_names() {
        for (pattern, name, fits) in [
            ("*.toml", "a.toml", true),
            ("*.toml", ".toml", true),
            ("*.toml", "a.toml.bak", false),
            ("a*b*c", "aXbXbc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}

//! What is wrong with the settings, in words that name place and key. Never shows a value: it may be a password that
//! somebody put into the wrong line.

use std::path::{Path, PathBuf};

use pullagent_diagnosis::text::clean;

/// How many problems are told at once; whoever has more has another kind of file.
const MOST: usize = 20;

/// Bytes of a key that are shown.
const MAX_KEY: usize = 100;

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// The file is not there, or cannot be read.
    #[error("cannot read the settings in {}: {why}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        why: String,
    },
    /// Something in it, in a variable or on the command line is wrong.
    #[error("{}", in_words(file, problems))]
    Wrong {
        /// The file of those problems that have a line.
        file: PathBuf,
        /// Everything that is wrong, at least one.
        problems: Vec<Problem>,
    },
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    place: Place,
    key: String,
    what: String,
}

/// Where a setting was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// On this line of the file, counted from 1.
    Line(u64),
    /// In a variable of the environment.
    Variable(String),
    /// By a flag of the command line.
    Flag(&'static str),
    /// By several of these together.
    Together,
}

impl Problem {
    /// At `key`, empty for the whole, something is wrong: `what`, in our own words.
    pub(super) fn new(place: Place, key: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place, key: key.into(), what: what.into() }
    }
}

fn in_words(file: &Path, problems: &[Problem]) -> String {
    let told = problems.iter().take(MOST).map(|problem| {
        let Problem { place, key, what } = problem;
        let place = match place {
            Place::Line(line) => format!("{}:{line}", file.display()),
            Place::Variable(name) => name.clone(),
            Place::Flag(name) => (*name).to_owned(),
            Place::Together => file.display().to_string(),
        };
        if key.is_empty() { format!("{place}: {what}") } else { format!("{place}: {}: {what}", clean(key, MAX_KEY)) }
    });
    let more = problems.len().saturating_sub(MOST);
    let more = (more > 0).then(|| format!("and {more} more"));
    told.chain(more).collect::<Vec<_>>().join("\n")
}

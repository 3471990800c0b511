//! What became of one of the kubelet's credential provider plugins for one image. Says it; judges no pull.

use serde::{Deserialize, Serialize};

use crate::config::dockerconfigjson::ConfigEntry;
use crate::text::clean;

/// Bytes that are shown of what a plugin says to its log.
const SAID: usize = 300;
/// How long a kubelet waits for a plugin, in seconds (`pkg/credentialprovider/plugin/plugin.go`).
pub const PATIENCE: u64 = 60;

/// What became of a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum PluginOutcome {
    /// It is not for this image.
    NotMatched {
        /// Its `matchImages`.
        patterns: Vec<String>,
    },
    /// It is for this image and we did not run it, so that what it would give is not known.
    NotRun {
        /// Why, for a person.
        why: String,
    },
    /// It was run and gave nothing.
    Failed {
        /// How it failed.
        how: PluginFailure,
        /// What it wrote to its standard error: one bounded line without secrets.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        said: String,
    },
    /// It answered what a kubelet does not take.
    BadAnswer {
        /// The field and what is the matter with it.
        why: String,
    },
    /// It gave logins, perhaps none.
    Answered {
        /// They.
        #[serde(skip)]
        logins: Vec<ConfigEntry>,
    },
}

/// How a plugin fails. Display goes on after the plugin's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum PluginFailure {
    /// The binary cannot be executed.
    #[error("could not be started: {why}")]
    NotStarted {
        /// The system's words.
        why: String,
    },
    /// It ended with another status than 0.
    #[error("ended with status {status}")]
    Status {
        /// The status.
        status: i32,
    },
    /// It was ended.
    #[error("was ended by signal {signal}")]
    Signal {
        /// The signal's number.
        signal: i32,
    },
    /// It had not ended after this time.
    #[error("did not answer within {seconds} s")]
    TimedOut {
        /// How long it was waited for.
        seconds: u64,
    },
    /// It did not stop writing.
    #[error("wrote more than {bytes} bytes")]
    TooMuch {
        /// What was read.
        bytes: u64,
    },
}

impl PluginOutcome {
    /// A failure of a plugin that has written `stderr`.
    pub fn failed(how: PluginFailure, stderr: &[u8]) -> Self {
        let said = crate::message::without_secrets(&String::from_utf8_lossy(stderr));
        Self::Failed { how, said: clean(&said, SAID) }
    }

    /// What is said of a plugin that should have given logins and did not; goes on after its name.
    pub fn failure(&self) -> Option<String> {
        match self {
            Self::Failed { how, said } if said.is_empty() => Some(how.to_string()),
            Self::Failed { how, said } => Some(format!("{how} and said \"{said}\"")),
            Self::BadAnswer { why } => Some(format!("answered what the kubelet does not take: {why}")),
            Self::NotMatched { .. } | Self::NotRun { .. } | Self::Answered { .. } => None,
        }
    }

    /// Whether a kubelet might have had more luck: it waits longer than we did, or reads more.
    pub fn is_in_doubt(&self) -> bool {
        match self {
            Self::Failed { how: PluginFailure::TimedOut { seconds }, .. } => *seconds < PATIENCE,
            Self::Failed { how: PluginFailure::TooMuch { .. }, .. } => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(how: PluginFailure, stderr: &str, want: &str, in_doubt: bool) {
        let outcome = PluginOutcome::failed(how, stderr.as_bytes());
        assert_eq!((outcome.failure().as_deref(), outcome.is_in_doubt()), (Some(want), in_doubt));
    }

    #[test]
    fn a_failure_is_told_with_the_plugins_own_words() {
        check(PluginFailure::Status { status: 1 }, "", "ended with status 1", false);
        let said = "no role\u{1b}[31m\nattached\n";
        check(
            PluginFailure::Status { status: 2 },
            said,
            "ended with status 2 and said \"no role [31m attached\"",
            false,
        );
        let said = format!("GET https://u:s3cret@a.b/ {}", "x".repeat(2 * SAID));
        let outcome = PluginOutcome::failed(PluginFailure::Signal { signal: 9 }, said.as_bytes());
        let shown = format!("{outcome:?} {:?}", outcome.failure());
        assert!(!shown.contains("s3cret") && shown.contains("ended by signal 9") && shown.len() < 3 * SAID, "{shown}");
        check(PluginFailure::TimedOut { seconds: 10 }, "", "did not answer within 10 s", true);
        check(PluginFailure::TimedOut { seconds: PATIENCE }, "", "did not answer within 60 s", false);
        check(PluginFailure::TooMuch { bytes: 9 }, "", "wrote more than 9 bytes", true);
        let bad = PluginOutcome::BadAnswer { why: "`kind` must be".to_owned() };
        assert_eq!(bad.failure().as_deref(), Some("answered what the kubelet does not take: `kind` must be"));
        assert_eq!(PluginOutcome::Answered { logins: Vec::new() }.failure(), None);
    }
}

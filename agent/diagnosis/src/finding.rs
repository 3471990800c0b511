//! One thing that is worth saying: a code, a sentence with the evidence, and what to do about it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cause::{Code, Confidence, Layer, Owner, Severity};

/// Something found. The cause of a failure is the first finding of severity `error`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What it is.
    pub code: Code,
    /// Its stable sub-code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// How much it matters to the pull.
    pub severity: Severity,
    /// The host concerned, as contacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// One sentence with the evidence, our own words first.
    pub summary: String,
    /// What to do, most likely first.
    pub remedy: Vec<Remedy>,
    /// How sure it is.
    #[serde(skip, default = "certain")]
    #[schemars(skip)]
    pub confidence: Confidence,
}

fn certain() -> Confidence {
    Confidence::Certain
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Remedy {
    /// What to do, in words.
    pub text: String,
    /// The command that does it, built from a template and checked tokens only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

impl Remedy {
    /// Puts a name that is known in the place of its placeholder, where the name is a plain word to every shell.
    pub fn fill(&mut self, placeholder: &str, name: &str) {
        let is_plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if let Some(command) = self.command.as_mut().filter(|_| is_plain && !name.starts_with('-')) {
            *command = command.replace(placeholder, name);
        }
    }
}

/// The cause of a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// What it is.
    pub code: Code,
    /// Its stable sub-code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Where in the chain the link is broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<Layer>,
    /// Who can mend it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// The host concerned, as contacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// One sentence with the evidence, our own words first.
    pub summary: String,
    /// How sure it is.
    pub confidence: Confidence,
}

impl Finding {
    /// A finding of `code` with the catalogue's severity.
    pub fn new(code: Code, summary: impl Into<String>) -> Self {
        Self {
            code,
            detail: None,
            severity: code.row().severity,
            host: None,
            summary: summary.into(),
            remedy: Vec::new(),
            confidence: Confidence::Certain,
        }
    }

    /// With this detail.
    #[must_use]
    pub fn detail(mut self, detail: &str) -> Self {
        self.detail = Some(detail.to_owned());
        self
    }

    /// At this host.
    #[must_use]
    pub fn at(mut self, host: &str) -> Self {
        self.host = Some(host.to_owned());
        self
    }

    /// With one more thing to do.
    #[must_use]
    pub fn fix(mut self, text: impl Into<String>) -> Self {
        self.remedy.push(Remedy { text: text.into(), command: None });
        self
    }

    /// With one more thing to do, and the command for it. A command with a token that a shell would not take as one
    /// plain word is left out; the words stay.
    #[must_use]
    pub fn run(mut self, text: impl Into<String>, command: &[impl AsRef<str>]) -> Self {
        self.remedy.push(Remedy { text: text.into(), command: shell_command(command) });
        self
    }

    /// At most this sure.
    #[must_use]
    pub fn at_most(mut self, confidence: Confidence) -> Self {
        self.confidence = self.confidence.min(confidence);
        self
    }

    /// With another severity than the catalogue's.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// As the cause of a failure.
    pub fn to_cause(&self) -> Cause {
        Cause {
            code: self.code,
            detail: self.detail.clone(),
            layer: self.code.row().layer,
            owner: self.code.owner(self.detail.as_deref()),
            host: self.host.clone(),
            summary: self.summary.clone(),
            confidence: self.confidence,
        }
    }
}

/// What stands in a command for a name that is not known.
const PLACEHOLDERS: [&str; 7] = ["<image>", "<name>", "<namespace>", "<password>", "<pod>", "<registry>", "<user>"];

/// The words of a command joined by spaces, if each is one plain word to every shell.
fn shell_command(words: &[impl AsRef<str>]) -> Option<String> {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    let plain = |word: &&str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/:@=,%+<>".contains(&b))
    };
    // `<` and `>` occur in our placeholders alone, which a person must replace before running anything.
    let placeholder = |word: &&str| {
        let value = word.split_once('=').filter(|(flag, _)| flag.starts_with("--")).map_or(*word, |(_, value)| value);
        !word.contains(['<', '>']) || PLACEHOLDERS.contains(&value)
    };
    (words.iter().all(plain) && words.iter().all(placeholder)).then(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_command_is_the_same_words_to_a_shell(words in proptest::collection::vec("\\PC{0,8}|[a-z<>=$;&|'\"\\\\ -]{1,12}", 1..6)) {
            if let Some(command) = shell_command(&words) {
                prop_assert_eq!(shlex::split(&command), Some(words.clone()));
                let is_plain = |word: &String| PLACEHOLDERS.iter().any(|name| word.ends_with(name)) || !word.contains(['<', '>']);
                prop_assert!(words.iter().all(is_plain), "{}", command);
            }
        }
    }

    #[test]
    fn a_command_with_a_hostile_word_is_not_given() {
        assert_eq!(
            shell_command(&["curl", "-sv", "https://a.b:5000/v2/"]).as_deref(),
            Some("curl -sv https://a.b:5000/v2/")
        );
        for hostile in ["a;b", "$(x)", "a b", "`x`", "", "a\nb", "a|b", ">x", "a>b", "a<b>", "</etc/passwd>"] {
            assert_eq!(shell_command(&["getent", hostile]), None, "{hostile}");
        }
    }

    #[test]
    fn a_detail_can_move_the_owner() {
        let cause = Finding::new(Code::InvalidReference, "x").detail("shortName").to_cause();
        assert_eq!((cause.owner, cause.layer), (Some(Owner::Image), Some(Layer::Reference)));
    }
}

//! A diagnosis as text for people and for programs: pure functions, nothing is printed here.
//!
//! Every form is without a final line break, and free of characters that steer a terminal.

mod configuration;
pub mod event;
mod explained;
mod fleet;
mod json;
mod kubelet;
mod layout;
mod markdown;
pub mod phase;
mod pulled;
mod secrets;
mod short;
mod text;
mod ticket;
mod waiting;

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod tests;

use std::fmt::{self, Write as _};
use std::str::FromStr;

use crate::authority::{Scheme, split_authority};
use crate::diagnosis::{Diagnosis, Verdict};

pub use configuration::{comparison_json, comparison_text, configuration_json, configuration_text};
pub use explained::render_explained;
pub use fleet::{
    CERTIFICATE_SOON, apart_in_words, attribute_in_words, fleet_json, fleet_text, incidents_json, incidents_text,
};
pub(crate) use json::schema_of;
pub use json::{reports_schema, schema};
pub use pulled::sentence as pulled_sentence;
pub use secrets::{secrets_json, secrets_short, secrets_text};
pub use waiting::{Movement, WaitingReport, WaitingState, render_waiting, waiting_schema};

/// The forms of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// The screen for a person.
    #[default]
    Text,
    /// One line of image, verdict, code and host.
    Short,
    /// One line of JSON.
    Json,
    /// For pasting into an issue or a chat.
    Markdown,
    /// A request to whoever runs the network or the registry.
    Ticket,
}

impl Format {
    /// Every form, in the order in which they are listed to a person.
    pub const ALL: [Self; 5] = [Self::Text, Self::Short, Self::Json, Self::Markdown, Self::Ticket];

    /// The word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Short => "short",
            Self::Json => "json",
            Self::Markdown => "markdown",
            Self::Ticket => "ticket",
        }
    }
}

/// The word is no form of a report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no output format: it is one of text, short, json, markdown, ticket")]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(word: &str) -> Result<Self, UnknownFormat> {
        let known = Self::ALL.into_iter().find(|format| format.word() == word);
        known.ok_or_else(|| UnknownFormat(crate::text::clean(word, 32)))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How the text form is laid out. The other forms do not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// The columns of the terminal; fewer than 40 count as 40.
    pub width: usize,
    /// Whether colours are used. They never say anything that the words do not.
    pub color: bool,
    /// 0: the first screen, at most 20 lines. 1: everything. 2: every question to every name server too.
    pub verbose: u8,
}

/// `diagnosis` in this form.
pub fn render(format: Format, diagnosis: &Diagnosis, style: &Style) -> String {
    match format {
        Format::Text => text::render(diagnosis, style),
        Format::Short => short::render(diagnosis),
        Format::Json => json::render(diagnosis),
        Format::Markdown => markdown::render(diagnosis),
        Format::Ticket => ticket::render(diagnosis),
    }
}

/// The hosts that a pull needs, one line each: `host:port`, role and via, separated by tabs. The port is always there.
pub fn hosts(diagnosis: &Diagnosis) -> String {
    let mut lines: Vec<String> = Vec::new();
    for hop in &diagnosis.hops {
        let scheme = if hop.url.starts_with("http://") { Scheme::Http } else { Scheme::Https };
        let (host, port) = split_authority(&hop.host);
        let mut line = if host.contains(':') { format!("[{}]:", shown(host)) } else { format!("{}:", shown(host)) };
        // Writing to a String cannot fail.
        let _ = match port {
            Some(port) => write!(line, "{}", shown(port)),
            None => write!(line, "{}", scheme.default_port()),
        };
        let _ = write!(line, "\t{}\t{}", hop.role.word(), shown(&hop.via));
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.join("\n")
}

/// The exit status for these verdicts, the worst deciding: 1 a pull would fail, 3 it cannot be told, 0 all can be
/// pulled. With `fail_on_degraded` a degraded verdict counts as a failing one.
pub fn exit_code(verdicts: impl IntoIterator<Item = Verdict>, fail_on_degraded: bool) -> u8 {
    let code = |verdict| match verdict {
        Verdict::Failing => 1,
        Verdict::Degraded if fail_on_degraded => 1,
        Verdict::Inconclusive => 3,
        Verdict::Pullable | Verdict::Degraded => 0,
    };
    let worse = |worst, next| if worst == 1 || next == 1 { 1 } else { u8::max(worst, next) };
    verdicts.into_iter().map(code).fold(0, worse)
}

/// `text` as it may be shown: on one line, without anything that acts on a terminal, and bounded.
fn shown(text: &str) -> String {
    const MAX_BYTES: usize = 4096;
    crate::text::clean(text, MAX_BYTES)
}

/// The owner in words.
pub fn owner_in_words(owner: crate::cause::Owner) -> &'static str {
    use crate::cause::Owner;
    match owner {
        Owner::Image => "image (whoever names or builds it)",
        Owner::Namespace => "namespace (whoever owns its pods and secrets)",
        Owner::Cluster => "cluster (whoever runs it)",
        Owner::Node => "node (whoever runs this node)",
        Owner::Network => "network (whoever runs firewall, DNS and proxy)",
        Owner::Registry => "registry (whoever runs it)",
    }
}

/// The findings beside the cause.
pub fn beside_the_cause(diagnosis: &Diagnosis) -> &[crate::finding::Finding] {
    match (&diagnosis.cause, diagnosis.findings.split_first()) {
        (Some(cause), Some((first, rest))) if first.code == cause.code && first.summary == cause.summary => rest,
        _ => &diagnosis.findings,
    }
}

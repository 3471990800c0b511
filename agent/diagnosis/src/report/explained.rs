//! What a pasted text tells, as a screen for a person or as lines for programs.

use anstyle::{AnsiColor, Style as Paint};

use super::layout::{Line, pad, wrap};
use super::text::command_lines;
use super::{Format, Style, json, owner_in_words, shown};
use crate::cause::{Code, Confidence};
use crate::finding::Remedy;
use crate::message::{Explained, nothing_found};

/// The narrowest screen that is laid out for.
const MIN_WIDTH: usize = 40;
/// The column in which the text beside the labels stands.
const GUTTER: usize = 11;
/// As many other findings are shown.
const MOST_FINDINGS: usize = 5;

/// Everything that a text tells, in this form; `None` for a form that explanations do not have. Without a final line
/// break.
pub fn render_explained(format: Format, explained: &[Explained], style: &Style) -> Option<String> {
    let nothing = [nothing_found()];
    Some(match format {
        Format::Json => {
            let all = if explained.is_empty() { nothing.as_slice() } else { explained };
            all.iter().map(json::render).collect::<Vec<_>>().join("\n")
        }
        Format::Short => explained.iter().map(short).collect::<Vec<_>>().join("\n"),
        Format::Text if explained.is_empty() => screen(&nothing[0], style),
        Format::Text => explained.iter().map(|one| screen(one, style)).collect::<Vec<_>>().join("\n\n"),
        Format::Markdown | Format::Ticket => return None,
    })
}

/// Image, code and host, separated by tabs; `-` stands for what the text does not tell.
fn short(explained: &Explained) -> String {
    let cause = explained.cause.as_ref();
    let or_none = |text: Option<&String>| text.map_or_else(|| "-".to_owned(), |text| shown(text));
    let code = cause.map_or("-", |cause| cause.code.name());
    format!("{}\t{code}\t{}", or_none(explained.image.as_ref()), or_none(cause.and_then(|cause| cause.host.as_ref())))
}

fn screen(explained: &Explained, style: &Style) -> String {
    let mut screen = Screen { width: style.width.max(MIN_WIDTH), lines: Vec::new() };
    screen.draw(explained);
    screen.lines.iter().map(|line| line.text(style.color)).collect::<Vec<_>>().join("\n")
}

struct Screen {
    width: usize,
    lines: Vec<Line>,
}

impl Screen {
    fn draw(&mut self, explained: &Explained) {
        let Some(cause) = &explained.cause else {
            self.lines.push(Line::painted("No failed pull", paint(AnsiColor::Yellow), " is told of in this text"));
            explained.next.iter().for_each(|next| self.remedy("Next", next));
            return;
        };
        let color = if cause.code == Code::Unknown { AnsiColor::Yellow } else { AnsiColor::Red };
        let doubt = if cause.confidence == Confidence::Certain || cause.code == Code::Unknown { "" } else { "?" };
        let image = explained.image.as_ref().map(|image| format!("  {}", shown(image))).unwrap_or_default();
        self.lines.push(Line::painted(format!("{}{doubt}", cause.code), paint(color), image));
        self.note("Because", &cause.summary);
        // Where the text cannot decide, both ways out are shown.
        let fixes = if cause.detail.as_deref() == Some("notFoundOrPrivate") { 2 } else { 1 };
        for (index, remedy) in explained.remedy.iter().take(fixes).enumerate() {
            self.remedy(if index == 0 { "Fix" } else { "Or" }, remedy);
        }
        if let Some(owner) = cause.owner {
            self.note("Owner", owner_in_words(owner));
        }
        if !explained.also.is_empty() {
            let names: Vec<&str> = explained.also.iter().map(|code| code.name()).collect();
            self.note("Or else", &format!("the same words are also used for {}", names.join(", ")));
        }
        for finding in explained.findings.iter().take(MOST_FINDINGS) {
            self.note("Also", &format!("{}: {}", finding.severity, finding.summary));
        }
        let left_out = explained.findings.len().saturating_sub(MOST_FINDINGS);
        if left_out > 0 {
            self.note("", &format!("and {left_out} more: -o json"));
        }
        explained.next.iter().for_each(|next| self.remedy("Next", next));
        if cause.code != Code::Unknown {
            self.note("More", &format!("pullagent explain {}", cause.code));
        }
    }

    /// What to do, and the command for it on lines of its own that a shell takes as they are.
    fn remedy(&mut self, label: &str, remedy: &Remedy) {
        self.note(label, &remedy.text);
        if let Some(command) = &remedy.command {
            self.lines.extend(command_lines(&shown(command), GUTTER, self.width).into_iter().map(Line::plain));
        }
    }

    fn note(&mut self, label: &str, text: &str) {
        let room = self.width - GUTTER;
        for (index, line) in wrap(&shown(text), room, room).into_iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            self.lines.push(Line::painted(pad(label, GUTTER), Paint::new().bold(), line));
        }
    }
}

fn paint(color: AnsiColor) -> Paint {
    color.on_default().bold()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::classify;

    #[track_caller]
    fn text(paste: &str, width: usize) -> String {
        render_explained(Format::Text, &classify(paste), &Style { width, color: false, verbose: 0 }).unwrap()
    }

    #[test]
    fn a_screen_is_understood_without_colour() {
        insta::assert_snapshot!(text(
            "Failed to pull image \"reg.io/team/app:1\": failed to pull and unpack image \"reg.io/team/app:1\": failed to resolve \
             reference \"reg.io/team/app:1\": pull access denied, repository does not exist or may require authorization: \
             server message: insufficient_scope: authorization failed",
            80
        ));
    }

    #[test]
    fn no_line_is_wider_than_the_screen() {
        for width in [40, 60, 80, 120] {
            for paste in ["Error: ErrImagePull", "nothing", "Failed to pull image \"a.b/c:1\": manifest unknown"] {
                assert!(text(paste, width).lines().all(|line| super::super::layout::width(line) <= width));
            }
        }
    }

    #[test]
    fn programs_get_one_line_a_failure() {
        let explained = classify("Failed to pull image \"a.b/c:1\": manifest unknown");
        let style = Style { width: 80, color: false, verbose: 0 };
        let render = |format| render_explained(format, &explained, &style);
        assert_eq!(render(Format::Short).as_deref(), Some("a.b/c:1\tTagNotFound\ta.b"));
        assert!(render(Format::Json).is_some_and(|json| json.lines().count() == 1));
        assert_eq!(render(Format::Ticket), None);
        let nothing = render_explained(Format::Json, &[], &style).unwrap();
        assert!(nothing.contains("\"cause\":null"), "{nothing}");
    }
}

//! The terminal: where data goes, where complaints go, how wide and how colourful.

use std::io::{self, ErrorKind, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use pullagent_diagnosis::report::Style;

/// The width of a screen that does not tell its own.
const WIDTH: usize = 100;

/// Writes data to standard output. A reader who has gone away is no trouble.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Writes a complaint to standard error; there is nobody to tell if that fails.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "pullagent: {text}");
}

/// How standard output is laid out: by its width if it is a terminal, without colour if it is none or `NO_COLOR` says so.
pub(crate) fn style(verbose: u8) -> Style {
    let out = io::stdout();
    let color = AutoStream::choice(&out) != ColorChoice::Never;
    let width = out.is_terminal().then(terminal_size::terminal_size).flatten().map(|(width, _)| usize::from(width.0));
    Style { width: width.unwrap_or(WIDTH), color, verbose }
}

/// One line on a terminal that tells what is being waited for, and is gone when it is over. Nothing where standard error
/// is no terminal.
pub(crate) struct StatusLine {
    width: Option<usize>,
}

impl StatusLine {
    /// A status line, if there is a terminal to show it and `wanted`.
    pub(crate) fn new(wanted: bool) -> Self {
        let error = io::stderr();
        let size = (wanted && error.is_terminal()).then(|| terminal_size::terminal_size_of(&error));
        Self { width: size.map(|size| size.map_or(WIDTH, |(width, _)| usize::from(width.0))) }
    }

    /// Shows `text`, as much of it as fits, in place of what was shown before.
    pub(crate) fn show(&self, text: &str) {
        let Some(width) = self.width else { return };
        let text = pullagent_diagnosis::text::clean(text, width.saturating_sub(1));
        // Nobody is there to tell if that fails.
        let _ = write!(io::stderr().lock(), "\r\x1b[K{text}").and_then(|()| io::stderr().flush());
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        if self.width.is_some() {
            let _ = write!(io::stderr().lock(), "\r\x1b[K").and_then(|()| io::stderr().flush());
        }
    }
}

impl Drop for StatusLine {
    fn drop(&mut self) {
        self.clear();
    }
}

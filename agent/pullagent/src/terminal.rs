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

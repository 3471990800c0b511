//! The log: to standard error, as lines for a person or as JSON.
//!
//! Other crates log what they send, headers with logins among it, from `debug` on. No setting lets that through.

use std::io;

use clap::ValueEnum;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, Registry, fmt};

/// What the targets of our own crates begin with.
const OWN: &str = "pullagent";
/// The most that other crates may say.
const OTHERS: LevelFilter = LevelFilter::INFO;
/// Crates that log whole answers of the API server for each failure, which our own lines name in words.
const SILENT: [&str; 2] = ["kube_runtime", "kube_client::client::builder"];

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for a person
    #[default]
    Text,
    /// One line of JSON each
    Json,
}

/// Logs to standard error from now on. `wish` is the text of `RUST_LOG`, whose words on other crates do not count.
/// An error is that somebody logs already.
pub(crate) fn start_log(
    format: LogFormat,
    level: LevelFilter,
    wish: Option<&str>,
) -> Result<(), tracing_subscriber::util::TryInitError> {
    subscriber(format, filter(level, wish), io::stderr).try_init()
}

fn subscriber<W>(format: LogFormat, filter: Targets, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = fmt::layer().with_writer(writer).with_ansi(false);
    let layer = match format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    Registry::default().with(layer.with_filter(filter))
}

/// Our own targets at `level` or as `wish` has it, the others at most at [`OTHERS`]. A wish that cannot be read is none.
fn filter(level: LevelFilter, wish: Option<&str>) -> Targets {
    let wish = wish.and_then(|wish| wish.parse::<Targets>().ok()).unwrap_or_default();
    let level = wish.default_level().unwrap_or(level);
    let wished = wish.iter().filter(|(target, _)| target.starts_with(OWN));
    let wished: Vec<(String, LevelFilter)> = wished.map(|(target, level)| (target.to_owned(), level)).collect();
    // The longest target that fits decides, so what is wished for a module comes before what holds for its crate.
    let silent = SILENT.map(|target| (target, LevelFilter::OFF));
    Targets::new().with_default(level.min(OTHERS)).with_targets(silent).with_target(OWN, level).with_targets(wished)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use tracing::{Level, debug, info};

    use super::*;

    #[track_caller]
    fn check(level: LevelFilter, wish: Option<&str>, target: &str, most: LevelFilter) {
        let filter = filter(level, wish);
        for level in [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE] {
            assert_eq!(filter.would_enable(target, &level), level <= most, "{wish:?}: {target} at {level}");
        }
    }

    #[test]
    fn other_crates_never_say_more_than_they_may() {
        use LevelFilter as L;
        check(L::INFO, None, "pullagent::http", L::INFO);
        check(L::TRACE, None, "pullagent_probes::tls", L::TRACE);
        for other in ["h2::codec", "hyper::proto", "kube_client", "rustls", "tower", ""] {
            check(L::TRACE, None, other, L::INFO);
            check(L::TRACE, Some("trace,h2=trace,hyper::proto=trace"), other, L::INFO);
            check(L::WARN, None, other, L::WARN);
        }
        for dumps in ["kube_runtime::watcher", "kube_client::client::builder"] {
            check(L::TRACE, Some("kube_runtime=trace,kube_client::client::builder=trace"), dumps, L::OFF);
        }
    }

    #[test]
    fn a_wish_counts_for_what_is_ours() {
        use LevelFilter as L;
        check(L::INFO, Some("debug"), "pullagent::http", L::DEBUG);
        check(L::INFO, Some("error"), "h2", L::ERROR);
        check(L::INFO, Some("pullagent::http=trace"), "pullagent::http::guard", L::TRACE);
        check(L::INFO, Some("pullagent::http=trace"), "pullagent::page", L::INFO);
        check(L::DEBUG, Some("pullagent_probes=off"), "pullagent_probes::dns", L::OFF);
        check(L::INFO, Some("pullagent=nonsense"), "pullagent", L::INFO);
    }

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat) -> String {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let subscriber = subscriber(format, filter(LevelFilter::DEBUG, None), move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            info!(host = "r.io", "asked\u{1b}[2J");
            debug!(target: "h2::proto", "authorization: Basic c2VjcmV0");
        });
        let bytes = buffer.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_is_text_or_json_and_steers_no_terminal() {
        let text = logged(LogFormat::Text);
        assert!(text.contains("INFO") && text.contains(r#"host="r.io""#), "{text}");
        let json = logged(LogFormat::Json);
        let line: serde_json::Value = serde_json::from_str(json.trim_end()).unwrap();
        assert_eq!((&line["level"], &line["host"]), (&"INFO".into(), &"r.io".into()));
        for said in [text, json] {
            assert_eq!(said.lines().count(), 1, "{said}");
            assert!(!said.contains('\u{1b}'), "{said}");
        }
    }
}

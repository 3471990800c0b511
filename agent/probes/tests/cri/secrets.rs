//! A password that goes into a pull is nowhere to be seen: not in what comes back, not in what any crate logs.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use pullagent_testkit::cri::{Cri, PullBehaviour};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::node::{LONG, TestNode, plan_of};

const PASSWORD: &str = "correct-horse-battery";
/// `ann:correct-horse-battery`.
const BASIC: &str = "YW5uOmNvcnJlY3QtaG9yc2UtYmF0dGVyeQ==";

/// Writes down whatever any crate says at any level.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<String>>);

impl Visit for Listener {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0.lock().expect("a lock"), "{}={value:?} ", field.name()).expect("text");
    }
}

impl Subscriber for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut self.clone());
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn a_password_is_neither_logged_nor_in_the_runtimes_words() {
    let heard = Listener::default();
    let _listening = tracing::subscriber::set_default(heard.clone());
    let node = TestNode::new();
    let words = format!("invalid login \"{{password}}\" in Basic {BASIC}");
    let _runtime = node.start(Cri::default().pull(PullBehaviour::Fails(2, words)));
    let pull = node.pull(&plan_of("r.test/a:1", &[("ann", PASSWORD)]), LONG).await;
    assert_eq!(pull.message().as_deref(), Some("invalid login \"***\" in Basic ***"));
    let heard = heard.0.lock().expect("a lock");
    assert!(heard.contains("Headers"), "the frames of HTTP/2 are heard: {heard}");
    for form in [PASSWORD, BASIC] {
        assert!(!heard.contains(form) && !format!("{pull:?}").contains(form));
    }
}

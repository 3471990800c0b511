//! Events that wait to be written, namespace by namespace in turn. Knows no clock and writes nothing.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use tokio::time::Instant;

use super::EventToWrite;

/// Events that wait at most.
const MOST: usize = 256;

/// An event that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) event: EventToWrite,
    /// The time that it tells.
    pub(super) at: Timestamp,
    /// Since when it waits.
    pub(super) since: Instant,
}

/// What adding an event has cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// Nothing: there was room, or the same news waited already.
    Fits,
    /// An event: this one, or the newest of a namespace that has more.
    DroppedOne,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// No namespace without an event.
    namespaces: BTreeMap<String, VecDeque<Waiting>>,
    len: usize,
    /// Whose turn it was.
    last: String,
}

impl Queue {
    /// Adds an event at the end of its namespace. The same news that waits already gives way to it and keeps its place.
    pub(super) fn add(&mut self, waiting: Waiting) -> Added {
        let of_namespace = self.namespaces.entry(waiting.event.namespace().to_owned()).or_default();
        if let Some(old) = of_namespace.iter_mut().find(|old| old.event.name == waiting.event.name) {
            (old.event, old.at) = (waiting.event, waiting.at);
            return Added::Fits;
        }
        of_namespace.push_back(waiting);
        self.grown()
    }

    /// Adds an event that could not be written; newer news of the same name takes its place.
    pub(super) fn add_again(&mut self, waiting: Waiting) -> Added {
        let of_namespace = self.namespaces.entry(waiting.event.namespace().to_owned()).or_default();
        if of_namespace.iter().any(|newer| newer.event.name == waiting.event.name) {
            return Added::Fits;
        }
        of_namespace.push_back(waiting);
        self.grown()
    }

    /// The event whose turn it is.
    pub(super) fn next(&mut self) -> Option<Waiting> {
        let after = (std::ops::Bound::Excluded(&self.last), std::ops::Bound::Unbounded);
        let turn = self.namespaces.range::<String, _>(after).next().or_else(|| self.namespaces.iter().next());
        let namespace = turn?.0.clone();
        let of_namespace = self.namespaces.get_mut(&namespace)?;
        let waiting = of_namespace.pop_front();
        if of_namespace.is_empty() {
            self.namespaces.remove(&namespace);
        }
        self.len -= usize::from(waiting.is_some());
        self.last = namespace;
        waiting
    }

    fn grown(&mut self) -> Added {
        self.len += 1;
        if self.len <= MOST {
            return Added::Fits;
        }
        if let Some((_, most)) = self.namespaces.iter_mut().max_by_key(|(_, waiting)| waiting.len()) {
            most.pop_back();
            self.len -= 1;
        }
        self.namespaces.retain(|_, waiting| !waiting.is_empty());
        Added::DroppedOne
    }
}

#[cfg(test)]
mod tests {
    use pullagent_diagnosis::report::event::pull_recovered;

    use super::super::About;
    use super::*;

    fn waiting(namespace: &str, name: &str) -> Waiting {
        let about = About::Pod { namespace: namespace.to_owned(), name: "web".to_owned(), uid: "u".to_owned() };
        let event = EventToWrite { about, name: name.to_owned(), event: pull_recovered(None) };
        Waiting { event, at: Timestamp::UNIX_EPOCH, since: Instant::now() }
    }

    fn order(mut queue: Queue) -> String {
        let next = std::iter::from_fn(|| queue.next());
        next.map(|waiting| waiting.event.name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn namespaces_take_turns() {
        let mut queue = Queue::default();
        for (namespace, name) in [("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("c", "c1"), ("c", "c2")] {
            assert_eq!(queue.add(waiting(namespace, name)), Added::Fits);
        }
        assert_eq!(order(queue), "a1 b1 c1 a2 c2 a3");
    }

    #[test]
    fn the_same_news_wait_once_and_the_newest_counts() {
        let mut queue = Queue::default();
        queue.add(waiting("a", "a1"));
        queue.add(waiting("a", "a2"));
        let newer = Waiting { at: Timestamp::MAX, ..waiting("a", "a1") };
        assert_eq!(queue.add(newer), Added::Fits);
        assert_eq!(queue.add_again(waiting("a", "a1")), Added::Fits);
        assert_eq!(queue.next().unwrap().at, Timestamp::MAX);
        assert_eq!(order(queue), "a2");
    }

    #[test]
    fn a_flood_costs_the_namespace_it_comes_from() {
        let mut queue = Queue::default();
        let flood = (0..MOST).map(|number| queue.add(waiting("a", &format!("a{number}")))).collect::<Vec<_>>();
        assert!(flood.iter().all(|added| *added == Added::Fits));
        assert_eq!(queue.add(waiting("a", "more")), Added::DroppedOne);
        assert_eq!(queue.add(waiting("b", "b1")), Added::DroppedOne);
        let told = order(queue);
        assert!(told.starts_with("a0 b1 a1 "), "{told}");
        assert!(told.ends_with(&format!(" a{}", MOST - 2)), "{told}");
    }
}

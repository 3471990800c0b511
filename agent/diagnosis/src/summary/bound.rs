//! The bounds of a summary: what is written and what is read keep the same ones, so that what was written is read again as
//! it was.

use super::{Change, CheckSummary, FailingPods, MOST_CHANGES, NodeSummary, VERSION};
use crate::text::clean;

/// Bytes of an image's name, which may name a digest.
pub(super) const IMAGE: usize = 300;
/// Bytes of a host with its port, and of a name in Kubernetes.
pub(super) const NAME: usize = 260;
/// Bytes of a version, a digest or whose allowance it is.
pub(super) const WORD: usize = 128;
/// Bytes of an attribute's value.
pub(super) const VALUE: usize = 256;
/// As many checks are kept, failing pods of one reason, namespaces of those, and attributes.
pub(super) const MOST: usize = 128;

impl NodeSummary {
    /// Cuts what is too long or too many, which counts as left out, and makes every text safe to show.
    pub(super) fn bound(&mut self) {
        self.version = VERSION;
        tidy(&mut self.agent, WORD);
        tidy(&mut self.node, NAME);
        let mut over =
            cut(&mut self.checks, MOST) + cut(&mut self.failing, MOST) + cut(&mut self.changes, MOST_CHANGES);
        over += self.failing.iter_mut().map(|failing| cut(&mut failing.namespaces, MOST)).sum::<usize>();
        over += self.fingerprint.len().saturating_sub(MOST);
        let attributes = std::mem::take(&mut self.fingerprint).into_iter().take(MOST);
        self.fingerprint = attributes.map(|(name, value)| (clean(&name, NAME), clean(&value, VALUE))).collect();
        self.left_out = self.left_out.saturating_add(u32::try_from(over).unwrap_or(u32::MAX));
        self.checks.iter_mut().for_each(CheckSummary::bound);
        self.failing.iter_mut().for_each(FailingPods::bound);
        self.changes.iter_mut().for_each(Change::bound);
    }
}

impl CheckSummary {
    fn bound(&mut self) {
        tidy(&mut self.name, IMAGE);
        tidy(&mut self.registry, NAME);
        self.host.iter_mut().for_each(|host| tidy(host, NAME));
        self.digest.iter_mut().for_each(|digest| tidy(digest, WORD));
        self.headroom.iter_mut().for_each(|headroom| tidy(&mut headroom.source, WORD));
    }
}

impl FailingPods {
    fn bound(&mut self) {
        tidy(&mut self.host, NAME);
        self.namespaces.iter_mut().for_each(|namespace| tidy(namespace, NAME));
    }
}

impl Change {
    fn bound(&mut self) {
        tidy(&mut self.attribute, NAME);
        tidy(&mut self.from, VALUE);
        tidy(&mut self.to, VALUE);
    }
}

fn tidy(text: &mut String, most: usize) {
    *text = clean(text, most);
}

/// How many were too many.
fn cut<T>(list: &mut Vec<T>, most: usize) -> usize {
    let over = list.len().saturating_sub(most);
    list.truncate(most);
    over
}

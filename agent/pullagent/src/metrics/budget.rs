//! How the families whose size is open share a fixed number of series, and what becomes of the series left over.

use std::collections::BTreeMap;

use super::hosts::OTHER;

/// A family's labels, in their order.
pub(super) type Labels = Vec<(&'static str, String)>;

/// The series of one family, in the order of their importance.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    rows: Vec<(Labels, f64)>,
    /// What two series become that have to be one.
    merge: fn(f64, f64) -> f64,
}

impl Rows {
    /// Two become their sum.
    pub(super) fn sum() -> Self {
        Self { rows: Vec::new(), merge: |a, b| a + b }
    }

    /// Two become the lower one.
    pub(super) fn lowest() -> Self {
        Self { rows: Vec::new(), merge: f64::min }
    }

    /// Two become the higher one.
    pub(super) fn highest() -> Self {
        Self { rows: Vec::new(), merge: f64::max }
    }

    /// With one more series.
    pub(super) fn add<const N: usize>(&mut self, labels: [(&'static str, &str); N], value: f64) {
        self.push(labels.iter().map(|(key, value)| (*key, (*value).to_owned())).collect(), value);
    }

    /// With a series for each entry, under the labels that `labels` makes of its key.
    #[expect(clippy::cast_precision_loss, reason = "counts and times far below 2^52")]
    pub(super) fn filled<'a, K, V: Copy + TryInto<i64>>(
        mut self,
        entries: &'a BTreeMap<K, V>,
        labels: impl Fn(&'a K) -> Vec<(&'static str, &'a str)>,
    ) -> Self {
        for (key, value) in entries {
            let labels = labels(key).into_iter().map(|(key, value)| (key, value.to_owned())).collect();
            self.push(labels, (*value).try_into().unwrap_or(i64::MAX) as f64);
        }
        self
    }

    fn push(&mut self, labels: Labels, value: f64) {
        match self.rows.iter_mut().find(|(known, _)| *known == labels) {
            Some((_, known)) => *known = (self.merge)(*known, value),
            None => self.rows.push((labels, value)),
        }
    }

    /// How many series these are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// At most so many series; those that are too many become one, whose labels all say `other`.
    pub(super) fn folded(mut self, most: usize) -> Vec<(Labels, f64)> {
        if self.rows.len() <= most {
            return self.rows;
        }
        let rest = self.rows.split_off(most.saturating_sub(1));
        let other = rest.first().map(|(labels, _)| labels.iter().map(|(key, _)| (*key, OTHER.to_owned())).collect());
        let value = rest.iter().map(|(_, value)| *value).reduce(self.merge);
        if let (Some(labels), Some(value), true) = (other, value, most > 0) {
            self.push(labels, value);
        }
        self.rows
    }
}

/// What each family gets of `total`, which is at least the sum of what is kept for each: (what it wants, what is kept
/// for it), in the order in which they are served.
pub(super) fn share<const N: usize>(total: usize, wants: &[(usize, usize); N]) -> [usize; N] {
    let mut granted = wants.map(|(want, reserve)| want.min(reserve));
    let mut left = total.saturating_sub(granted.iter().sum());
    for (granted, (want, _)) in granted.iter_mut().zip(wants) {
        let more = want.saturating_sub(*granted).min(left);
        *granted += more;
        left -= more;
    }
    granted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_keeps_its_reserve_and_the_first_ones_take_the_rest() {
        assert_eq!(share(10, &[(100, 2), (100, 3), (1, 2)]), [6, 3, 1]);
        assert_eq!(share(10, &[(1, 2), (2, 3), (100, 2)]), [1, 2, 7]);
        assert_eq!(share(10, &[(0, 2), (0, 3), (0, 2)]), [0, 0, 0]);
    }

    #[test]
    fn what_is_too_much_becomes_one_series() {
        let mut rows = Rows::sum();
        for (host, value) in [("a", 1.0), ("b", 2.0), ("c", 4.0), ("a", 8.0)] {
            rows.add([("host", host)], value);
        }
        let label = |host: &str| vec![("host", host.to_owned())];
        assert_eq!(rows.clone().folded(3), [(label("a"), 9.0), (label("b"), 2.0), (label("c"), 4.0)]);
        assert_eq!(rows.clone().folded(2), [(label("a"), 9.0), (label("other"), 6.0)]);
        assert_eq!(rows.clone().folded(1), [(label("other"), 15.0)]);
        assert_eq!(rows.folded(0), []);
    }
}

//! How likely it is that nodes share something by chance: the tail of Fisher's exact test on a table of two by two.

/// A table of two by two: how many of those that fail, and of those that do not, have something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Table {
    /// Of those that fail, how many have it.
    pub(super) failing_with: usize,
    /// How many fail.
    pub(super) failing: usize,
    /// Of those that do not fail, how many have it.
    pub(super) healthy_with: usize,
    /// How many do not fail.
    pub(super) healthy: usize,
}

/// The logarithms of the factorials up to a bound.
pub(super) struct Factorials(Vec<f64>);

impl Factorials {
    /// For tables of at most `most` nodes.
    pub(super) fn up_to(most: usize) -> Self {
        let mut sum = 0.0;
        let logs = std::iter::once(0.0).chain((1..=most).map(|n| {
            sum += number(n).ln();
            sum
        }));
        Self(logs.collect())
    }

    /// The logarithm of the number of ways to choose `k` of `n`; none where there is no way, or `n` is beyond the bound.
    fn choose(&self, n: usize, k: usize) -> Option<f64> {
        let rest = n.checked_sub(k)?;
        Some(self.0.get(n)? - self.0.get(k)? - self.0.get(rest)?)
    }

    /// The probability that at least as many of the failing nodes have it, were those that fail drawn by lot.
    pub(super) fn chance(&self, table: Table) -> f64 {
        let with = table.failing_with + table.healthy_with;
        let all = table.failing + table.healthy;
        let Some(ways) = self.choose(all, table.failing) else { return 1.0 };
        let term = |x: usize| {
            let rest = table.failing.checked_sub(x)?;
            Some((self.choose(with, x)? + self.choose(all.checked_sub(with)?, rest)? - ways).exp())
        };
        let most = with.min(table.failing);
        let tail: f64 = (table.failing_with..=most).filter_map(term).sum();
        tail.min(1.0)
    }
}

impl Table {
    /// How well it tells the two apart: the phi coefficient, 1 for all and none, 0 for no difference, below 0 for fewer.
    pub(super) fn strength(self) -> f64 {
        let (a, b) = (number(self.failing_with), number(self.healthy_with));
        let (fails, is_well) = (number(self.failing), number(self.healthy));
        let (c, d) = (fails - a, is_well - b);
        let product = (a + b) * (c + d) * fails * is_well;
        if product > 0.0 { (a * d - b * c) / product.sqrt() } else { 0.0 }
    }

    /// Whether all that fail have it and none else.
    pub(super) const fn is_perfect(self) -> bool {
        self.failing_with == self.failing && self.healthy_with == 0
    }
}

/// A number of nodes, exact far beyond what any cluster has.
pub(super) fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(table: [usize; 4], chance: f64, strength: f64) {
        let [failing_with, failing, healthy_with, healthy] = table;
        let table = Table { failing_with, failing, healthy_with, healthy };
        let got = Factorials::up_to(failing + healthy).chance(table);
        assert!((got - chance).abs() < 1e-6, "{table:?}: {got}");
        assert!((table.strength() - strength).abs() < 1e-3, "{table:?}: {}", table.strength());
    }

    #[test]
    fn the_chance_is_that_of_the_hypergeometric_tail() {
        // The lady who tastes tea: three of four, and all four.
        check([3, 4, 1, 4], 17.0 / 70.0, 0.5);
        check([4, 4, 0, 4], 1.0 / 70.0, 1.0);
        check([0, 4, 4, 4], 1.0, -1.0);
        check([3, 3, 0, 209], 6.0 / (212.0 * 211.0 * 210.0), 1.0);
        check([1, 1, 1, 1], 1.0, 0.0);
        check([0, 0, 0, 0], 1.0, 0.0);
    }

    proptest! {
        #[test]
        fn a_chance_is_a_probability(a in 0usize..60, c in 0usize..60, b in 0usize..60, d in 0usize..60) {
            let table = Table { failing_with: a, failing: a + c, healthy_with: b, healthy: b + d };
            let chance = Factorials::up_to(a + b + c + d).chance(table);
            prop_assert!((0.0..=1.0).contains(&chance));
            prop_assert!((-1.001..=1.001).contains(&table.strength()));
        }
    }
}

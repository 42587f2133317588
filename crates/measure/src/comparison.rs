//! Whether one network is really faster than another.

use serde::Serialize;

use crate::median;

/// How the latency of one network stands to that of another: their ratio and an interval that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Comparison {
    /// The second latency by the first.
    pub ratio: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

// === impl Comparison ===

impl Comparison {
    /// Compares the latencies of two networks, each measured in several processes, in any unit. None when the processes
    /// are too few for the confidence: 95 % takes four of each.
    ///
    /// The same network has another latency in another process, for its memory lies elsewhere then; no number of samples
    /// in one process shows that (Kalibera & Jones, "Rigorous benchmarking in reasonable time", 2013). So what is
    /// compared is one latency of each process. The ratio is the median of those of all pairs of processes, and the ends
    /// of its interval are two of the ratios, by the distribution of Mann and Whitney's U (Hodges & Lehmann, "Estimates
    /// of location based on rank tests", 1963): whatever the latencies' distribution is, the interval holds their ratio
    /// with this confidence.
    pub fn of(first: &[f64], second: &[f64], confidence: f64) -> Option<Self> {
        let outside = outside(first.len(), second.len(), confidence)?;
        let mut ratios: Vec<f64> = second
            .iter()
            .flat_map(|second| first.iter().map(move |first| second / first))
            .collect();
        ratios.sort_unstable_by(f64::total_cmp);
        Some(Self {
            ratio: median(&ratios),
            low: ratios[outside],
            high: ratios[ratios.len() - 1 - outside],
        })
    }

    /// Whether the two differ: the interval does not hold 1.
    pub fn is_real(&self) -> bool {
        self.low > 1.0 || self.high < 1.0
    }
}

// === helpers ===

/// How many of the pairs' ratios may be left out at either end; none when even with all of them between the ends the
/// confidence is not reached.
///
/// The share of the orders of `n` and `m` values in which `u` pairs at most stand the wrong way round is what the
/// interval misses on one side when `u` ratios are left out there.
fn outside(n: usize, m: usize, confidence: f64) -> Option<usize> {
    let orders = orders_by_pairs(n, m);
    let all: f64 = orders.iter().sum();
    let mut missed = 0.0;
    let kept = orders.iter().take_while(|orders| {
        missed += **orders / all;
        2.0 * missed <= 1.0 - confidence
    });
    kept.count().checked_sub(1)
}

/// Of the orders in which `n` values and `m` others can stand, how many have 0, 1, … `n m` pairs with the other first:
/// the coefficients of the Gaussian binomial, the product of `(1 - q^(m + i)) / (1 - q^i)` over `i` up to `n`.
fn orders_by_pairs(n: usize, m: usize) -> Vec<f64> {
    let mut orders = vec![0.0; n * m + 1];
    orders[0] = 1.0;
    for i in 1..=n {
        for pairs in (m + i..orders.len()).rev() {
            orders[pairs] -= orders[pairs - m - i];
        }
        for pairs in i..orders.len() {
            orders[pairs] += orders[pairs - i];
        }
    }
    orders
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn orders_are_those_of_mann_and_whitney() {
        assert_eq!(orders_by_pairs(2, 2), [1.0, 1.0, 2.0, 1.0, 1.0]);
        let five = orders_by_pairs(5, 5);
        assert_eq!(five[..5], [1.0, 1.0, 2.0, 3.0, 5.0]);
        assert_eq!(five.iter().sum::<f64>(), 252.0);
    }

    #[test]
    fn critical_values_are_those_of_the_tables() {
        // Mann & Whitney (1947), two-sided 5 %: the critical U of 4 and 4 is 0, of 5 and 5 it is 2, of 8 and 8 it is 13.
        let at_95 = |n| outside(n, n, 0.95);
        assert_eq!(
            [at_95(3), at_95(4), at_95(5), at_95(8)],
            [None, Some(0), Some(2), Some(13)]
        );
        assert_eq!(outside(0, 5, 0.95), None);
    }

    #[test]
    fn too_few_processes_say_nothing() {
        assert_eq!(Comparison::of(&[1.0; 3], &[2.0; 3], 0.95), None);
    }

    #[test]
    fn a_difference_that_every_pair_shows_is_real() {
        let comparison = Comparison::of(&[1.0, 1.01, 0.99, 1.0], &[1.1, 1.12, 1.09, 1.1], 0.95);
        let comparison = comparison.expect("four of each are enough");
        assert!(comparison.is_real());
        assert!((comparison.ratio - 1.1).abs() < 0.01, "{comparison:?}");
        assert_eq!(
            (comparison.low, comparison.high),
            (1.09 / 1.01, 1.12 / 0.99)
        );
    }

    #[test]
    fn processes_that_overlap_show_no_difference() {
        let comparison = Comparison::of(
            &[1.0, 1.1, 0.9, 1.05, 0.95],
            &[1.02, 1.12, 0.92, 1.07, 0.97],
            0.95,
        );
        assert!(!comparison.expect("five of each are enough").is_real());
    }

    #[test]
    fn interval_holds_the_ratio_as_often_as_it_says() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        // Skewed, as latencies are.
        let mut draw = |scale: f64| {
            let mut one = || scale * (1.0 + 0.02 * -rng.random::<f64>().ln());
            [one(), one(), one(), one(), one()]
        };
        let held = (0..2_000).filter(|_| {
            let comparison = Comparison::of(&draw(1.0), &draw(1.03), 0.95).expect("enough");
            comparison.low <= 1.03 && 1.03 <= comparison.high
        });
        let share = held.count() as f64 / 2_000.0;
        assert!((0.95..0.985).contains(&share), "{share}");
    }
}

//! MLPerf's early stopping: how many queries show that a percentile of the latency keeps a bound.

use serde::Serialize;

use crate::quantile;

/// Confidence of a percentile's bound, as MLPerf has it.
const CONFIDENCE: f64 = 0.99;

/// A percentile of a latency and what it is at most.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Percentile {
    /// The percentile of the samples, in milliseconds.
    pub ms: f64,
    /// What the percentile of the latency is at most, with a confidence of 99 %, in milliseconds.
    pub at_most_ms: f64,
}

// === impl Percentile ===

impl Percentile {
    /// The percentile of these samples; none when there are too few to bound it. The 90th percentile is bounded by the
    /// greatest of 44 samples, the second greatest of 64, the third of 81 and so on; the 99th by the greatest of 459 or
    /// the second of 662.
    ///
    /// The rule takes samples for independent. Those of a machine whose state outlasts a sample are not, and the bound
    /// then holds for the time in which they were taken.
    ///
    /// # Panics
    /// When the percentile is not above 0 and below 1.
    pub fn of(samples_ms: &[f64], percentile: f64) -> Option<Self> {
        let queries = samples_ms.len() as u64;
        let enough =
            |over: &u64| over + least_queries_under(percentile, CONFIDENCE, *over) <= queries;
        let over = (0..queries).take_while(enough).last()?;
        let mut sorted = samples_ms.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        Some(Self {
            ms: quantile(&sorted, percentile),
            at_most_ms: sorted[sorted.len() - 1 - over as usize],
        })
    }
}

/// The fewest queries under a bound that, beside `over` queries over it, show that the share `percentile` of all
/// queries is under it: MLPerf Inference rules, appendix "Early Stopping", without tolerance.
///
/// Were the share no greater than `percentile`, the chance of at most `over` queries over the bound among `h + over`
/// would be at least the regularised incomplete beta function `I_percentile(h, over + 1)`. The answer is the least `h`
/// for which that is at most `1 - confidence`.
///
/// Takes time in proportion to `over`.
///
/// # Panics
/// When the percentile is not above 0 and below 1, or the confidence not above 0.5 and below 1.
pub fn least_queries_under(percentile: f64, confidence: f64, over: u64) -> u64 {
    assert!(percentile > 0.0 && percentile < 1.0, "a share of queries");
    assert!(confidence > 0.5 && confidence < 1.0, "a confidence");
    let shows = |under| chance(percentile, under, over) <= 1.0 - confidence;
    // Where no more queries are expected over the bound than there were, the chance is a half or more.
    let mut too_few = (over as f64 * percentile / (1.0 - percentile)).floor() as u64;
    let mut step = 1;
    while !shows(too_few + step) {
        too_few += step;
        step *= 2;
    }
    let mut enough = too_few + step;
    while enough - too_few > 1 {
        let middle = too_few + (enough - too_few) / 2;
        if shows(middle) {
            enough = middle;
        } else {
            too_few = middle;
        }
    }
    enough
}

/// The chance of at most `over` queries over the bound among `under + over`, each of which is under it with probability
/// `percentile`; more than `over` are expected.
fn chance(percentile: f64, under: u64, over: u64) -> f64 {
    let (under, odds) = (under as f64, percentile / (1.0 - percentile));
    // The logarithm of the chance of exactly `over`.
    let mut logarithm = under * percentile.ln() + over as f64 * (1.0 - percentile).ln();
    for i in 1..=over {
        logarithm += ((under + i as f64) / i as f64).ln();
    }
    // Chances of fewer, as shares of that one: each is less than the one before, because more than `over` are expected.
    let (mut term, mut sum) = (1.0, 1.0);
    for fewer in 0..over {
        term *= (over - fewer) as f64 / (under + fewer as f64 + 1.0) * odds;
        sum += term;
        if term < f64::EPSILON * sum {
            break;
        }
    }
    logarithm.exp() * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The binomial distribution term by term, each from the last, which few queries allow.
    fn by_terms(percentile: f64, under: u64, over: u64) -> f64 {
        let queries = under + over;
        let (mut term, mut sum) = (percentile.powi(i32::try_from(queries).expect("few")), 0.0);
        for slow in 0..=over {
            sum += term;
            term *= (queries - slow) as f64 / (slow + 1) as f64 * (1.0 - percentile) / percentile;
        }
        sum
    }

    #[test]
    fn as_many_queries_are_needed_as_mlperf_asks_for() {
        let needed = |percentile, over| least_queries_under(percentile, 0.99, over);
        assert_eq!([0, 1, 2].map(|over| needed(0.9, over)), [44, 63, 79]);
        assert_eq!([0, 1].map(|over| needed(0.99, over)), [459, 661]);
    }

    /// "Processed at least 64 queries (2048). Would discard 172 highest latency queries." and the same with 2116 and
    /// 178, from logs of MLPerf's load generator, which discards one less than may be over the bound.
    #[test]
    fn as_many_queries_may_be_slow_as_the_load_generator_says() {
        for (queries, discarded) in [(2048, 172), (2116, 178)] {
            let needed = |over| over + least_queries_under(0.9, 0.99, over);
            assert!(needed(discarded + 1) <= queries);
            assert!(needed(discarded + 2) > queries);
        }
    }

    #[test]
    fn the_answer_is_the_least_number_that_the_distribution_allows() {
        for percentile in [0.1, 0.5, 0.9, 0.97] {
            for confidence in [0.6, 0.95, 0.999] {
                for over in [0, 1, 3, 20] {
                    let least = least_queries_under(percentile, confidence, over);
                    let chance = |under| by_terms(percentile, under, over);
                    let told = format!("{percentile}, {confidence}, {over}: {least}");
                    assert!(chance(least) <= 1.0 - confidence, "{told}");
                    assert!(chance(least - 1) > 1.0 - confidence, "{told}");
                }
            }
        }
    }

    #[test]
    fn a_great_many_queries_are_no_trouble() {
        // As the normal distribution has it, whose 99 % quantile is 2.326.
        let queries = 1_000_000 + least_queries_under(0.9, 0.99, 1_000_000);
        let deviations = (queries as f64 * 0.1 - 1e6) / (queries as f64 * 0.09).sqrt();
        assert!((deviations - 2.326).abs() < 0.01, "{deviations}");
    }

    #[test]
    fn a_percentile_has_a_bound_from_the_fewest_samples_that_show_it() {
        let samples: Vec<f64> = (1..=662).map(f64::from).collect();
        let bound = |count: usize, percentile| {
            Percentile::of(&samples[..count], percentile).map(|percentile| percentile.at_most_ms)
        };
        assert_eq!([43, 44].map(|count| bound(count, 0.9)), [None, Some(44.0)]);
        assert_eq!(
            [63, 64].map(|count| bound(count, 0.9)),
            [Some(63.0), Some(63.0)]
        );
        assert_eq!(
            [80, 81].map(|count| bound(count, 0.9)),
            [Some(79.0), Some(79.0)]
        );
        assert_eq!(
            [458, 459].map(|count| bound(count, 0.99)),
            [None, Some(459.0)]
        );
        assert_eq!(
            [661, 662].map(|count| bound(count, 0.99)),
            [Some(661.0), Some(661.0)]
        );
    }

    #[test]
    #[should_panic(expected = "a confidence")]
    fn a_confidence_of_a_half_is_none() {
        least_queries_under(0.9, 0.5, 1);
    }
}

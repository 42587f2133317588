//! How good prices are: ranks, errors, intervals.
//!
//! Ranks matter to a search that only compares networks, errors to one that keeps a bound.

mod rank;

use bespoke_measure::Estimate;

pub use rank::{kendall_tau_b, spearman};

/// How well the prices of some networks on one device agree with what was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scores {
    /// Spearman's rank correlation.
    pub spearman: f64,
    /// Kendall's tau-b.
    pub kendall: f64,
    /// Share of the networks whose price is at most 5 % of the measurement away from it.
    pub within_5_percent: f64,
    /// The same for 10 %.
    pub within_10_percent: f64,
    /// Mean distance of price and measurement as a share of the measurement: 0.05 is 5 %.
    pub mape: f64,
    /// Share of the networks whose measurement lies in the interval, ends included, that should hold 90 %.
    pub coverage_90: f64,
    /// Mean width of that interval as a share of the price.
    pub relative_width_90: f64,
}

// === impl Scores ===

impl Scores {
    /// Scores one estimate for each measurement in milliseconds.
    ///
    /// # Panics
    /// When there are not as many of one as of the other, or none.
    pub fn of(estimates: &[Estimate], measured_ms: &[f64]) -> Self {
        assert_eq!(estimates.len(), measured_ms.len(), "one for each");
        assert!(!measured_ms.is_empty(), "nothing has no scores");
        let prices: Vec<f64> = estimates.iter().map(|e| e.median_ms.ms()).collect();
        let errors: Vec<f64> = (prices.iter().zip(measured_ms))
            .map(|(price, measured)| (price - measured).abs() / measured)
            .collect();
        let within = |bound| share(errors.iter().map(|error| *error <= bound));
        Self {
            spearman: spearman(&prices, measured_ms),
            kendall: kendall_tau_b(&prices, measured_ms),
            within_5_percent: within(0.05),
            within_10_percent: within(0.10),
            mape: mean(errors.iter().copied()),
            coverage_90: share(
                estimates.iter().zip(measured_ms).map(|(estimate, ms)| {
                    (estimate.low_ms.ms()..=estimate.high_ms.ms()).contains(ms)
                }),
            ),
            relative_width_90: mean(estimates.iter().map(|estimate| {
                (estimate.high_ms.ms() - estimate.low_ms.ms()) / estimate.median_ms.ms()
            })),
        }
    }
}

/// Places of the values that remain, in ascending order, when the least and the greatest are dropped: of `n`,
/// `⌊n · fraction⌋` from each end, as the protocol of HELP (Lee et al., NeurIPS 2021) does with each device. Of equal
/// values, earlier ones count as less.
///
/// # Panics
/// When the fraction is not from 0 to under 0.5.
pub fn trimmed(values: &[f64], fraction: f64) -> Vec<usize> {
    assert!((0.0..0.5).contains(&fraction), "a share of each end");
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    // A product such as 100 · 0.29 comes out a little under its integer.
    let dropped = (values.len() as f64 * fraction + 1e-9).floor() as usize;
    let mut kept = order[dropped..values.len() - dropped].to_vec();
    kept.sort_unstable();
    kept
}

fn share(hits: impl Iterator<Item = bool>) -> f64 {
    mean(hits.map(|hit| f64::from(u8::from(hit))))
}

/// Mean of at least one value.
pub(crate) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

#[cfg(test)]
mod tests;

//! Statistics of timing samples: order statistics, and an interval of the median that stands correlated samples.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Resamples of the bootstrap: enough for the 0.5 % tails of a 99 % interval.
const RESAMPLES: usize = 1_000;

/// The median: the middle sample, or the mean of the middle two. NaN when there are no samples.
pub fn median(samples: &[f64]) -> f64 {
    quantile(samples, 0.5)
}

/// The quantile of `fraction` in 0..=1, linear between neighbouring samples (type 7 of Hyndman & Fan, "Sample quantiles
/// in statistical packages", 1996). NaN when there are no samples.
pub fn quantile(samples: &[f64], fraction: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    quantile_of_sorted(&sorted, fraction)
}

/// The samples, by their index, that lie farther above the third quartile or below the first than three times the
/// distance of the two (Tukey, "Exploratory Data Analysis", 1977: "far out").
pub fn outliers(samples: &[f64]) -> Vec<usize> {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let (first, third) = (
        quantile_of_sorted(&sorted, 0.25),
        quantile_of_sorted(&sorted, 0.75),
    );
    let fence = 3.0 * (third - first);
    let far_out = |sample: f64| sample > third + fence || sample < first - fence;
    (0..samples.len())
        .filter(|&index| far_out(samples[index]))
        .collect()
}

/// An interval that holds the true median with the given confidence: the ends `(low, high)`. NaN when there are fewer
/// than two samples: one says nothing about its spread. `samples` stand in the order in which they were taken.
///
/// Successive timings resemble each other: a clock frequency or a busy neighbour outlasts a sample. The usual interval
/// between two order statistics takes the samples for independent and is then too narrow. This one is the percentile
/// interval of the circular block bootstrap (Politis & Romano, "A circular block-resampling procedure for stationary
/// data", 1992), which resamples runs of neighbours, widened for the small number of blocks. It cannot see what changes
/// more slowly than the whole series: 95 % intervals of 200 samples hold the median 93 % of the time at a correlation
/// of 0.3 between neighbours, 88 % at 0.8.
///
/// The same samples and seed give the same interval. The cost is [`RESAMPLES`] passes over the samples.
pub fn bootstrap_median_interval(samples: &[f64], confidence: f64, seed: u64) -> (f64, f64) {
    if samples.len() < 2 {
        return (f64::NAN, f64::NAN);
    }
    let mut resampler = Resampler::new(samples);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut medians: Vec<f64> = (0..RESAMPLES).map(|_| resampler.median(&mut rng)).collect();
    medians.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - confidence) / 2.0;
    let (low, high) = (
        quantile_of_sorted(&medians, tail),
        quantile_of_sorted(&medians, 1.0 - tail),
    );
    let (middle, widening) = (median(samples), widening(samples.len(), resampler.block));
    (
        middle - (middle - low) * widening,
        middle + (high - middle) * widening,
    )
}

/// What a percentile interval of few blocks lacks in width.
///
/// Resampled blocks of length `b` miss the share `b / n` of the variance. And an interval from `k = n / b` blocks wants
/// Student's quantile in place of the normal one: `1 + (z^2 + 1) / (4 (k - 1))` times as much in first order, here with
/// the `z` of 95 %. Over 1,500 log-normal series of 30, 100 and 400 independent samples, coverage rose from 91.1, 92.7
/// and 94.4 % to 94.7, 94.5 and 95.2 %.
fn widening(samples: usize, block: usize) -> f64 {
    let (n, b) = (samples as f64, block as f64);
    (n / (n - b)).sqrt() * (1.0 + 1.21 / (n / b - 1.0))
}

/// Draws resamples by counting how often each rank occurs, so that none needs sorting.
struct Resampler {
    sorted: Vec<f64>,
    /// Rank of each sample, twice in a row: a block may run over the end and go on at the start.
    ranks: Vec<usize>,
    counts: Vec<usize>,
    block: usize,
}

// === impl Resampler ===

impl Resampler {
    fn new(samples: &[f64]) -> Self {
        let mut order: Vec<usize> = (0..samples.len()).collect();
        order.sort_by(|&a, &b| samples[a].total_cmp(&samples[b]));
        let mut ranks = vec![0; samples.len()];
        for (rank, &position) in order.iter().enumerate() {
            ranks[position] = rank;
        }
        ranks.extend_from_within(..);
        Self {
            sorted: order.iter().map(|&position| samples[position]).collect(),
            ranks,
            counts: vec![0; samples.len()],
            block: block_length(samples),
        }
    }

    /// Median of one resample, as long as the series.
    fn median(&mut self, rng: &mut impl Rng) -> f64 {
        let n = self.sorted.len();
        self.counts.fill(0);
        let mut missing = n;
        while missing > 0 {
            let start = rng.random_range(0..n);
            let length = self.block.min(missing);
            for &rank in &self.ranks[start..start + length] {
                self.counts[rank] += 1;
            }
            missing -= length;
        }
        f64::midpoint(
            self.order_statistic((n - 1) / 2),
            self.order_statistic(n / 2),
        )
    }

    /// The value with `below` values of the resample before it.
    fn order_statistic(&self, below: usize) -> f64 {
        let mut seen = 0;
        let rank = self.counts.iter().position(|count| {
            seen += count;
            seen > below
        });
        self.sorted[rank.expect("a resample is as long as the series")]
    }
}

/// Length of the bootstrap's blocks, between the cube root of the number of samples and a quarter of it.
///
/// Within these it is the length best for the variance of a mean in an AR(1) series, `(3/2 (2r / (1 - r^2))^2 n)^(1/3)`
/// (Politis & White, "Automatic block-length selection for the dependent bootstrap", 2004). The median's variance comes
/// from the signs of the deviations from it, so `r` is their correlation at lag one; an outlier counts as little there
/// as it does in the median.
fn block_length(samples: &[f64]) -> usize {
    let n = samples.len() as f64;
    let r = sign_correlation(samples).clamp(0.0, 0.99);
    let best = (1.5 * (2.0 * r / (1.0 - r * r)).powi(2) * n).cbrt();
    best.max(n.cbrt()).min(n / 4.0).ceil().max(1.0) as usize
}

/// Correlation between the signs of successive deviations from the median; 0 when none deviates.
fn sign_correlation(samples: &[f64]) -> f64 {
    let middle = median(samples);
    let sign = |sample: f64| f64::from(i8::from(sample > middle) - i8::from(sample < middle));
    let product: f64 = samples
        .windows(2)
        .map(|pair| sign(pair[0]) * sign(pair[1]))
        .sum();
    let square: f64 = samples.iter().map(|&sample| sign(sample).abs()).sum();
    if square > 0.0 { product / square } else { 0.0 }
}

pub(crate) fn quantile_of_sorted(sorted: &[f64], fraction: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let position = fraction.clamp(0.0, 1.0) * last as f64;
    let (below, above) = (
        sorted[position.floor() as usize],
        sorted[position.ceil() as usize],
    );
    below + (above - below) * position.fract()
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    #[test]
    fn median_is_the_middle_sample_or_the_mean_of_the_middle_two() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median(&[7.0]), 7.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn quantile_is_linear_between_samples() {
        let samples = [50.0, 10.0, 40.0, 20.0, 30.0];
        assert_eq!(quantile(&samples, 0.0), 10.0);
        assert_eq!(quantile(&samples, 0.25), 20.0);
        assert_eq!(quantile(&samples, 0.9), 46.0);
        assert_eq!(quantile(&samples, 1.0), 50.0);
    }

    #[test]
    fn block_grows_with_the_correlation() {
        let alternating: Vec<f64> = (0..1_000).map(|i| f64::from(i % 2)).collect();
        let stretches: Vec<f64> = (0..1_000).map(|i| f64::from(i / 10 % 2)).collect();
        assert_eq!(block_length(&alternating), 10);
        // A sign in ten changes, so r is 0.8 and the length (1.5 (1.6 / 0.36)^2 1000)^(1/3) = 30.95, or slightly more.
        assert_eq!(block_length(&stretches), 32);
        assert_eq!(block_length(&[]), 1);
    }

    #[test]
    fn interval_of_equal_samples_has_no_width() {
        assert_eq!(bootstrap_median_interval(&[2.0; 40], 0.95, 1), (2.0, 2.0));
    }

    #[test]
    fn samples_far_out_are_flagged_by_index() {
        let mut samples = vec![1.0, 1.1, 0.9, 1.05, 0.95, 1.0, 1.1, 0.9];
        assert_eq!(outliers(&samples), [0_usize; 0]);
        samples.insert(3, 4.0);
        samples.push(0.1);
        assert_eq!(outliers(&samples), [3, 9]);
        assert_eq!(outliers(&[]), [0_usize; 0]);
    }

    #[test]
    fn interval_of_fewer_than_two_samples_is_nan() {
        for samples in [&[][..], &[1.0]] {
            let (low, high) = bootstrap_median_interval(samples, 0.95, 1);
            assert!(low.is_nan() && high.is_nan());
        }
    }

    #[test]
    fn interval_depends_on_samples_and_seed_alone() {
        let samples = series(7, 100, 0.3);
        assert_eq!(
            bootstrap_median_interval(&samples, 0.95, 3),
            bootstrap_median_interval(&samples, 0.95, 3)
        );
        assert_ne!(
            bootstrap_median_interval(&samples, 0.95, 3),
            bootstrap_median_interval(&samples, 0.95, 4)
        );
    }

    #[test]
    fn interval_is_wider_with_more_confidence_and_with_correlation() {
        let width = |rho: f64, confidence: f64| {
            let (low, high) = bootstrap_median_interval(&series(7, 500, rho), confidence, 1);
            high - low
        };
        assert!(width(0.0, 0.99) > width(0.0, 0.8));
        assert!(width(0.8, 0.95) > 1.5 * width(0.0, 0.95));
    }

    #[test]
    fn interval_covers_the_true_median_as_often_as_it_says() {
        for (n, rho, least) in [
            (30, 0.0, 0.92),
            (200, 0.0, 0.92),
            (200, 0.5, 0.89),
            (400, 0.8, 0.88),
        ] {
            let coverage = coverage(n, rho);
            assert!(
                (least..=0.98).contains(&coverage),
                "{n} samples, correlation {rho}: {coverage}"
            );
        }
    }

    /// How often a 95 % interval of a log-normal AR(1) series holds its median, which is one.
    fn coverage(n: usize, rho: f64) -> f64 {
        const SERIES: u16 = 200;
        let hits = (0..SERIES).filter(|&seed| {
            let samples = series(u64::from(seed), n, rho);
            let (low, high) = bootstrap_median_interval(&samples, 0.95, u64::from(seed));
            low <= 1.0 && 1.0 <= high
        });
        hits.count() as f64 / f64::from(SERIES)
    }

    /// `n` log-normal samples of median one whose logarithms are an AR(1) series.
    fn series(seed: u64, n: usize, rho: f64) -> Vec<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // Box and Muller's transform of two uniform numbers into a normal one.
        let mut normal = || {
            let (radius, angle): (f64, f64) = rng.random();
            (-2.0 * (1.0 - radius).ln()).sqrt() * (TAU * angle).cos()
        };
        let mut state = normal();
        let mut next = || {
            state = rho * state + (1.0 - rho * rho).sqrt() * normal();
            (0.1 * state).exp()
        };
        (0..n).map(|_| next()).collect()
    }
}

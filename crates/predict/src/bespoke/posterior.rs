//! What is believed of a device once some of its latencies are measured.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use super::{belief::Belief, scales::INTERCEPT_VARIANCE};
use crate::cholesky::Cholesky;

/// Standard deviations of the noise that a device may have, relative to its middle latency, and how likely each is.
const NOISES: [(f64, f64); 5] = [
    (0.003, 0.1),
    (0.01, 0.3),
    (0.03, 0.3),
    (0.08, 0.2),
    (0.2, 0.1),
];
/// Degrees of freedom of what is believed of the size of all variances together: few, so that the samples decide.
const FREEDOM: f64 = 3.0;
/// Noise is in proportion to the latency, down to this part of the middle.
const LEAST_SIZE: f64 = 0.5;
/// Parts of the mixture that are less likely than this are left out.
const NEGLIGIBLE: f64 = 2e-4;

/// A device's weights in milliseconds: a mixture of Gaussians, one for each belief and noise, reduced to its mean and
/// to its covariance with some anchor networks.
#[derive(Debug, Clone)]
pub(crate) struct Posterior {
    /// Latency in the middle of the columns, in ms.
    pub intercept: f64,
    /// In ms for each column.
    pub weights: Array1<f64>,
    /// Covariance of the latencies of the anchors with the intercept, in ms².
    pub intercept_spread: Array1<f64>,
    /// Covariance of the latencies of the anchors, one row each, with the weights, in ms².
    pub spread: Array2<f64>,
    /// Variance of a measurement about the latency, relative to its square.
    pub noise: f64,
    /// The middle latency, in ms.
    pub middle: f64,
}

/// One belief, seen from the samples.
struct Seen<'a> {
    belief: &'a Belief,
    /// Covariance of the samples' latencies with the weights.
    spread: Array2<f64>,
    covariance: Array2<f64>,
    expected: Array1<f64>,
}

/// A belief with a noise, after the samples.
struct Part {
    seen: usize,
    /// Unnormalised logarithm of the likelihood, then the share in the mixture.
    share: f64,
    middle: f64,
    noise: f64,
    /// How much larger all variances turned out than they were believed.
    stretch: f64,
    /// (K + noise)⁻¹ and that times the residual.
    inverse: Array2<f64>,
    alpha: Array1<f64>,
}

// === impl Posterior ===

impl Posterior {
    /// Networks whose joint uncertainty stands for that of all others.
    pub const ANCHORS: usize = 15;

    /// Conditions the beliefs on latencies in ms; rows are one a sample, and anchors as many networks as wished.
    /// `rounding` is the variance, in ms², that all samples have on top of their noise.
    pub fn new(
        beliefs: &[Belief],
        rows: ArrayView2<'_, f64>,
        latencies: ArrayView1<'_, f64>,
        anchors: ArrayView2<'_, f64>,
        rounding: f64,
    ) -> Self {
        let seen: Vec<Seen<'_>> = beliefs.iter().map(|b| Seen::new(b, rows)).collect();
        let mut parts: Vec<Part> = Vec::with_capacity(seen.len() * NOISES.len());
        for (index, seen) in seen.iter().enumerate() {
            for (noise, likelihood) in NOISES {
                let part = seen.part(index, latencies, noise * noise, rounding);
                parts.extend(part.map(|part| Part {
                    share: part.share + (seen.belief.share * likelihood).ln(),
                    ..part
                }));
            }
        }
        normalise(&mut parts);
        Self::of_mixture(&seen, &parts, anchors)
    }

    fn of_mixture(seen: &[Seen<'_>], parts: &[Part], anchors: ArrayView2<'_, f64>) -> Self {
        let columns = anchors.ncols();
        let mut mixed = Self {
            intercept: 0.0,
            weights: Array1::zeros(columns),
            intercept_spread: Array1::zeros(anchors.nrows()),
            spread: Array2::zeros(anchors.raw_dim()),
            noise: 0.0,
            middle: 0.0,
        };
        for part in parts {
            let scale = part.share * part.middle;
            mixed.middle += scale;
            mixed.noise += part.share * part.stretch * part.noise;
            let (intercept, weights) = part.mean(seen);
            mixed.intercept += part.share * intercept;
            mixed.weights.scaled_add(part.share, &weights);
        }
        for part in parts {
            mixed.add_within(part, &seen[part.seen], anchors);
            mixed.add_between(part, seen, anchors);
        }
        mixed
    }

    /// What is uncertain though the part be true.
    fn add_within(&mut self, part: &Part, seen: &Seen<'_>, anchors: ArrayView2<'_, f64>) {
        let scale = part.share * part.stretch * part.middle * part.middle;
        let of_anchors = Belief::covariance(&seen.spread, anchors);
        let explained = of_anchors.dot(&part.inverse);
        self.spread.scaled_add(scale, &seen.belief.spread(anchors));
        self.spread.scaled_add(-scale, &explained.dot(&seen.spread));
        let of_intercept = explained.sum_axis(ndarray::Axis(1)) * -1.0 + 1.0;
        self.intercept_spread
            .scaled_add(scale * INTERCEPT_VARIANCE, &of_intercept);
    }

    /// What is uncertain because another part may be true.
    fn add_between(&mut self, part: &Part, seen: &[Seen<'_>], anchors: ArrayView2<'_, f64>) {
        let (intercept, weights) = part.mean(seen);
        let (intercept, weights) = (intercept - self.intercept, weights - &self.weights);
        let at_anchors = anchors.dot(&weights) + intercept;
        self.intercept_spread
            .scaled_add(part.share * intercept, &at_anchors);
        for (mut row, at_anchor) in self.spread.rows_mut().into_iter().zip(&at_anchors) {
            row.scaled_add(part.share * at_anchor, &weights);
        }
    }
}

// === impl Seen ===

impl<'a> Seen<'a> {
    fn new(belief: &'a Belief, rows: ArrayView2<'_, f64>) -> Self {
        let spread = belief.spread(rows);
        Self {
            covariance: Belief::covariance(&spread, rows),
            expected: belief.expected(rows),
            spread,
            belief,
        }
    }

    /// The belief after the samples under a noise variance relative to the middle, which is the most likely one: of
    /// y ~ N(c·f, c²·(K + noise)), c solves n·c² + c·fᵀR⁻¹y − yᵀR⁻¹y = 0.
    fn part(
        &self,
        seen: usize,
        latencies: ArrayView1<'_, f64>,
        noise: f64,
        rounding: f64,
    ) -> Option<Part> {
        let count = latencies.len() as f64;
        let about = latencies.mean()?.max(f64::MIN_POSITIVE);
        let mut matrix = self.covariance.clone();
        let rounding = rounding / (about * about);
        for (value, expected) in matrix.diag_mut().iter_mut().zip(&self.expected) {
            *value += noise * size(*expected).powi(2) + rounding;
        }
        let cholesky = Cholesky::new(matrix)?;
        let (y, f) = (
            cholesky.forward(latencies),
            cholesky.forward(self.expected.view()),
        );
        let cross = f.dot(&y);
        let middle = ((cross * cross + 4.0 * count * y.dot(&y)).sqrt() - cross) / (2.0 * count);
        let residual = &latencies / middle - &self.expected;
        let inverse = cholesky.inverse();
        let alpha = inverse.dot(&residual);
        let surprise = FREEDOM + residual.dot(&alpha);
        let log_likelihood = -0.5 * (FREEDOM + count) * surprise.ln()
            - 0.5 * cholesky.log_determinant()
            - count * middle.ln();
        let stretch = surprise / (FREEDOM + count);
        (middle.is_finite() && middle > 0.0 && log_likelihood.is_finite()).then_some(Part {
            seen,
            share: log_likelihood,
            middle,
            noise,
            stretch,
            inverse,
            alpha,
        })
    }
}

// === impl Part ===

impl Part {
    /// Intercept and weights that are expected, in ms.
    fn mean(&self, seen: &[Seen<'_>]) -> (f64, Array1<f64>) {
        let seen = &seen[self.seen];
        let weights = &seen.belief.mean + &self.alpha.dot(&seen.spread);
        let intercept = 1.0 + INTERCEPT_VARIANCE * self.alpha.sum();
        (intercept * self.middle, weights * self.middle)
    }
}

/// A latency to which noise is in proportion, the middle being 1.
pub(crate) fn size(latency: f64) -> f64 {
    latency.max(LEAST_SIZE)
}

/// From logarithms of likelihoods to shares that sum to 1; parts that are negligible are dropped.
fn normalise(parts: &mut Vec<Part>) {
    let greatest = parts
        .iter()
        .map(|part| part.share)
        .fold(f64::NEG_INFINITY, f64::max);
    for part in parts.iter_mut() {
        part.share = (part.share - greatest).exp();
    }
    divide_by_total(parts);
    parts.retain(|part| part.share > NEGLIGIBLE);
    divide_by_total(parts);
}

fn divide_by_total(parts: &mut [Part]) {
    let total: f64 = parts.iter().map(|part| part.share).sum();
    for part in parts {
        part.share /= total;
    }
}

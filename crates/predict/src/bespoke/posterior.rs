//! What is believed of a device once some of its latencies are measured.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, linalg::general_mat_mul};

use super::{
    belief::{Belief, Trust},
    scales::INTERCEPT_VARIANCE,
};
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
///
/// The beliefs of one habit differ in how much of two matrices they add up, so that these are made once; and what is
/// mixed is mixed as factors of few rows, before it is spread over all columns.
struct Seen<'a> {
    belief: &'a Belief,
    /// The samples' rows times the sources' deviations.
    projected: Array2<f64>,
    /// The samples' rows times the variances of the weights.
    scaled: Array2<f64>,
    /// Covariances of the samples' latencies: as the sources vary, and as weights do about zero.
    of_sources: Array2<f64>,
    of_weights: Array2<f64>,
    /// What the mean of the sources adds to the middle.
    of_mean: Array1<f64>,
}

/// A trust with a noise, after the samples.
struct Part {
    belief: usize,
    trust: Trust,
    /// Unnormalised logarithm of the likelihood, then the share in the mixture.
    share: f64,
    middle: f64,
    noise: f64,
    /// How much larger all variances turned out than they were believed.
    stretch: f64,
    /// K + noise, and what the latencies are beyond those expected, the middle being 1.
    covariance: Cholesky,
    residual: Array1<f64>,
}

/// The parts of one belief that are not negligible, seen from the anchors.
struct Told<'a> {
    seen: &'a Seen<'a>,
    /// The anchors' rows times the sources' deviations.
    projected: Array2<f64>,
    parts: Vec<(&'a Part, Learned)>,
}

/// What a part has learned, in ms.
struct Learned {
    intercept: f64,
    weights: Weights,
    at_anchors: Array1<f64>,
    /// Covariance of the anchors' latencies with the samples', times (K + noise)⁻¹; it has no unit.
    explained: Array2<f64>,
}

/// Weights as a sum of a belief's parts: so many times the mean of the sources, each of their deviations, and each of
/// the samples' scaled rows.
struct Weights {
    mean: f64,
    deviations: Array1<f64>,
    rows: Array1<f64>,
}

/// Many [`Weights`], a row for each.
struct Combined {
    mean: Array1<f64>,
    deviations: Array2<f64>,
    rows: Array2<f64>,
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
        let of_each = seen.iter().enumerate();
        let mut parts: Vec<Part> = of_each
            .flat_map(|(belief, seen)| seen.parts(belief, latencies, rounding))
            .collect();
        normalise(&mut parts);
        let told: Vec<Told<'_>> = parts
            .chunk_by(|a, b| a.belief == b.belief)
            .map(|parts| Told::new(&seen[parts[0].belief], parts, anchors))
            .collect();
        Self::of_mixture(&told, anchors)
    }

    fn of_mixture(told: &[Told<'_>], anchors: ArrayView2<'_, f64>) -> Self {
        let mut mixed = Self {
            intercept: 0.0,
            weights: Array1::zeros(anchors.ncols()),
            intercept_spread: Array1::zeros(anchors.nrows()),
            spread: Array2::zeros(anchors.raw_dim()),
            noise: 0.0,
            middle: 0.0,
        };
        let mut at_anchors = Array1::zeros(anchors.nrows());
        for (part, learned) in told.iter().flat_map(|told| &told.parts) {
            mixed.middle += part.share * part.middle;
            mixed.noise += part.share * part.stretch * part.noise;
            mixed.intercept += part.share * learned.intercept;
            at_anchors.scaled_add(part.share, &learned.at_anchors);
        }
        for told in told {
            mixed.add(told, anchors, &at_anchors);
        }
        mixed
    }

    /// Adds a belief's share of the mean and of the covariance, the mean of the mixture at the anchors being known.
    fn add(&mut self, told: &Told<'_>, anchors: ArrayView2<'_, f64>, at_anchors: &Array1<f64>) {
        let seen = told.seen;
        let mut mean = Combined::zeros(1, seen);
        let mut spread = Combined::zeros(anchors.nrows(), seen);
        let mut diagonal = 0.0;
        for (part, learned) in &told.parts {
            mean.add(&Array1::from_elem(1, part.share), &learned.weights);
            // What is uncertain because another part may be true: the products of all deviations from the mean.
            let apart = (&learned.at_anchors - at_anchors) * part.share;
            spread.add(&apart, &learned.weights);
            self.intercept_spread
                .scaled_add(learned.intercept - self.intercept, &apart);
            // What is uncertain though the part be true.
            let scale = part.share * part.stretch * part.middle * part.middle;
            let of_sources = &told.projected - &learned.explained.dot(&seen.projected);
            let (sources, weights) = (scale * part.trust.sources, scale * part.trust.weights);
            spread.deviations.scaled_add(sources, &of_sources);
            spread.rows.scaled_add(-weights, &learned.explained);
            diagonal += weights;
            let of_intercept = 1.0 - learned.explained.sum_axis(Axis(1));
            self.intercept_spread
                .scaled_add(scale * INTERCEPT_VARIANCE, &of_intercept);
        }
        self.weights += &mean.over_columns(seen).row(0);
        self.spread += &spread.over_columns(seen);
        self.spread
            .scaled_add(diagonal, &(&anchors * &seen.belief.variances));
    }
}

// === impl Seen ===

impl<'a> Seen<'a> {
    fn new(belief: &'a Belief, rows: ArrayView2<'_, f64>) -> Self {
        let projected = rows.dot(&belief.deviations.t());
        let scaled = &rows * &belief.variances;
        Self {
            of_sources: projected.dot(&projected.t()),
            of_weights: rows.dot(&scaled.t()),
            of_mean: rows.dot(&belief.mean),
            projected,
            scaled,
            belief,
        }
    }

    /// The belief after the samples, for each trust and each noise.
    fn parts(
        &self,
        belief: usize,
        latencies: ArrayView1<'_, f64>,
        rounding: f64,
    ) -> impl Iterator<Item = Part> {
        let of_noises = self.belief.trusts.iter().flat_map(move |trust| {
            let covariance = &self.of_sources * trust.sources + &self.of_weights * trust.weights;
            let covariance = covariance + INTERCEPT_VARIANCE;
            let expected = &self.of_mean * trust.mean + 1.0;
            NOISES.map(|(noise, likelihood)| {
                let (of, noise) = ((belief, *trust), noise * noise);
                let part = Part::new(
                    of,
                    covariance.clone(),
                    &expected,
                    latencies,
                    noise,
                    rounding,
                )?;
                Some(Part {
                    share: part.share + (trust.share * likelihood).ln(),
                    ..part
                })
            })
        });
        of_noises.flatten()
    }
}

// === impl Part ===

impl Part {
    /// A Gaussian belief after the samples, under a noise variance relative to the middle. The middle is the most
    /// likely one: of y ~ N(c·f, c²·(K + noise)), c solves n·c² + c·fᵀR⁻¹y − yᵀR⁻¹y = 0.
    fn new(
        of: (usize, Trust),
        mut covariance: Array2<f64>,
        expected: &Array1<f64>,
        latencies: ArrayView1<'_, f64>,
        noise: f64,
        rounding: f64,
    ) -> Option<Self> {
        let count = latencies.len() as f64;
        let about = latencies.mean()?.max(f64::MIN_POSITIVE);
        let rounding = rounding / (about * about);
        for (value, expected) in covariance.diag_mut().iter_mut().zip(expected) {
            *value += noise * size(*expected).powi(2) + rounding;
        }
        let covariance = Cholesky::new(covariance)?;
        let (y, f) = (
            covariance.forward(latencies),
            covariance.forward(expected.view()),
        );
        let cross = f.dot(&y);
        let middle = ((cross * cross + 4.0 * count * y.dot(&y)).sqrt() - cross) / (2.0 * count);
        let residual = y / middle - f;
        let surprise = FREEDOM + residual.dot(&residual);
        let log_likelihood = -0.5 * (FREEDOM + count) * surprise.ln()
            - 0.5 * covariance.log_determinant()
            - count * middle.ln();
        (middle.is_finite() && middle > 0.0 && log_likelihood.is_finite()).then_some(Self {
            belief: of.0,
            trust: of.1,
            share: log_likelihood,
            middle,
            noise,
            stretch: surprise / (FREEDOM + count),
            residual: &latencies / middle - expected,
            covariance,
        })
    }
}

// === impl Told ===

impl<'a> Told<'a> {
    fn new(seen: &'a Seen<'a>, parts: &'a [Part], anchors: ArrayView2<'_, f64>) -> Self {
        let projected = anchors.dot(&seen.belief.deviations.t());
        let of_sources = projected.dot(&seen.projected.t());
        let of_weights = anchors.dot(&seen.scaled.t());
        let of_mean = anchors.dot(&seen.belief.mean);
        let learned = |part: &'a Part| {
            let Trust {
                mean,
                sources,
                weights,
                ..
            } = part.trust;
            let covariance = &of_sources * sources + &of_weights * weights + INTERCEPT_VARIANCE;
            let alpha = part.covariance.solve(part.residual.view());
            let at_anchors = covariance.dot(&alpha) + &of_mean * mean + 1.0;
            let learned = Learned {
                intercept: (1.0 + INTERCEPT_VARIANCE * alpha.sum()) * part.middle,
                weights: Weights {
                    mean: mean * part.middle,
                    deviations: alpha.dot(&seen.projected) * (sources * part.middle),
                    rows: alpha * (weights * part.middle),
                },
                at_anchors: at_anchors * part.middle,
                explained: covariance.dot(&part.covariance.inverse()),
            };
            (part, learned)
        };
        Self {
            seen,
            parts: parts.iter().map(learned).collect(),
            projected,
        }
    }
}

// === impl Combined ===

impl Combined {
    fn zeros(rows: usize, seen: &Seen<'_>) -> Self {
        let (samples, sources) = seen.projected.dim();
        Self {
            mean: Array1::zeros(rows),
            deviations: Array2::zeros((rows, sources)),
            rows: Array2::zeros((rows, samples)),
        }
    }

    /// Adds to each row so many times the weights.
    fn add(&mut self, factors: &Array1<f64>, weights: &Weights) {
        self.mean.scaled_add(weights.mean, factors);
        for (row, factor) in factors.iter().enumerate() {
            let (mut deviations, mut rows) = (self.deviations.row_mut(row), self.rows.row_mut(row));
            deviations.scaled_add(*factor, &weights.deviations);
            rows.scaled_add(*factor, &weights.rows);
        }
    }

    /// The weights themselves, one for each column.
    fn over_columns(&self, seen: &Seen<'_>) -> Array2<f64> {
        let mut weights = self.deviations.dot(&seen.belief.deviations);
        general_mat_mul(1.0, &self.rows, &seen.scaled, 1.0, &mut weights);
        for (mut row, factor) in weights.rows_mut().into_iter().zip(&self.mean) {
            row.scaled_add(*factor, &seen.belief.mean);
        }
        weights
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

//! How far weights may lie from their mean: the hyper-parameters, by marginal likelihood on the source devices.

use ndarray::{Array1, Array2, ArrayView1};
use serde::{Deserialize, Serialize};

use super::columns::{Column, Columns};
use crate::{
    cholesky::Cholesky,
    features::{Attribute, Level},
};

/// Variance of the part of a latency that no feature explains, the latency's middle being 1.
pub(crate) const INTERCEPT_VARIANCE: f64 = 0.09;
const DEPTHS: usize = 3;
const GROUPS: usize = Attribute::ALL.len() * DEPTHS;
const LEVELS: usize = Level::ALL.len();
/// Added to every noise variance, so that no matrix is singular.
const LEAST_NOISE: f64 = 1e-7;
const STEPS: usize = 60;
/// Where the search begins, and where a weak pull leads back to: the logarithm of the variance of columns that tell
/// nothing, a kind, a kind and size apart.
const START: [f64; DEPTHS] = [-4.0, -5.0, -6.0];
const START_LEVEL: f64 = -1.0;
const START_NOISE: f64 = -6.0;
const PULL: f64 = 0.02;
const RANGE: (f64, f64) = (-14.0, 3.0);

/// Logarithms of the variances of the weights of a device about zero, its latencies being divided by their median.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scales {
    /// By attribute and by how much a column tells apart.
    groups: [f64; GROUPS],
    /// By level, added to the group's; that of the raw graph is 0.
    levels: [f64; LEVELS],
}

/// One source device: some rows of the matrix and the latencies there.
pub(crate) struct Evidence {
    pub rows: Array2<f64>,
    /// Divided by their median.
    pub latencies: Array1<f64>,
}

// === impl Scales ===

impl Default for Scales {
    fn default() -> Self {
        let mut scales = Self {
            groups: [0.0; GROUPS],
            levels: [START_LEVEL; LEVELS],
        };
        for (group, value) in scales.groups.iter_mut().enumerate() {
            *value = START[group % DEPTHS];
        }
        scales.levels[Level::Raw as usize] = 0.0;
        scales
    }
}

impl Scales {
    /// The variances under which the sources are most likely, and each source's variance of noise.
    pub fn fit(columns: &Columns, sources: &[Evidence]) -> (Self, Vec<f64>) {
        let likelihoods: Vec<Likelihood> = sources
            .iter()
            .map(|source| Likelihood::new(columns, source))
            .collect();
        let start = Self::default();
        let mut point: Vec<f64> = start.groups.iter().chain(&start.levels).copied().collect();
        point.extend(vec![START_NOISE; sources.len()]);
        let pulled_to = point.clone();
        let mut climb = Climb::new(point);
        for _ in 0..STEPS {
            let mut slope: Vec<f64> = climb
                .point()
                .iter()
                .zip(&pulled_to)
                .map(|(value, centre)| -2.0 * PULL * (value - centre))
                .collect();
            for (index, likelihood) in likelihoods.iter().enumerate() {
                likelihood.add_slope(climb.point(), GROUPS + LEVELS + index, &mut slope);
            }
            slope[GROUPS + Level::Raw as usize] = 0.0;
            climb.step(&slope);
        }
        let point = climb.point().to_vec();
        let mut scales = start;
        scales.groups.copy_from_slice(&point[..GROUPS]);
        scales
            .levels
            .copy_from_slice(&point[GROUPS..GROUPS + LEVELS]);
        let noise = point[GROUPS + LEVELS..].iter();
        (scales, noise.map(|log| log.exp() + LEAST_NOISE).collect())
    }

    /// The variance of each column's weight, all levels by their own factor.
    pub fn variances(&self, columns: &Columns) -> Array1<f64> {
        self.scaled(columns, |level| self.levels[level as usize].exp())
    }

    /// The variance of each column's weight with other factors for the levels.
    pub fn scaled(&self, columns: &Columns, factor: impl Fn(Level) -> f64) -> Array1<f64> {
        let variance = |column: &Column| self.groups[group(column)].exp() * factor(column.level);
        columns.list().iter().map(variance).collect()
    }
}

fn group(column: &Column) -> usize {
    column.attribute as usize * DEPTHS + column.depth()
}

/// The marginal likelihood of one source.
struct Likelihood {
    /// Inner products of the rows over the columns of a level and group, where there are such columns.
    grams: Vec<(usize, usize, Array2<f64>)>,
    residual: Array1<f64>,
}

// === impl Likelihood ===

impl Likelihood {
    fn new(columns: &Columns, source: &Evidence) -> Self {
        let mut grams = Vec::new();
        for level in Level::ALL {
            for index in 0..GROUPS {
                let members: Vec<usize> = (0..columns.len())
                    .filter(|position| {
                        let column = &columns.list()[*position];
                        column.level == level && group(column) == index
                    })
                    .collect();
                if !members.is_empty() {
                    let part = source.rows.select(ndarray::Axis(1), &members);
                    grams.push((level as usize, index, part.dot(&part.t())));
                }
            }
        }
        Self {
            grams,
            residual: &source.latencies - 1.0,
        }
    }

    /// Adds the slope of the log likelihood at a point; `noise` is the position of this source's noise in it.
    fn add_slope(&self, point: &[f64], noise: usize, slope: &mut [f64]) {
        let size = self.residual.len();
        let mut covariance = Array2::from_elem((size, size), INTERCEPT_VARIANCE);
        for (level, group, gram) in &self.grams {
            covariance.scaled_add((point[*group] + point[GROUPS + level]).exp(), gram);
        }
        let noise_variance = point[noise].exp();
        covariance
            .diag_mut()
            .map_inplace(|value| *value += noise_variance + LEAST_NOISE);
        let Some(cholesky) = Cholesky::new(covariance) else {
            return;
        };
        let inverse = cholesky.inverse();
        let alpha = inverse.dot(&self.residual);
        // The slope of log N(y; 0, K) along dK is ½·tr((α·αᵀ − K⁻¹)·dK).
        let outer = outer(alpha.view()) - inverse;
        for (level, group, gram) in &self.grams {
            let along = (point[*group] + point[GROUPS + level]).exp() * inner(&outer, gram) / 2.0;
            slope[*group] += along;
            slope[GROUPS + level] += along;
        }
        slope[noise] += noise_variance * outer.diag().sum() / 2.0;
    }
}

fn outer(vector: ArrayView1<'_, f64>) -> Array2<f64> {
    let column = vector.insert_axis(ndarray::Axis(1));
    column.dot(&column.t())
}

fn inner(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Resilient propagation (Riedmiller and Braun, 1993): steps by the slope's signs, longer while a sign stays.
struct Climb {
    point: Vec<f64>,
    steps: Vec<f64>,
    before: Vec<f64>,
}

// === impl Climb ===

impl Climb {
    fn new(point: Vec<f64>) -> Self {
        Self {
            steps: vec![0.3; point.len()],
            before: vec![0.0; point.len()],
            point,
        }
    }

    fn point(&self) -> &[f64] {
        &self.point
    }

    fn step(&mut self, slope: &[f64]) {
        for (index, slope) in slope.iter().enumerate() {
            let agreement = self.before[index] * slope;
            let step = &mut self.steps[index];
            if agreement > 0.0 {
                *step = (*step * 1.2).min(1.5);
            } else if agreement < 0.0 {
                *step = (*step * 0.5).max(1e-3);
            }
            self.before[index] = if agreement < 0.0 { 0.0 } else { *slope };
            if agreement >= 0.0 && *slope != 0.0 {
                let moved = self.point[index] + slope.signum() * *step;
                self.point[index] = moved.clamp(RANGE.0, RANGE.1);
            }
        }
    }
}

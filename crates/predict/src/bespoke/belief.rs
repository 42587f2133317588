//! What may be true of a new device before anything of it is measured.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::{
    columns::{Column, Columns},
    scales::{INTERCEPT_VARIANCE, Scales},
};
use crate::features::Level;

/// Share of the beliefs under which a device does with dead code what the sources do.
const LIKE_SOURCES: f64 = 0.6;
/// Share of the beliefs that expect nothing of the source devices.
const WITHOUT_SOURCES: f64 = 0.15;
/// How far a device may be from the mean of the sources: times their covariance, and times the variances of weights
/// about zero.
const DISTANCES: [(f64, f64); 4] = [(0.5, 0.1), (0.5, 0.4), (1.5, 0.4), (1.5, 1.0)];
/// What is left of the variance of weights at the levels that a device does not run at.
const OTHER_LEVELS: f64 = 1e-4;
/// The same for the live graph where a device runs branches side by side: operators off the heaviest path still cost.
const OFF_THE_PATH: f64 = 0.05;

/// A Gaussian belief about a device's weights, its latencies being divided by their unknown middle.
#[derive(Debug, Clone)]
pub(crate) struct Belief {
    /// How likely it is before measuring; all shares sum to 1.
    pub share: f64,
    /// Mean of each column's weight.
    pub mean: Array1<f64>,
    /// The covariance is factorsᵀ·factors + diagonal(variances).
    pub factors: Array2<f64>,
    pub variances: Array1<f64>,
}

// === impl Belief ===

impl Belief {
    /// All beliefs, given the weights of the source devices, one row a source.
    ///
    /// Each is a habit of the device (what of the graph it runs) with a trust in the sources. A device with another
    /// habit than the sources is expected to take as long for an operator as they do, but to run other operators.
    pub fn all(columns: &Columns, scales: &Scales, sources: ArrayView2<'_, f64>) -> Vec<Self> {
        let levels: Vec<Level> = columns
            .levels()
            .filter(|level| *level != Level::Raw)
            .collect();
        let (own, other) = match levels.len() {
            0 => (1.0, 0.0),
            others => (LIKE_SOURCES, (1.0 - LIKE_SOURCES) / others as f64),
        };
        let mut beliefs = Vec::new();
        let as_sources = scales.variances(columns);
        Self::trusts(own, sources, &as_sources, &mut beliefs);
        for level in levels {
            let moved = moved_to(level, columns, sources);
            let variances = scales.scaled(columns, |other| match (level, other) {
                (level, other) if level == other => 1.0,
                (Level::Path, Level::Live) => OFF_THE_PATH,
                _ => OTHER_LEVELS,
            });
            Self::trusts(other, moved.view(), &variances, &mut beliefs);
        }
        beliefs
    }

    fn trusts(
        share: f64,
        sources: ArrayView2<'_, f64>,
        variances: &Array1<f64>,
        beliefs: &mut Vec<Self>,
    ) {
        let (without, with) = match sources.nrows() {
            0 => (share, 0.0),
            _ => (share * WITHOUT_SOURCES, share * (1.0 - WITHOUT_SOURCES)),
        };
        beliefs.push(Self {
            share: without,
            mean: Array1::zeros(variances.len()),
            factors: Array2::zeros((0, variances.len())),
            variances: variances.clone(),
        });
        let Some(mean) = sources.mean_axis(Axis(0)) else {
            return;
        };
        let freedom = (sources.nrows() as f64 - 1.0).max(1.0);
        let deviations = (&sources - &mean) / freedom.sqrt();
        for (of_sources, of_weights) in DISTANCES {
            beliefs.push(Self {
                share: with / DISTANCES.len() as f64,
                mean: mean.clone(),
                factors: &deviations * f64::sqrt(of_sources),
                variances: variances * of_weights,
            });
        }
    }

    /// The covariance of the weights times the rows: one row for each, and the part of the intercept apart.
    pub fn spread(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
        &rows * &self.variances + rows.dot(&self.factors.t()).dot(&self.factors)
    }

    /// The latencies that are expected of rows, the middle being 1.
    pub fn expected(&self, rows: ArrayView2<'_, f64>) -> Array1<f64> {
        rows.dot(&self.mean) + 1.0
    }

    /// The covariance of the latencies of rows with those whose [`Belief::spread`] is given, without noise.
    pub fn covariance(spread: &Array2<f64>, rows: ArrayView2<'_, f64>) -> Array2<f64> {
        rows.dot(&spread.t()) + INTERCEPT_VARIANCE
    }
}

/// The sources' weights as those of devices that run at another level: each operator's whole weight counts there.
fn moved_to(level: Level, columns: &Columns, sources: ArrayView2<'_, f64>) -> Array2<f64> {
    let mut moved = Array2::zeros(sources.raw_dim());
    for (position, column) in columns.list().iter().enumerate() {
        if column.level == Level::Path {
            continue;
        }
        if let Some(there) = columns.position(&Column { level, ..*column }) {
            let mut to = moved.column_mut(there);
            to += &sources.column(position);
        }
    }
    moved
}

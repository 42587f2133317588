//! What may be true of a new device before anything of it is measured.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::{
    columns::{Column, Columns},
    scales::Scales,
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

/// What is believed of the weights of a device with one habit, its latencies being divided by their unknown middle: a
/// Gaussian for each trust in the source devices.
#[derive(Debug, Clone)]
pub(crate) struct Belief {
    /// Mean of the sources, for each column.
    pub mean: Array1<f64>,
    /// How the sources differ from their mean, one row each: deviationsᵀ·deviations is their covariance.
    pub deviations: Array2<f64>,
    /// Variances of the weights about zero.
    pub variances: Array1<f64>,
    pub trusts: Vec<Trust>,
}

/// How far the sources are trusted: the weights have `mean` times the mean of the sources, and as covariance `sources`
/// times theirs and `weights` times the diagonal of the variances about zero.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trust {
    /// How likely it is before measuring; the shares of all trusts of all beliefs sum to 1.
    pub share: f64,
    pub mean: f64,
    pub sources: f64,
    pub weights: f64,
}

// === impl Belief ===

impl Belief {
    /// All beliefs, given the weights of the source devices, one row a source.
    ///
    /// Each is a habit of the device: what of the graph it runs. A device with another habit than the sources is
    /// expected to take as long for an operator as they do, but to run other operators.
    pub fn all(columns: &Columns, scales: &Scales, sources: ArrayView2<'_, f64>) -> Vec<Self> {
        let levels: Vec<Level> = columns
            .levels()
            .filter(|level| *level != Level::Raw)
            .collect();
        let (own, other) = match levels.len() {
            0 => (1.0, 0.0),
            others => (LIKE_SOURCES, (1.0 - LIKE_SOURCES) / others as f64),
        };
        let mut beliefs = vec![Self::new(own, sources, scales.variances(columns))];
        beliefs.extend(levels.into_iter().map(|level| {
            let moved = moved_to(level, columns, sources);
            let variances = scales.scaled(columns, |other| match (level, other) {
                (level, other) if level == other => 1.0,
                (Level::Path, Level::Live) => OFF_THE_PATH,
                _ => OTHER_LEVELS,
            });
            Self::new(other, moved.view(), variances)
        }));
        beliefs
    }

    fn new(share: f64, sources: ArrayView2<'_, f64>, variances: Array1<f64>) -> Self {
        let mean = sources.mean_axis(Axis(0));
        let mean = mean.unwrap_or_else(|| Array1::zeros(variances.len()));
        let freedom = (sources.nrows() as f64 - 1.0).max(1.0);
        Self {
            deviations: (&sources - &mean) / freedom.sqrt(),
            mean,
            variances,
            trusts: Trust::all(share, sources.nrows()),
        }
    }

    /// The covariance of the weights, the means of the trusts apart and each by its share: factorsᵀ·factors +
    /// diagonal(variances).
    pub fn covariance(&self) -> (Array2<f64>, Array1<f64>) {
        let over_trusts = |part: fn(&Trust) -> f64| -> f64 {
            let parts = self.trusts.iter().map(|trust| trust.share * part(trust));
            parts.sum()
        };
        (
            &self.deviations * over_trusts(|trust| trust.sources).sqrt(),
            &self.variances * over_trusts(|trust| trust.weights),
        )
    }
}

// === impl Trust ===

impl Trust {
    /// All trusts in so many sources; their shares sum to the one given.
    fn all(share: f64, sources: usize) -> Vec<Self> {
        let without = |share| Self {
            share,
            mean: 0.0,
            sources: 0.0,
            weights: 1.0,
        };
        if sources == 0 {
            return vec![without(share)];
        }
        let with = share * (1.0 - WITHOUT_SOURCES) / DISTANCES.len() as f64;
        let with = DISTANCES.map(|(sources, weights)| Self {
            share: with,
            mean: 1.0,
            sources,
            weights,
        });
        let mut trusts = vec![without(share * WITHOUT_SOURCES)];
        trusts.extend(with);
        trusts
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

//! What source devices teach about devices that were never seen.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::{
    belief::Belief,
    calibration::Calibration,
    columns::Columns,
    plan,
    posterior::Posterior,
    predictor::BespokePredictor,
    scales::{Evidence, Scales},
};
use crate::{Fitted, Network, PredictError, Predictor, Sample, Source, cholesky::Cholesky};

/// Version of the written form.
const VERSION: u32 = 1;
/// What a latency may be, in ms: a femtosecond is none, nor is a month.
const LATENCIES_MS: std::ops::RangeInclusive<f64> = 1e-12..=1e10;
/// Rows of a source that the scales are learned from.
const ROWS_OF_EVIDENCE: usize = 48;
/// Rows of a source that its weights are learned from.
const ROWS_OF_WEIGHTS: usize = 900;
/// Rows of a source that the intervals are calibrated on.
const ROWS_OF_CALIBRATION: usize = 200;
/// Fewest latencies that make a source.
const FEWEST_ROWS: usize = 20;
/// Rounded latencies are spread evenly over a width of 1 ms.
const VARIANCE_OF_ROUNDING: f64 = 1.0 / 12.0;

/// The default predictor before it meets a device: a Gaussian prior over the weights of features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Prior {
    columns: Columns,
    scales: Scales,
    sources: Vec<String>,
    /// One row a source; its latencies are divided by their median.
    weights: Array2<f64>,
    /// Centred rows of the networks that stand for all others.
    anchors: Array2<f64>,
    calibration: Calibration,
}

/// The prior as it is written; unknown versions are refused.
#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    version: u32,
    columns: Columns,
    scales: Scales,
    sources: Vec<String>,
    weights: Vec<Vec<f64>>,
    anchors: Vec<Vec<f64>>,
    calibration: Calibration,
}

// === impl Prior ===

impl Prior {
    /// Learns from devices that were measured on some of the networks. Without any source, the predictor knows of a
    /// device what its own samples say.
    ///
    /// # Errors
    /// When there are no networks, a latency is not positive and finite, or a source has fewer than twenty.
    pub fn fit(networks: &[&Network], sources: &[Source]) -> Result<Self, PredictError> {
        if networks.is_empty() {
            return Err(PredictError::TooFew {
                what: "networks",
                needed: 1,
                got: 0,
            });
        }
        let measured: Vec<Measured> = sources.iter().map(Measured::of).collect::<Result<_, _>>()?;
        let columns = Columns::of(networks);
        let matrix = columns.matrix(networks);
        let evidence: Vec<Evidence> = measured
            .iter()
            .map(|source| source.evidence(&matrix))
            .collect();
        let (scales, noise) = if evidence.is_empty() {
            (Scales::default(), Vec::new())
        } else {
            Scales::fit(&columns, &evidence)
        };
        let variances = scales.variances(&columns);
        let mut weights = Array2::zeros((measured.len(), columns.len()));
        for ((mut row, source), noise) in weights.rows_mut().into_iter().zip(&measured).zip(&noise)
        {
            row.assign(&source.weights(&matrix, &variances, *noise));
        }
        let beliefs = Belief::all(&columns, &scales, weights.view());
        let pool = matrix.select(Axis(0), &plan::thinned(networks.len(), plan::LARGEST_POOL));
        let anchors = plan::spread_out(&beliefs, pool.view(), Posterior::ANCHORS);
        let mut prior = Self {
            anchors: pool.select(Axis(0), &anchors),
            columns,
            scales,
            sources: sources.iter().map(|source| source.name.clone()).collect(),
            weights,
            calibration: Calibration::default(),
        };
        prior.calibration = prior.calibrated(&matrix, &measured);
        Ok(prior)
    }

    /// Names of the devices that it learned from.
    pub fn sources(&self) -> &[String] {
        &self.sources
    }

    /// What is believed of a device that is none of the sources, one of them left out on wish.
    fn beliefs(&self, left_out: Option<usize>) -> Vec<Belief> {
        let kept: Vec<usize> = (0..self.weights.nrows())
            .filter(|source| Some(*source) != left_out)
            .collect();
        let weights = self.weights.select(Axis(0), &kept);
        Belief::all(&self.columns, &self.scales, weights.view())
    }

    /// Learns a device; see [`Fitted::adapt`].
    ///
    /// # Errors
    /// When there is no sample, or a latency is not positive and finite.
    pub fn adapted(&self, samples: &[Sample<'_>]) -> Result<BespokePredictor, PredictError> {
        if samples.is_empty() {
            return Err(PredictError::TooFew {
                what: "samples of the new device",
                needed: 1,
                got: 0,
            });
        }
        let latencies: Vec<f64> = samples.iter().map(|sample| sample.latency_ms).collect();
        latencies.iter().try_for_each(|ms| check(*ms))?;
        let networks: Vec<&Network> = samples.iter().map(|sample| sample.network).collect();
        let rows = self.columns.matrix(&networks);
        let posterior = self.posterior(&self.beliefs(None), rows.view(), &latencies.into());
        let widening = self.calibration.widening(samples.len());
        Ok(BespokePredictor::new(
            &self.columns,
            &posterior,
            self.anchors.view(),
            widening,
        ))
    }

    fn posterior(
        &self,
        beliefs: &[Belief],
        rows: ArrayView2<'_, f64>,
        latencies: &Array1<f64>,
    ) -> Posterior {
        let are_rounded = latencies.iter().all(|ms| ms.fract() == 0.0);
        let rounding = if are_rounded {
            VARIANCE_OF_ROUNDING
        } else {
            0.0
        };
        Posterior::new(
            beliefs,
            rows,
            latencies.view(),
            self.anchors.view(),
            rounding,
        )
    }

    /// Plays each source as a new device, known from the others, and sees how far off the prices are.
    fn calibrated(&self, matrix: &Array2<f64>, measured: &[Measured]) -> Calibration {
        let mut calibration = Calibration::default();
        if measured.len() < 2 {
            return calibration;
        }
        let mut misses = Calibration::SAMPLES.map(|samples| (samples, Vec::new()));
        for (index, source) in measured.iter().enumerate() {
            let beliefs = self.beliefs(Some(index));
            let known = source.spread_over(ROWS_OF_CALIBRATION + plan::LARGEST_POOL);
            let rows = source.rows(matrix, &known);
            let latencies = source.latencies(&known);
            let order = plan::spread_out(&beliefs, rows.view(), Calibration::MOST_SAMPLES);
            let tested: Vec<usize> = (0..known.len())
                .filter(|row| !order.contains(row))
                .collect();
            let tested = thin(&tested, ROWS_OF_CALIBRATION);
            let (tested_rows, tested_ms) = (
                rows.select(Axis(0), &tested),
                latencies.select(Axis(0), &tested),
            );
            for (samples, of_sources) in &mut misses {
                let chosen = &order[..order.len().min(*samples)];
                let rows = rows.select(Axis(0), chosen);
                let posterior =
                    self.posterior(&beliefs, rows.view(), &latencies.select(Axis(0), chosen));
                of_sources.push(posterior.misses(
                    self.anchors.view(),
                    tested_rows.view(),
                    tested_ms.view(),
                ));
            }
        }
        for (samples, of_sources) in &misses {
            calibration.add(*samples, of_sources);
        }
        calibration
    }
}

impl Fitted for Prior {
    fn plan(&self, pool: &[&Network], samples: usize, _seed: u64) -> Vec<usize> {
        plan::choose(&self.beliefs(None), &self.columns, pool, samples)
    }

    fn adapt(
        &self,
        samples: &[Sample<'_>],
        _seed: u64,
    ) -> Result<Box<dyn Predictor>, PredictError> {
        Ok(Box::new(self.adapted(samples)?))
    }
}

/// A source's latencies where it has any.
struct Measured {
    rows: Vec<usize>,
    latencies_ms: Vec<f64>,
    median: f64,
}

// === impl Measured ===

impl Measured {
    fn of(source: &Source) -> Result<Self, PredictError> {
        let known = source.latencies_ms.iter().enumerate();
        let known: Vec<(usize, f64)> = known.filter_map(|(row, ms)| Some((row, (*ms)?))).collect();
        known.iter().try_for_each(|(_, ms)| check(*ms))?;
        if known.len() < FEWEST_ROWS {
            return Err(PredictError::TooFew {
                what: "latencies of a source device",
                needed: FEWEST_ROWS,
                got: known.len(),
            });
        }
        let (rows, latencies_ms): (Vec<usize>, Vec<f64>) = known.into_iter().unzip();
        Ok(Self {
            median: bespoke_measure::median(&latencies_ms),
            rows,
            latencies_ms,
        })
    }

    /// Positions of about so many of the rows, evenly among all.
    fn spread_over(&self, count: usize) -> Vec<usize> {
        let all: Vec<usize> = (0..self.rows.len()).collect();
        thin(&all, count)
    }

    fn rows(&self, matrix: &Array2<f64>, positions: &[usize]) -> Array2<f64> {
        let rows: Vec<usize> = positions
            .iter()
            .map(|position| self.rows[*position])
            .collect();
        matrix.select(Axis(0), &rows)
    }

    fn latencies(&self, positions: &[usize]) -> Array1<f64> {
        positions
            .iter()
            .map(|position| self.latencies_ms[*position])
            .collect()
    }

    fn evidence(&self, matrix: &Array2<f64>) -> Evidence {
        let positions = self.spread_over(ROWS_OF_EVIDENCE);
        Evidence {
            rows: self.rows(matrix, &positions),
            latencies: self.latencies(&positions) / self.median,
        }
    }

    /// The weights that explain the source best: those of ridge regression under the prior variances.
    fn weights(&self, matrix: &Array2<f64>, variances: &Array1<f64>, noise: f64) -> Array1<f64> {
        let positions = self.spread_over(ROWS_OF_WEIGHTS);
        let rows = self.rows(matrix, &positions);
        let latencies = self.latencies(&positions) / self.median;
        let centred = &latencies - latencies.mean().unwrap_or(0.0);
        let mut normal = rows.t().dot(&rows) / noise;
        for (diagonal, variance) in normal.diag_mut().iter_mut().zip(variances) {
            *diagonal += 1.0 / variance;
        }
        let cholesky = Cholesky::new(normal).expect("a positive diagonal was added");
        cholesky.solve((rows.t().dot(&centred) / noise).view())
    }
}

/// About so many of the items, evenly among all.
fn thin(items: &[usize], count: usize) -> Vec<usize> {
    let step = (items.len() as f64 / count as f64).max(1.0);
    let position = |index: usize| (index as f64 * step) as usize;
    (0..count.min(items.len()))
        .map(|index| items[position(index)])
        .collect()
}

pub(super) fn check(ms: f64) -> Result<(), PredictError> {
    if LATENCIES_MS.contains(&ms) {
        Ok(())
    } else {
        Err(PredictError::Latency { ms })
    }
}

impl TryFrom<Stored> for Prior {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        if stored.version != VERSION {
            return Err(format!(
                "a prior of format {}, where this program reads format {VERSION}",
                stored.version
            ));
        }
        let width = stored.columns.len();
        let matrix = |rows: &[Vec<f64>]| {
            Array2::from_shape_fn((rows.len(), width), |(row, column)| {
                rows[row].get(column).copied().unwrap_or(0.0)
            })
        };
        Ok(Self {
            weights: matrix(&stored.weights),
            anchors: matrix(&stored.anchors),
            columns: stored.columns,
            scales: stored.scales,
            sources: stored.sources,
            calibration: stored.calibration,
        })
    }
}

impl From<Prior> for Stored {
    fn from(prior: Prior) -> Self {
        let rows =
            |matrix: &Array2<f64>| matrix.rows().into_iter().map(|row| row.to_vec()).collect();
        Self {
            version: VERSION,
            weights: rows(&prior.weights),
            anchors: rows(&prior.anchors),
            columns: prior.columns,
            scales: prior.scales,
            sources: prior.sources,
            calibration: prior.calibration,
        }
    }
}

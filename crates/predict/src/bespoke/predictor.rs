//! The default predictor once it knows a device.

use bespoke_measure::{Estimate, Latency};
use ndarray::{Array2, ArrayView1, ArrayView2};

use super::{
    calibration::{Miss, Widening},
    columns::Columns,
    posterior::{Posterior, size},
};
use crate::{
    Network, PredictError, Predictor,
    cholesky::Cholesky,
    features::{Features, Key, Level},
};

/// Part of the middle latency below which a price bends, so that it stays positive and in order.
const FLOOR: f64 = 0.05;
/// The mean and the directions of uncertainty of a price.
const WIDTH: usize = 1 + Posterior::ANCHORS;
/// In ms.
pub(crate) type Sums = [f32; WIDTH];

/// Prices of one device: linear in the features, with an interval from a few directions of uncertainty.
#[derive(Debug, Clone)]
pub struct BespokePredictor {
    levels: Vec<Level>,
    /// For each level, the position of each possible key's sums, 0 where it has none.
    positions: Vec<Vec<u16>>,
    /// A key's part in the mean and in each direction, in ms.
    sums: Vec<Sums>,
    intercept: Sums,
    noise: f64,
    middle: f64,
    widening: Widening,
}

/// Directions of uncertainty: the squares of a row's products with them sum to the variance of its latency.
struct Directions {
    of_rows: Array2<f64>,
    of_intercept: Vec<f64>,
}

// === impl BespokePredictor ===

impl BespokePredictor {
    pub(crate) fn new(
        columns: &Columns,
        posterior: &Posterior,
        anchors: ArrayView2<'_, f64>,
        widening: Widening,
    ) -> Self {
        let directions = Directions::new(posterior, anchors);
        let part = |positions: &[usize], unit: f64| {
            let mut part = [0.0; WIDTH];
            for position in positions {
                part[0] += (posterior.weights[*position] / unit) as f32;
                for (value, direction) in part[1..].iter_mut().zip(directions.of_rows.rows()) {
                    *value += (direction[*position] / unit) as f32;
                }
            }
            part
        };
        let levels: Vec<Level> = columns.levels().collect();
        let mut positions = vec![vec![0; Key::COUNT]; levels.len()];
        let mut sums = vec![[0.0; WIDTH]];
        for (level, positions) in levels.iter().zip(&mut positions) {
            for (key, of_key) in columns.sums(*level) {
                positions[key.index()] = u16::try_from(sums.len()).expect("there are fewer keys");
                sums.push(part(&of_key, columns.unit(key.attribute)));
            }
        }
        let centre = columns.centre();
        let mut intercept = [0.0; WIDTH];
        intercept[0] = (posterior.intercept - posterior.weights.dot(centre)) as f32;
        let ends = directions
            .of_intercept
            .iter()
            .zip(directions.of_rows.rows());
        for (value, (at_centre, direction)) in intercept[1..].iter_mut().zip(ends) {
            *value = (at_centre - direction.dot(centre)) as f32;
        }
        Self {
            levels,
            positions,
            sums,
            intercept,
            noise: posterior.noise,
            middle: posterior.middle,
            widening,
        }
    }

    /// Adds what features add to the mean and to each direction, in ms.
    pub(crate) fn add(&self, features: &Features, total: &mut Sums) {
        for (level, positions) in self.levels.iter().zip(&self.positions) {
            for (key, amount) in features.at(*level) {
                let sums = &self.sums[usize::from(positions[key.index()])];
                let amount = *amount as f32;
                for (total, part) in total.iter_mut().zip(sums) {
                    *total += amount * part;
                }
            }
        }
    }

    /// The price of a network, whatever space it is of, if any: the median and the 90 % interval in which a measurement
    /// of it is expected.
    pub fn price(&self, network: &Network) -> Estimate {
        let mut total = self.nothing();
        self.add(network.features(), &mut total);
        self.estimate(&total)
    }

    /// What a network without operators has.
    pub(crate) fn nothing(&self) -> Sums {
        self.intercept
    }

    /// The price of a network, given the sums over all of it.
    pub(crate) fn estimate(&self, total: &Sums) -> Estimate {
        let uncertain: f32 = total[1..].iter().map(|value| value * value).sum();
        let mean = f64::from(total[0]);
        let noise = self.noise * (size(mean / self.middle) * self.middle).powi(2);
        let deviation = (f64::from(uncertain) + noise).sqrt() / self.middle;
        let half = self.widening.half_width(deviation) * self.middle;
        let latency = |ms: f64| {
            let ms = positive(ms, FLOOR * self.middle);
            Latency::from_ms(ms).expect("positive and finite by construction")
        };
        Estimate {
            median_ms: latency(mean),
            low_ms: latency(mean - half),
            high_ms: latency(mean + half),
        }
    }
}

impl Predictor for BespokePredictor {
    fn predict(&self, networks: &[&Network]) -> Result<Vec<Estimate>, PredictError> {
        let networks = networks.iter();
        Ok(networks.map(|network| self.price(network)).collect())
    }
}

/// The value where it is above the floor; below, it falls ever more slowly towards nothing.
fn positive(value: f64, floor: f64) -> f64 {
    if value >= floor {
        value.min(f64::MAX)
    } else {
        (floor * ((value - floor) / floor).exp()).max(f64::MIN_POSITIVE)
    }
}

// === impl Posterior ===

impl Posterior {
    /// How far measured rows are from what is expected of them.
    pub(crate) fn misses(
        &self,
        anchors: ArrayView2<'_, f64>,
        rows: ArrayView2<'_, f64>,
        latencies_ms: ArrayView1<'_, f64>,
    ) -> Vec<Miss> {
        let directions = Directions::new(self, anchors);
        let misses = rows.rows().into_iter().zip(latencies_ms).map(|(row, ms)| {
            let uncertain: f64 = directions
                .of_rows
                .rows()
                .into_iter()
                .zip(&directions.of_intercept)
                .map(|(direction, at_centre)| (direction.dot(&row) + at_centre).powi(2))
                .sum();
            let mean = self.intercept + self.weights.dot(&row);
            let noise = self.noise * (size(mean / self.middle) * self.middle).powi(2);
            Miss {
                error: (ms - mean).abs() / self.middle,
                deviation: (uncertain + noise).sqrt() / self.middle,
            }
        });
        misses.collect()
    }
}

// === impl Directions ===

impl Directions {
    /// L⁻¹·(covariance of the anchors with weights and intercept), L·Lᵀ being the covariance of the anchors.
    fn new(posterior: &Posterior, anchors: ArrayView2<'_, f64>) -> Self {
        let of_anchors = &anchors.dot(&posterior.spread.t()) + &posterior.intercept_spread;
        let mut of_anchors = (&of_anchors + &of_anchors.t()) / 2.0;
        let most = of_anchors.diag().iter().copied().fold(0.0, f64::max);
        let least = most * 1e-6 + f64::MIN_POSITIVE;
        of_anchors.diag_mut().map_inplace(|value| *value += least);
        let Some(cholesky) = Cholesky::new(of_anchors) else {
            return Self {
                of_rows: Array2::zeros((0, anchors.ncols())),
                of_intercept: Vec::new(),
            };
        };
        let mut of_rows = posterior.spread.clone();
        cholesky.forward_all(&mut of_rows);
        let of_intercept = cholesky.forward(posterior.intercept_spread.view());
        Self {
            of_rows,
            of_intercept: of_intercept.to_vec(),
        }
    }
}

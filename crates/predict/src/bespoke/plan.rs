//! Choosing what to measure: the networks whose latencies tell most.
//!
//! Greedy and D-optimal: always the network whose latency is least known, given those chosen before it, under the
//! mixture of all beliefs. So that the sources are not trusted too much, half of what is believed is no belief in them.

use ndarray::{Array1, Array2, ArrayView2, Axis, concatenate};

use super::{belief::Belief, columns::Columns, scales::INTERCEPT_VARIANCE};
use crate::Network;

/// Networks that are looked at in a larger pool.
pub(crate) const LARGEST_POOL: usize = 600;
/// Variance of the noise that a measurement is taken to have, the middle latency being 1.
const NOISE: f64 = 0.05 * 0.05;

/// Positions in the pool of the networks to measure, the most informative first.
pub(crate) fn choose(
    beliefs: &[Belief],
    columns: &Columns,
    pool: &[&Network],
    samples: usize,
) -> Vec<usize> {
    let kept = thinned(pool.len(), LARGEST_POOL.max(samples));
    let networks: Vec<&Network> = kept.iter().map(|position| pool[*position]).collect();
    let rows = columns.matrix(&networks);
    let chosen = spread_out(beliefs, rows.view(), samples);
    chosen.into_iter().map(|row| kept[row]).collect()
}

/// So many rows, each the one whose latency is least known from those before it.
pub(crate) fn spread_out(
    beliefs: &[Belief],
    rows: ArrayView2<'_, f64>,
    count: usize,
) -> Vec<usize> {
    let (factors, variances) = mixed(beliefs, rows.ncols());
    let projected = rows.dot(&factors.t());
    let mut unknown: Array1<f64> = rows.map(|value| value * value).dot(&variances)
        + projected.map(|value| value * value).sum_axis(Axis(1))
        + INTERCEPT_VARIANCE;
    let mut explained: Vec<Array1<f64>> = Vec::new();
    let mut chosen = Vec::new();
    for _ in 0..count.min(rows.nrows()) {
        let next = (0..rows.nrows())
            .filter(|row| !chosen.contains(row))
            .max_by(|a, b| unknown[*a].total_cmp(&unknown[*b]));
        let next = next.expect("fewer were chosen than there are");
        let mut covariance = rows.dot(&(&rows.row(next) * &variances))
            + projected.dot(&projected.row(next))
            + INTERCEPT_VARIANCE;
        for direction in &explained {
            covariance.scaled_add(-direction[next], direction);
        }
        let direction = covariance / (unknown[next].max(0.0) + NOISE).sqrt();
        unknown -= &direction.map(|value| value * value);
        explained.push(direction);
        chosen.push(next);
    }
    chosen
}

/// The covariance of all beliefs together: factorsᵀ·factors + diagonal(variances).
fn mixed(beliefs: &[Belief], columns: usize) -> (Array2<f64>, Array1<f64>) {
    let mut variances = Array1::zeros(columns);
    let mut factors = Array2::zeros((0, columns));
    for belief in beliefs {
        let (of_sources, of_weights) = belief.covariance();
        variances += &of_weights;
        factors = concatenate(Axis(0), &[factors.view(), of_sources.view()])
            .expect("all beliefs are of the same columns");
    }
    (factors, variances)
}

/// About so many positions, evenly among all.
pub(crate) fn thinned(all: usize, most: usize) -> Vec<usize> {
    let step = (all as f64 / most as f64).max(1.0);
    (0..all.min(most))
        .map(|index| (index as f64 * step) as usize)
        .collect()
}

//! A space whose networks were all trained and measured, and what is best in it.

use std::{collections::HashMap, sync::Arc};

use bespoke_predict::Table;
use bespoke_search::pareto::hypervolume;
use bespoke_space::{Architecture, Space};

use crate::{Accuracies, TabularError, networks::Networks};

/// Of the reference point of hypervolumes, in per cent; its latency on each target is the slowest of the table.
const REFERENCE_ACCURACY: f64 = 10.0;

/// A space, the accuracy of each of its networks and their latencies on some targets, each with its bound or none.
#[derive(Debug)]
pub struct Benchmark {
    pub(crate) space: Space,
    pub(crate) targets: Vec<Target>,
    pub(crate) networks: Arc<Networks>,
    reference: Vec<f64>,
    /// That the true front encloses.
    volume: f64,
    /// Of the most accurate network that meets the bounds.
    pub(crate) oracle_accuracy: f64,
}

/// A column of a table of latencies, and what a network may take there.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Name of the column.
    pub column: String,
    /// The most that a network may take, in milliseconds.
    pub bound_ms: Option<f64>,
}

// === impl Target ===

impl Target {
    /// A target for each column. No bounds at all are none for any.
    ///
    /// # Errors
    /// When there is no column, one is named twice, there are not as many bounds as columns, or a bound is not a number
    /// above 0.
    pub fn all(columns: &[String], bounds_ms: &[Option<f64>]) -> Result<Vec<Self>, TabularError> {
        if columns.is_empty() {
            return Err(TabularError::NoTarget);
        }
        if !bounds_ms.is_empty() && bounds_ms.len() != columns.len() {
            return Err(TabularError::Bounds {
                bounds: bounds_ms.len(),
                targets: columns.len(),
            });
        }
        let mut targets: Vec<Self> = Vec::with_capacity(columns.len());
        let bounds_ms = bounds_ms.iter().copied().chain(std::iter::repeat(None));
        for (column, bound_ms) in columns.iter().cloned().zip(bounds_ms) {
            if targets.iter().any(|target| target.column == column) {
                return Err(TabularError::SameTarget { column });
            }
            if let Some(bound_ms) = bound_ms.filter(|ms| !(ms.is_finite() && *ms > 0.0)) {
                return Err(TabularError::Bound { column, bound_ms });
            }
            targets.push(Self { column, bound_ms });
        }
        Ok(targets)
    }
}

// === impl Benchmark ===

impl Benchmark {
    /// Joins the tables of a space by architecture.
    ///
    /// # Errors
    /// When the table of latencies lacks a target, or a network's latency on one; when no network meets the bounds; when
    /// the true front encloses nothing.
    pub fn new(
        space: Space,
        accuracies: Accuracies,
        latencies: &Table,
        targets: Vec<Target>,
    ) -> Result<Self, TabularError> {
        let (architectures, accuracies_percent): (Vec<Architecture>, Vec<f64>) =
            accuracies.into_rows().into_iter().unzip();
        let latencies_ms = latencies_of(&space, &architectures, latencies, &targets)?;
        let rows = architectures.iter().cloned().zip(0..).collect();
        let networks = Networks {
            architectures,
            accuracies_percent,
            latencies_ms,
            rows,
        };
        let mut benchmark = Self {
            reference: reference(&networks, targets.len()),
            space,
            targets,
            networks: Arc::new(networks),
            volume: 0.0,
            oracle_accuracy: 0.0,
        };
        benchmark.oracle_accuracy = benchmark.oracle()?;
        let all: Vec<usize> = benchmark.rows().collect();
        benchmark.volume = benchmark.hypervolume(&all);
        match benchmark.volume > 0.0 {
            true => Ok(benchmark),
            false => Err(TabularError::NoFront),
        }
    }

    /// The space.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// The share of the true front's hypervolume that these networks enclose, whatever the bounds.
    pub(crate) fn hypervolume_fraction(&self, rows: &[usize]) -> f64 {
        (self.hypervolume(rows) / self.volume).min(1.0)
    }

    /// Sum of the relative excess over the bounds.
    pub(crate) fn violation(&self, row: usize) -> f64 {
        let latencies_ms = &self.networks.latencies_ms[row];
        let excess = self.targets.iter().zip(latencies_ms).map(|(target, ms)| {
            let bound_ms = target.bound_ms.unwrap_or(f64::INFINITY);
            (ms / bound_ms - 1.0).max(0.0)
        });
        excess.sum()
    }

    /// Of these rows, the most accurate that meets the bounds, the first of equals.
    pub(crate) fn best(&self, rows: impl Iterator<Item = usize>) -> Option<usize> {
        let accuracies = &self.networks.accuracies_percent;
        rows.filter(|row| self.violation(*row) == 0.0)
            .reduce(|best, row| match accuracies[row] > accuracies[best] {
                true => row,
                false => best,
            })
    }

    /// Every row.
    pub(crate) fn rows(&self) -> std::ops::Range<usize> {
        0..self.networks.architectures.len()
    }

    fn hypervolume(&self, rows: &[usize]) -> f64 {
        let points: Vec<Vec<f64>> = rows
            .iter()
            .map(|row| self.networks.objectives(*row))
            .collect();
        hypervolume(&points, &self.reference)
    }

    fn oracle(&self) -> Result<f64, TabularError> {
        let Some(best) = self.best(self.rows()) else {
            return Err(self.impossible());
        };
        Ok(self.networks.accuracies_percent[best])
    }

    /// Why no network meets the bounds.
    fn impossible(&self) -> TabularError {
        for (index, target) in self.targets.iter().enumerate() {
            let latencies_ms = self.networks.latencies_ms.iter();
            let least_ms = latencies_ms.map(|of_row| of_row[index]);
            let least_ms = least_ms.fold(f64::INFINITY, f64::min);
            if let Some(bound_ms) = target.bound_ms.filter(|bound_ms| least_ms > *bound_ms) {
                return TabularError::Impossible {
                    column: target.column.clone(),
                    bound_ms,
                    least_ms,
                };
            }
        }
        TabularError::ImpossibleTogether
    }
}

/// For each architecture, its latency on each target.
fn latencies_of(
    space: &Space,
    architectures: &[Architecture],
    table: &Table,
    targets: &[Target],
) -> Result<Vec<Vec<f64>>, TabularError> {
    let columns: Vec<&[Option<f64>]> = (targets.iter())
        .map(|target| table.latencies_ms(&target.column))
        .collect::<Result<_, _>>()?;
    let rows = table.architectures().iter().enumerate();
    let rows: HashMap<&Architecture, usize> = rows
        .filter_map(|(row, architecture)| Some((architecture.as_ref()?, row)))
        .collect();
    let latency_ms = |architecture: &Architecture, index: usize| {
        let row = rows.get(architecture);
        let known = row.and_then(|row| columns[index][*row]);
        known.ok_or_else(|| TabularError::NoLatency {
            column: targets[index].column.clone(),
            architecture: space.format_architecture(architecture),
            space: space.name().to_owned(),
        })
    };
    let of_row = |architecture| {
        let indices = 0..targets.len();
        indices
            .map(|index| latency_ms(architecture, index))
            .collect()
    };
    architectures.iter().map(of_row).collect()
}

/// The worst that counts in a hypervolume.
fn reference(networks: &Networks, targets: usize) -> Vec<f64> {
    let mut reference = vec![0.0; 1 + targets];
    reference[0] = 100.0 - REFERENCE_ACCURACY;
    for of_row in &networks.latencies_ms {
        for (slowest, ms) in reference[1..].iter_mut().zip(of_row) {
            *slowest = ms.max(*slowest);
        }
    }
    reference
}

//! What a search found.

use std::collections::BTreeMap;

use bespoke_measure::median;
use bespoke_search::pareto::pareto_front;
use serde::Serialize;

use crate::Benchmark;

/// Numbers of evaluations after which it is looked at how much was found.
pub const CHECKPOINTS: [usize; 5] = [50, 100, 200, 400, 800];

/// What one search found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// Seed of the search.
    pub seed: u64,
    /// Different networks that were evaluated.
    pub evaluations: usize,
    /// The share of the true front's hypervolume that the networks enclose that were evaluated first: as many as the key
    /// says, or all of the space where it has fewer. Latencies are minimised and the accuracy is maximised, up to 10 %
    /// and the slowest network on each target, whatever the bounds.
    pub hypervolume_fraction: BTreeMap<usize, f64>,
    /// Absent where there is no bound, `Some(None)` where nothing that was evaluated meets them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best: Option<Option<Best>>,
    /// Of the evaluated networks that meet the bounds those that no other beats, fastest first on the first target.
    pub front: Vec<Evaluated>,
}

/// A network that a search evaluated.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluated {
    /// Its canonical string.
    pub architecture: String,
    /// In per cent.
    pub accuracy: f64,
    /// As the table has it.
    pub latency_ms: LatencyMs,
}

/// The most accurate network that a search evaluated and that meets the bounds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Best {
    /// The network.
    #[serde(flatten)]
    pub network: Evaluated,
    /// Of the most accurate network in the table that meets the bounds, in per cent.
    pub oracle_accuracy: f64,
}

/// Latencies of a network in milliseconds: a number where there is one target, else by target.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum LatencyMs {
    /// On the only target.
    One(f64),
    /// On each of several.
    Several(BTreeMap<String, f64>),
}

/// A figure over several seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// What it is.
    pub name: String,
    /// Median over the seeds that have it.
    pub median: f64,
    /// Mean over them.
    pub mean: f64,
    /// How many they are.
    pub seeds: usize,
}

/// The figures of some searches, in the order in which they are read.
pub fn summary(outcomes: &[Outcome]) -> Vec<Figure> {
    let mut names: Vec<String> = Vec::new();
    let mut values: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (name, value) in outcomes.iter().flat_map(Outcome::figures) {
        if !names.contains(&name) {
            names.push(name.clone());
        }
        values.entry(name).or_default().push(value);
    }
    let figure = |name: String| {
        let values = &values[&name];
        Figure {
            median: median(values),
            mean: values.iter().sum::<f64>() / values.len() as f64,
            seeds: values.len(),
            name,
        }
    };
    names.into_iter().map(figure).collect()
}

// === impl Outcome ===

impl Outcome {
    /// Of a search that evaluated these rows, one after the other.
    pub(crate) fn of(benchmark: &Benchmark, seed: u64, rows: &[usize], asked: usize) -> Self {
        let fraction = |count: usize| {
            let first = &rows[..count.min(rows.len())];
            (count, benchmark.hypervolume_fraction(first))
        };
        let reached = CHECKPOINTS.into_iter().filter(|count| *count <= asked);
        let is_bounded = (benchmark.targets.iter()).any(|target| target.bound_ms.is_some());
        let best = || {
            let row = benchmark.best(rows.iter().copied());
            row.map(|row| Best {
                network: Evaluated::of(benchmark, row),
                oracle_accuracy: benchmark.oracle_accuracy,
            })
        };
        let front = benchmark.front(rows).into_iter();
        Self {
            seed,
            evaluations: rows.len(),
            hypervolume_fraction: reached.map(fraction).collect(),
            best: is_bounded.then(best),
            front: front.map(|row| Evaluated::of(benchmark, row)).collect(),
        }
    }

    fn figures(&self) -> Vec<(String, f64)> {
        let fractions = self.hypervolume_fraction.iter();
        let mut figures: Vec<(String, f64)> = fractions
            .map(|(count, fraction)| (format!("hypervolume fraction after {count}"), *fraction))
            .collect();
        if let Some(Some(best)) = &self.best {
            let network = &best.network;
            figures.push(("accuracy of the best, %".to_owned(), network.accuracy));
            let loss = best.oracle_accuracy - network.accuracy;
            figures.push(("points below the oracle".to_owned(), loss));
            match &network.latency_ms {
                LatencyMs::One(ms) => figures.push(("ms".to_owned(), *ms)),
                LatencyMs::Several(by_target) => figures.extend(
                    by_target
                        .iter()
                        .map(|(target, ms)| (format!("ms on {target}"), *ms)),
                ),
            }
        }
        figures
    }
}

// === impl Benchmark ===

impl Benchmark {
    /// Of these rows those that meet the bounds and that no other of them beats, fastest first on the first target.
    fn front(&self, rows: &[usize]) -> Vec<usize> {
        let within = rows.iter().copied();
        let within: Vec<usize> = within.filter(|row| self.violation(*row) == 0.0).collect();
        let points = within.iter().map(|row| self.networks.objectives(*row));
        let points: Vec<Vec<f64>> = points.collect();
        let mut front: Vec<usize> = pareto_front(&points)
            .into_iter()
            .map(|index| within[index])
            .collect();
        let first_ms = |row: &usize| self.networks.latencies_ms[*row][0];
        front.sort_by(|a, b| first_ms(a).total_cmp(&first_ms(b)).then(a.cmp(b)));
        front
    }
}

// === impl Evaluated ===

impl Evaluated {
    fn of(benchmark: &Benchmark, row: usize) -> Self {
        let networks = &benchmark.networks;
        let columns = benchmark.targets.iter().map(|target| target.column.clone());
        let latencies_ms = networks.latencies_ms[row].iter().copied();
        Self {
            architecture: (benchmark.space).format_architecture(&networks.architectures[row]),
            accuracy: networks.accuracies_percent[row],
            latency_ms: match networks.latencies_ms[row][..] {
                [ms] => LatencyMs::One(ms),
                _ => LatencyMs::Several(columns.zip(latencies_ms).collect()),
            },
        }
    }
}

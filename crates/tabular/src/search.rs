//! One search in the tables.

use std::num::NonZeroUsize;

use bespoke_search::{Finished, Forecast, Problem, RelatedTask, StrategyConfig};
use bespoke_space::Architecture;
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use crate::{Accuracies, Benchmark, Outcome, TabularError};

/// How a benchmark is searched.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// What proposes, with its settings.
    pub strategy: StrategyConfig,
    /// Networks to evaluate, all different; all of the space where it has fewer.
    pub evaluations: usize,
    /// Networks that are evaluated side by side: one is proposed when the results of all but so many less one of those
    /// before it are known.
    pub in_flight: NonZeroUsize,
    /// With which probability a proposal has to meet each bound, where a forecast says so.
    pub confidence: f64,
    /// What is known of another task.
    pub related: Option<Related>,
}

/// A task that teaches a search before it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Related {
    /// How accurate each network is there.
    pub accuracies: Accuracies,
    /// How many networks, drawn at random by the seed of the search, have been evaluated there.
    pub networks: usize,
}

// === impl Search ===

impl Search {
    /// Searches. The same seed and forecast give the same outcome.
    ///
    /// # Errors
    /// When the strategy refuses its settings, or what it is asked for.
    pub fn run(
        &self,
        benchmark: &Benchmark,
        seed: u64,
        forecast: Option<Box<dyn Forecast>>,
    ) -> Result<Outcome, TabularError> {
        let rows = self.evaluated(benchmark, seed, forecast)?;
        Ok(Outcome::of(benchmark, seed, &rows, self.evaluations))
    }

    /// The rows of the networks that are evaluated, one after the other.
    pub(crate) fn evaluated(
        &self,
        benchmark: &Benchmark,
        seed: u64,
        forecast: Option<Box<dyn Forecast>>,
    ) -> Result<Vec<usize>, TabularError> {
        let bounds_ms = benchmark.targets.iter().map(|target| target.bound_ms);
        let problem = Problem {
            bounds: std::iter::once(None).chain(bounds_ms).collect(),
            forecast,
            confidence: self.confidence,
            related: self.related.iter().map(|of| of.task(seed)).collect(),
        };
        let mut strategy = self.strategy.build(seed, problem)?;
        let mut rows: Vec<usize> = Vec::new();
        while rows.len() < self.evaluations {
            if let Some(ended) = rows.len().checked_sub(self.in_flight.get()) {
                strategy.update(&benchmark.finished(rows[ended]));
            }
            // No strategy proposes a network twice, so that all rows are different.
            let Some(proposal) = strategy.suggest(benchmark.space()) else {
                break;
            };
            rows.push(benchmark.networks.row(&proposal));
        }
        Ok(rows)
    }
}

// === impl Related ===

impl Related {
    fn task(&self, seed: u64) -> RelatedTask {
        let mut rows: Vec<&(Architecture, f64)> = self.accuracies.rows().iter().collect();
        rows.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let evaluated = rows.into_iter().take(self.networks);
        RelatedTask {
            errors: evaluated
                .map(|(architecture, percent)| (architecture.clone(), 100.0 - percent))
                .collect(),
        }
    }
}

// === impl Benchmark ===

impl Benchmark {
    /// What becomes known of a network when it is evaluated.
    fn finished(&self, row: usize) -> Finished {
        let architecture = self.networks.architectures[row].clone();
        let objectives = self.networks.objectives(row).into_iter().map(Some);
        Finished::new(architecture, objectives.collect(), self.violation(row))
            .expect("what a table holds is finite")
    }
}

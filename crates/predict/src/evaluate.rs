//! Scoring a method on devices that it has not met, with every latency counted that it reads of them.
//!
//! The method learns from the source devices once. For each target and each draw it then plans which networks of the
//! pool to measure there, is given exactly those latencies, and prices the test rows. Only afterwards are the other
//! latencies of the target looked at, to score the prices and to trim.

mod error;
mod networks;
mod scorecard;
mod unseen;

use std::{collections::BTreeMap, num::NonZeroUsize, time::Duration};

use bespoke_measure::{Estimate, median};
use bespoke_space::Space;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

use crate::{
    Fitted, Method, PredictError, Rows, Sample, Scores, Source, Table, Task,
    score::{mean, trimmed},
};

pub use error::EvaluateError;
pub use scorecard::{Scorecard, TargetScores};

use networks::Networks;
use scorecard::Draw;
use unseen::Unseen;

/// What is asked of a method: which devices it may know, which are new to it, and how much of those it may read.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Devices that the method may know beforehand; none is allowed.
    pub sources: Vec<String>,
    /// Rows of the source devices that it may learn from.
    pub source_rows: Rows,
    /// Devices that are new to it.
    pub targets: Targets,
    /// Rows that may be measured on a target; the source rows if absent.
    pub pool_rows: Option<Rows>,
    /// Rows of a target that are priced and scored. Those that were measured are not taken out of them.
    pub test_rows: Rows,
    /// Share of the test rows to drop from each end of a target before scoring: see [`trimmed`](crate::trimmed).
    pub trim: f64,
    /// Latencies of a target that the method may read.
    pub samples: usize,
    /// How often a target is planned, adapted to and priced, each time with another seed.
    pub draws: NonZeroUsize,
    /// Where all that is drawn comes from.
    pub seed: u64,
}

/// Devices that are new to a method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Targets {
    /// All of the table that are not sources.
    All,
    /// These, one after the other.
    Named(Vec<String>),
}

/// Milliseconds that the steps took, each time.
#[derive(Debug, Default)]
struct Times {
    plan: Vec<f64>,
    adapt: Vec<f64>,
    /// Of one network.
    predict: Vec<f64>,
}

/// A method that has learned from the sources, and all that it needs to be scored.
struct Scoring<'a> {
    evaluation: &'a Evaluation,
    networks: &'a Networks,
    fitted: &'a dyn Fitted,
    clock: &'a dyn Fn() -> Duration,
    pool: Vec<usize>,
    test: Vec<usize>,
    times: Times,
}

// === impl Evaluation ===

impl Evaluation {
    /// Scores a method on a table of a space. `clock` tells the time since an origin of its own and never goes back;
    /// `told` hears how many draws of how many are done.
    ///
    /// Draws that plan the same samples in the same order are one draw: it is scored once and counts for each.
    ///
    /// # Errors
    /// See [`EvaluateError`].
    pub fn run(
        &self,
        space: &Space,
        table: &Table,
        method: &dyn Method,
        clock: &dyn Fn() -> Duration,
        told: &mut dyn FnMut(usize, usize),
    ) -> Result<Scorecard, EvaluateError> {
        let targets = self.checked_targets(table)?;
        let source_rows = table.rows(&self.source_rows)?;
        let pool = table.rows(self.pool_rows())?;
        let test = table.rows(&self.test_rows)?;
        let sources = self.known(table, &source_rows)?;
        let networks = Networks::read(space, table, &source_rows, [&pool, &test])?;
        let task = Task {
            space,
            networks: networks.sources(),
            sources: &sources,
        };
        let began = clock();
        let fitted = method.fit(&task, self.seed)?;
        let train_seconds = (clock() - began).as_secs_f64();
        let scoring = Scoring {
            evaluation: self,
            networks: &networks,
            fitted: fitted.as_ref(),
            clock,
            pool,
            test,
            times: Times::default(),
        };
        let (scores, times) = scoring.targets(&targets, table, told)?;
        Ok(Scorecard {
            method: method.name().to_owned(),
            sources: self.sources.clone(),
            source_rows: self.source_rows.clone(),
            pool_rows: self.pool_rows().clone(),
            test_rows: self.test_rows.clone(),
            rows_left_out: table.rows_left_out(),
            draws: self.draws.get(),
            mean_spearman: mean(scores.iter().map(|target| target.spearman)),
            targets: scores,
            train_seconds,
            plan_ms: median(&times.plan),
            adapt_ms: median(&times.adapt),
            predict_us: median(&times.predict) * 1e3,
        })
    }

    fn pool_rows(&self) -> &Rows {
        self.pool_rows.as_ref().unwrap_or(&self.source_rows)
    }

    fn checked_targets(&self, table: &Table) -> Result<Vec<String>, EvaluateError> {
        if !(0.0..0.5).contains(&self.trim) {
            return Err(EvaluateError::Trim { trim: self.trim });
        }
        let targets: Vec<String> = match &self.targets {
            Targets::Named(names) => names.clone(),
            Targets::All => {
                let new = |device: &&str| !self.sources.iter().any(|source| source == device);
                table.devices().filter(new).map(str::to_owned).collect()
            }
        };
        for device in &targets {
            table.latencies_ms(device)?;
            if self.sources.contains(device) {
                let device = device.clone();
                return Err(EvaluateError::KnownTarget { device });
            }
        }
        match targets.is_empty() {
            true => Err(EvaluateError::NoTarget),
            false => Ok(targets),
        }
    }

    fn known(&self, table: &Table, rows: &[usize]) -> Result<Vec<Source>, EvaluateError> {
        let source = |name: &String| {
            let column = table.latencies_ms(name)?;
            let latencies_ms: Vec<Option<f64>> = rows.iter().map(|row| column[*row]).collect();
            if latencies_ms.iter().all(Option::is_none) {
                return Err(EvaluateError::SilentSource {
                    device: name.clone(),
                    rows: self.source_rows.clone(),
                });
            }
            Ok(Source {
                name: name.clone(),
                latencies_ms,
            })
        };
        self.sources.iter().map(source).collect()
    }
}

// === impl Scoring ===

impl Scoring<'_> {
    fn targets(
        mut self,
        targets: &[String],
        table: &Table,
        told: &mut dyn FnMut(usize, usize),
    ) -> Result<(Vec<TargetScores>, Times), EvaluateError> {
        let draws = self.evaluation.draws.get();
        let mut scores = Vec::with_capacity(targets.len());
        for (index, target) in targets.iter().enumerate() {
            let mut told = |draw| told(index * draws + draw, targets.len() * draws);
            scores.push(self.target(target, table.latencies_ms(target)?, &mut told)?);
        }
        Ok((scores, self.times))
    }

    fn target(
        &mut self,
        name: &str,
        latencies_ms: &[Option<f64>],
        told: &mut dyn FnMut(usize),
    ) -> Result<TargetScores, EvaluateError> {
        let measured = |rows: &[usize]| -> Vec<usize> {
            let rows = rows.iter().copied();
            rows.filter(|row| latencies_ms[*row].is_some()).collect()
        };
        let (pool, test) = (measured(&self.pool), measured(&self.test));
        self.check_rows(name, &pool, &test)?;
        let mut seeds = ChaCha8Rng::seed_from_u64(self.evaluation.seed);
        let mut by_plan: BTreeMap<Vec<usize>, Draw> = BTreeMap::new();
        let mut draws = Vec::new();
        for draw in 0..self.evaluation.draws.get() {
            let seed = seeds.next_u64();
            let plan = self.plan(&pool, seed);
            let scored = match by_plan.get(&plan) {
                Some(scored) => *scored,
                None => {
                    let unseen = Unseen::new(latencies_ms);
                    let scored = self.draw(unseen, &plan, &test, seed).map_err(|error| {
                        let target = name.to_owned();
                        EvaluateError::Adapt { target, error }
                    })?;
                    by_plan.insert(plan, scored);
                    scored
                }
            };
            draws.push(scored);
            told(draw + 1);
        }
        Ok(TargetScores::over(name, &draws))
    }

    fn check_rows(&self, name: &str, pool: &[usize], test: &[usize]) -> Result<(), EvaluateError> {
        let asked = self.evaluation;
        if pool.len() < asked.samples {
            return Err(EvaluateError::FewToMeasure {
                target: name.to_owned(),
                samples: asked.samples,
                rows: asked.pool_rows().clone(),
                measured: pool.len(),
            });
        }
        // Which rows remain depends on their latencies; how many remain does not.
        let scored = trimmed(&vec![1.0; test.len()], asked.trim).len();
        if scored < 2 {
            return Err(EvaluateError::FewToScore {
                target: name.to_owned(),
                rows: asked.test_rows.clone(),
                scored,
            });
        }
        Ok(())
    }

    /// Rows to measure.
    fn plan(&mut self, pool: &[usize], seed: u64) -> Vec<usize> {
        let networks = self.networks.of(pool);
        let began = (self.clock)();
        let plan = self.fitted.plan(&networks, self.evaluation.samples, seed);
        self.times.plan.push(ms((self.clock)() - began));
        plan.into_iter().map(|index| pool[index]).collect()
    }

    fn draw(
        &mut self,
        mut unseen: Unseen<'_>,
        plan: &[usize],
        test: &[usize],
        seed: u64,
    ) -> Result<Draw, PredictError> {
        let sample = |(row, network)| Sample {
            network,
            latency_ms: unseen.read(row),
        };
        let planned = plan.iter().copied().zip(self.networks.of(plan));
        let samples: Vec<Sample<'_>> = planned.map(sample).collect();
        let samples_read = unseen.read_so_far();
        let began = (self.clock)();
        let predictor = self.fitted.adapt(&samples, seed)?;
        self.times.adapt.push(ms((self.clock)() - began));
        let networks = self.networks.of(test);
        let began = (self.clock)();
        let estimates = predictor.predict(&networks)?;
        let took = ms((self.clock)() - began);
        self.times.predict.push(took / networks.len() as f64);
        let measured_ms = unseen.reveal(test);
        let kept = trimmed(&measured_ms, self.evaluation.trim);
        let estimates: Vec<Estimate> = kept.iter().map(|index| estimates[*index]).collect();
        let measured_ms: Vec<f64> = kept.iter().map(|index| measured_ms[*index]).collect();
        Ok(Draw {
            scores: Scores::of(&estimates, &measured_ms),
            samples_read,
            rows_scored: kept.len(),
        })
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests;

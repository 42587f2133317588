//! Learning between trials: the epochs of a differentiable search that come before the next trial.

use std::sync::Arc;

use bespoke_accuracy::Decision;
use bespoke_measure::PriceSource;
use bespoke_study::{Activity, LearnedDistribution, Round, Trial, TrialId};
use bespoke_supernet::{LatencyTable, Learned, Learner, SearchReport};

use super::{Runner, Step, blocking};
use crate::{CoordinatorError, proposer::known};

/// How far a differentiable search has come.
pub(super) struct Learning {
    learner: Arc<Learner>,
    /// What the blocks take, before it is corrected.
    table: Arc<LatencyTable>,
    /// Epochs before the last round.
    epoch: u32,
    is_busy: bool,
}

// === impl Learning ===

impl Learning {
    /// A search whose last round stood after so many epochs.
    pub fn new(learner: Arc<Learner>, table: LatencyTable, epoch: u32) -> Self {
        Self {
            learner,
            table: Arc::new(table),
            epoch,
            is_busy: false,
        }
    }
}

// === impl Runner ===

impl Runner<'_> {
    /// Whether the next trial is proposed by a distribution that has yet to be learned: that begins as soon as the trials
    /// are finished that decide about it, and those that begin with the weights that learning is about to change.
    pub(super) fn learns_first(&mut self) -> bool {
        let next = TrialId(u32::try_from(self.trials.len()).unwrap_or(u32::MAX));
        let Some(learning) = &mut self.learning else {
            return false;
        };
        let epoch = self.spec.epochs_before(next);
        if learning.epoch >= epoch {
            return false;
        }
        let in_flight = usize::try_from(self.spec.budget.in_flight.get()).unwrap_or(usize::MAX);
        let known = &self.trials[..known(self.trials.len(), in_flight)];
        let awaited = match self.spec.trials_are_tuned() {
            true => &self.trials,
            false => known,
        };
        if !learning.is_busy && awaited.iter().all(Trial::is_finished) {
            learning.is_busy = true;
            let measured = known.iter().filter_map(measured).collect();
            let (learner, table) = (learning.learner.clone(), learning.table.clone());
            self.spawn_learning(learner, table, measured, epoch);
        }
        true
    }

    /// Learns up to an epoch; the machine is quiet between epochs if anyone asks for it.
    fn spawn_learning(
        &mut self,
        learner: Arc<Learner>,
        table: Arc<LatencyTable>,
        measured: Vec<(String, f64)>,
        epoch: u32,
    ) {
        let (journal, quiet) = (self.journal.clone(), self.resources.quiet.clone());
        let halt = self.halt.subscribe();
        self.steps.spawn(async move {
            let learned = blocking(move || {
                let mut working = Some(quiet.blocking_read());
                learner.learn(epoch, &table, &measured, &mut |report, epochs| {
                    working = None;
                    journal.activity(activity(&report, epochs));
                    if *halt.borrow() {
                        return Decision::Stop;
                    }
                    working = Some(quiet.blocking_read());
                    Decision::Continue
                })
            });
            Step::Learned(match learned.await {
                Ok(learned) => learned.map_err(CoordinatorError::from),
                Err(error) => Err(error),
            })
        });
    }

    /// Keeps what was learned before any trial is proposed by it: training could not be repeated to tell the same.
    pub(super) fn learned(&mut self, learned: Learned) -> Result<(), CoordinatorError> {
        let Learned {
            epoch,
            probabilities,
        } = learned;
        let round = Round {
            first: TrialId(u32::try_from(self.trials.len()).unwrap_or(u32::MAX)),
            epoch,
            probabilities,
        };
        self.journal.round(&round)?;
        self.proposer.follow(round);
        if let Some(learning) = &mut self.learning {
            (learning.epoch, learning.is_busy) = (epoch, false);
        }
        Ok(())
    }
}

// === helpers ===

/// A trial's network with its latency on the study's one target, where that was measured.
fn measured(trial: &Trial) -> Option<(String, f64)> {
    let is_measured = trial.price_source() == Some(PriceSource::Measured);
    let latency = trial.latencies().first().filter(|_| is_measured)?;
    Some((trial.architecture().to_owned(), latency.median_ms.ms()))
}

fn activity(report: &SearchReport, epochs: u32) -> Activity {
    Activity::SharedTraining {
        epoch: report.epoch,
        epochs,
        loss: report.loss,
        distribution: Some(LearnedDistribution {
            expected_latency_ms: report.expected_latency_ms,
            entropy_bits: report.entropy_bits,
        }),
    }
}

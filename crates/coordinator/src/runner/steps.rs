//! The steps that take time: measuring a trial's network on every target, training it, and learning between trials.

use std::sync::Arc;

use bespoke_accuracy::{Decision, Scorer};
use bespoke_device::{TargetFingerprint, TargetSpec};
use bespoke_graph::Graph;
use bespoke_measure::Protocol;
use bespoke_study::{Activity, TargetBound, Trial, TrialId};
use bespoke_supernet::Learned;
use futures::future::join_all;

use super::{Runner, blocking};
use crate::{
    CoordinatorError,
    deployed::deployed,
    dispatch::{Dispatch, Reading, Waiting},
    evaluation::{Course, Trained},
    journal::Journal,
    order::Order,
    proposer::Candidate,
    seed,
};

/// A step that has been taken.
pub enum Step {
    /// A trial's network has been measured on every target, or could not be.
    Measured {
        /// Index of the trial.
        trial: usize,
        /// Its network.
        candidate: Box<Candidate>,
        /// What came of it.
        outcome: Measured,
    },
    /// A trial's network has been scored, or could not be.
    Scored {
        /// Index of the trial.
        trial: usize,
        /// The score, or why there is none.
        outcome: Result<f64, String>,
    },
    /// A trial's network has been trained, or could not be.
    Trained {
        /// Index of the trial.
        trial: usize,
        /// What came of it.
        outcome: Trained,
    },
    /// The distribution has been learned that the next trial is proposed by, or the study cannot go on.
    Learned(Result<Learned, CoordinatorError>),
}

/// What came of measuring a network on every target.
pub enum Measured {
    /// What it takes on each target.
    Valid(Vec<Reading>),
    /// A target has no latency for it.
    Invalid {
        /// Which and why.
        reason: String,
    },
    /// The study cannot go on.
    Broken(CoordinatorError),
}

/// A trial's way to its latencies.
struct Errand {
    dispatch: Arc<Dispatch>,
    journal: Arc<Journal>,
    trial: TrialId,
    /// Each with whether the energy has to be known.
    targets: Vec<(TargetSpec, TargetFingerprint, bool)>,
    protocol: Protocol,
}

// === impl Runner ===

impl Runner<'_> {
    /// Has a trial's network measured on every target, at the same time where there are agents for it.
    pub(super) fn spawn_measuring(&mut self, trial: &Trial, candidate: Candidate) {
        let targets = self
            .spec
            .targets
            .iter()
            .zip(&self.study.targets)
            .enumerate();
        let target =
            |(index, (bound, fingerprint)): (usize, (&TargetBound, &TargetFingerprint))| {
                let needs_energy = self.spec.needs_energy(index);
                (bound.target.clone(), *fingerprint, needs_energy)
            };
        let errand = Errand {
            dispatch: self.resources.dispatch.clone(),
            journal: self.journal.clone(),
            trial: trial.id(),
            targets: targets.map(target).collect(),
            protocol: self.spec.protocol.clone(),
        };
        self.steps.spawn(async move {
            let outcome = errand.run(&candidate.graph).await;
            Step::Measured {
                trial: errand.trial.0 as usize,
                candidate: Box::new(candidate),
                outcome: outcome.unwrap_or_else(Measured::Broken),
            }
        });
    }

    /// Does what the evaluator needs before the first trial; the machine is quiet between epochs if anyone asks for it.
    pub(super) async fn prepare(&mut self) -> Result<(), CoordinatorError> {
        let (evaluator, journal) = (self.lesson.evaluator.clone(), self.journal.clone());
        let (quiet, halt) = (self.resources.quiet.clone(), self.halt.subscribe());
        let prepared = blocking(move || {
            let mut working = Some(quiet.blocking_read());
            evaluator.prepare(&mut |progress| {
                working = None;
                journal.activity(Activity::SharedTraining {
                    epoch: progress.epoch,
                    epochs: progress.epochs,
                    loss: progress.loss,
                    distribution: None,
                });
                if *halt.borrow() {
                    return Decision::Stop;
                }
                working = Some(quiet.blocking_read());
                Decision::Continue
            })
        });
        prepared.await?.map_err(CoordinatorError::Evaluation)
    }

    /// Scores a trial's network when a trainer is free and nobody asks for quiet.
    pub(super) fn spawn_scoring(
        &mut self,
        trial: &Trial,
        candidate: Candidate,
        scorer: Arc<dyn Scorer>,
    ) {
        let (trainers, quiet) = (
            self.resources.trainers.clone(),
            self.resources.quiet.clone(),
        );
        let trial = trial.id().0 as usize;
        let seed = seed::of_training(self.spec.seed, candidate.hash);
        self.steps.spawn(async move {
            let permit = trainers
                .acquire_owned()
                .await
                .expect("the semaphore is never closed");
            let scored = blocking(move || {
                let _permit = permit;
                let _working = quiet.blocking_read();
                let score = scorer.score(&candidate.architecture, &candidate.graph, seed);
                score.map_err(|error| error.to_string())
            });
            let outcome = scored.await.unwrap_or_else(|error| Err(error.to_string()));
            Step::Scored { trial, outcome }
        });
    }

    /// Trains a trial's network when a trainer is free. One that was scored is never given up: nothing is searched for
    /// any more.
    pub(super) fn spawn_training(&mut self, trial: &Trial, candidate: Candidate) {
        let (journal, trainers) = (self.journal.clone(), self.resources.trainers.clone());
        let id = trial.id();
        let course = Course {
            evaluator: self.lesson.evaluator.clone(),
            seed: seed::of_training(self.spec.seed, candidate.hash),
            architecture: candidate.architecture,
            graph: candidate.graph,
            trial: trial.clone(),
            objectives: self.spec.objectives(),
            earlier: match trial.score() {
                None => self.earlier(trial),
                Some(_) => Vec::new(),
            },
            quiet: self.resources.quiet.clone(),
            halt: self.halt.subscribe(),
        };
        self.steps.spawn(async move {
            let permit = trainers
                .acquire_owned()
                .await
                .expect("the semaphore is never closed");
            let trained = blocking(move || {
                let _permit = permit;
                course.run(|progress| {
                    journal.activity(Activity::Training {
                        trial: id,
                        epoch: progress.epoch,
                        epochs: progress.epochs,
                        loss: progress.loss,
                        accuracy_percent: progress.accuracy_percent,
                    });
                })
            });
            let failed = |error: CoordinatorError| Trained::Failed {
                reason: error.to_string(),
            };
            let outcome = trained.await.unwrap_or_else(failed);
            Step::Trained {
                trial: id.0 as usize,
                outcome,
            }
        });
    }
}

// === impl Errand ===

impl Errand {
    async fn run(&self, graph: &Graph) -> Result<Measured, CoordinatorError> {
        let graph = graph.clone();
        let (onnx, graph) = blocking(move || deployed(&graph)).await??;
        let order = |(target, fingerprint, needs_energy): &(TargetSpec, _, _)| Order {
            graph,
            target: target.clone(),
            fingerprint: *fingerprint,
            protocol: self.protocol.clone(),
            onnx: onnx.clone(),
            needs_energy: *needs_energy,
        };
        let orders = self.targets.iter().map(order);
        let measured = join_all(orders.map(|order| self.measure(order))).await;
        collect(measured)
    }

    /// Has a network measured on one target and tells how it goes; the inner error is why it has no latency there.
    async fn measure(&self, order: Order) -> Result<Result<Reading, String>, CoordinatorError> {
        let (spec, needs_energy) = (order.target.clone(), order.needs_energy);
        let target = spec.to_string();
        let measured = self.dispatch.reading(order, |waiting| {
            let target = target.clone();
            self.journal.activity(match waiting {
                Waiting::NoAgent => Activity::WaitingForAgent { target },
                Waiting::Taken { agent } => Activity::Measuring {
                    trial: self.trial,
                    agent,
                    target,
                },
            });
        });
        let measured = measured.await?;
        if needs_energy && matches!(&measured, Ok(reading) if reading.energy_mj.is_none()) {
            return Err(CoordinatorError::NoEnergy { target: spec });
        }
        Ok(measured.map_err(|reason| format!("{target}: {reason}")))
    }
}

/// The readings, or the first reason in the order of the targets why there are none.
fn collect(
    measured: Vec<Result<Result<Reading, String>, CoordinatorError>>,
) -> Result<Measured, CoordinatorError> {
    let measured: Vec<Result<Reading, String>> = measured.into_iter().collect::<Result<_, _>>()?;
    let readings: Result<Vec<Reading>, String> = measured.into_iter().collect();
    Ok(match readings {
        Ok(readings) => Measured::Valid(readings),
        Err(reason) => Measured::Invalid { reason },
    })
}

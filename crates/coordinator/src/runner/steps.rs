//! The steps of a trial that take time: measuring on every target, and training.

use bespoke_device::TargetSpec;
use bespoke_graph::{ExportOptions, Graph, GraphHash, Model, Weights};
use bespoke_measure::{Estimate, Measurement, Verdict};
use bespoke_study::{Activity, Trial, TrialId};
use futures::future::join_all;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{Runner, blocking};
use crate::{
    CoordinatorError,
    dispatch::{Dispatch, Waiting},
    evaluation::{Course, Trained},
    fleet::JobError,
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
    /// A trial's network has been trained, or could not be.
    Trained {
        /// Index of the trial.
        trial: usize,
        /// What came of it.
        outcome: Trained,
    },
}

/// What came of measuring a network on every target.
pub enum Measured {
    /// A latency for each target.
    Valid(Vec<Estimate>),
    /// A target has no latency for it.
    Invalid {
        /// Which and why.
        reason: String,
    },
    /// The study cannot go on.
    Broken(CoordinatorError),
}

// === impl Runner ===

impl Runner<'_> {
    /// Has a trial's network measured on every target, at the same time where there are agents for it.
    pub(super) fn spawn_measuring(&mut self, trial: &Trial, candidate: Candidate) {
        let (dispatch, journal) = (self.resources.dispatch.clone(), self.journal.clone());
        let protocol = self.spec.protocol.clone();
        let targets = self.spec.targets.iter().map(|bound| bound.target.clone());
        let targets: Vec<_> = targets.zip(self.study.targets.iter().cloned()).collect();
        let id = trial.id();
        self.steps.spawn(async move {
            let graph = candidate.graph.clone();
            let outcome = match blocking(move || deployed(&graph))
                .await
                .and_then(|deployed| deployed)
            {
                Err(error) => Measured::Broken(error),
                Ok((onnx, graph)) => {
                    let orders = targets.into_iter().map(|(target, fingerprint)| {
                        let (onnx, protocol) = (onnx.clone(), protocol.clone());
                        let order = Order {
                            graph,
                            target,
                            fingerprint,
                            protocol,
                            onnx,
                        };
                        measure(&dispatch, &journal, id, order)
                    });
                    collect(join_all(orders).await)
                }
            };
            Step::Measured {
                trial: id.0 as usize,
                candidate: Box::new(candidate),
                outcome,
            }
        });
    }

    /// Trains a trial's network when a trainer is free.
    pub(super) fn spawn_training(
        &mut self,
        trial: &Trial,
        candidate: Candidate,
        latencies: Vec<Estimate>,
    ) {
        let (journal, trainers) = (self.journal.clone(), self.resources.trainers.clone());
        let id = trial.id();
        let course = Course {
            evaluator: self.lesson.evaluator.clone(),
            seed: seed::of_training(self.spec.seed, candidate.hash),
            graph: candidate.graph,
            latencies,
            earlier: self.earlier(trial),
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

/// The file that is measured, and the hash of the network in it: with class probabilities, fresh weights and batch
/// normalisation folded away, as the trained network will be shipped. Its weights follow from the graph alone.
pub(crate) fn deployed(graph: &Graph) -> Result<(Vec<u8>, GraphHash), CoordinatorError> {
    let graph = graph.with_probabilities()?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed::of_graph(graph.hash()));
    let weights = Weights::initial(&graph, &mut rng);
    let onnx = Model::new(graph, weights)?.to_onnx(ExportOptions {
        fold_batch_norm: true,
    });
    let hash = Model::from_onnx(&onnx)?.graph().hash();
    Ok((onnx, hash))
}

/// Has a network measured on one target and tells how it goes.
async fn measure(
    dispatch: &Dispatch,
    journal: &Journal,
    trial: TrialId,
    order: Order,
) -> (TargetSpec, Result<Measurement, CoordinatorError>) {
    let target = order.target.clone();
    let measured = dispatch.measure(order, |waiting| {
        let target = target.to_string();
        journal.activity(match waiting {
            Waiting::NoAgent => Activity::WaitingForAgent { target },
            Waiting::Taken { agent } => Activity::Measuring {
                trial,
                agent,
                target,
            },
        });
    });
    let measured = measured.await;
    (target, measured)
}

/// The latencies, or the first reason in the order of the targets why there are none.
fn collect(measured: Vec<(TargetSpec, Result<Measurement, CoordinatorError>)>) -> Measured {
    let mut latencies = Vec::with_capacity(measured.len());
    let mut invalid = None;
    for (target, measured) in measured {
        let verdict = match measured {
            Ok(measurement) => estimate(measurement.verdict),
            Err(CoordinatorError::Job(error @ JobError::Lost { .. })) => Err(error.to_string()),
            Err(error) => return Measured::Broken(error),
        };
        match verdict {
            Ok(latency) => latencies.push(latency),
            Err(reason) => invalid = invalid.or(Some(format!("{target}: {reason}"))),
        }
    }
    match invalid {
        Some(reason) => Measured::Invalid { reason },
        None => Measured::Valid(latencies),
    }
}

/// The latency of a verdict, or the verdict in words.
fn estimate(verdict: Verdict) -> Result<Estimate, String> {
    match verdict {
        Verdict::Valid { estimate } => Ok(estimate),
        Verdict::Unstable { reason } => Err(format!("the measurement was unstable: {reason}")),
        Verdict::Throttled { reason } => Err(format!("the machine was throttled: {reason}")),
        Verdict::TimedOut => Err("the measurement timed out".to_owned()),
        Verdict::Crashed { reason } => Err(format!("the measurement crashed: {reason}")),
        Verdict::DoesNotCompile { reason } => {
            Err(format!("the runtime does not take the network: {reason}"))
        }
    }
}

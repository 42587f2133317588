//! What every evaluator answers.

use bespoke_graph::{Graph, GraphError, Model};
use bespoke_net::{NetworkError, ScoreError, TrainError};
use serde::{Deserialize, Serialize};

/// Gives a candidate's accuracy.
pub trait Evaluator: Send + Sync {
    /// Evaluates the live part of a graph that ends in logits.
    ///
    /// The observer hears of each epoch as it ends and decides whether the next one is worth its time. Graph and seed
    /// determine the answer, as long as the observer decides the same.
    ///
    /// # Errors
    /// When the graph does not fit the data or cannot be trained.
    fn evaluate(
        &self,
        graph: &Graph,
        seed: u64,
        observer: &mut dyn FnMut(EpochProgress) -> Decision,
    ) -> Result<Evaluated, EvaluationError>;

    /// The same of an architecture of the evaluator's space, whose live graph is given. Where the architecture tells no
    /// more than its graph, this is [`Evaluator::evaluate`].
    ///
    /// # Errors
    /// As [`Evaluator::evaluate`]; when the text is no architecture of the space.
    fn evaluate_architecture(
        &self,
        _architecture: &str,
        graph: &Graph,
        seed: u64,
        observer: &mut dyn FnMut(EpochProgress) -> Decision,
    ) -> Result<Evaluated, EvaluationError> {
        self.evaluate(graph, seed, observer)
    }

    /// Does what has to be done once before candidates are evaluated; most evaluators do nothing. What an observer ended
    /// or a kill cut off goes on at the next call.
    ///
    /// # Errors
    /// When training fails, or its state cannot be kept.
    fn prepare(
        &self,
        _observer: &mut dyn FnMut(SharedProgress) -> Decision,
    ) -> Result<(), EvaluationError> {
        Ok(())
    }
}

/// Judges candidates that are not trained.
pub trait Scorer: Send + Sync {
    /// The score of an architecture whose live graph is given and ends in logits; more is better. These and the seed
    /// determine it.
    ///
    /// # Errors
    /// When the network does not fit the data, or has no score that is a finite number.
    fn score(&self, architecture: &str, graph: &Graph, seed: u64) -> Result<f64, EvaluationError>;
}

/// Where the training of shared weights stands at the end of an epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SharedProgress {
    /// The epoch that ended, counted from 1.
    pub epoch: u32,
    /// How many there are in all.
    pub epochs: u32,
    /// Mean loss of the epoch's steps.
    pub loss: f64,
}

/// Where a training stands at the end of an epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpochProgress {
    /// The epoch that ended, counted from 1.
    pub epoch: u32,
    /// How many there are in all.
    pub epochs: u32,
    /// Mean loss of the epoch's steps.
    pub loss: f64,
    /// Accuracy on the images held out, in per cent.
    pub accuracy_percent: f64,
}

/// Whether a training goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Train the next epoch.
    Continue,
    /// Be content with what there is.
    Stop,
}

/// Accuracy on the images held out after each epoch trained, in per cent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Curve(Vec<f64>);

/// A candidate that was evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluated {
    /// Accuracy of the model on the images held out, in per cent.
    pub accuracy_percent: f64,
    /// How it came about.
    pub curve: Curve,
    /// Whether the observer ended it before the last epoch.
    pub stopped_early: bool,
    /// The live graph with its weights, ending in class probabilities.
    pub model: Model,
    /// What the model says about each image held out, one after the other: images x classes.
    pub probabilities: Vec<f32>,
}

/// Why a candidate has no accuracy or no score.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    /// It cannot be trained.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// It cannot be run.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// It has no score.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// Probabilities cannot be put behind it.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The weights that candidates share cannot be had.
    #[error("{0}")]
    Shared(String),
}

// === impl Curve ===

impl Curve {
    /// Adds the accuracy after one more epoch.
    pub fn push(&mut self, accuracy_percent: f64) {
        self.0.push(accuracy_percent);
    }

    /// Accuracy after each epoch, in per cent.
    pub fn points(&self) -> &[f64] {
        &self.0
    }

    /// Accuracy after the last epoch, in per cent.
    pub fn last(&self) -> Option<f64> {
        self.0.last().copied()
    }
}

impl From<Vec<f64>> for Curve {
    fn from(points: Vec<f64>) -> Self {
        Self(points)
    }
}

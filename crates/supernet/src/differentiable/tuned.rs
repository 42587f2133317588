//! Accuracy of a search's networks, trained on from its weights.

use std::sync::Arc;

use bespoke_accuracy::{Decision, EpochProgress, Evaluated, EvaluationError, Evaluator, Training};
use bespoke_graph::Graph;

use super::Learner;

/// Trains each candidate on from its part of the weights that the search has learned by then. A graph alone has no place
/// in the search: [`Evaluator::evaluate`] trains it from fresh weights.
pub struct TunedEvaluator {
    learner: Arc<Learner>,
    training: Training,
}

// === impl TunedEvaluator ===

impl TunedEvaluator {
    /// An evaluator that takes weights from a learner and trains by a recipe.
    pub fn new(learner: Arc<Learner>, training: Training) -> Self {
        Self { learner, training }
    }
}

impl Evaluator for TunedEvaluator {
    fn evaluate(
        &self,
        graph: &Graph,
        seed: u64,
        observer: &mut dyn FnMut(EpochProgress) -> Decision,
    ) -> Result<Evaluated, EvaluationError> {
        self.training.evaluate(graph, seed, observer)
    }

    fn evaluate_architecture(
        &self,
        architecture: &str,
        _: &Graph,
        seed: u64,
        observer: &mut dyn FnMut(EpochProgress) -> Decision,
    ) -> Result<Evaluated, EvaluationError> {
        let model = self.learner.subnet(architecture);
        let model = model.map_err(|error| EvaluationError::Shared(error.to_string()))?;
        self.training.tune(&model, seed, observer)
    }
}

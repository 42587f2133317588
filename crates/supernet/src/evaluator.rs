//! Accuracy by shared weights.

use std::{
    fs,
    path::PathBuf,
    sync::{Mutex, MutexGuard},
};

use bespoke_accuracy::{
    Decision, EpochProgress, Evaluated, EvaluationError, Evaluator, Scorer, SharedProgress,
    Training,
};
use bespoke_graph::Graph;
use bespoke_recipe::{Start, Subnets, SupernetRecipe};

use crate::{Subnet, Supernet, SupernetError, load, save};

/// Trains all networks of a space together, and then tells each candidate's accuracy as a subnet. Where the recipe has
/// only the front trained, a candidate's score is its accuracy by the shared weights in per cent, and who asks for its
/// accuracy has it trained.
///
/// After each epoch of [`Evaluator::prepare`] the state is written to a file, from which the next call goes on. A graph
/// alone has no place in the template: [`Evaluator::evaluate`] trains it from fresh weights.
pub struct SupernetEvaluator {
    supernet: Mutex<Supernet>,
    training: Training,
    recipe: SupernetRecipe,
    path: PathBuf,
    of: String,
}

// === impl SupernetEvaluator ===

impl SupernetEvaluator {
    /// An evaluator on a supernet that was not trained yet. `training` trains networks where the recipe asks for that;
    /// the state is kept at the path, and `of` tells all that it depends on.
    pub fn new(
        supernet: Supernet,
        training: Training,
        recipe: SupernetRecipe,
        path: PathBuf,
        of: String,
    ) -> Self {
        Self {
            supernet: Mutex::new(supernet),
            training,
            recipe,
            path,
            of,
        }
    }

    fn supernet(&self) -> MutexGuard<'_, Supernet> {
        // One who panicked left the weights between two steps at worst.
        self.supernet
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn train(
        &self,
        observer: &mut dyn FnMut(SharedProgress) -> Decision,
    ) -> Result<(), SupernetError> {
        let mut supernet = self.supernet();
        let file_error = |error: std::io::Error| SupernetError::File {
            path: self.path.clone(),
            reason: format!("cannot be written: {error}"),
        };
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(file_error)?;
        }
        if supernet.epochs_trained() < supernet.epochs() {
            load(&mut supernet, &self.of, &self.path)?;
        }
        while supernet.epochs_trained() < supernet.epochs() {
            let report = supernet.epoch()?;
            save(&supernet, &self.of, &self.path)?;
            let progress = SharedProgress {
                epoch: report.epoch,
                epochs: supernet.epochs(),
                loss: report.loss,
            };
            if observer(progress) == Decision::Stop {
                break;
            }
        }
        Ok(())
    }

    fn subnet(&self, architecture: &str) -> Result<Subnet, EvaluationError> {
        let mut supernet = self.supernet();
        let architecture = supernet.space().parse_architecture(architecture);
        let architecture =
            architecture.map_err(|error| EvaluationError::Shared(error.to_string()))?;
        let subnet = supernet.subnet(&architecture);
        subnet.map_err(|error| EvaluationError::Shared(error.to_string()))
    }
}

impl Evaluator for SupernetEvaluator {
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
        graph: &Graph,
        seed: u64,
        observer: &mut dyn FnMut(EpochProgress) -> Decision,
    ) -> Result<Evaluated, EvaluationError> {
        if self.recipe.front == Some(Start::Scratch) {
            return self.training.evaluate(graph, seed, observer);
        }
        let Subnet { model, evaluation } = self.subnet(architecture)?;
        match (self.recipe.front, self.recipe.subnets) {
            (Some(_), _) | (None, Subnets::Tuned) => self.training.tune(&model, seed, observer),
            (None, Subnets::Shared) => Ok(Evaluated {
                accuracy_percent: evaluation.accuracy_percent,
                curve: vec![evaluation.accuracy_percent].into(),
                stopped_early: false,
                model: model.with_probabilities()?,
                probabilities: evaluation.probabilities,
            }),
        }
    }

    fn prepare(
        &self,
        observer: &mut dyn FnMut(SharedProgress) -> Decision,
    ) -> Result<(), EvaluationError> {
        let trained = self.train(observer);
        trained.map_err(|error| EvaluationError::Shared(error.to_string()))
    }
}

impl Scorer for SupernetEvaluator {
    fn score(&self, architecture: &str, _: &Graph, _: u64) -> Result<f64, EvaluationError> {
        Ok(self.subnet(architecture)?.evaluation.accuracy_percent)
    }
}

#[cfg(test)]
mod tests;

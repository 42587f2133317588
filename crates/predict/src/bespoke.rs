//! Our own predictor, the default: linear in the features of a graph, Gaussian in its weights, closed in form.

mod belief;
mod calibration;
mod columns;
mod of_space;
mod plan;
mod posterior;
mod predictor;
mod prior;
mod scales;
#[cfg(test)]
mod tests;

pub use of_space::SpacePredictor;
pub use predictor::BespokePredictor;
pub use prior::Prior;

use crate::{Fitted, Method, Network, PredictError, Task};

/// The method that fits a [`Prior`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Bespoke;

impl Method for Bespoke {
    fn name(&self) -> &'static str {
        "bespoke"
    }

    fn fit(&self, task: &Task<'_>, _seed: u64) -> Result<Box<dyn Fitted>, PredictError> {
        let networks: Vec<&Network> = task.networks.iter().collect();
        Ok(Box::new(Prior::fit(&networks, task.sources)?))
    }
}

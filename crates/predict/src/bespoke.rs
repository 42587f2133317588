//! Our own predictor, the default: linear in the features of a graph, Gaussian in its weights, closed in form.
//!
//! A runtime runs one operator after the other, so the latency of a network x is nearly a sum over its operators:
//!
//! > y = c·(1 + b + wᵀφ(x) + ε)
//!
//! | symbol | meaning |
//! | --- | --- |
//! | y | a measured latency |
//! | c | the device's middle latency, about which nothing is known beforehand; its most likely value is taken |
//! | φ(x) | the features, less their mean over the space: launches, multiply-accumulates, elements read and written, and weights, in units of a mean network's, summed over all operators, by kind, and by kind and size, so that what is known of a kind holds for sizes that were never met |
//! | w | what the device takes for each, Gaussian; *this* is what is learned |
//! | b | what no feature explains, Gaussian with a standard deviation of 0.3 |
//! | ε | noise, in proportion to the latency |
//!
//! **Beforehand.** Each known device is a weight vector, by ridge regression. Their mean and covariance are what is
//! believed of a new one's w, and so that no device has to be like them, a diagonal is added: the variances of the
//! weights, by attribute and by how much a feature tells apart, which make the known devices most likely (maximum
//! marginal likelihood).
//!
//! **A mixture.** How far to trust the others, how large the noise is, and which operators the device runs (all, those
//! that are used, the live ones, or those on the heaviest path: runtimes differ in what they do with dead branches and
//! whether branches run side by side) are not settled beforehand. Each combination is a Gaussian model of its own; what
//! is measured weighs them by their marginal likelihood, and the price is the mixture's. Where the known devices
//! mislead, the models that ignore them win.
//!
//! **What to measure** is chosen greedily: the network whose latency the mixture knows least, given those chosen already
//! (D-optimal design).
//!
//! **Intervals.** The mixture's standard deviation, widened as it has to be to hold nine in ten latencies when each
//! known device is played as a new one.
//!
//! All constants are the same for all spaces and devices. `benches/README.md` has the scores.

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

//! Searching: strategies that propose architectures and learn from finished trials, and the comparison of
//! what was found.
//!
//! A strategy sees minimised objectives and how far bounds are violated. It does not know what a latency is.

mod config;
#[cfg(test)]
mod conformance;
mod nsga2;
pub mod pareto;
mod proposals;
mod random;
mod regularized_evolution;
mod strategy;
#[cfg(test)]
mod test_spaces;

pub use config::{
    Nsga2Settings, RegularizedEvolutionSettings, StrategyConfig, StrategyConfigError,
};
pub use nsga2::Nsga2;
pub use random::Random;
pub use regularized_evolution::RegularizedEvolution;
pub use strategy::{Finished, Strategy};

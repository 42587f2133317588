//! Searching: strategies that propose architectures and learn from finished trials, and the comparison of
//! what was found.
//!
//! A strategy sees minimised objectives, their bounds and how far these are violated. It does not know what a latency
//! is.

mod bespoke;
mod config;
#[cfg(test)]
mod conformance;
mod learned;
mod local_search;
mod mae_nas;
mod mnasnet;
mod normal;
mod nsga2;
mod once_for_all;
pub mod pareto;
mod problem;
mod proposals;
mod random;
mod regularized_evolution;
mod strategy;
#[cfg(test)]
mod test_spaces;

pub use bespoke::{AccuracyError, AccuracyPredictor, Bespoke, ExpectedAccuracy, TrainedNetwork};
pub use config::{
    BespokeSettings, LocalSearchSettings, MaeNasSettings, MnasnetSettings, Nsga2Settings,
    OnceForAllSettings, RegularizedEvolutionSettings, StrategyConfig, StrategyConfigError,
};
pub use learned::Learned;
pub use local_search::LocalSearch;
pub use mae_nas::MaeNas;
pub use mnasnet::Mnasnet;
pub use nsga2::Nsga2;
pub use once_for_all::OnceForAll;
pub use problem::{Expected, Forecast, Problem, RelatedTask};
pub use random::Random;
pub use regularized_evolution::RegularizedEvolution;
pub use strategy::{Finished, Strategy};

//! Supernets: the networks of a search space, trained together on shared weights.
//!
//! A [`Supernet`] trains networks that a [`Sampler`] draws from a space; any architecture is then a subnet, a model like
//! any other, with batch-norm statistics of its own. [`SupernetEvaluator`] tells candidates' accuracies by it. [`save`] and
//! [`load`] keep one on disk. A [`Search`] by FBNet or ProxylessNAS learns a distribution over the networks together with
//! their weights; a [`Learner`] does so for a study.

mod differentiable;
mod error;
mod evaluator;
mod file;
mod sampling;
mod supernet;

pub use differentiable::{
    Distribution, ExpectedLatency, LatencyTable, Learned, Learner, Paths, Search, SearchConfig,
    SearchReport, TunedEvaluator,
};
pub use error::SupernetError;
pub use evaluator::SupernetEvaluator;
pub use file::{load, save};
pub use sampling::{Sampler, SamplerState};
pub use supernet::{Subnet, Supernet, SupernetState};

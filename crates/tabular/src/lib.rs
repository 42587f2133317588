//! Searches in tables: spaces whose networks were all trained and measured by others, so that a strategy is scored in
//! a moment and against the true front.
//!
//! A [`Benchmark`] joins a table of [`Accuracies`] with a table of latencies. A [`Search`] of it proposes networks, looks
//! them up and tells the strategy, as a study does with networks that it trains and measures; an [`Outcome`] says how
//! much of the true front was found. Two architectures that compute the same are two networks here: each counts as it
//! stands in the tables, where it was trained and measured by itself.

mod accuracies;
mod beforehand;
mod benchmark;
mod error;
mod networks;
mod outcome;
mod predicted;
mod sampling;
mod search;
mod strategy;
#[cfg(test)]
mod tests;

pub use accuracies::Accuracies;
pub use beforehand::Latencies;
pub use benchmark::{Benchmark, Target};
pub use error::TabularError;
pub use outcome::{Best, CHECKPOINTS, Evaluated, Figure, LatencyMs, Outcome, summary};
pub use sampling::{Sampled, Sampling};
pub use search::{Related, Search};
pub use strategy::strategy;

//! The coordinator: the services, the studies that run and the fleet that measures for them.
//!
//! A study proposes candidates, has each measured on its targets by the agents of the fleet, trains those that keep
//! their bounds, and keeps the networks that nobody beats. Proposals follow from the study's seed and the results
//! alone, whatever order the results come in, so that a study which was interrupted goes on as if it had not been.

mod admission;
mod beforehand;
mod blocks;
mod config;
mod data_sets;
mod deployed;
mod dispatch;
mod error;
mod evaluation;
mod files;
mod fleet;
mod forecast;
mod journal;
mod order;
mod predictors;
mod proposer;
mod runner;
mod seed;
mod server;
mod service;
mod studies;
mod watcher;

#[cfg(test)]
mod tests;

pub use beforehand::Beforehand;
pub use config::Config;
pub use data_sets::DataSets;
pub use error::CoordinatorError;
pub use evaluation::{Evaluators, Lesson};
pub use fleet::{FleetError, JobError};
pub use predictors::{BuiltPredictor, Pool};
pub use proposer::{Candidate, ProposeError, replay};
pub use server::Coordinator;

//! A coordinator's services in domain types: what is asked and answered are studies, trials and measurements, never
//! messages.
//!
//! A client is cheap to clone; clones share one connection, and may ask at the same time.

mod connection;
mod error;
mod fleet;
mod predictor;
mod study;

pub use error::ClientError;
pub use fleet::FleetClient;
pub use predictor::{Answers, PredictorClient};
pub use study::{FrontNetwork, StudyClient};
/// The kinds of refusal.
pub use tonic::Code;

#[cfg(test)]
mod tests;

//! The contract of all ways to price networks: fit on known devices, plan what to measure on a new one, adapt, price.

use bespoke_measure::Estimate;
use bespoke_space::Space;

use crate::{Network, PredictError};

/// A published or own way to price networks.
pub trait Method: Send + Sync {
    /// Its name on the command line and in tables.
    fn name(&self) -> &'static str;

    /// Learns from devices whose latencies are known. A method that learns nothing from other devices ignores them.
    ///
    /// # Errors
    /// When the method needs source devices, or more of their rows, and the task has too few.
    fn fit(&self, task: &Task<'_>, seed: u64) -> Result<Box<dyn Fitted>, PredictError>;
}

/// What a method may learn from before it meets a new device.
#[derive(Clone, Copy)]
pub struct Task<'a> {
    /// The space that all networks are of.
    pub space: &'a Space,
    /// Networks that the sources were measured on, and that may be measured on a new device.
    pub networks: &'a [Network],
    /// Devices that are known already; none is allowed.
    pub sources: &'a [Source],
}

/// A device that is known already.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Its name, for messages.
    pub name: String,
    /// One latency in milliseconds for each network of the task, positive and finite where it was measured.
    pub latencies_ms: Vec<Option<f64>>,
}

/// A method that has learned all that there is to learn before a new device is met.
pub trait Fitted: Send + Sync {
    /// Which networks of the pool to measure on a new device: as many different indices as asked, or the whole pool
    /// where it is smaller, the most informative first. The seed matters to methods that draw.
    fn plan(&self, pool: &[&Network], samples: usize, seed: u64) -> Vec<usize>;

    /// Learns the new device from measurements; no other latency of it is ever seen.
    ///
    /// # Errors
    /// When there are too few samples for the method, or a latency is not positive and finite.
    fn adapt(&self, samples: &[Sample<'_>], seed: u64) -> Result<Box<dyn Predictor>, PredictError>;
}

/// One measurement on the new device.
#[derive(Clone, Copy)]
pub struct Sample<'a> {
    /// The network.
    pub network: &'a Network,
    /// What it takes there, in milliseconds.
    pub latency_ms: f64,
}

/// A method that knows one device.
pub trait Predictor: Send + Sync {
    /// One estimate a network: the median and the 90 % interval in which a measurement of it is expected. All are
    /// positive and finite.
    ///
    /// # Errors
    /// When the method prices architectures of a space alone and one of the networks is none: see
    /// [`Network::architecture_in`].
    fn predict(&self, networks: &[&Network]) -> Result<Vec<Estimate>, PredictError>;
}

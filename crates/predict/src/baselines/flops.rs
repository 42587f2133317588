//! Latency as proportional to the number of operations.

use std::sync::Arc;

use super::scaled::Scaled;
use crate::{Fitted, Method, Network, PredictError, Task};

/// [`Cost::flops`](bespoke_graph::Cost) of the network as it was written, times one factor for the device.
#[derive(Debug, Clone, Copy)]
pub struct Flops;

// === impl Flops ===

impl Method for Flops {
    fn name(&self) -> &'static str {
        "flops"
    }

    fn fit(&self, _task: &Task<'_>, _seed: u64) -> Result<Box<dyn Fitted>, PredictError> {
        // A network that does nothing would have no price.
        let flops = |network: &Network| Ok(network.flops().max(1) as f64);
        Ok(Box::new(Scaled::cost(Arc::new(flops))))
    }
}

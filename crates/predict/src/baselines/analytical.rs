//! The roofline of a device's profile, times one factor for the device.

use std::sync::Arc;

use super::scaled::Scaled;
use crate::{Fitted, Method, Network, PredictError, Task, analytical::Analytical};

// === impl Analytical ===

/// Without samples its milliseconds are left as they are; with samples they are scaled to them. It prices architectures
/// of the space that it was fitted for.
impl Method for Analytical {
    fn name(&self) -> &'static str {
        "analytical"
    }

    fn fit(&self, task: &Task<'_>, _seed: u64) -> Result<Box<dyn Fitted>, PredictError> {
        let (model, space) = (self.clone(), task.space.clone());
        let latency_ms = move |network: &Network| {
            let architecture = network.architecture_in(&space)?;
            Ok(model.latency_ms(&space.lower(architecture)?))
        };
        Ok(Box::new(Scaled::latency(Arc::new(latency_ms))))
    }
}

//! The sum of a look-up table's operators, times one factor for the device.

use std::sync::{Arc, Mutex, PoisonError};

use super::scaled::Scaled;
use crate::{
    Fitted, Method, Network, PredictError, Task,
    lookup::{Layout, LookupTable, Prices},
};

/// Prices by an operator look-up table. Without samples its milliseconds are left as they are; with samples they are
/// scaled to them.
///
/// The table must have every operator of the space: what it lacks is an error before anything is priced. It prices
/// architectures of the space that it was fitted for.
#[derive(Debug, Clone)]
pub struct Lookup {
    table: LookupTable,
    layout: Layout,
}

// === impl Lookup ===

impl Lookup {
    /// A table; its keys tell its layout.
    pub fn new(table: LookupTable) -> Self {
        let layout = Layout::of(&table);
        Self { table, layout }
    }
}

impl Method for Lookup {
    fn name(&self) -> &'static str {
        "lookup"
    }

    fn fit(&self, task: &Task<'_>, _seed: u64) -> Result<Box<dyn Fitted>, PredictError> {
        let fault = |reason: String| PredictError::Method {
            method: self.name(),
            reason,
        };
        let mut chain = task.space.chain();
        let expanded = chain.expand().map_err(|error| fault(error.to_string()))?;
        let prices = Prices::new(&self.table, self.layout, &chain, &expanded);
        let checked = prices.check(&expanded);
        checked.map_err(|error| fault(error.to_string()))?;
        let (space, chain) = (task.space.clone(), Mutex::new((chain, Vec::new())));
        let latency_ms = move |network: &Network| {
            let architecture = network.architecture_in(&space)?;
            let mut held = chain.lock().unwrap_or_else(PoisonError::into_inner);
            let (chain, pieces) = &mut *held;
            chain.trace(architecture, pieces)?;
            let ms = prices.network_ms(pieces);
            // A table may hold zeros alone, and nothing scales those.
            Ok(ms.expect("every piece of the space has a price").max(1e-9))
        };
        Ok(Box::new(Scaled::latency(Arc::new(latency_ms))))
    }
}

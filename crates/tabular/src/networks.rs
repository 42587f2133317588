//! Every network of a space with what the tables say of it.

use std::collections::HashMap;

use bespoke_space::Architecture;

/// All networks of a space, by row.
#[derive(Debug)]
pub(crate) struct Networks {
    pub architectures: Vec<Architecture>,
    pub accuracies_percent: Vec<f64>,
    /// For each network, one latency a target.
    pub latencies_ms: Vec<Vec<f64>>,
    pub rows: HashMap<Architecture, usize>,
}

// === impl Networks ===

impl Networks {
    /// The row of an architecture.
    ///
    /// # Panics
    /// If it is of another space.
    pub fn row(&self, architecture: &Architecture) -> usize {
        *(self.rows.get(architecture)).expect("every network of the space is in the tables")
    }

    /// What a search minimises: the error in per cent, then the latency on each target.
    pub fn objectives(&self, row: usize) -> Vec<f64> {
        let error = 100.0 - self.accuracies_percent[row];
        let latencies_ms = self.latencies_ms[row].iter().copied();
        std::iter::once(error).chain(latencies_ms).collect()
    }
}

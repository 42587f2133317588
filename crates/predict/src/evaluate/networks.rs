//! The networks of a table's rows, each read once.

use std::collections::HashMap;

use bespoke_space::Space;

use super::EvaluateError;
use crate::{Network, Reader, Table};

/// Networks by row.
pub struct Networks {
    /// Those of the source rows first, in their order.
    networks: Vec<Network>,
    sources: usize,
    places: HashMap<usize, usize>,
}

// === impl Networks ===

impl Networks {
    /// Reads the networks of the source rows and of the other rows. None of the rows was left out.
    pub fn read(
        space: &Space,
        table: &Table,
        source_rows: &[usize],
        others: [&[usize]; 2],
    ) -> Result<Self, EvaluateError> {
        let mut read = Self {
            networks: Vec::new(),
            sources: source_rows.len(),
            places: HashMap::new(),
        };
        let mut reader = Reader::new(space);
        for row in source_rows.iter().chain(others.into_iter().flatten()) {
            if read.places.contains_key(row) {
                continue;
            }
            let architecture = table.architectures()[*row].as_ref();
            let architecture = architecture.expect("left-out rows are not among the rows");
            let network = reader.network(architecture);
            let network = network.map_err(|error| EvaluateError::Network {
                architecture: space.format_architecture(architecture),
                error,
            })?;
            read.places.insert(*row, read.networks.len());
            read.networks.push(network);
        }
        Ok(read)
    }

    /// Those of the source rows.
    pub fn sources(&self) -> &[Network] {
        &self.networks[..self.sources]
    }

    /// Those of some rows.
    pub fn of(&self, rows: &[usize]) -> Vec<&Network> {
        let rows = rows.iter();
        rows.map(|row| &self.networks[self.places[row]]).collect()
    }
}

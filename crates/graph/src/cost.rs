//! What a network costs, counted from its graph.

use serde::{Deserialize, Serialize};

use crate::Graph;

/// Cost of one forward pass of one sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Trainable parameters (running statistics of batch normalisation are not counted).
    pub parameters: u64,
    /// Multiply-accumulates of convolutions, linear layers and matrix products.
    pub macs: u64,
    /// Operations as the authors of NAS-Bench-201 count them, in units: see [`Graph::cost`].
    pub flops: u64,
    /// Bytes read and written by all operators at 32 bits a value, parameters included.
    pub bytes_moved: u64,
    /// Greatest sum of the values that are alive at the same time, at 32 bits a value.
    pub peak_activation_bytes: u64,
}

impl Graph {
    /// Counts the graph as it stands, dead code included.
    pub fn cost(&self) -> Cost {
        todo!("cost")
    }
}

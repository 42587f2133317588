//! Dead-code removal.

use crate::Graph;

impl Graph {
    /// The network that remains when everything that cannot reach the output is removed.
    pub fn live(&self) -> Graph {
        todo!("live")
    }
}

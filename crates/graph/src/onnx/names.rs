//! Names for what is added to a file.

use std::collections::HashSet;

use super::proto::GraphProto;

/// The names of a file's values and initializers, which share one space.
#[derive(Default)]
pub struct Names(HashSet<String>);

// === impl Names ===

impl Names {
    /// Those that a file has.
    pub fn of(graph: &GraphProto) -> Self {
        let inputs = graph.input.iter().map(|input| &input.name);
        let constants = graph.initializer.iter().map(|tensor| &tensor.name);
        let values = graph.node.iter().flat_map(|node| &node.output);
        Self(inputs.chain(constants).chain(values).cloned().collect())
    }

    /// The name wanted, or one like it that was not taken; it is now.
    pub fn free(&mut self, wanted: &str) -> String {
        // An empty name means that a value is absent.
        let mut name = if wanted.is_empty() { "value" } else { wanted }.to_owned();
        while !self.0.insert(name.clone()) {
            name.push('_');
        }
        name
    }
}

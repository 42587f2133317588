//! What can be wrong with a graph.

use crate::Shape;

/// A fault of a graph; each names the node where it was found.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GraphError {
    /// An operator got another number of inputs than it takes.
    #[error("node `{node}`: {op} takes {expected} inputs, got {got}")]
    InputCount {
        /// Name of the node.
        node: String,
        /// Name of the operator.
        op: &'static str,
        /// How many it takes, in words where it is a range.
        expected: &'static str,
        /// How many it got.
        got: usize,
    },
    /// The inputs' shapes do not suit the operator.
    #[error("node `{node}`: {op} of {shapes}: {reason}", shapes = .shapes.iter().map(Shape::to_string).collect::<Vec<_>>().join(" and "))]
    Shape {
        /// Name of the node.
        node: String,
        /// Name of the operator.
        op: &'static str,
        /// The inputs' shapes.
        shapes: Vec<Shape>,
        /// What does not fit.
        reason: String,
    },
    /// Two nodes have the same name.
    #[error("two nodes are named `{node}`")]
    DuplicateName {
        /// The name.
        node: String,
    },
    /// A node refers to one that is not there (yet), or the input is missing or not first.
    #[error("node `{node}`: {reason}")]
    Structure {
        /// Name of the node.
        node: String,
        /// What is wrong.
        reason: String,
    },
    /// Weights do not match the graph's parameters.
    #[error("parameter `{parameter}`: {reason}")]
    Weights {
        /// Name of the parameter.
        parameter: String,
        /// What is wrong.
        reason: String,
    },
}

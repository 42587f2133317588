//! The graph and its builder.

use std::collections::HashSet;

use crate::{GraphError, Op, Shape};

/// A network: nodes in topological order, the first being its input.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    nodes: Vec<Node>,
    output: NodeId,
}

/// Position of a node in its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(usize);

/// An operator, what it reads and the shape of what it yields.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Unique in the graph; parameters are named after it.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// The nodes whose values it reads, all of them earlier.
    pub inputs: Vec<NodeId>,
    /// Shape of its value for one sample.
    pub shape: Shape,
}

/// Builds a graph node by node, checking each.
#[derive(Debug, Default)]
pub struct Builder {
    nodes: Vec<Node>,
    names: HashSet<String>,
}

// === impl NodeId ===

impl NodeId {
    /// The position as an index into [`Graph::nodes`].
    pub fn index(self) -> usize {
        self.0
    }

    pub(crate) fn from_index(index: usize) -> Self {
        Self(index)
    }
}

// === impl Graph ===

impl Graph {
    /// A builder whose first node, `input`, has the shape given (one sample).
    pub fn builder(input_shape: &[usize]) -> (Builder, NodeId) {
        let mut builder = Builder::default();
        let shape = input_shape.to_vec();
        let input = builder
            .push("input", Op::Input { shape }, &[])
            .expect("the first node cannot clash");
        (builder, input)
    }

    /// All nodes in topological order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// One node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// Ids of all nodes in topological order.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        (0..self.nodes.len()).map(NodeId)
    }

    /// The node whose value is the network's output.
    pub fn output(&self) -> NodeId {
        self.output
    }

    /// Shape of one input sample.
    pub fn input_shape(&self) -> &Shape {
        &self.nodes[0].shape
    }

    /// Shape of one output sample.
    pub fn output_shape(&self) -> &Shape {
        &self.node(self.output).shape
    }

    /// The same network with class probabilities instead of logits: a softmax over the last axis, named
    /// `probabilities`.
    pub fn with_probabilities(&self) -> Result<Self, GraphError> {
        let axis = self.output_shape().dims().len().saturating_sub(1);
        let mut builder = Builder {
            names: self.nodes.iter().map(|n| n.name.clone()).collect(),
            nodes: self.nodes.clone(),
        };
        let output = builder.push("probabilities", Op::Softmax { axis }, &[self.output])?;
        builder.finish(output)
    }
}

// === impl Builder ===

impl Builder {
    /// Adds a node; its shape is inferred.
    ///
    /// # Errors
    /// When the name is taken, an input is not there, or shapes do not fit the operator; the error names the node.
    pub fn push(
        &mut self,
        name: impl Into<String>,
        op: Op,
        inputs: &[NodeId],
    ) -> Result<NodeId, GraphError> {
        let name = name.into();
        if matches!(op, Op::Input { .. }) != self.nodes.is_empty() {
            let reason = "a graph has exactly one input, its first node".to_owned();
            return Err(GraphError::Structure { node: name, reason });
        }
        if let Some(missing) = inputs.iter().find(|id| id.0 >= self.nodes.len()) {
            let reason = format!("reads node {} which does not exist", missing.0);
            return Err(GraphError::Structure { node: name, reason });
        }
        let shapes: Vec<&Shape> = inputs.iter().map(|id| self.shape(*id)).collect();
        let shape = op.infer_shape(&name, &shapes)?;
        if !self.names.insert(name.clone()) {
            return Err(GraphError::DuplicateName { node: name });
        }
        self.nodes.push(Node {
            name,
            op,
            inputs: inputs.to_vec(),
            shape,
        });
        Ok(NodeId(self.nodes.len() - 1))
    }

    /// Shape of a node's value.
    pub fn shape(&self, id: NodeId) -> &Shape {
        &self.nodes[id.0].shape
    }

    /// The graph whose output is the node given.
    pub fn finish(self, output: NodeId) -> Result<Graph, GraphError> {
        if output.0 >= self.nodes.len() {
            let reason = "is the output and does not exist".to_owned();
            let node = output.0.to_string();
            return Err(GraphError::Structure { node, reason });
        }
        Ok(Graph {
            nodes: self.nodes,
            output,
        })
    }
}

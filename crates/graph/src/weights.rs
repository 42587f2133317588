//! Parameters of a graph and their values.

use std::collections::BTreeMap;

use rand::Rng;

use crate::{Graph, GraphError, NodeId, Shape};

/// A parameter that a graph's node has: what to allocate, not its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// `NODE.weight`, `NODE.bias`, `NODE.mean` or `NODE.variance`.
    pub name: String,
    /// The node it belongs to.
    pub node: NodeId,
    /// What it is for.
    pub role: Role,
    /// Shape as in ONNX: convolution weights are `[out, in / groups, height, width]`, linear weights `[in, out]`.
    pub shape: Shape,
}

/// What a parameter is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Weight of a convolution or linear layer, scale of a normalisation.
    Weight,
    /// Bias or shift.
    Bias,
    /// Running mean of a batch normalisation.
    Mean,
    /// Running variance of a batch normalisation.
    Variance,
}

/// Values of a parameter, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// The values; as many as the shape says.
    pub data: Vec<f32>,
}

/// Values for all parameters of a graph, by name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Weights(BTreeMap<String, Tensor>);

/// A network and its weights: what is measured, exported and shipped.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    graph: Graph,
    weights: Weights,
}

impl Graph {
    /// All parameters, in the order of their nodes.
    pub fn parameters(&self) -> Vec<Parameter> {
        todo!("parameters")
    }
}

impl Weights {
    /// Fresh weights: He's normal initialisation (fan out) for convolutions, a uniform one of ±1/√in for linear
    /// layers, scale 1, shift 0, mean 0, variance 1.
    pub fn initial(_graph: &Graph, _rng: &mut impl Rng) -> Self {
        todo!("initial")
    }

    /// The values of a parameter.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.0.get(name)
    }

    /// Sets the values of a parameter.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) {
        self.0.insert(name.into(), tensor);
    }

    /// All parameters by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.0.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }
}

impl Model {
    /// Joins a graph and its weights.
    ///
    /// # Errors
    /// When a parameter has no values or values of another shape.
    pub fn new(_graph: Graph, _weights: Weights) -> Result<Self, GraphError> {
        todo!("check")
    }

    /// The network.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Its weights.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }
}

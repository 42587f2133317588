//! Parameters of a graph and their values.

use std::collections::BTreeMap;

use rand::Rng;

use crate::{Graph, GraphError, Node, NodeId, Op, Shape};

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

// === impl Graph ===

impl Graph {
    /// All parameters, in the order of their nodes.
    pub fn parameters(&self) -> Vec<Parameter> {
        self.ids().flat_map(|id| self.parameters_of(id)).collect()
    }

    /// The parameters of one node.
    pub(crate) fn parameters_of(&self, id: NodeId) -> Vec<Parameter> {
        let node = self.node(id);
        let input = |node: &Node| self.node(node.inputs[0]).shape.dims().to_vec();
        let list: Vec<(Role, Vec<usize>)> = match &node.op {
            Op::Conv(conv) => {
                let [height, width] = conv.kernel;
                let channels = input(node)[0] / conv.groups;
                let weight = vec![conv.out_channels, channels, height, width];
                with_bias(weight, conv.out_channels, conv.bias)
            }
            Op::Linear { out_features, bias } => {
                let weight = vec![last(&input(node)), *out_features];
                with_bias(weight, *out_features, *bias)
            }
            Op::BatchNorm { .. } => {
                let roles = [Role::Weight, Role::Bias, Role::Mean, Role::Variance];
                roles.map(|role| (role, vec![input(node)[0]])).to_vec()
            }
            Op::LayerNorm { .. } => {
                let features = last(&input(node));
                with_bias(vec![features], features, true)
            }
            _ => Vec::new(),
        };
        let parameter = |(role, shape): (Role, Vec<usize>)| Parameter {
            name: format!("{}.{}", node.name, role.suffix()),
            node: id,
            role,
            shape: shape.into(),
        };
        list.into_iter().map(parameter).collect()
    }

    /// Fresh values of a parameter, drawn as [`Weights::initial`] says, for a shape of its own: that of the parameter, or
    /// a wider one that other networks share with this one.
    pub fn fresh(&self, parameter: &Parameter, shape: &[usize], rng: &mut impl Rng) -> Tensor {
        let shape = shape.to_vec();
        let elements = shape.iter().product();
        let node = self.node(parameter.node);
        let data = match (&node.op, parameter.role) {
            (Op::Conv(conv), Role::Weight) => {
                let fan_out = conv.out_channels / conv.groups * conv.kernel[0] * conv.kernel[1];
                let deviation = (2.0 / fan_out as f64).sqrt();
                let draw = || (deviation * standard_normal(rng)) as f32;
                std::iter::repeat_with(draw).take(elements).collect()
            }
            (Op::Linear { .. }, _) => {
                let bound = 1.0 / (last(self.node(node.inputs[0]).shape.dims()) as f32).sqrt();
                let draw = || rng.random_range(-bound..=bound);
                std::iter::repeat_with(draw).take(elements).collect()
            }
            (_, Role::Weight | Role::Variance) => vec![1.0; elements],
            (_, Role::Bias | Role::Mean) => vec![0.0; elements],
        };
        Tensor { shape, data }
    }
}

// === impl Role ===

impl Role {
    fn suffix(self) -> &'static str {
        match self {
            Self::Weight => "weight",
            Self::Bias => "bias",
            Self::Mean => "mean",
            Self::Variance => "variance",
        }
    }
}

// === impl Weights ===

impl Weights {
    /// Fresh weights: He's normal initialisation (fan out) for convolutions, a uniform one of ±1/√in for weight and
    /// bias of linear layers, scale 1, shift 0, mean 0, variance 1.
    ///
    /// The fan out is that of one group: out / groups · height · width.
    pub fn initial(graph: &Graph, rng: &mut impl Rng) -> Self {
        let parameters = graph.parameters();
        let fresh = parameters.into_iter().map(|parameter| {
            let tensor = graph.fresh(&parameter, parameter.shape.dims(), rng);
            (parameter.name, tensor)
        });
        Self(fresh.collect())
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

// === impl Model ===

impl Model {
    /// Joins a graph and its weights; weights of parameters that the graph does not have are dropped.
    ///
    /// # Errors
    /// When a parameter has no values or values of another shape.
    pub fn new(graph: Graph, mut weights: Weights) -> Result<Self, GraphError> {
        let mut used = BTreeMap::new();
        for Parameter { name, shape, .. } in graph.parameters() {
            let fault = |reason| GraphError::Weights {
                parameter: name.clone(),
                reason,
            };
            let tensor = weights
                .0
                .remove(&name)
                .ok_or_else(|| fault("has no values".to_owned()))?;
            if tensor.shape != shape.dims() {
                let got = Shape::from(tensor.shape);
                return Err(fault(format!("has the shape {got}, {shape} is needed")));
            }
            if tensor.data.len() != shape.elements() {
                let got = tensor.data.len();
                return Err(fault(format!(
                    "has {got} values, {shape} needs another number"
                )));
            }
            used.insert(name, tensor);
        }
        Ok(Self {
            graph,
            weights: Weights(used),
        })
    }

    /// The network.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Its weights.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// The same model with class probabilities instead of logits: see [`Graph::with_probabilities`].
    ///
    /// # Errors
    /// When the output has no axis, or a node is named `probabilities` already.
    pub fn with_probabilities(&self) -> Result<Self, GraphError> {
        Ok(Self {
            graph: self.graph.with_probabilities()?,
            weights: self.weights.clone(),
        })
    }

    /// The live graph with the weights that it has.
    pub(crate) fn live(&self) -> Self {
        Self::new(self.graph.live(), self.weights.clone())
            .expect("the live graph's parameters are some of the graph's")
    }

    /// The values of a parameter that the graph has.
    pub(crate) fn tensor(&self, name: &str) -> &Tensor {
        &self.weights.0[name]
    }
}

// === helpers ===

fn with_bias(weight: Vec<usize>, features: usize, bias: bool) -> Vec<(Role, Vec<usize>)> {
    let bias = bias.then(|| (Role::Bias, vec![features]));
    std::iter::once((Role::Weight, weight))
        .chain(bias)
        .collect()
}

fn last(dims: &[usize]) -> usize {
    *dims.last().expect("shape inference wants an axis")
}

/// A draw from the standard normal distribution (Box and Muller).
fn standard_normal(rng: &mut impl Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

//! One layer for each node of a graph.

use std::collections::HashMap;

use bespoke_graph::{Activation, Convolution, Graph, NodeId, Op, Parameter, Pool, Role, Weights};
use burn::module::{Module, Param, ParamId, RunningState};
use burn::nn::conv::Conv2d;
use burn::nn::pool::{AvgPool2d, AvgPool2dConfig, MaxPool2d, MaxPool2dConfig};
use burn::nn::{BatchNorm, LayerNorm, LayerNormConfig, Linear, PaddingConfig2d};
use burn::tensor::{Device, Gradients, Tensor, TensorData, activation};

use crate::kernels::{average, convolve, normalise};
use crate::value::Value;

/// What a node computes, with its parameters as tensors.
#[derive(Module, Debug)]
pub(crate) enum Layer {
    Conv(Conv2d),
    BatchNorm(BatchNorm),
    Linear(Linear),
    LayerNorm(LayerNorm),
    MaxPool(MaxPool2d),
    AvgPool(AvgPool2d),
    Plain(Plain),
}

/// An operator without parameters.
#[derive(Module, Debug)]
pub(crate) struct Plain {
    #[module(skip)]
    op: Op,
}

/// Weight of the newest batch in the running statistics of batch normalisation, as is usual.
const BATCH_NORM_MOMENTUM: f64 = 0.1;

/// Axes of a tensor that can hold any value: the batch and the eight that a graph's value has at most.
const AXES: usize = 9;

// === impl Layer ===

impl Layer {
    /// The layer of a node, its parameters read from the weights.
    ///
    /// # Panics
    /// When a parameter of the node is missing, which a `Model` rules out.
    pub(crate) fn new(graph: &Graph, id: NodeId, weights: &NodeWeights<'_>) -> Self {
        let op = &graph.node(id).op;
        match op {
            Op::Conv(settings) => Self::Conv(conv(settings, weights)),
            Op::BatchNorm { epsilon } => Self::BatchNorm(batch_norm(*epsilon, weights)),
            Op::Linear { .. } => Self::Linear(Linear {
                weight: weights.parameter(Role::Weight),
                bias: weights.optional(Role::Bias),
            }),
            Op::LayerNorm { epsilon } => Self::LayerNorm(layer_norm(*epsilon, weights)),
            Op::MaxPool(pool) => Self::MaxPool(max_pool(pool)),
            Op::AvgPool(pool) => Self::AvgPool(avg_pool(pool)),
            other => Self::Plain(Plain { op: other.clone() }),
        }
    }

    /// The layer's value for a batch. `dims` are the shapes of one sample of each input, `out` that of the result.
    pub(crate) fn forward(
        &self,
        mut inputs: Vec<Value>,
        dims: &[Vec<usize>],
        out: &[usize],
    ) -> Value {
        if let Self::Plain(plain) = self {
            return plain.forward(inputs, dims, out);
        }
        let (input, dims) = (inputs.remove(0), &dims[0]);
        match self {
            Self::Conv(conv) => Value::Maps(convolve(conv, input.maps(image(dims)))),
            Self::MaxPool(pool) => Value::Maps(pool.forward(input.maps(image(dims)))),
            Self::AvgPool(pool) => Value::Maps(average(pool, input.maps(image(dims)))),
            Self::BatchNorm(norm) => match input {
                Value::Maps(maps) => Value::Maps(normalise(norm, maps)),
                flat => {
                    let rest = dims[1..].iter().product();
                    let shape = [flat.batch(), dims[0], rest];
                    rows(normalise(norm, flat.reshape::<3>(shape)), shape[0])
                }
            },
            Self::Linear(linear) => {
                let batch = input.batch();
                rows(linear.forward(input.reshape(last_axis(batch, dims))), batch)
            }
            Self::LayerNorm(norm) => {
                let batch = input.batch();
                rows(norm.forward(input.reshape(last_axis(batch, dims))), batch)
            }
            Self::Plain(_) => unreachable!("returned above"),
        }
    }

    /// The values of a parameter as they are now.
    ///
    /// # Panics
    /// When the layer has no such parameter.
    pub(crate) fn values(&self, role: Role) -> Vec<f32> {
        let bias = "a bias that the graph asks for is there";
        let data = match (self, role) {
            (Self::Conv(conv), Role::Weight) => conv.weight.val().into_data(),
            (Self::Conv(conv), Role::Bias) => conv.bias.as_ref().expect(bias).val().into_data(),
            (Self::Linear(linear), Role::Weight) => linear.weight.val().into_data(),
            (Self::Linear(linear), Role::Bias) => {
                linear.bias.as_ref().expect(bias).val().into_data()
            }
            (Self::LayerNorm(norm), Role::Weight) => norm.gamma.val().into_data(),
            (Self::LayerNorm(norm), Role::Bias) => {
                norm.beta.as_ref().expect(bias).val().into_data()
            }
            (Self::BatchNorm(norm), Role::Weight) => norm.gamma.val().into_data(),
            (Self::BatchNorm(norm), Role::Bias) => norm.beta.val().into_data(),
            (Self::BatchNorm(norm), Role::Mean) => norm.running_mean.value().into_data(),
            (Self::BatchNorm(norm), Role::Variance) => norm.running_var.value().into_data(),
            (layer, role) => panic!("{layer:?} has no {role:?}"),
        };
        data.try_into_vec().expect("parameters are 32-bit floats")
    }

    /// Gives the running statistics of batch normalisation another memory: so much weight has the newest batch.
    pub(crate) fn set_momentum(&mut self, momentum: f64) {
        if let Self::BatchNorm(norm) = self {
            norm.momentum = momentum;
        }
    }

    /// Weights and gradients of the kernel or matrix, in one axis; the gradients are zero where there are none.
    pub(crate) fn flow(&self, gradients: &Gradients) -> Option<(Tensor<1>, Tensor<1>)> {
        match self {
            Self::Conv(conv) => Some(flow(&conv.weight.val(), gradients)),
            Self::Linear(linear) => Some(flow(&linear.weight.val(), gradients)),
            _ => None,
        }
    }

    /// The matrices and kernels that weight decay acts on, not scales and shifts.
    pub(crate) fn decayed(&self) -> Option<ParamId> {
        match self {
            Self::Conv(conv) => Some(conv.weight.id),
            Self::Linear(linear) => Some(linear.weight.id),
            _ => None,
        }
    }
}

// === impl Plain ===

impl Plain {
    fn forward(&self, mut inputs: Vec<Value>, dims: &[Vec<usize>], out: &[usize]) -> Value {
        match &self.op {
            Op::Add | Op::Mul => {
                let (right, left) = (inputs.pop(), inputs.pop());
                let pair = left.zip(right).expect("the graph gives two inputs");
                self.binary(pair, &dims[0], &dims[1])
            }
            Op::MatMul => {
                let (right, left) = (inputs.pop(), inputs.pop());
                let (left, right) = left.zip(right).expect("the graph gives two inputs");
                let batch = left.batch();
                let left = left.reshape::<3>(matrices(batch, &dims[0]));
                let right = right.reshape::<3>(matrices(batch, &dims[1]));
                rows(left.matmul(right), batch)
            }
            Op::Concat { axis } => concat(inputs, dims, *axis),
            _ => self.unary(inputs.remove(0), &dims[0], out),
        }
    }

    fn unary(&self, input: Value, dims: &[usize], out: &[usize]) -> Value {
        let batch = input.batch();
        match &self.op {
            Op::Activation(kind) => match input {
                Value::Maps(maps) => Value::Maps(activate(*kind, maps)),
                Value::Flat(flat) => Value::Flat(activate(*kind, flat)),
            },
            Op::Scale { factor } => match input {
                Value::Maps(maps) => Value::Maps(maps.mul_scalar(*factor)),
                Value::Flat(flat) => Value::Flat(flat.mul_scalar(*factor)),
            },
            Op::GlobalAvgPool => {
                let [channels, height, width] = image(dims);
                let planes = input.reshape::<3>([batch, channels, height * width]);
                rows(planes.mean_dim(2), batch)
            }
            Op::Softmax { axis } => {
                let shape = around(batch, dims, *axis);
                rows(activation::softmax(input.reshape::<3>(shape), 1), batch)
            }
            Op::Reshape { .. } => Value::Flat(input.flat()),
            Op::Transpose { perm } => {
                let order: [isize; AXES] = std::array::from_fn(|axis| match axis {
                    0 => 0,
                    axis => perm.get(axis - 1).map_or(axis, |old| old + 1) as isize,
                });
                rows(input.reshape(padded(batch, dims)).permute(order), batch)
            }
            Op::Zeros { .. } => {
                let like = input.flat();
                let options = (&like.device(), like.dtype());
                Value::Flat(Tensor::zeros([batch, out.iter().product()], options))
            }
            other => unreachable!("{other:?} has a layer of its own"),
        }
    }

    fn binary(&self, pair: (Value, Value), left: &[usize], right: &[usize]) -> Value {
        match pair {
            (Value::Maps(a), Value::Maps(b)) => Value::Maps(self.combine(a, b)),
            (a, b) if left == right => Value::Flat(self.combine(a.flat(), b.flat())),
            (a, b) if left.len() == 3 => {
                Value::Maps(self.combine(a.maps(image(left)), b.maps(image(right))))
            }
            (a, b) => {
                let batch = a.batch();
                let (a, b) = (
                    a.reshape(padded(batch, left)),
                    b.reshape(padded(batch, right)),
                );
                rows(self.combine(a, b), batch)
            }
        }
    }

    fn combine<const D: usize>(&self, a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
        match self.op {
            Op::Add => a + b,
            _ => a * b,
        }
    }
}

// === parameters ===

/// Where a layer's parameters come from.
pub(crate) enum Source<'a> {
    /// Values, of which the layer makes parameters of its own.
    Values(&'a Weights),
    /// Tensors that others hold: gradients go back to them.
    Tensors(&'a HashMap<String, Tensor<4>>),
}

/// The weights of one node.
pub(crate) struct NodeWeights<'a> {
    pub(crate) parameters: Vec<&'a Parameter>,
    pub(crate) source: Source<'a>,
    pub(crate) device: &'a Device,
}

impl NodeWeights<'_> {
    fn parameter<const D: usize>(&self, role: Role) -> Param<Tensor<D>> {
        self.optional(role)
            .expect("a model has all weights of its graph")
    }

    fn optional<const D: usize>(&self, role: Role) -> Option<Param<Tensor<D>>> {
        let parameter = self.parameters.iter().find(|p| p.role == role)?;
        match self.source {
            Source::Values(weights) => {
                Some(Param::from_data(data(weights, parameter)?, self.device))
            }
            Source::Tensors(tensors) => {
                let dims: [usize; D] = parameter.shape.dims().try_into().ok()?;
                let tensor = tensors.get(&parameter.name)?.clone().reshape(dims);
                Some(Param::initialized(ParamId::new(), tensor))
            }
        }
    }

    /// Running statistics: those of shared weights belong to nobody and begin anew.
    fn statistics(&self, role: Role) -> RunningState<Tensor<1>> {
        let parameter = self.parameters.iter().find(|p| p.role == role);
        let parameter = parameter.expect("a batch normalisation has statistics");
        let data = match self.source {
            Source::Values(weights) => data(weights, parameter),
            Source::Tensors(_) => {
                let fresh = f32::from(u8::from(role == Role::Variance));
                let elements = parameter.shape.elements();
                Some(TensorData::new(vec![fresh; elements], [elements]))
            }
        };
        let data = data.expect("a model has all weights of its graph");
        RunningState::new(Tensor::from_data(data, self.device))
    }
}

fn data(weights: &Weights, parameter: &Parameter) -> Option<TensorData> {
    let tensor = weights.get(&parameter.name)?;
    Some(TensorData::new(tensor.data.clone(), tensor.shape.clone()))
}

fn conv(settings: &Convolution, weights: &NodeWeights<'_>) -> Conv2d {
    Conv2d {
        weight: weights.parameter(Role::Weight),
        bias: weights.optional(Role::Bias),
        stride: settings.stride,
        kernel_size: settings.kernel,
        dilation: [1, 1],
        groups: settings.groups,
        padding: explicit(settings.padding),
    }
}

fn batch_norm(epsilon: f32, weights: &NodeWeights<'_>) -> BatchNorm {
    BatchNorm {
        gamma: weights.parameter(Role::Weight),
        beta: weights.parameter(Role::Bias),
        training: Param::from_bool(true),
        running_mean: weights.statistics(Role::Mean),
        running_var: weights.statistics(Role::Variance),
        momentum: BATCH_NORM_MOMENTUM,
        epsilon: f64::from(epsilon),
    }
}

fn layer_norm(epsilon: f32, weights: &NodeWeights<'_>) -> LayerNorm {
    let gamma: Param<Tensor<1>> = weights.parameter(Role::Weight);
    let [features] = gamma.val().dims();
    let config = LayerNormConfig::new(features).with_epsilon(f64::from(epsilon));
    let mut norm = config.init(weights.device);
    norm.gamma = gamma;
    norm.beta = weights.optional(Role::Bias);
    norm
}

fn max_pool(pool: &Pool) -> MaxPool2d {
    MaxPool2dConfig::new(pool.kernel)
        .with_strides(pool.stride)
        .with_padding(explicit(pool.padding))
        .init()
}

fn avg_pool(pool: &Pool) -> AvgPool2d {
    AvgPool2dConfig::new(pool.kernel)
        .with_strides(pool.stride)
        .with_padding(explicit(pool.padding))
        .with_count_include_pad(false)
        .init()
}

fn explicit([height, width]: [usize; 2]) -> PaddingConfig2d {
    PaddingConfig2d::Explicit(height, width, height, width)
}

// === functions ===

fn flow<const D: usize>(weight: &Tensor<D>, gradients: &Gradients) -> (Tensor<1>, Tensor<1>) {
    let gradient = weight.grad(gradients);
    let weight = weight.clone().inner();
    let gradient = gradient.unwrap_or_else(|| weight.zeros_like());
    (weight.flatten(0, D - 1), gradient.flatten(0, D - 1))
}

fn activate<const D: usize>(kind: Activation, x: Tensor<D>) -> Tensor<D> {
    match kind {
        Activation::Relu => activation::relu(x),
        Activation::Relu6 => activation::hardtanh(x, 0.0, 6.0),
        Activation::Sigmoid => activation::sigmoid(x),
        Activation::Silu => activation::silu(x),
        Activation::HardSigmoid => activation::hard_sigmoid(x, 1.0 / 6.0, 0.5),
        Activation::HardSwish => activation::hard_swish(x),
        Activation::Gelu => activation::gelu(x),
        Activation::Tanh => activation::tanh(x),
    }
}

fn concat(inputs: Vec<Value>, dims: &[Vec<usize>], axis: usize) -> Value {
    let channels = axis == 0 && dims[0].len() == 3;
    let parts = inputs.into_iter().zip(dims);
    if channels {
        let maps = parts.map(|(value, dims)| value.maps(image(dims))).collect();
        return Value::Maps(Tensor::cat(maps, 1));
    }
    let mut batch = 0;
    let parts = parts
        .map(|(value, dims)| {
            batch = value.batch();
            value.reshape::<3>(around(batch, dims, axis))
        })
        .collect();
    rows(Tensor::cat(parts, 1), batch)
}

// === shapes ===

/// The result of a layer that works on other axes, as samples again.
fn rows<const D: usize>(tensor: Tensor<D>, batch: usize) -> Value {
    let elements = tensor.shape().num_elements() / batch;
    Value::Flat(tensor.reshape([batch, elements]))
}

fn image(dims: &[usize]) -> [usize; 3] {
    dims.try_into().expect("the graph gives images three axes")
}

/// `[everything before, the last axis]`
fn last_axis(batch: usize, dims: &[usize]) -> [usize; 2] {
    let (last, outer) = dims.split_last().expect("the graph asks for an axis");
    [batch * outer.iter().product::<usize>(), *last]
}

/// `[everything before, rows, columns]`
fn matrices(batch: usize, dims: &[usize]) -> [usize; 3] {
    let (columns, rest) = dims.split_last().expect("the graph asks for two axes");
    let [outer, rows] = last_axis(batch, rest);
    [outer, rows, *columns]
}

/// `[everything before, the axis, everything behind]`
fn around(batch: usize, dims: &[usize], axis: usize) -> [usize; 3] {
    let before: usize = dims[..axis].iter().product();
    [
        batch * before,
        dims[axis],
        dims[axis + 1..].iter().product(),
    ]
}

/// The batch and all axes, followed by axes of length 1.
fn padded(batch: usize, dims: &[usize]) -> [usize; AXES] {
    std::array::from_fn(|axis| match axis {
        0 => batch,
        axis => dims.get(axis - 1).copied().unwrap_or(1),
    })
}

//! What a step computes.

use bespoke_graph::{Activation, Convolution, Model, NodeId, Op, Parameter, Pool, Role};
use tch::{Device, Kind, TchError, Tensor};

use super::plan::{channels_last, shape};

/// An operator with its weights where they are computed with. Axes have the batch in front.
pub(super) enum Layer {
    Input,
    /// The same value in every pass.
    Constant(Tensor),
    Conv {
        weight: Tensor,
        bias: Option<Tensor>,
        settings: Convolution,
    },
    BatchNorm {
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        variance: Tensor,
        epsilon: f64,
    },
    Linear {
        weight: Tensor,
        bias: Option<Tensor>,
    },
    LayerNorm {
        weight: Tensor,
        bias: Option<Tensor>,
        epsilon: f64,
    },
    Activation {
        function: Activation,
        in_place: bool,
    },
    MaxPool(Pool),
    AvgPool(Pool),
    GlobalAvgPool,
    Add,
    Mul,
    Scale(f64),
    Concat {
        axis: i64,
    },
    MatMul,
    Softmax {
        axis: i64,
    },
    Reshape(Vec<i64>),
    Transpose(Vec<i64>),
}

/// The weights of one node, and where they are computed with.
pub(super) struct Weights<'a> {
    pub(super) model: &'a Model,
    pub(super) parameters: &'a [Parameter],
    pub(super) node: NodeId,
    pub(super) place: (Kind, Device),
}

// === impl Layer ===

impl Layer {
    /// The layer of a node. With `in_place`, it may write over its first input.
    pub(super) fn new(
        weights: &Weights<'_>,
        batch: usize,
        in_place: bool,
    ) -> Result<Self, TchError> {
        let axis = |axis: usize| axis as i64 + 1;
        Ok(match &weights.model.graph().node(weights.node).op {
            Op::Input { .. } => Self::Input,
            Op::Zeros { shape: dims } => {
                let zeros = Tensor::f_zeros(shape(batch, dims), weights.place)?;
                Self::Constant(channels_last(&zeros)?)
            }
            Op::Conv(settings) => Self::Conv {
                weight: channels_last(&weights.parameter(Role::Weight)?)?,
                bias: weights.optional(Role::Bias)?,
                settings: settings.clone(),
            },
            Op::BatchNorm { epsilon } => Self::BatchNorm {
                weight: weights.parameter(Role::Weight)?,
                bias: weights.parameter(Role::Bias)?,
                mean: weights.parameter(Role::Mean)?,
                variance: weights.parameter(Role::Variance)?,
                epsilon: f64::from(*epsilon),
            },
            Op::Linear { .. } => Self::Linear {
                // libtorch wants a row for each output.
                weight: weights.parameter(Role::Weight)?.f_tr()?.f_contiguous()?,
                bias: weights.optional(Role::Bias)?,
            },
            Op::LayerNorm { epsilon } => Self::LayerNorm {
                weight: weights.parameter(Role::Weight)?,
                bias: weights.optional(Role::Bias)?,
                epsilon: f64::from(*epsilon),
            },
            Op::Activation(function) => Self::Activation {
                function: *function,
                in_place,
            },
            Op::MaxPool(pool) => Self::MaxPool(pool.clone()),
            Op::AvgPool(pool) => Self::AvgPool(pool.clone()),
            Op::GlobalAvgPool => Self::GlobalAvgPool,
            Op::Add => Self::Add,
            Op::Mul => Self::Mul,
            Op::Scale { factor } => Self::Scale(f64::from(*factor)),
            Op::Concat { axis: of } => Self::Concat { axis: axis(*of) },
            Op::MatMul => Self::MatMul,
            Op::Softmax { axis: of } => Self::Softmax { axis: axis(*of) },
            Op::Reshape { shape: dims } => Self::Reshape(shape(batch, dims)),
            Op::Transpose { perm } => {
                let order = std::iter::once(0).chain(perm.iter().map(|old| axis(*old)));
                Self::Transpose(order.collect())
            }
        })
    }

    /// The layer's value, from those of the nodes before it.
    pub(super) fn run(
        &self,
        inputs: &[usize],
        values: &[Option<Tensor>],
    ) -> Result<Tensor, TchError> {
        let input = |at: usize| {
            let value = values[inputs[at]].as_ref();
            value.expect("a value is kept until its last reader has run")
        };
        match self {
            Self::Input => unreachable!("the plan makes the input"),
            Self::Constant(value) => Ok(value.shallow_clone()),
            Self::Add => input(0).f_add(input(1)),
            Self::Mul => input(0).f_mul(input(1)),
            Self::MatMul => input(0).f_matmul(input(1)),
            Self::Concat { axis } => {
                let parts: Vec<&Tensor> = (0..inputs.len()).map(input).collect();
                Tensor::f_cat(&parts, *axis)
            }
            other => other.unary(input(0)),
        }
    }

    fn unary(&self, x: &Tensor) -> Result<Tensor, TchError> {
        match self {
            Self::Conv {
                weight,
                bias,
                settings,
            } => x.f_conv2d(
                weight,
                bias.as_ref(),
                pair(settings.stride),
                pair(settings.padding),
                [1, 1],
                settings.groups as i64,
            ),
            Self::Linear { weight, bias } => x.f_linear(weight, bias.as_ref()),
            Self::BatchNorm { .. } | Self::LayerNorm { .. } => self.normalise(x),
            Self::Activation { function, in_place } => match in_place {
                true => activate_in_place(*function, &mut x.shallow_clone()),
                false => activate(*function, x),
            },
            Self::MaxPool(pool) => x.f_max_pool2d(
                pair(pool.kernel),
                pair(pool.stride),
                pair(pool.padding),
                [1, 1],
                false,
            ),
            Self::AvgPool(pool) => x.f_avg_pool2d(
                pair(pool.kernel),
                pair(pool.stride),
                pair(pool.padding),
                false,
                false,
                None::<i64>,
            ),
            Self::GlobalAvgPool => x.f_adaptive_avg_pool2d([1, 1]),
            Self::Scale(factor) => x.f_mul_scalar(*factor),
            Self::Softmax { axis } => x.f_softmax(*axis, None::<Kind>),
            Self::Reshape(shape) => x.f_reshape(shape),
            Self::Transpose(order) => x.f_permute(order)?.f_contiguous(),
            Self::Input
            | Self::Constant(_)
            | Self::Add
            | Self::Mul
            | Self::MatMul
            | Self::Concat { .. } => unreachable!("these do not have one input"),
        }
    }

    fn normalise(&self, x: &Tensor) -> Result<Tensor, TchError> {
        match self {
            Self::BatchNorm {
                weight,
                bias,
                mean,
                variance,
                epsilon,
            } => x.f_batch_norm(
                Some(weight),
                Some(bias),
                Some(mean),
                Some(variance),
                false,
                0.0,
                *epsilon,
                true,
            ),
            Self::LayerNorm {
                weight,
                bias,
                epsilon,
            } => x.f_layer_norm(weight.size(), Some(weight), bias.as_ref(), *epsilon, true),
            _ => unreachable!("only normalisations are asked for"),
        }
    }
}

// === impl Weights ===

impl Weights<'_> {
    fn parameter(&self, role: Role) -> Result<Tensor, TchError> {
        let parameter = self.optional(role)?;
        Ok(parameter.expect("a model has all weights of its graph"))
    }

    fn optional(&self, role: Role) -> Result<Option<Tensor>, TchError> {
        let mut of_node = self.parameters.iter().filter(|p| p.node == self.node);
        let parameter = of_node.find(|parameter| parameter.role == role);
        let weights = parameter.and_then(|parameter| self.model.weights().get(&parameter.name));
        let Some(weights) = weights else {
            return Ok(None);
        };
        let axes: Vec<i64> = weights.shape.iter().map(|length| *length as i64).collect();
        let (kind, device) = self.place;
        let tensor = Tensor::f_from_slice(&weights.data)?.f_reshape(axes)?;
        Ok(Some(tensor.f_to_kind(kind)?.f_to_device(device)?))
    }
}

// === helpers ===

fn pair([height, width]: [usize; 2]) -> [i64; 2] {
    [height as i64, width as i64]
}

fn activate(function: Activation, x: &Tensor) -> Result<Tensor, TchError> {
    match function {
        Activation::Relu => x.f_relu(),
        Activation::Relu6 => x.f_clamp(0.0, 6.0),
        Activation::Sigmoid => x.f_sigmoid(),
        Activation::Silu => x.f_silu(),
        Activation::HardSigmoid => x.f_hardsigmoid(),
        Activation::HardSwish => x.f_hardswish(),
        Activation::Gelu => x.f_gelu("none"),
        Activation::Tanh => x.f_tanh(),
    }
}

fn activate_in_place(function: Activation, x: &mut Tensor) -> Result<Tensor, TchError> {
    match function {
        Activation::Relu => x.f_relu_(),
        Activation::Relu6 => x.f_clamp_(0.0, 6.0),
        Activation::Sigmoid => x.f_sigmoid_(),
        Activation::Silu => x.f_silu_(),
        Activation::HardSigmoid => x.f_hardsigmoid_(),
        Activation::HardSwish => x.f_hardswish_(),
        Activation::Gelu => x.f_gelu("none"),
        Activation::Tanh => x.f_tanh_(),
    }
}

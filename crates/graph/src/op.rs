//! The operators a network is made of, named and defined as in ONNX.

/// One operator. Axes and shapes are those of one sample, without the batch axis.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// The network's input: the first node of every graph, and the only one of its kind.
    Input {
        /// Shape of one sample, `[channels, height, width]` for images.
        shape: Vec<usize>,
    },
    /// A value that is zero everywhere: what an edge carries that a search space calls `none`.
    Zeros {
        /// Shape of one sample.
        shape: Vec<usize>,
    },
    /// Two-dimensional convolution over `[channels, height, width]`.
    Conv(Convolution),
    /// Batch normalisation over the first axis: scale, shift, running mean and variance.
    BatchNorm {
        /// Added to the variance.
        epsilon: f32,
    },
    /// An element-wise activation.
    Activation(Activation),
    /// Largest value of each window.
    MaxPool(Pool),
    /// Mean of each window; positions in the padding are not counted.
    AvgPool(Pool),
    /// Mean over height and width: `[channels, height, width]` to `[channels, 1, 1]`.
    GlobalAvgPool,
    /// Sum of two values of the same shape, or of one and one with axes of length 1 that are repeated.
    Add,
    /// Product of two values, with the same repetition as [`Op::Add`].
    Mul,
    /// Every element times a constant.
    Scale {
        /// The constant.
        factor: f32,
    },
    /// Values joined along an axis.
    Concat {
        /// The axis, counted without the batch.
        axis: usize,
    },
    /// Matrix product over the last two axes, the others being equal.
    MatMul,
    /// Affine map of the last axis.
    Linear {
        /// Length of the last axis afterwards.
        out_features: usize,
        /// Whether a bias is added.
        bias: bool,
    },
    /// Exponentials normalised to sum 1 along an axis.
    Softmax {
        /// The axis, counted without the batch.
        axis: usize,
    },
    /// Normalisation over the last axis with scale and shift.
    LayerNorm {
        /// Added to the variance.
        epsilon: f32,
    },
    /// The same elements in another shape.
    Reshape {
        /// The new shape of one sample.
        shape: Vec<usize>,
    },
    /// Axes in another order.
    Transpose {
        /// `perm[i]` is the old axis that becomes axis `i`, counted without the batch.
        perm: Vec<usize>,
    },
}

/// Settings of a two-dimensional convolution; pairs are height, width.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Convolution {
    /// Channels of the output.
    pub out_channels: usize,
    /// Window.
    pub kernel: [usize; 2],
    /// Step of the window.
    pub stride: [usize; 2],
    /// Zeros added on both sides.
    pub padding: [usize; 2],
    /// Groups of channels that do not see each other; divides input and output channels.
    pub groups: usize,
    /// Whether a bias is added.
    pub bias: bool,
}

/// Settings of a pooling window; pairs are height, width.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Window.
    pub kernel: [usize; 2],
    /// Step of the window.
    pub stride: [usize; 2],
    /// Positions added on both sides.
    pub padding: [usize; 2],
}

/// Element-wise activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `max(x, 0)`
    Relu,
    /// `min(max(x, 0), 6)`
    Relu6,
    /// `1 / (1 + exp(-x))`
    Sigmoid,
    /// `x · sigmoid(x)`, also called swish
    Silu,
    /// `min(max(x / 6 + 1/2, 0), 1)`
    HardSigmoid,
    /// `x · hard_sigmoid(x)`
    HardSwish,
    /// `x · Φ(x)` with the normal distribution function, exact
    Gelu,
    /// `tanh(x)`
    Tanh,
}

// === impl Op ===

impl Op {
    /// Name of the operator as ONNX spells it, for messages and tables.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Input { .. } => "Input",
            Self::Zeros { .. } => "Zeros",
            Self::Conv(_) => "Conv",
            Self::BatchNorm { .. } => "BatchNormalization",
            Self::Activation(activation) => activation.kind(),
            Self::MaxPool(_) => "MaxPool",
            Self::AvgPool(_) => "AveragePool",
            Self::GlobalAvgPool => "GlobalAveragePool",
            Self::Add => "Add",
            Self::Mul => "Mul",
            Self::Scale { .. } => "Scale",
            Self::Concat { .. } => "Concat",
            Self::MatMul => "MatMul",
            Self::Linear { .. } => "Linear",
            Self::Softmax { .. } => "Softmax",
            Self::LayerNorm { .. } => "LayerNormalization",
            Self::Reshape { .. } => "Reshape",
            Self::Transpose { .. } => "Transpose",
        }
    }
}

// === impl Convolution ===

impl Convolution {
    /// A square convolution without bias, padded so that stride 1 keeps height and width (odd kernels).
    pub fn same(out_channels: usize, kernel: usize, stride: usize, groups: usize) -> Self {
        let padding = kernel / 2;
        Self {
            out_channels,
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: [padding; 2],
            groups,
            bias: false,
        }
    }
}

// === impl Activation ===

impl Activation {
    /// Name of the function as ONNX spells it, where it has one.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Relu => "Relu",
            Self::Relu6 => "Relu6",
            Self::Sigmoid => "Sigmoid",
            Self::Silu => "Silu",
            Self::HardSigmoid => "HardSigmoid",
            Self::HardSwish => "HardSwish",
            Self::Gelu => "Gelu",
            Self::Tanh => "Tanh",
        }
    }

    /// Whether zero stays zero.
    pub(crate) fn keeps_zero(self) -> bool {
        !matches!(self, Self::Sigmoid | Self::HardSigmoid)
    }
}

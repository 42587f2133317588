//! Kinds of operators that runtimes have code of their own for.

use std::{fmt, str::FromStr};

use bespoke_graph::{Convolution, Graph, Node, Op};
use serde::{Deserialize, Serialize};

/// A kind of operator. Prints and parses as `dense3`, `depthwise5s` (with a stride), `grouped1`, `Add`, `Relu`, …
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Class(Repr);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Repr {
    Conv {
        grouping: Grouping,
        /// The longer side of the window, below [`KERNELS`].
        kernel: u8,
        is_strided: bool,
    },
    /// Index into [`NAMES`].
    Other(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Grouping {
    Dense,
    Grouped,
    Depthwise,
}

/// Longer windows count as the longest that is told apart.
const KERNELS: usize = 16;

/// All that is not a convolution, by its name in ONNX. Positions are not stored anywhere.
const NAMES: [&str; 22] = [
    "BatchNormalization",
    "Relu",
    "Relu6",
    "Sigmoid",
    "Silu",
    "HardSigmoid",
    "HardSwish",
    "Gelu",
    "Tanh",
    "MaxPool",
    "AveragePool",
    "GlobalAveragePool",
    "Add",
    "Mul",
    "Scale",
    "Concat",
    "MatMul",
    "Linear",
    "Softmax",
    "LayerNormalization",
    "Transpose",
    "Zeros",
];

// === impl Class ===

impl Class {
    /// The class of a node, or `None` for what costs nothing: inputs, reshapes, constants, and batch normalisation
    /// that folds into the convolution or linear layer before it.
    pub fn of(graph: &Graph, node: &Node) -> Option<Self> {
        match &node.op {
            Op::Input { .. } | Op::Zeros { .. } | Op::Reshape { .. } => None,
            Op::BatchNorm { .. } => {
                let before = &graph.node(node.inputs[0]).op;
                let folds = matches!(before, Op::Conv(_) | Op::Linear { .. });
                (!folds).then(|| Self::named(node.op.kind()))
            }
            Op::Conv(conv) => {
                let channels = graph.node(node.inputs[0]).shape.dims()[0];
                Some(Self::convolution(conv, channels))
            }
            op => Some(Self::named(op.kind())),
        }
    }

    /// One more than the greatest index.
    pub(crate) const COUNT: usize = Grouping::ALL.len() * KERNELS * 2 + NAMES.len();

    /// A number of its own, below [`Class::COUNT`]; classes in order have indices in order.
    pub(crate) fn index(self) -> usize {
        match self.0 {
            Repr::Conv {
                grouping,
                kernel,
                is_strided,
            } => {
                let of_kernel = grouping as usize * KERNELS + usize::from(kernel);
                of_kernel * 2 + usize::from(is_strided)
            }
            Repr::Other(name) => Grouping::ALL.len() * KERNELS * 2 + usize::from(name),
        }
    }

    fn convolution(conv: &Convolution, channels: usize) -> Self {
        let grouping = match conv.groups {
            1 => Grouping::Dense,
            groups if groups == channels => Grouping::Depthwise,
            _ => Grouping::Grouped,
        };
        Self(Repr::Conv {
            grouping,
            kernel: conv.kernel[0].max(conv.kernel[1]).min(KERNELS - 1) as u8,
            is_strided: conv.stride != [1, 1],
        })
    }

    fn named(name: &str) -> Self {
        let index = NAMES.iter().position(|other| *other == name);
        let index = index.expect("every operator but the convolution is listed");
        Self(Repr::Other(
            u8::try_from(index).expect("there are few names"),
        ))
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Repr::Other(index) => f.write_str(NAMES[usize::from(index)]),
            Repr::Conv {
                grouping,
                kernel,
                is_strided,
            } => {
                let stride = if is_strided { "s" } else { "" };
                write!(f, "{}{kernel}{stride}", grouping.name())
            }
        }
    }
}

/// A text that names no kind of operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a kind of operator")]
pub struct ClassError(String);

impl FromStr for Class {
    type Err = ClassError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if NAMES.contains(&text) {
            return Ok(Self::named(text));
        }
        let conv = Grouping::ALL.into_iter().find_map(|grouping| {
            let rest = text.strip_prefix(grouping.name())?;
            let (kernel, is_strided) = match rest.strip_suffix('s') {
                Some(kernel) => (kernel, true),
                None => (rest, false),
            };
            Some(Self(Repr::Conv {
                grouping,
                kernel: kernel.parse().ok()?,
                is_strided,
            }))
        });
        let is_canonical = |class: &Self| match class.0 {
            Repr::Conv { kernel, .. } => usize::from(kernel) < KERNELS && class.to_string() == text,
            Repr::Other(_) => false,
        };
        conv.filter(is_canonical)
            .ok_or_else(|| ClassError(text.to_owned()))
    }
}

impl TryFrom<String> for Class {
    type Error = ClassError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Class> for String {
    fn from(class: Class) -> Self {
        class.to_string()
    }
}

// === impl Grouping ===

impl Grouping {
    const ALL: [Self; 3] = [Self::Dense, Self::Grouped, Self::Depthwise];

    fn name(self) -> &'static str {
        match self {
            Self::Dense => "dense",
            Self::Grouped => "grouped",
            Self::Depthwise => "depthwise",
        }
    }
}

#[cfg(test)]
mod tests {
    use bespoke_graph::Activation;

    use super::*;

    #[test]
    fn every_operator_but_the_convolution_has_a_name() {
        let activations = [
            Activation::Relu,
            Activation::Relu6,
            Activation::Sigmoid,
            Activation::Silu,
            Activation::HardSigmoid,
            Activation::HardSwish,
            Activation::Gelu,
            Activation::Tanh,
        ];
        for activation in activations {
            assert_eq!(
                Class::named(activation.kind()).to_string(),
                activation.kind()
            );
        }
        for op in [
            Op::GlobalAvgPool,
            Op::Add,
            Op::Mul,
            Op::Scale { factor: 1.0 },
            Op::Concat { axis: 0 },
            Op::MatMul,
            Op::Softmax { axis: 0 },
            Op::LayerNorm { epsilon: 1.0 },
            Op::Transpose { perm: vec![0] },
            Op::BatchNorm { epsilon: 1.0 },
        ] {
            assert_eq!(Class::named(op.kind()).to_string(), op.kind());
        }
    }

    #[test]
    fn text_round_trips() {
        for text in ["dense3", "depthwise5s", "grouped1", "Add", "HardSwish"] {
            assert_eq!(
                text.parse::<Class>().map(|class| class.to_string()),
                Ok(text.to_owned())
            );
        }
        for text in ["dense", "dense03", "sparse3", "add", "dense3x", ""] {
            assert!(text.parse::<Class>().is_err(), "{text}");
        }
    }
}

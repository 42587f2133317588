//! What a shared parameter belongs to, and why two networks cannot share one.

use std::{fmt, str::FromStr};

use bespoke_graph::{Graph, Op, Parameter, Role};

/// What a parameter belongs to, as far as sharing asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// Kernel of a convolution in which all channels see each other.
    Kernel,
    /// Kernel of a convolution of each channel by itself.
    Depthwise,
    /// Kernel of a convolution in so many groups, from and to so many channels: other widths would split elsewhere.
    Grouped([usize; 3]),
    /// Weight of a linear layer, whose input has so many positions for each channel.
    Linear(usize),
    /// Scale, shift or bias.
    Vector,
}

/// A text that is no form's.
pub(super) struct UnknownForm;

// === impl Form ===

impl Form {
    /// The form of a parameter of a network.
    pub fn of(network: &Graph, parameter: &Parameter) -> Self {
        let node = network.node(parameter.node);
        if parameter.role != Role::Weight {
            return Self::Vector;
        }
        let input = network.node(node.inputs[0]);
        match &node.op {
            Op::Conv(conv) => match (conv.groups, input.shape.dims()[0], conv.out_channels) {
                (1, _, _) => Self::Kernel,
                (groups, from, to) if groups == from && groups == to => Self::Depthwise,
                (groups, from, to) => Self::Grouped([groups, from, to]),
            },
            Op::Linear { .. } => Self::Linear(match &input.op {
                Op::Reshape { shape } if shape.len() == 1 => {
                    let before = network.node(input.inputs[0]).shape.dims();
                    before[1..].iter().product()
                }
                _ => 1,
            }),
            _ => Self::Vector,
        }
    }

    /// Why a parameter of this form cannot be shared with one of another.
    pub fn conflict(&self, other: &Self) -> Option<String> {
        (self != other).then(|| format!("is {self} in one network and {other} in another"))
    }

    /// Whether weight decay acts on it.
    pub fn is_decayed(&self) -> bool {
        !matches!(self, Self::Vector)
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel => f.write_str("a convolution"),
            Self::Depthwise => f.write_str("a depthwise convolution"),
            Self::Grouped([groups, from, to]) => {
                write!(
                    f,
                    "a convolution in {groups} groups from {from} to {to} channels"
                )
            }
            Self::Linear(positions) => {
                write!(f, "a linear layer on {positions} positions of each channel")
            }
            Self::Vector => f.write_str("a vector"),
        }
    }
}

impl FromStr for Form {
    type Err = UnknownForm;

    fn from_str(text: &str) -> Result<Self, UnknownForm> {
        let numbers: Vec<usize> = text
            .split(' ')
            .filter_map(|word| word.parse().ok())
            .collect();
        let form = match numbers[..] {
            [groups, from, to] => Self::Grouped([groups, from, to]),
            [positions] => Self::Linear(positions),
            _ if text == Self::Kernel.to_string() => Self::Kernel,
            _ if text == Self::Depthwise.to_string() => Self::Depthwise,
            _ => Self::Vector,
        };
        match form.to_string() == text {
            true => Ok(form),
            false => Err(UnknownForm),
        }
    }
}

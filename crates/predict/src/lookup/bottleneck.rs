//! What the keys of published tables say of an inverted bottleneck, read from its graph.

use bespoke_graph::{Activation, Convolution, Graph, Node, Op};

/// An inverted bottleneck: widening 1x1, depthwise and narrowing 1x1 convolution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bottleneck {
    /// Channels between the 1x1 convolutions.
    pub wide: usize,
    pub kernel: usize,
    pub stride: usize,
    /// Groups of the 1x1 convolutions.
    pub groups: usize,
    /// Behind the depthwise convolution.
    pub activation: Option<Activation>,
    pub has_squeeze_excite: bool,
    /// Whether its input is added to its output.
    pub is_residual: bool,
}

// === impl Bottleneck ===

impl Bottleneck {
    /// `None` if the graph is no inverted bottleneck that a key could tell.
    pub fn of(graph: &Graph) -> Option<Self> {
        let nodes = graph.nodes();
        let convolutions: Vec<(&Node, &Convolution)> = nodes.iter().filter_map(of_node).collect();
        let is_depthwise = |(_, conv): &&(&Node, &Convolution)| {
            conv.groups > 1 && conv.groups == conv.out_channels
        };
        let (depthwise, settings) = convolutions.iter().find(is_depthwise)?;
        let ([kernel, width], [stride, across]) = (settings.kernel, settings.stride);
        let is_pooled = nodes.iter().any(|node| matches!(node.op, Op::AvgPool(_)));
        if kernel != width || stride != across || is_pooled {
            return None;
        }
        let (_, narrowing) = convolutions.last()?;
        Some(Self {
            wide: settings.out_channels,
            kernel,
            stride,
            groups: narrowing.groups,
            activation: activation_behind(graph, depthwise),
            has_squeeze_excite: nodes.iter().any(|node| node.op == Op::Mul),
            is_residual: graph.node(graph.output()).op == Op::Add,
        })
    }
}

// === helpers ===

fn of_node(node: &Node) -> Option<(&Node, &Convolution)> {
    match &node.op {
        Op::Conv(convolution) => Some((node, convolution)),
        _ => None,
    }
}

/// The activation that reads the batch normalisation that reads a convolution.
fn activation_behind(graph: &Graph, convolution: &Node) -> Option<Activation> {
    let reads = |node: &Node, name: &str| {
        let mut inputs = node.inputs.iter();
        inputs.any(|input| graph.node(*input).name == name)
    };
    let nodes = graph.nodes();
    let is_norm =
        |node: &&Node| matches!(node.op, Op::BatchNorm { .. }) && reads(node, &convolution.name);
    let norm = nodes.iter().find(is_norm)?;
    nodes.iter().find_map(|node| match node.op {
        Op::Activation(activation) if reads(node, &norm.name) => Some(activation),
        _ => None,
    })
}

//! The reference networks: always the same, one made of what mobile networks are made of, one of memory.

use std::sync::LazyLock;

use bespoke_graph::{
    Activation, Builder, Convolution, ExportOptions, Graph, Model, NodeId, Op, Tensor, Weights,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Channels of each stage; each halves the resolution.
const STAGES: [usize; 3] = [16, 24, 40];
/// Pixels of the input's height and width.
const PIXELS: usize = 96;
/// How much wider an inverted residual is in its middle.
const EXPANSION: usize = 4;
/// Features of linear layers, each with a million weights: 4 MiB.
const FEATURES: usize = 1024;
/// Linear layers of the network that computes: their weights come from beyond the caches that a core has to itself.
const OF_COMPUTING: usize = 2;
/// Linear layers of the network that reads memory: 32 MiB do not stay in the share of the last-level cache that one core
/// of a machine with many has.
const OF_READING: usize = 8;
/// Value of a layer's weights: small, so that nothing overflows, and times the layer's number, so that no runtime keeps
/// the same weights only once.
const WEIGHT: f32 = 1e-4;

/// The network that computes, as an ONNX file with random weights: a convolution and three inverted residuals (Sandler et
/// al., "MobileNetV2", 2018) on 96 pixels, then linear layers with two million weights; 8 million multiply-accumulates. It
/// tells of neighbours that take the core's time and units.
pub(crate) fn computing() -> &'static [u8] {
    static ONNX: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let graph = mobile();
        let weights = Weights::initial(&graph, &mut ChaCha8Rng::seed_from_u64(0));
        onnx(graph, weights)
    });
    &ONNX
}

/// The network that reads memory, as an ONNX file: linear layers with eight million weights, each used once. It tells of
/// neighbours that take the memory's time and the last-level cache's room.
pub(crate) fn reading() -> &'static [u8] {
    static ONNX: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut layers = Layers::new(&[FEATURES]);
        layers.linear(OF_READING);
        let graph = layers.finish();
        let mut weights = Weights::default();
        for (number, parameter) in (1_u8..).zip(graph.parameters()) {
            let shape = parameter.shape.dims().to_vec();
            let data = vec![f32::from(number) * WEIGHT; parameter.shape.elements()];
            weights.insert(parameter.name, Tensor { shape, data });
        }
        onnx(graph, weights)
    });
    &ONNX
}

fn mobile() -> Graph {
    let mut layers = Layers::new(&[3, PIXELS, PIXELS]);
    layers.push(convolution(STAGES[0], 3, 2, 1));
    let mut channels = STAGES[0];
    for wide in STAGES {
        let middle = channels * EXPANSION;
        layers.push(convolution(middle, 1, 1, 1));
        layers.push(Op::Activation(Activation::Relu));
        layers.push(convolution(middle, 3, 2, middle));
        layers.push(Op::Activation(Activation::Relu));
        layers.push(convolution(wide, 1, 1, 1));
        channels = wide;
    }
    layers.push(Op::GlobalAvgPool);
    layers.linear(OF_COMPUTING);
    layers.finish()
}

fn onnx(graph: Graph, weights: Weights) -> Vec<u8> {
    let model = Model::new(graph, weights).expect("the weights are the graph's");
    model.to_onnx(ExportOptions::default())
}

/// A network that grows by one layer after the other.
struct Layers {
    builder: Builder,
    last: NodeId,
    names: std::ops::RangeFrom<u32>,
}

// === impl Layers ===

impl Layers {
    fn new(input: &[usize]) -> Self {
        let (builder, last) = Graph::builder(input);
        Self {
            builder,
            last,
            names: 0..,
        }
    }

    fn push(&mut self, op: Op) {
        let name = format!("node{}", self.names.next().expect("numbers do not end"));
        let node = self.builder.push(name, op, &[self.last]);
        self.last = node.expect("the shapes fit");
    }

    /// So many linear layers, and one with a single output.
    fn linear(&mut self, count: usize) {
        for _ in 0..count {
            self.push(linear(FEATURES));
            self.push(Op::Activation(Activation::Relu));
        }
        self.push(linear(1));
    }

    fn finish(self) -> Graph {
        self.builder.finish(self.last).expect("the node is there")
    }
}

// === helpers ===

fn linear(out_features: usize) -> Op {
    Op::Linear {
        out_features,
        bias: true,
    }
}

fn convolution(out_channels: usize, kernel: usize, stride: usize, groups: usize) -> Op {
    Op::Conv(Convolution {
        out_channels,
        kernel: [kernel; 2],
        stride: [stride; 2],
        padding: [kernel / 2; 2],
        groups,
        bias: true,
    })
}

//! The reference network: small, always the same, and made of what mobile networks are made of.

use std::sync::LazyLock;

use bespoke_graph::{Activation, Convolution, ExportOptions, Graph, Model, NodeId, Op, Weights};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Channels of each stage; each halves the resolution.
const STAGES: [usize; 3] = [16, 24, 40];
/// Pixels of the input's height and width.
const PIXELS: usize = 96;
/// How much wider an inverted residual is in its middle.
const EXPANSION: usize = 4;
/// Features of the last layers, whose weights have to come from beyond the caches that a core has to itself.
const FEATURES: usize = 1024;

/// The network as an ONNX file, with random weights: a convolution and three inverted residuals (Sandler et al.,
/// "MobileNetV2", 2018) on 96 pixels, then linear layers with a million weights; 7 million multiply-accumulates. The ones
/// tell of neighbours that take the core's time and units, the others of those that take the memory's.
pub(crate) fn onnx() -> &'static [u8] {
    static ONNX: LazyLock<Vec<u8>> = LazyLock::new(model);
    &ONNX
}

fn model() -> Vec<u8> {
    let (mut builder, input) = Graph::builder(&[3, PIXELS, PIXELS]);
    let mut names = 0..;
    let mut push = |op: Op, from: NodeId| {
        let name = format!("node{}", names.next().expect("numbers do not end"));
        builder.push(name, op, &[from]).expect("the shapes fit")
    };
    let mut last = push(convolution(STAGES[0], 3, 2, 1), input);
    let mut channels = STAGES[0];
    for wide in STAGES {
        let middle = channels * EXPANSION;
        last = push(convolution(middle, 1, 1, 1), last);
        last = push(Op::Activation(Activation::Relu), last);
        last = push(convolution(middle, 3, 2, middle), last);
        last = push(Op::Activation(Activation::Relu), last);
        last = push(convolution(wide, 1, 1, 1), last);
        channels = wide;
    }
    last = push(Op::GlobalAvgPool, last);
    for _ in 0..2 {
        last = push(linear(FEATURES), last);
        last = push(Op::Activation(Activation::Relu), last);
    }
    let output = push(linear(1), last);
    let graph = builder.finish(output).expect("the node is there");
    let weights = Weights::initial(&graph, &mut ChaCha8Rng::seed_from_u64(0));
    let model = Model::new(graph, weights).expect("the weights are the graph's");
    model.to_onnx(ExportOptions::default())
}

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

//! Networks that several tests build.

use bespoke_graph::{Activation, Builder, Convolution, Graph, NodeId, Op, Pool};

pub const BATCH_NORM: Op = Op::BatchNorm { epsilon: 1e-5 };
pub const RELU: Op = Op::Activation(Activation::Relu);

/// A builder that names nodes by their number and takes shapes for granted.
pub struct Sketch(Builder, usize);

impl Sketch {
    pub fn new(input_shape: &[usize]) -> (Self, NodeId) {
        let (builder, input) = Graph::builder(input_shape);
        (Self(builder, 0), input)
    }

    pub fn push(&mut self, op: Op, inputs: &[NodeId]) -> NodeId {
        self.1 += 1;
        let name = format!("node{}", self.1);
        self.0.push(name, op, inputs).expect("the sketch is valid")
    }

    pub fn chain(&mut self, ops: impl IntoIterator<Item = Op>, input: NodeId) -> NodeId {
        ops.into_iter().fold(input, |id, op| self.push(op, &[id]))
    }

    pub fn shape(&self, id: NodeId) -> Vec<usize> {
        self.0.shape(id).dims().to_vec()
    }

    pub fn channels(&self, id: NodeId) -> usize {
        self.0.shape(id).dims()[0]
    }

    pub fn finish(self, output: NodeId) -> Graph {
        self.0.finish(output).expect("the output is there")
    }
}

pub fn conv(out_channels: usize, kernel: usize, stride: usize) -> Op {
    Op::Conv(Convolution::same(out_channels, kernel, stride, 1))
}

pub fn average(kernel: usize, stride: usize, padding: usize) -> Op {
    Op::AvgPool(Pool {
        kernel: [kernel; 2],
        stride: [stride; 2],
        padding: [padding; 2],
    })
}

pub fn zeros(sketch: &mut Sketch, shape: &[usize]) -> NodeId {
    let shape = shape.to_vec();
    sketch.push(Op::Zeros { shape }, &[])
}

/// An edge of NAS-Bench-201's cell.
#[derive(Debug, Clone, Copy)]
pub enum Edge {
    None,
    Skip,
    Conv1,
    Conv3,
    Pool,
}

/// The CIFAR-10 network of NAS-Bench-201 around a cell: edges 0-1, 0-2, 1-2, 0-3, 1-3, 2-3.
pub fn nas_bench_201(cell: [Edge; 6]) -> Graph {
    let (mut sketch, input) = Sketch::new(&[3, 32, 32]);
    let mut x = sketch.chain([conv(16, 3, 1), BATCH_NORM], input);
    for stage in 0..3 {
        if stage > 0 {
            x = reduction(&mut sketch, x);
        }
        for _ in 0..5 {
            x = nas_bench_201_cell(&mut sketch, cell, x);
        }
    }
    let linear = Op::Linear {
        out_features: 10,
        bias: true,
    };
    let head = [
        BATCH_NORM,
        RELU,
        Op::GlobalAvgPool,
        Op::Reshape { shape: vec![64] },
        linear,
    ];
    let output = sketch.chain(head, x);
    sketch.finish(output)
}

fn nas_bench_201_cell(sketch: &mut Sketch, cell: [Edge; 6], input: NodeId) -> NodeId {
    let channels = sketch.channels(input);
    let shape = sketch.shape(input);
    let mut nodes = vec![input];
    let mut edges = cell.into_iter();
    for target in 1..4 {
        let incoming: Vec<NodeId> = (0..target)
            .map(|source| {
                let edge = edges.next().expect("a cell has six edges");
                let ops = match edge {
                    Edge::None => return zeros(sketch, &shape),
                    Edge::Skip => vec![],
                    Edge::Conv1 => vec![RELU, conv(channels, 1, 1), BATCH_NORM],
                    Edge::Conv3 => vec![RELU, conv(channels, 3, 1), BATCH_NORM],
                    Edge::Pool => vec![average(3, 1, 1)],
                };
                sketch.chain(ops, nodes[source])
            })
            .collect();
        let sum = incoming[1..]
            .iter()
            .fold(incoming[0], |sum, edge| sketch.push(Op::Add, &[sum, *edge]));
        nodes.push(sum);
    }
    nodes[3]
}

fn reduction(sketch: &mut Sketch, input: NodeId) -> NodeId {
    let channels = 2 * sketch.channels(input);
    let main = [
        RELU,
        conv(channels, 3, 2),
        BATCH_NORM,
        RELU,
        conv(channels, 3, 1),
        BATCH_NORM,
    ];
    let main = sketch.chain(main, input);
    let shortcut = sketch.chain([average(2, 2, 0), conv(channels, 1, 1)], input);
    sketch.push(Op::Add, &[main, shortcut])
}

/// MobileNetV2 1.0 at 224 pixels with 1,000 classes (Sandler et al., CVPR 2018).
pub fn mobilenet_v2() -> Graph {
    let blocks = [
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ];
    let (mut sketch, input) = Sketch::new(&[3, 224, 224]);
    let relu6 = || Op::Activation(Activation::Relu6);
    let mut x = sketch.chain([conv(32, 3, 2), BATCH_NORM, relu6()], input);
    for (expansion, out_channels, repeats, first_stride) in blocks {
        for repeat in 0..repeats {
            let stride = if repeat == 0 { first_stride } else { 1 };
            let channels = sketch.channels(x);
            let hidden = expansion * channels;
            let mut y = x;
            if expansion > 1 {
                y = sketch.chain([conv(hidden, 1, 1), BATCH_NORM, relu6()], y);
            }
            let depthwise = Op::Conv(Convolution::same(hidden, 3, stride, hidden));
            y = sketch.chain([depthwise, BATCH_NORM, relu6()], y);
            y = sketch.chain([conv(out_channels, 1, 1), BATCH_NORM], y);
            let residual = stride == 1 && channels == out_channels;
            x = if residual {
                sketch.push(Op::Add, &[x, y])
            } else {
                y
            };
        }
    }
    let linear = Op::Linear {
        out_features: 1000,
        bias: true,
    };
    let head = [
        conv(1280, 1, 1),
        BATCH_NORM,
        relu6(),
        Op::GlobalAvgPool,
        Op::Reshape { shape: vec![1280] },
        linear,
    ];
    let output = sketch.chain(head, x);
    sketch.finish(output)
}

/// A small network in which every operator and every activation is used and alive.
pub fn every_operator() -> Graph {
    let (mut sketch, input) = Sketch::new(&[4, 8, 8]);
    let mut biased = Convolution::same(6, 3, 1, 2);
    biased.bias = true;
    let convolutions = [
        Op::Conv(biased),
        BATCH_NORM,
        RELU,
        conv(4, 1, 1),
        BATCH_NORM,
    ];
    let x = sketch.chain(convolutions, input);
    let activations = [
        Activation::Relu6,
        Activation::Silu,
        Activation::HardSigmoid,
        Activation::HardSwish,
        Activation::Gelu,
        Activation::Tanh,
    ];
    let x = sketch.chain(activations.map(Op::Activation), x);
    let residual = sketch.push(Op::Add, &[x, input]);
    let x = sketch.chain([max_2x2(), average(3, 1, 1)], residual);

    let gate = [
        Op::GlobalAvgPool,
        Op::Reshape { shape: vec![4] },
        linear(4, true),
        Op::Activation(Activation::Sigmoid),
        Op::Reshape {
            shape: vec![4, 1, 1],
        },
    ];
    let gate = sketch.chain(gate, x);
    let gated = sketch.push(Op::Mul, &[x, gate]);
    let scaled = sketch.push(Op::Scale { factor: 0.3 }, &[gated]);
    let nothing = zeros(&mut sketch, &[2, 4, 4]);
    let joined = sketch.push(Op::Concat { axis: 0 }, &[scaled, nothing]);

    let tokens = [
        Op::Reshape { shape: vec![6, 16] },
        Op::Transpose { perm: vec![1, 0] },
        Op::LayerNorm { epsilon: 1e-5 },
    ];
    let tokens = sketch.chain(tokens, joined);
    let queries = sketch.push(linear(5, true), &[tokens]);
    let keys = [linear(5, false), Op::Transpose { perm: vec![1, 0] }];
    let keys = sketch.chain(keys, tokens);
    let scores = sketch.push(Op::MatMul, &[queries, keys]);
    let head = [
        Op::Softmax { axis: 1 },
        Op::Reshape { shape: vec![256] },
        linear(3, false),
        BATCH_NORM,
        Op::Softmax { axis: 0 },
    ];
    let output = sketch.chain(head, scores);
    sketch.finish(output)
}

fn linear(out_features: usize, bias: bool) -> Op {
    Op::Linear { out_features, bias }
}

fn max_2x2() -> Op {
    Op::MaxPool(Pool {
        kernel: [2; 2],
        stride: [2; 2],
        padding: [0; 2],
    })
}

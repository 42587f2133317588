//! Every operator against its definition, forwards and backwards.

use bespoke_graph::{
    Activation, Builder, Convolution, Graph, Model, NodeId, Op, Pool, Role, Tensor as Values,
    Weights,
};
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Body;
use super::reference::{self, Mode};
use crate::Network;

const BATCH: usize = 3;

/// What is put behind a first convolution with four channels of 5 x 5.
type Ending = fn(&mut Builder, NodeId) -> NodeId;

fn conv(
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    groups: usize,
    bias: bool,
) -> Op {
    Op::Conv(Convolution {
        out_channels: 4,
        kernel,
        stride,
        padding,
        groups,
        bias,
    })
}

fn pool(kernel: usize, stride: usize, padding: usize) -> Pool {
    Pool {
        kernel: [kernel; 2],
        stride: [stride; 2],
        padding: [padding; 2],
    }
}

fn push(builder: &mut Builder, op: Op, inputs: &[NodeId]) -> NodeId {
    let name = format!(
        "{}_{}",
        op.kind(),
        inputs.iter().map(|id| id.index()).sum::<usize>()
    );
    builder.push(name, op, inputs).unwrap()
}

fn act(builder: &mut Builder, x: NodeId, kind: Activation) -> NodeId {
    push(builder, Op::Activation(kind), &[x])
}

fn tokens(builder: &mut Builder, x: NodeId) -> NodeId {
    let rows = push(builder, Op::Reshape { shape: vec![4, 25] }, &[x]);
    push(builder, Op::Transpose { perm: vec![1, 0] }, &[rows])
}

fn squeeze_excite(builder: &mut Builder, x: NodeId) -> NodeId {
    let pooled = push(builder, Op::GlobalAvgPool, &[x]);
    let gate = push(builder, conv([1, 1], [1, 1], [0, 0], 1, true), &[pooled]);
    let gate = act(builder, gate, Activation::HardSigmoid);
    push(builder, Op::Mul, &[x, gate])
}

fn chain(
    builder: &mut Builder,
    name: &str,
    ops: impl IntoIterator<Item = Op>,
    x: NodeId,
) -> NodeId {
    let push = |at, (part, op)| builder.push(format!("{name}{part}"), op, &[at]).unwrap();
    ops.into_iter().enumerate().fold(x, push)
}

/// Two heads; values go through a depthwise convolution.
fn attention(builder: &mut Builder, x: NodeId) -> NodeId {
    let x = tokens(builder, x);
    let normed = push(builder, Op::LayerNorm { epsilon: 1e-4 }, &[x]);
    let linear = |bias| Op::Linear {
        out_features: 4,
        bias,
    };
    let shape = |shape: &[usize]| Op::Reshape {
        shape: shape.to_vec(),
    };
    let swap = |perm: &[usize]| Op::Transpose {
        perm: perm.to_vec(),
    };
    let queries = [linear(false), shape(&[25, 2, 2]), swap(&[1, 0, 2])];
    let queries = chain(builder, "queries", queries, normed);
    let keys = [linear(false), shape(&[25, 2, 2]), swap(&[1, 2, 0])];
    let keys = chain(builder, "keys", keys, normed);
    let scores = push(builder, Op::MatMul, &[queries, keys]);
    let weights = [Op::Scale { factor: 0.7 }, Op::Softmax { axis: 2 }];
    let weights = chain(builder, "weights", weights, scores);
    let values = [
        linear(false),
        swap(&[1, 0]),
        shape(&[4, 5, 5]),
        conv([3, 3], [1, 1], [1, 1], 4, false),
        shape(&[2, 2, 25]),
        swap(&[0, 2, 1]),
    ];
    let values = chain(builder, "values", values, normed);
    let mixed = push(builder, Op::MatMul, &[weights, values]);
    let joined = [swap(&[1, 0, 2]), shape(&[25, 4]), linear(true)];
    let joined = chain(builder, "joined", joined, mixed);
    push(builder, Op::Add, &[x, joined])
}

fn endings() -> Vec<(&'static str, Ending)> {
    vec![
        ("dense convolution", |b, x| {
            push(b, conv([3, 3], [1, 1], [1, 1], 1, true), &[x])
        }),
        ("strided convolution", |b, x| {
            push(b, conv([3, 3], [2, 2], [1, 1], 1, false), &[x])
        }),
        ("oblong convolution", |b, x| {
            push(b, conv([1, 3], [1, 2], [0, 1], 1, true), &[x])
        }),
        ("pointwise strided convolution", |b, x| {
            push(b, conv([1, 1], [2, 2], [0, 0], 1, false), &[x])
        }),
        ("grouped convolution", |b, x| {
            push(b, conv([3, 3], [2, 2], [1, 1], 2, true), &[x])
        }),
        ("depthwise convolution", |b, x| {
            push(b, conv([3, 3], [1, 1], [1, 1], 4, false), &[x])
        }),
        ("large depthwise convolution", |b, x| {
            push(b, conv([5, 5], [2, 2], [2, 2], 4, true), &[x])
        }),
        ("batch normalisation", |b, x| {
            push(b, Op::BatchNorm { epsilon: 1e-3 }, &[x])
        }),
        ("batch normalisation of features", |b, x| {
            let x = push(b, Op::Reshape { shape: vec![100] }, &[x]);
            push(b, Op::BatchNorm { epsilon: 1e-2 }, &[x])
        }),
        ("layer normalisation", |b, x| {
            let x = tokens(b, x);
            push(b, Op::LayerNorm { epsilon: 1e-4 }, &[x])
        }),
        ("relu", |b, x| act(b, x, Activation::Relu)),
        ("relu6", |b, x| act(b, x, Activation::Relu6)),
        ("sigmoid", |b, x| act(b, x, Activation::Sigmoid)),
        ("silu", |b, x| act(b, x, Activation::Silu)),
        ("hard sigmoid", |b, x| act(b, x, Activation::HardSigmoid)),
        ("hard swish", |b, x| act(b, x, Activation::HardSwish)),
        ("gelu", |b, x| act(b, x, Activation::Gelu)),
        ("tanh", |b, x| act(b, x, Activation::Tanh)),
        ("max pool", |b, x| push(b, Op::MaxPool(pool(3, 2, 1)), &[x])),
        ("average pool", |b, x| {
            push(b, Op::AvgPool(pool(3, 2, 1)), &[x])
        }),
        ("average pool of stride 1", |b, x| {
            push(b, Op::AvgPool(pool(3, 1, 1)), &[x])
        }),
        ("global average pool", |b, x| {
            push(b, Op::GlobalAvgPool, &[x])
        }),
        ("squeeze and excite", squeeze_excite),
        ("product with itself", |b, x| push(b, Op::Mul, &[x, x])),
        ("sum over repeated axes", |b, x| {
            let flat = push(b, Op::Reshape { shape: vec![4, 25] }, &[x]);
            let mean = push(b, Op::GlobalAvgPool, &[x]);
            let mean = push(b, Op::Reshape { shape: vec![4, 1] }, &[mean]);
            push(b, Op::Add, &[mean, flat])
        }),
        ("zeros", |b, x| {
            let zeros = push(
                b,
                Op::Zeros {
                    shape: vec![4, 5, 5],
                },
                &[],
            );
            push(b, Op::Add, &[zeros, x])
        }),
        ("concatenation of channels", |b, x| {
            let pooled = push(b, Op::AvgPool(pool(3, 1, 1)), &[x]);
            push(b, Op::Concat { axis: 0 }, &[pooled, x])
        }),
        ("concatenation of tokens", |b, x| {
            let tokens = tokens(b, x);
            let linear = push(
                b,
                Op::Linear {
                    out_features: 3,
                    bias: true,
                },
                &[tokens],
            );
            push(b, Op::Concat { axis: 1 }, &[linear, tokens])
        }),
        ("linear map", |b, x| {
            let x = push(b, Op::Reshape { shape: vec![100] }, &[x]);
            push(
                b,
                Op::Linear {
                    out_features: 5,
                    bias: true,
                },
                &[x],
            )
        }),
        ("linear map of tokens", |b, x| {
            let x = tokens(b, x);
            push(
                b,
                Op::Linear {
                    out_features: 6,
                    bias: false,
                },
                &[x],
            )
        }),
        ("softmax along channels", |b, x| {
            push(b, Op::Softmax { axis: 0 }, &[x])
        }),
        ("attention", attention),
    ]
}

/// A graph with the ending given, random weights and statistics.
fn model(ending: Ending) -> Model {
    let (mut builder, input) = Graph::builder(&[2, 5, 5]);
    let stem = conv([1, 1], [1, 1], [0, 0], 1, true);
    let stem = builder.push("stem", stem, &[input]).unwrap();
    let output = ending(&mut builder, stem);
    let graph = builder.finish(output).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut weights = Weights::default();
    for parameter in graph.parameters() {
        let range = match parameter.role {
            Role::Variance => 0.5..2.0,
            _ => -1.0..1.0,
        };
        let values = Values {
            shape: parameter.shape.dims().to_vec(),
            data: (0..parameter.shape.elements())
                .map(|_| rng.random_range(range.clone()))
                .collect(),
        };
        weights.insert(parameter.name, values);
    }
    Model::new(graph, weights).unwrap()
}

fn random(count: usize, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| rng.random_range(-2.0..2.0)).collect()
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}

/// The model with one weight changed.
fn nudged(model: &Model, name: &str, at: usize, by: f32) -> (Model, f64) {
    let mut weights = model.weights().clone();
    let mut tensor = weights.get(name).unwrap().clone();
    let before = tensor.data[at];
    tensor.data[at] += by;
    let moved = f64::from(tensor.data[at]) - f64::from(before);
    weights.insert(name, tensor);
    (Model::new(model.graph().clone(), weights).unwrap(), moved)
}

#[test]
fn every_operator_computes_its_definition() {
    let input = random(BATCH * 50, 6);
    for (name, ending) in endings() {
        let model = model(ending);
        let expected = reference::output(&model, &wide(&input), BATCH, Mode::Run);
        let got = Network::new(&model).forward(&input, BATCH).unwrap();
        assert_eq!(got.len(), expected.len(), "{name}");
        for (got, expected) in got.iter().zip(&expected) {
            let error = (f64::from(*got) - expected).abs();
            assert!(
                error <= 1e-5 * expected.abs().max(1.0),
                "{name}: {got} for {expected}"
            );
        }
    }
}

/// Loss: the outputs weighed with random factors. Burn's gradient of every parameter against central differences of
/// the definition in 64 bits, with batch normalisation in training.
#[test]
fn every_operator_has_the_gradient_of_its_definition() {
    let input = random(BATCH * 50, 7);
    let device = Device::flex().autodiff();
    for (name, ending) in endings() {
        let model = model(ending);
        let outputs = model.graph().output_shape().elements();
        let factors = random(BATCH * outputs, 8);
        let body = Body::new(&model, &device);
        let tensor = |values: &[f32], width| {
            Tensor::<2>::from_data(TensorData::new(values.to_vec(), [BATCH, width]), &device)
        };
        let loss = (body.forward(tensor(&input, 50)) * tensor(&factors, outputs)).sum();
        let gradients = GradientsParams::from_grads(loss.backward(), body.layers());
        let gradients = body.gradients(&gradients);
        let loss = |model: &Model| -> f64 {
            let output = reference::output(model, &wide(&input), BATCH, Mode::Train);
            output
                .iter()
                .zip(&factors)
                .map(|(o, f)| o * f64::from(*f))
                .sum()
        };
        for parameter in model.graph().parameters() {
            if matches!(parameter.role, Role::Mean | Role::Variance) {
                continue;
            }
            let got = &gradients[&parameter.name];
            let largest = got
                .iter()
                .fold(1.0, |most: f64, g| most.max(f64::from(g.abs())));
            for at in (0..got.len()).step_by(got.len().div_ceil(12)) {
                let (above, up) = nudged(&model, &parameter.name, at, 1e-5);
                let (below, down) = nudged(&model, &parameter.name, at, -1e-5);
                let expected = (loss(&above) - loss(&below)) / (up - down);
                let error = (f64::from(got[at]) - expected).abs();
                assert!(
                    error <= 3e-3 * largest,
                    "{name}, {}[{at}]: {} for {expected}",
                    parameter.name,
                    got[at]
                );
            }
        }
    }
}

#[test]
fn only_the_live_part_is_run() {
    let model = model(|b, x| {
        push(b, Op::GlobalAvgPool, &[x]);
        act(b, x, Activation::Relu)
    });
    let body = Body::new(&model, &Device::flex());
    assert_eq!(body.graph().nodes().len(), 3);
    assert_eq!(body.weights(), *model.weights());
}

#[test]
fn running_statistics_follow_the_batches() {
    let model = model(|b, x| push(b, Op::BatchNorm { epsilon: 1e-5 }, &[x]));
    let device = Device::flex().autodiff();
    let body = Body::new(&model, &device);
    let before = body.weights();
    let mut expected = wide(&before.get("BatchNormalization_1.mean").unwrap().data);
    for seed in 0..3 {
        let input = random(BATCH * 50, seed);
        let data = TensorData::new(input.clone(), [BATCH, 50]);
        body.forward(Tensor::from_data(data, &device));
        for (c, mean) in expected.iter_mut().enumerate() {
            let stem = |at: usize| {
                let weight = &before.get("stem.weight").unwrap().data;
                let sample = &input[at / 25 * 50..];
                weight[c * 2] * sample[at % 25] + weight[c * 2 + 1] * sample[25 + at % 25]
            };
            let sum: f64 = (0..BATCH * 25).map(|at| f64::from(stem(at))).sum();
            let bias = f64::from(before.get("stem.bias").unwrap().data[c]);
            *mean = 0.9 * *mean + 0.1 * (sum / (BATCH * 25) as f64 + bias);
        }
    }
    body.settle();
    let after = body.weights();
    let got = &after.get("BatchNormalization_1.mean").unwrap().data;
    for (got, expected) in wide(got).iter().zip(&expected) {
        assert!((got - expected).abs() < 1e-5, "{got} for {expected}");
    }
}

impl Body {
    /// Gradients by parameter name.
    fn gradients(
        &self,
        gradients: &GradientsParams,
    ) -> std::collections::BTreeMap<String, Vec<f32>> {
        let mut named = std::collections::BTreeMap::new();
        for parameter in self.graph().parameters() {
            let layer = &self.layers.layers[parameter.node.index()];
            let mut ids = Gathered {
                gradients,
                found: Vec::new(),
            };
            layer.visit(&mut ids);
            // Burn visits the weight first, then the bias; running statistics have no gradient.
            let at = match parameter.role {
                Role::Weight => 0,
                Role::Bias => 1,
                Role::Mean | Role::Variance => continue,
            };
            named.insert(parameter.name, ids.found.swap_remove(at));
        }
        named
    }
}

struct Gathered<'a> {
    gradients: &'a GradientsParams,
    found: Vec<Vec<f32>>,
}

impl burn::module::ModuleVisitor for Gathered<'_> {
    fn visit_float<const D: usize>(&mut self, param: &burn::module::Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.found
                .push(gradient.into_data().try_into_vec().unwrap());
        }
    }
}

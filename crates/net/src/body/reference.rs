//! The operators written down as ONNX defines them, in 64 bits and plain loops: what the tests compare with.

use bespoke_graph::{Activation, Convolution, Graph, Model, Node, Op, Pool};

/// Whether batch normalisation takes its statistics from the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Train,
    Run,
}

/// The model's output for a batch.
pub(super) fn output(model: &Model, input: &[f64], batch: usize, mode: Mode) -> Vec<f64> {
    let graph = model.graph();
    let mut values: Vec<Vec<f64>> = Vec::new();
    for node in graph.nodes() {
        let value = match &node.op {
            Op::Input { .. } => input.to_vec(),
            Op::BatchNorm { epsilon } => {
                let x = &values[node.inputs[0].index()];
                batch_norm(model, node, x, batch, f64::from(*epsilon), mode)
            }
            _ => {
                let mut out = Vec::new();
                for sample in 0..batch {
                    let inputs: Vec<&[f64]> = node
                        .inputs
                        .iter()
                        .map(|id| {
                            let each = graph.node(*id).shape.elements();
                            &values[id.index()][sample * each..(sample + 1) * each]
                        })
                        .collect();
                    out.extend(one(model, graph, node, &inputs));
                }
                out
            }
        };
        values.push(value);
    }
    values.swap_remove(graph.output().index())
}

/// One sample of any operator but batch normalisation.
fn one(model: &Model, graph: &Graph, node: &Node, x: &[&[f64]]) -> Vec<f64> {
    let out = node.shape.dims();
    let dims: Vec<&[usize]> = node
        .inputs
        .iter()
        .map(|id| graph.node(*id).shape.dims())
        .collect();
    match &node.op {
        Op::Conv(settings) => conv(model, node, settings, x[0], dims[0]),
        Op::MaxPool(pool) => pooled(pool, x[0], dims[0], out, |window| {
            window.iter().copied().fold(f64::NEG_INFINITY, f64::max)
        }),
        Op::AvgPool(pool) => pooled(pool, x[0], dims[0], out, |window| {
            window.iter().sum::<f64>() / window.len() as f64
        }),
        Op::GlobalAvgPool => {
            let plane = dims[0][1] * dims[0][2];
            x[0].chunks(plane)
                .map(|p| p.iter().sum::<f64>() / plane as f64)
                .collect()
        }
        Op::Activation(kind) => x[0].iter().map(|v| activation(*kind, *v)).collect(),
        Op::Scale { factor } => x[0].iter().map(|v| v * f64::from(*factor)).collect(),
        Op::Add => repeated(x, &dims, out, |a, b| a + b),
        Op::Mul => repeated(x, &dims, out, |a, b| a * b),
        Op::Zeros { .. } => vec![0.0; node.shape.elements()],
        Op::Reshape { .. } => x[0].to_vec(),
        Op::Transpose { perm } => positions(out)
            .map(|at| {
                let mut old = vec![0; at.len()];
                at.iter().zip(perm).for_each(|(i, axis)| old[*axis] = *i);
                x[0][offset(&old, dims[0])]
            })
            .collect(),
        Op::Concat { axis } => positions(out)
            .map(|mut at| {
                let mut part = 0;
                while at[*axis] >= dims[part][*axis] {
                    at[*axis] -= dims[part][*axis];
                    part += 1;
                }
                x[part][offset(&at, dims[part])]
            })
            .collect(),
        Op::Softmax { axis } => softmax(x[0], dims[0], *axis),
        Op::MatMul => matmul(x, &dims, out),
        Op::Linear { out_features, bias } => {
            let weight = parameter(model, node, "weight");
            let shift = bias.then(|| parameter(model, node, "bias"));
            let inner = dims[0].last().unwrap();
            x[0].chunks(*inner)
                .flat_map(|row| {
                    let (weight, shift) = (&weight, &shift);
                    (0..*out_features).map(move |o| {
                        let sum: f64 = row
                            .iter()
                            .enumerate()
                            .map(|(i, v)| v * weight[i * out_features + o])
                            .sum();
                        sum + shift.as_ref().map_or(0.0, |b| b[o])
                    })
                })
                .collect()
        }
        Op::LayerNorm { epsilon } => {
            let (scale, shift) = (
                parameter(model, node, "weight"),
                parameter(model, node, "bias"),
            );
            x[0].chunks(scale.len())
                .flat_map(|row| {
                    let (mean, variance) = moments(row.iter().copied());
                    let deviation = (variance + f64::from(*epsilon)).sqrt();
                    let normal = row
                        .iter()
                        .map(|v| (v - mean) / deviation)
                        .collect::<Vec<_>>();
                    normal
                        .iter()
                        .zip(&scale)
                        .zip(&shift)
                        .map(|((v, s), b)| v * s + b)
                        .collect::<Vec<_>>()
                })
                .collect()
        }
        Op::Input { .. } | Op::BatchNorm { .. } => unreachable!("done for the whole batch"),
    }
}

fn parameter(model: &Model, node: &Node, role: &str) -> Vec<f64> {
    let name = format!("{}.{role}", node.name);
    let tensor = model.weights().get(&name).unwrap();
    tensor.data.iter().map(|v| f64::from(*v)).collect()
}

fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / count;
    (
        mean,
        values.map(|v| (v - mean).powi(2)).sum::<f64>() / count,
    )
}

fn batch_norm(
    model: &Model,
    node: &Node,
    x: &[f64],
    batch: usize,
    epsilon: f64,
    mode: Mode,
) -> Vec<f64> {
    let channels = node.shape.dims()[0];
    let plane = node.shape.elements() / channels;
    let [scale, shift, mean, variance] =
        ["weight", "bias", "mean", "variance"].map(|role| parameter(model, node, role));
    let mut out = x.to_vec();
    for c in 0..channels {
        let of_channel: Vec<usize> = (0..batch)
            .flat_map(|b| (0..plane).map(move |p| (b * channels + c) * plane + p))
            .collect();
        let (mean, variance) = match mode {
            Mode::Train => moments(of_channel.iter().map(|at| x[*at])),
            Mode::Run => (mean[c], variance[c]),
        };
        for at in of_channel {
            out[at] = (x[at] - mean) / (variance + epsilon).sqrt() * scale[c] + shift[c];
        }
    }
    out
}

fn conv(model: &Model, node: &Node, settings: &Convolution, x: &[f64], dims: &[usize]) -> Vec<f64> {
    let weight = parameter(model, node, "weight");
    let bias = settings.bias.then(|| parameter(model, node, "bias"));
    let out = node.shape.dims();
    let inner = dims[0] / settings.groups;
    positions(out)
        .map(|at| {
            let group = at[0] / (out[0] / settings.groups);
            let taps = positions(&[inner, settings.kernel[0], settings.kernel[1]]);
            let sum: f64 = taps
                .filter_map(|tap| {
                    let y =
                        (at[1] * settings.stride[0] + tap[1]).checked_sub(settings.padding[0])?;
                    let z =
                        (at[2] * settings.stride[1] + tap[2]).checked_sub(settings.padding[1])?;
                    let inside = y < dims[1] && z < dims[2];
                    let kernel = [out[0], inner, settings.kernel[0], settings.kernel[1]];
                    inside.then(|| {
                        x[offset(&[group * inner + tap[0], y, z], dims)]
                            * weight[offset(&[at[0], tap[0], tap[1], tap[2]], &kernel)]
                    })
                })
                .sum();
            sum + bias.as_ref().map_or(0.0, |b| b[at[0]])
        })
        .collect()
}

fn pooled(
    pool: &Pool,
    x: &[f64],
    dims: &[usize],
    out: &[usize],
    f: impl Fn(&[f64]) -> f64,
) -> Vec<f64> {
    positions(out)
        .map(|at| {
            let window: Vec<f64> = positions(&pool.kernel)
                .filter_map(|tap| {
                    let y = (at[1] * pool.stride[0] + tap[0]).checked_sub(pool.padding[0])?;
                    let z = (at[2] * pool.stride[1] + tap[1]).checked_sub(pool.padding[1])?;
                    (y < dims[1] && z < dims[2]).then(|| x[offset(&[at[0], y, z], dims)])
                })
                .collect();
            f(&window)
        })
        .collect()
}

fn repeated(
    x: &[&[f64]],
    dims: &[&[usize]],
    out: &[usize],
    f: impl Fn(f64, f64) -> f64,
) -> Vec<f64> {
    let read = |input: usize, at: &[usize]| {
        let at: Vec<usize> = at.iter().zip(dims[input]).map(|(i, d)| i % d).collect();
        x[input][offset(&at, dims[input])]
    };
    positions(out)
        .map(|at| f(read(0, &at), read(1, &at)))
        .collect()
}

fn softmax(x: &[f64], dims: &[usize], axis: usize) -> Vec<f64> {
    positions(dims)
        .map(|at| {
            let along = (0..dims[axis]).map(|i| {
                let mut other = at.clone();
                other[axis] = i;
                x[offset(&other, dims)].exp()
            });
            x[offset(&at, dims)].exp() / along.sum::<f64>()
        })
        .collect()
}

fn matmul(x: &[&[f64]], dims: &[&[usize]], out: &[usize]) -> Vec<f64> {
    let rank = out.len();
    positions(out)
        .map(|at| {
            (0..dims[1][rank - 2])
                .map(|k| {
                    let (mut left, mut right) = (at.clone(), at.clone());
                    left[rank - 1] = k;
                    right[rank - 2] = k;
                    x[0][offset(&left, dims[0])] * x[1][offset(&right, dims[1])]
                })
                .sum()
        })
        .collect()
}

fn activation(kind: Activation, x: f64) -> f64 {
    let sigmoid = 1.0 / (1.0 + (-x).exp());
    let hard_sigmoid = (x / 6.0 + 0.5).clamp(0.0, 1.0);
    match kind {
        Activation::Relu => x.max(0.0),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::Sigmoid => sigmoid,
        Activation::Silu => x * sigmoid,
        Activation::HardSigmoid => hard_sigmoid,
        Activation::HardSwish => x * hard_sigmoid,
        Activation::Gelu => x * normal_distribution(x),
        Activation::Tanh => x.tanh(),
    }
}

/// Simpson's rule over the density, from the mean: exact to 1e-12 for the values of these tests.
fn normal_distribution(x: f64) -> f64 {
    let parts = 400;
    let step = x / f64::from(parts);
    let density =
        |i: i32| (-(f64::from(i) * step).powi(2) / 2.0).exp() / std::f64::consts::TAU.sqrt();
    let inner: f64 = (1..parts)
        .map(|i| density(i) * if i % 2 == 1 { 4.0 } else { 2.0 })
        .sum();
    0.5 + step / 3.0 * (density(0) + inner + density(parts))
}

/// All positions in a shape, in row-major order.
fn positions(dims: &[usize]) -> impl Iterator<Item = Vec<usize>> + use<> {
    let dims = dims.to_vec();
    (0..dims.iter().product()).map(move |mut at: usize| {
        let mut position = vec![0; dims.len()];
        for axis in (0..dims.len()).rev() {
            position[axis] = at % dims[axis];
            at /= dims[axis];
        }
        position
    })
}

fn offset(position: &[usize], dims: &[usize]) -> usize {
    position
        .iter()
        .zip(dims)
        .fold(0, |at, (i, dim)| at * dim + i)
}

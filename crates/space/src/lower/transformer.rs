//! The transformer block of ElasticViT.
//!
//! C. Tang, L. L. Zhang, H. Jiang, J. Xu, T. Cao, Q. Zhang, Y. Yang, Z. Wang, M. Yang: ElasticViT: Conflict-aware
//! Supernet Training for Deploying Fast Vision Transformer on Diverse Mobile Devices (ICCV 2023), as in the published
//! code (microsoft/Moonlit). Unlike there, no learned bias is added to the scores, so that only the depthwise convolution
//! tells positions apart, and a layer normalisation sees the channels of one position, not all positions at once.

use bespoke_graph::{Activation, Convolution, NodeId, Op};

use crate::error::Fault;

use super::{
    body::Body,
    settings::{CHANNELS, Settings},
};

pub(super) const KEYS: [&str; 4] = ["head_channels", "value_ratio", "mlp_ratio", "activation"];

const MAX_RATIO: usize = 16;
/// Of every layer normalisation, as in PyTorch.
const EPSILON: f32 = 1e-5;

/// The axes that attention works on: so many positions of height and width, so many heads of queries and keys.
struct Axes {
    height: usize,
    width: usize,
    positions: usize,
    channels: usize,
    heads: usize,
}

/// Self-attention of all positions of a map and a perceptron at each of them, both on normalised values and added to
/// their input: `[C, H, W]` to `[C, H, W]`.
///
/// In between, values are `[N, C]` with N = H·W positions. The heads' queries and keys have `head_channels` channels
/// each, the values `value_ratio` times as many; the perceptron is `mlp_ratio` times as wide as C.
pub(super) fn transformer(settings: &Settings<'_>, body: &mut Body<'_>) -> Result<(), Fault> {
    let [channels, height, width] = body.image()?;
    let head_channels = settings.integer("head_channels", CHANNELS)?.unwrap_or(16);
    if channels % head_channels != 0 {
        let reason = format!("{channels} channels do not divide into heads of {head_channels}");
        return Err(settings.fault("head_channels", reason));
    }
    let axes = Axes {
        height,
        width,
        positions: height * width,
        channels,
        heads: channels / head_channels,
    };
    reshape(body, "flatten", &[channels, axes.positions])?;
    transpose(body, "positions", &[1, 0])?;
    attention(settings, body, &axes)?;
    perceptron(settings, body, channels)?;
    transpose(body, "channels", &[1, 0])?;
    reshape(body, "map", &[channels, height, width])
}

/// softmax(Q Kᵀ / √d) V for each head (Vaswani et al., Attention Is All You Need, 2017), the values after a depthwise
/// 3x3 convolution, the result activated before it is projected.
fn attention(settings: &Settings<'_>, body: &mut Body<'_>, axes: &Axes) -> Result<(), Fault> {
    let value_ratio = settings.integer("value_ratio", 1..=MAX_RATIO)?.unwrap_or(1);
    let values = value_ratio * axes.channels;
    let input = body.at();
    body.then("attention_norm", Op::LayerNorm { epsilon: EPSILON })?;
    let normed = body.at();
    let scores = scores(body, axes, normed)?;

    body.go_to(normed);
    linear(body, "value", values, false)?;
    transpose(body, "value_channels", &[1, 0])?;
    reshape(body, "value_map", &[values, axes.height, axes.width])?;
    let depthwise = Convolution::same(values, 3, 1, values);
    body.then("value_conv", Op::Conv(depthwise))?;
    let of_head = [axes.heads, values / axes.heads, axes.positions];
    reshape(body, "value_split", &of_head)?;
    transpose(body, "value_heads", &[0, 2, 1])?;

    let mixed = body.push("attention", Op::MatMul, &[scores, body.at()])?;
    body.go_to(mixed);
    transpose(body, "attention_swap", &[1, 0, 2])?;
    reshape(body, "attention_join", &[axes.positions, values])?;
    body.act("attention_act", settings.activation(Activation::HardSwish)?)?;
    linear(body, "project", axes.channels, true)?;
    add(body, "attention_sum", input)
}

/// How much each position hears of each other: `[heads, N, N]`, every row adding up to 1.
fn scores(body: &mut Body<'_>, axes: &Axes, normed: NodeId) -> Result<NodeId, Fault> {
    let head_channels = axes.channels / axes.heads;
    let mut of_heads = |part: &str, perm: &[usize]| {
        body.go_to(normed);
        linear(body, part, axes.channels, false)?;
        let split = [axes.positions, axes.heads, head_channels];
        reshape(body, &format!("{part}_split"), &split)?;
        transpose(body, &format!("{part}_heads"), perm)?;
        Ok(body.at())
    };
    let queries = of_heads("query", &[1, 0, 2])?;
    let keys = of_heads("key", &[1, 2, 0])?;
    let product = body.push("scores", Op::MatMul, &[queries, keys])?;
    body.go_to(product);
    let factor = (head_channels as f32).sqrt().recip();
    body.then("scores_scale", Op::Scale { factor })?;
    body.then("scores_softmax", Op::Softmax { axis: 2 })?;
    Ok(body.at())
}

/// Two linear layers with an activation between them, at each position.
fn perceptron(settings: &Settings<'_>, body: &mut Body<'_>, channels: usize) -> Result<(), Fault> {
    let ratio = settings.integer("mlp_ratio", 1..=MAX_RATIO)?.unwrap_or(4);
    let input = body.at();
    body.then("mlp_norm", Op::LayerNorm { epsilon: EPSILON })?;
    linear(body, "mlp_hidden", ratio * channels, true)?;
    body.act("mlp_act", settings.activation(Activation::HardSwish)?)?;
    linear(body, "mlp", channels, true)?;
    add(body, "sum", input)
}

// === helpers ===

fn linear(body: &mut Body<'_>, part: &str, out_features: usize, bias: bool) -> Result<(), Fault> {
    body.then(part, Op::Linear { out_features, bias })
}

fn reshape(body: &mut Body<'_>, part: &str, shape: &[usize]) -> Result<(), Fault> {
    let shape = shape.to_vec();
    body.then(part, Op::Reshape { shape })
}

fn transpose(body: &mut Body<'_>, part: &str, perm: &[usize]) -> Result<(), Fault> {
    let perm = perm.to_vec();
    body.then(part, Op::Transpose { perm })
}

/// Adds a value to the one at hand.
fn add(body: &mut Body<'_>, part: &str, other: NodeId) -> Result<(), Fault> {
    let sum = body.push(part, Op::Add, &[other, body.at()])?;
    body.go_to(sum);
    Ok(())
}

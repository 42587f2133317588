//! Zen-Score.
//!
//! M. Lin et al.: Zen-NAS: A Zero-Shot NAS for High-Performance Image Recognition (ICCV 2021).

use bespoke_graph::{Graph, Op};
use burn::tensor::{Device, Tensor, TensorData};

use super::{
    ScoreError, Subject,
    draw::{Draw, INPUT_STREAM, body, generator, standard_normal},
    number,
};
use crate::{body::Body, layer::Layer, place::forget, value::Value};

/// Inputs that are drawn.
const BATCH: usize = 16;
/// By how much an input is changed, in standard deviations.
const CHANGE: f32 = 0.01;

/// log Δ + Σ log σ: Δ is how far, in the mean over Gaussian inputs, the features before the last global pooling move as
/// the input is changed by a hundredth of another, summed over all features; σ is what each batch normalisation divides
/// by: the root of the mean variance of its channels. Weights are Gaussian.
///
/// Unlike the paper, residual connections stay, since not every space has any to leave out; and σ is that of the batch,
/// as in the paper's text, where its code reads running statistics that have seen two batches.
pub(super) fn zen(subject: &Subject<'_>) -> Result<f64, ScoreError> {
    let device = Device::flex().autodiff();
    let body = body(subject, Draw::Normal, &device)?.untrained();
    let elements = subject.graph.input_shape().elements();
    let mut rng = generator(subject.seed, INPUT_STREAM);
    let mut noise = || -> Tensor<2> {
        let values = std::iter::repeat_with(|| standard_normal(&mut rng));
        let values: Vec<f32> = values.take(BATCH * elements).collect();
        Tensor::from_data(TensorData::new(values, [BATCH, elements]), &device)
    };
    let (input, other) = (noise(), noise());
    let (features, log_scale) = pass(&body, input.clone());
    let (moved, _) = pass(&body, input + other.mul_scalar(CHANGE));
    let change = number((features - moved).abs().sum()) / BATCH as f64;
    forget(&device);
    Ok(change.ln() + log_scale)
}

/// The features of a batch, `[batch, features]`, and Σ log σ.
fn pass(body: &Body, input: Tensor<2>) -> (Tensor<2>, f64) {
    let last = features(body.graph());
    let (mut found, mut log_scale) = (None, 0.0);
    let output = body.forward_by(input, |at, call| {
        if let (Layer::BatchNorm(_), Value::Maps(maps)) = (call.layer, &call.inputs[0]) {
            let [batch, channels, height, width] = maps.dims();
            let rows = maps.clone().inner().swap_dims(0, 1);
            let rows = rows.reshape([channels, batch * height * width]);
            log_scale += 0.5 * number(rows.var_bias(1).mean()).ln();
        }
        let value = call.run();
        if at == last {
            found = Some(value.clone().flat().inner());
        }
        value
    });
    (found.unwrap_or_else(|| output.inner()), log_scale)
}

/// The node that the last global pooling reads, or else the output.
fn features(graph: &Graph) -> usize {
    let nodes = graph.nodes().iter().rev();
    let mut pooling = nodes.filter(|node| matches!(node.op, Op::GlobalAvgPool));
    let pooled = pooling.next().map(|node| node.inputs[0]);
    pooled.unwrap_or(graph.output()).index()
}

//! Scores from the gradients of one backward pass.
//!
//! - grad_norm: M. S. Abdelfattah et al.: Zero-Cost Proxies for Lightweight NAS (ICLR 2021).
//! - snip: N. Lee, T. Ajanthan, P. H. S. Torr: SNIP (ICLR 2019).
//! - grasp: C. Wang, G. Zhang, R. Grosse: Picking Winning Tickets before Training by Preserving Gradient Flow (ICLR
//!   2020).
//! - fisher: L. Theis et al.: Faster gaze prediction with dense networks and Fisher pruning (2018), and J. Turner et al.:
//!   BlockSwap (ICLR 2020).
//! - synflow: H. Tanaka et al.: Pruning neural networks without any data by iteratively conserving synaptic flow
//!   (NeurIPS 2020).
//!
//! L is the mean cross-entropy of the batch, w the kernels of convolutions and matrices of linear layers, g = ∂L/∂w.

use bespoke_recipe::ScoreName;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::tensor::{DType, Device, Gradients, Int, Tensor, TensorData};

use super::{
    ScoreError, Subject, batch,
    draw::{Draw, body},
    number,
};
use crate::{
    Images,
    body::{Body, Call},
    layer::Layer,
    value::Value,
};

/// By which share the weights are stretched and shrunk for [`grasp`].
const STEP: f32 = 0.01;

/// Σ ‖g‖ over layers.
pub(super) fn grad_norm(subject: &Subject<'_>) -> Result<f64, ScoreError> {
    let images = subject.images(ScoreName::GradNorm)?;
    sum_over_layers(subject, images, 1.0, |_, gradient| squares(gradient).sqrt())
}

/// Σ |w · g|.
pub(super) fn snip(subject: &Subject<'_>) -> Result<f64, ScoreError> {
    let images = subject.images(ScoreName::Snip)?;
    sum_over_layers(subject, images, 1.0, saliency)
}

/// −wᵀ H g, H being the Hessian of L.
///
/// Burn differentiates once. But H is symmetric, so that this is −gᵀ H w, and H w is how g changes as all weights are
/// stretched: H w = d/dt g((1 + t) w) at t = 0. So the score is −d/dt ½‖g((1 + t) w)‖², of which the central difference
/// is taken at t = ±0.01: two backward passes, no vector kept.
pub(super) fn grasp(subject: &Subject<'_>) -> Result<f64, ScoreError> {
    let images = subject.images(ScoreName::Grasp)?;
    let square = |times| sum_over_layers(subject, images, times, |_, gradient| squares(gradient));
    let (shrunk, stretched) = (square(1.0 - STEP)?, square(1.0 + STEP)?);
    Ok((shrunk - stretched) / (4.0 * f64::from(STEP)))
}

/// Σ over layers and channels of ½ mean over images of (Σ over places of a · ∂L/∂a)², a being what the layer gives.
pub(super) fn fisher(subject: &Subject<'_>) -> Result<f64, ScoreError> {
    let images = subject.images(ScoreName::Fisher)?;
    let device = Device::flex().autodiff();
    let body = body(subject, Draw::Uniform { times: 1.0 }, &device)?;
    // Only leaves keep a gradient: a zero that is added to a layer's value has the same as the value.
    let mut layers: Vec<(Value, Value, usize)> = Vec::new();
    let output = body.forward_by(batch(images, &device), |at, call| {
        let is_weighted = matches!(call.layer, Layer::Conv(_) | Layer::Linear(_));
        let value = call.run();
        if !is_weighted {
            return value;
        }
        let (inner, zero, sum) = match value {
            Value::Maps(maps) => {
                let zero = maps.zeros_like().detach().require_grad();
                (
                    Value::Maps(maps.clone().inner()),
                    Value::Maps(zero.clone()),
                    Value::Maps(maps + zero),
                )
            }
            Value::Flat(flat) => {
                let zero = flat.zeros_like().detach().require_grad();
                (
                    Value::Flat(flat.clone().inner()),
                    Value::Flat(zero.clone()),
                    Value::Flat(flat + zero),
                )
            }
        };
        // The last axis of what is no map are its channels.
        let channels = subject.graph.nodes()[at].shape.dims().last();
        layers.push((inner, zero, channels.copied().unwrap_or(1)));
        sum
    });
    let gradients = loss(output, images, &device).backward();
    let of_layer = |(value, zero, channels): (Value, Value, usize)| match (value, zero) {
        (Value::Maps(maps), Value::Maps(zero)) => zero.grad(&gradients).map(|gradient| {
            let by_channel = (maps * gradient).sum_dims(&[2, 3]);
            by_channel.flatten::<2>(1, 3)
        }),
        (value, zero) => zero.flat().grad(&gradients).map(|gradient| {
            let [images, elements] = gradient.dims();
            let by_place = [images, elements / channels, channels];
            let by_channel = (value.flat() * gradient).reshape(by_place).sum_dim(1);
            by_channel.flatten::<2>(1, 2)
        }),
    };
    let halves = layers.into_iter().filter_map(of_layer);
    Ok(halves
        .map(|by_channel| {
            let images = by_channel.dims()[0] as f64;
            0.5 * number(by_channel.square().sum()) / images
        })
        .sum())
}

/// Σ |w · ∂R/∂w| with absolute weights, an input of ones and without batch normalisation, R being the sum of the
/// outputs. In 64-bit floats: R grows exponentially with depth.
pub(super) fn synflow(subject: &Subject<'_>) -> Result<f64, ScoreError> {
    let device = Device::flex().autodiff();
    let body = body(subject, Draw::Positive, &device)?.widened();
    let elements = subject.graph.input_shape().elements();
    let input = Tensor::<2>::ones([1, elements], (&device, DType::F64));
    let output = body.forward_by(input, |_, mut call: Call<'_>| match call.layer {
        Layer::BatchNorm(_) => call.inputs.remove(0),
        _ => call.run(),
    });
    let gradients = output.sum().backward();
    Ok(over_layers(&body, &gradients, saliency))
}

// === helpers ===

fn saliency(weight: Tensor<1>, gradient: Tensor<1>) -> f64 {
    number((weight * gradient).abs().sum())
}

fn squares(gradient: Tensor<1>) -> f64 {
    number(gradient.square().sum())
}

/// What `of` makes of each layer's w and g, summed, with fresh weights that are stretched by a factor.
fn sum_over_layers(
    subject: &Subject<'_>,
    images: &Images,
    times: f32,
    of: impl Fn(Tensor<1>, Tensor<1>) -> f64,
) -> Result<f64, ScoreError> {
    let device = Device::flex().autodiff();
    let body = body(subject, Draw::Uniform { times }, &device)?;
    let output = body.forward(batch(images, &device));
    let gradients = loss(output, images, &device).backward();
    Ok(over_layers(&body, &gradients, of))
}

fn over_layers(
    body: &Body,
    gradients: &Gradients,
    of: impl Fn(Tensor<1>, Tensor<1>) -> f64,
) -> f64 {
    let flows = body.layers().flows(gradients);
    flows.map(|(weight, gradient)| of(weight, gradient)).sum()
}

fn loss(output: Tensor<2>, images: &Images, device: &Device) -> Tensor<1> {
    let labels: Vec<i64> = images.labels().iter().map(|l| i64::from(*l)).collect();
    let targets = TensorData::new(labels, [images.count()]);
    let targets = Tensor::<1, Int>::from_data(targets, device);
    CrossEntropyLossConfig::new()
        .init(device)
        .forward(output, targets)
}

//! The predictor, and the gradient of its loss written out.
//!
//! Burn differentiates once. With the gradient written as tensor operations of its own, differentiating it gives the
//! second derivatives that the outer loop of the paper needs. A rectifier's own second derivative is 0.

use burn::tensor::{Tensor, activation::relu};

use crate::encoding::Batch;
use crate::parameters::{Dense, Parameters};

/// Some networks of each task, with their scaled latencies.
#[derive(Debug, Clone)]
pub(crate) struct Samples {
    pub(crate) batch: Batch,
    /// `[tasks, samples, 1]`
    pub(crate) targets: Tensor<3>,
}

/// What a forward pass leaves behind: the values that the gradient needs.
struct Trace {
    /// Input and rectified output of each layer of the encoder.
    encoder: Vec<(Tensor<3>, Tensor<3>)>,
    hardware: [Tensor<3>; 2],
    head: [Tensor<3>; 2],
    /// `[tasks, samples, 1]`
    predicted: Tensor<3>,
}

/// Scaled latencies `[tasks, samples, 1]`, from hardware embeddings `[tasks, 1, references]`.
pub(crate) fn predict(parameters: &Parameters, hardware: &Tensor<3>, batch: &Batch) -> Tensor<3> {
    forward(parameters, hardware, batch).predicted
}

/// Mean squared error of each task, `[tasks, 1, 1]`, and its gradient.
pub(crate) fn loss_and_gradient(
    parameters: &Parameters,
    hardware: &Tensor<3>,
    samples: &Samples,
) -> (Tensor<3>, Parameters) {
    let trace = forward(parameters, hardware, &samples.batch);
    let count = samples.targets.dims()[1] as f64;
    let error = trace.predicted.clone() - samples.targets.clone();
    let loss = error.clone().square().sum_dim(1) / count;
    let slope = error * (2.0 / count);
    let gradient = backward(parameters, hardware, &samples.batch, trace, slope);
    (loss, gradient)
}

fn forward(parameters: &Parameters, hardware: &Tensor<3>, batch: &Batch) -> Trace {
    let layers = parameters.encoder.len();
    let mut encoder = Vec::with_capacity(layers);
    let mut value = batch.inputs.clone();
    for (at, layer) in parameters.encoder.iter().enumerate() {
        let output = relu(layer.forward(value.clone()));
        encoder.push((value, output.clone()));
        value = match layers - at - 1 {
            0 => output,
            behind => batch.gather(output, behind == 1),
        };
    }
    let [first, second, third] = &parameters.hardware;
    let embedded = relu(first.forward(hardware.clone()));
    let device = relu(second.forward(embedded.clone()));
    let joint = value.matmul(parameters.network.clone()) + third.forward(device.clone());
    let joint = relu(joint);
    let [hidden, last] = &parameters.head;
    let top = relu(hidden.forward(joint.clone()));
    Trace {
        encoder,
        hardware: [embedded, device],
        predicted: last.forward(top.clone()),
        head: [joint, top],
    }
}

/// Gradient of a loss whose derivative with respect to the predictions is `slope`.
fn backward(
    parameters: &Parameters,
    hardware: &Tensor<3>,
    batch: &Batch,
    trace: Trace,
    slope: Tensor<3>,
) -> Parameters {
    let [joint, top] = trace.head;
    let [hidden, last] = &parameters.head;
    let last_gradient = Dense::gradient(top.clone(), slope.clone());
    let slope = last.backward(slope) * active(top);
    let hidden_gradient = Dense::gradient(joint.clone(), slope.clone());
    let slope = hidden.backward(slope) * active(joint);

    // The last layer of the encoder is what the head reads.
    let encoded = trace
        .encoder
        .last()
        .expect("an encoder has layers")
        .1
        .clone();
    let network = encoded.transpose().matmul(slope.clone());
    let into_encoder = slope.clone().matmul(parameters.network.clone().transpose());

    let [embedded, device] = trace.hardware;
    let [_, second, third] = &parameters.hardware;
    let slope = slope.sum_dim(1);
    let third_gradient = Dense::gradient(device.clone(), slope.clone());
    let slope = third.backward(slope) * active(device);
    let second_gradient = Dense::gradient(embedded.clone(), slope.clone());
    let slope = second.backward(slope) * active(embedded);
    let first_gradient = Dense::gradient(hardware.clone(), slope);
    Parameters {
        encoder: encoder_gradient(parameters, batch, trace.encoder, into_encoder),
        hardware: [first_gradient, second_gradient, third_gradient],
        network,
        head: [hidden_gradient, last_gradient],
    }
}

fn encoder_gradient(
    parameters: &Parameters,
    batch: &Batch,
    trace: Vec<(Tensor<3>, Tensor<3>)>,
    mut slope: Tensor<3>,
) -> Vec<Dense> {
    let layers = parameters.encoder.len();
    let mut gradients = Vec::with_capacity(layers);
    let traced = parameters.encoder.iter().zip(trace).enumerate();
    for (at, (layer, (input, output))) in traced.rev() {
        slope = slope * active(output);
        gradients.push(Dense::gradient(input, slope.clone()));
        if at > 0 {
            slope = batch.scatter(layer.backward(slope), at + 1 == layers);
        }
    }
    gradients.reverse();
    gradients
}

/// 1 where a rectified value is above 0, else 0.
fn active(rectified: Tensor<3>) -> Tensor<3> {
    rectified.detach().sign()
}

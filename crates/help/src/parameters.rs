//! The weights of the predictor, and what else has one number for each of them.

use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;

use crate::encoding::Kind;

/// A dense layer.
#[derive(Debug, Clone)]
pub(crate) struct Dense {
    /// `[tasks, inputs, outputs]`; the first axis has length 1 where all tasks share the weights.
    pub(crate) weight: Tensor<3>,
    /// `[tasks, 1, outputs]`
    pub(crate) bias: Tensor<3>,
}

/// Everything that the inner steps change: weights, or their gradient, or their learned rates.
#[derive(Debug, Clone)]
pub(crate) struct Parameters {
    /// Layers that read the network.
    pub(crate) encoder: Vec<Dense>,
    /// The two layers that read the hardware embedding, and the part of the head's first layer that reads them. The
    /// bias of that layer is here.
    pub(crate) hardware: [Dense; 3],
    /// The part of the head's first layer that reads the encoder.
    pub(crate) network: Tensor<3>,
    /// The second layer of the head, and the last.
    pub(crate) head: [Dense; 2],
}

/// Tensors that are not the encoder's.
const BEHIND_ENCODER: usize = 11;

// === impl Dense ===

impl Dense {
    /// Draws weights and biases evenly from 0 to one over the root of the number of inputs, up and down, as is usual.
    pub(crate) fn draw(inputs: usize, outputs: usize, device: &Device, rng: &mut impl Rng) -> Self {
        let bound = (inputs as f32).sqrt().recip();
        Self {
            weight: uniform([1, inputs, outputs], bound, device, rng),
            bias: uniform([1, 1, outputs], bound, device, rng),
        }
    }

    /// Draws a layer of a graph's encoder, with the bounds of the authors' code: each node adds up what several
    /// others send, so the weights start smaller.
    fn draw_convolution(
        inputs: usize,
        outputs: usize,
        device: &Device,
        rng: &mut impl Rng,
    ) -> Self {
        let bias = (outputs as f32).sqrt().recip();
        Self {
            weight: uniform([1, inputs, outputs], 0.05, device, rng),
            bias: uniform([1, 1, outputs], bias, device, rng),
        }
    }

    /// The layer's outputs `[tasks, rows, outputs]` for inputs `[tasks, rows, inputs]`.
    pub(crate) fn forward(&self, input: Tensor<3>) -> Tensor<3> {
        input.matmul(self.weight.clone()) + self.bias.clone()
    }

    /// Gradient of a loss with respect to the layer, from its inputs and the gradient with respect to its outputs.
    pub(crate) fn gradient(input: Tensor<3>, slope: Tensor<3>) -> Self {
        Self {
            weight: input.transpose().matmul(slope.clone()),
            bias: slope.sum_dim(1),
        }
    }

    /// Gradient with respect to the layer's inputs.
    pub(crate) fn backward(&self, slope: Tensor<3>) -> Tensor<3> {
        slope.matmul(self.weight.clone().transpose())
    }
}

// === impl Parameters ===

impl Parameters {
    /// Draws fresh weights, which all tasks share.
    pub(crate) fn draw(
        kind: Kind,
        references: usize,
        width: usize,
        device: &Device,
        rng: &mut impl Rng,
    ) -> Self {
        let layer = |at: usize, rng: &mut _| {
            let inputs = if at == 0 { kind.inputs() } else { width };
            match kind {
                Kind::Flat { .. } => Dense::draw(inputs, width, device, rng),
                Kind::Graph { .. } => Dense::draw_convolution(inputs, width, device, rng),
            }
        };
        let encoder = (0..kind.layers()).map(|at| layer(at, rng)).collect();
        let mut dense = |inputs, outputs| Dense::draw(inputs, outputs, device, rng);
        let (first, second) = (dense(references, width), dense(width, width));
        let joint = dense(2 * width, 2 * width);
        let third = Dense {
            weight: joint.weight.clone().narrow(1, width, width),
            bias: joint.bias,
        };
        Self {
            encoder,
            hardware: [first, second, third],
            network: joint.weight.narrow(1, 0, width),
            head: [dense(2 * width, 2 * width), dense(2 * width, 1)],
        }
    }

    /// All tensors, in an order that [`Parameters::from_tensors`] knows.
    pub(crate) fn into_tensors(self) -> Vec<Tensor<3>> {
        let dense = self.encoder.into_iter();
        let dense = dense.chain(self.hardware).chain(self.head);
        let mut tensors: Vec<_> = dense.flat_map(|layer| [layer.weight, layer.bias]).collect();
        tensors.push(self.network);
        tensors
    }

    /// Puts tensors back where they belong.
    pub(crate) fn from_tensors(mut tensors: Vec<Tensor<3>>) -> Self {
        let layers = (tensors.len() - BEHIND_ENCODER) / 2;
        let network = tensors.pop();
        let mut rest = tensors.into_iter();
        let mut next = || rest.next().expect("as many tensors as were taken out");
        let mut dense = || Dense {
            weight: next(),
            bias: next(),
        };
        Self {
            encoder: (0..layers).map(|_| dense()).collect(),
            hardware: [dense(), dense(), dense()],
            head: [dense(), dense()],
            network: network.expect("as many tensors as were taken out"),
        }
    }

    /// The same for every tensor.
    pub(crate) fn map(self, change: impl FnMut(Tensor<3>) -> Tensor<3>) -> Self {
        Self::from_tensors(self.into_tensors().into_iter().map(change).collect())
    }

    /// The same for every tensor and its counterpart.
    pub(crate) fn zip(self, other: Self, join: impl Fn(Tensor<3>, Tensor<3>) -> Tensor<3>) -> Self {
        let pairs = self.into_tensors().into_iter().zip(other.into_tensors());
        Self::from_tensors(pairs.map(|(a, b)| join(a, b)).collect())
    }

    /// Sum of the products of all elements with their counterparts.
    pub(crate) fn dot(self, other: Self) -> Tensor<1> {
        let products = self.zip(other, |a, b| a * b).into_tensors();
        let sums = products.into_iter().map(Tensor::sum);
        sums.reduce(|a, b| a + b).expect("there are tensors")
    }
}

// === helpers ===

fn uniform(shape: [usize; 3], bound: f32, device: &Device, rng: &mut impl Rng) -> Tensor<3> {
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count)
        .map(|_| rng.random_range(-bound..=bound))
        .collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

//! The variable `z`, which stands for what a device is like, and its effect on the head of the predictor.

use burn::tensor::{Device, Tensor, activation};
use rand::Rng;

use crate::parameters::{Dense, Parameters};

/// Hidden units of the inference network.
const HIDDEN: usize = 10;

/// Layers of the head that `z` acts on.
const LAYERS: usize = 3;

/// Infers the normal distribution of `z` from a hardware embedding: its mean and its standard deviation, the latter
/// before it is made positive.
#[derive(Debug, Clone)]
pub(crate) struct Inference(pub(crate) [Dense; 2]);

/// `z` of each task, and how far its distributions are from the standard normal one.
pub(crate) struct Inferred {
    /// `[tasks, 1, elements]`
    pub(crate) z: Tensor<3>,
    /// Kullback-Leibler divergence, the tasks' sum.
    pub(crate) divergence: Tensor<1>,
}

/// Elements of `z`: one for each input of the head's layers, then one for each layer's biases.
pub(crate) fn elements(width: usize) -> usize {
    LAYERS * (2 * width + 1)
}

/// The weights that each task starts from: in the head, each input's weights scaled by `1 + strength z` and the
/// biases shifted by `strength z`.
pub(crate) fn modulate(shared: &Parameters, z: &Tensor<3>, strength: f64) -> Parameters {
    let (tasks, width) = (z.dims()[0], shared.network.dims()[1]);
    let z = z.clone() * strength;
    let column = |from: usize, inputs: usize| {
        let part = z.clone().narrow(2, from, inputs);
        part.reshape([tasks, inputs, 1])
    };
    let scaled = |weight: &Tensor<3>, from: usize| {
        let inputs = weight.dims()[1];
        weight.clone() * (column(from, inputs) + 1.0)
    };
    let modulated = |layer: &Dense, from: usize, at: usize| Dense {
        weight: scaled(&layer.weight, from),
        bias: layer.bias.clone() + column(LAYERS * 2 * width + at, 1),
    };
    let repeated = |tensor: &Tensor<3>| {
        let [_, inputs, outputs] = tensor.dims();
        tensor.clone().expand([tasks, inputs, outputs])
    };
    let plain = |layer: &Dense| Dense {
        weight: repeated(&layer.weight),
        bias: repeated(&layer.bias),
    };
    let [first, second, third] = &shared.hardware;
    let [hidden, last] = &shared.head;
    Parameters {
        encoder: shared.encoder.iter().map(plain).collect(),
        hardware: [plain(first), plain(second), modulated(third, width, 0)],
        network: scaled(&shared.network, 0),
        head: [
            modulated(hidden, 2 * width, 1),
            modulated(last, 4 * width, 2),
        ],
    }
}

// === impl Inference ===

impl Inference {
    /// Draws fresh weights.
    pub(crate) fn draw(
        references: usize,
        width: usize,
        device: &Device,
        rng: &mut impl Rng,
    ) -> Self {
        Self([
            Dense::draw(references, HIDDEN, device, rng),
            Dense::draw(HIDDEN, 2 * elements(width), device, rng),
        ])
    }

    /// Draws `z` for hardware embeddings `[tasks, 1, references]` with standard normal noise `[tasks, 1, elements]`.
    pub(crate) fn infer(&self, hardware: &Tensor<3>, noise: &Tensor<3>) -> Inferred {
        let [first, second] = &self.0;
        let elements = noise.dims()[2];
        let hidden = activation::relu(first.forward(hardware.clone()));
        let statistics = second.forward(hidden);
        let mean = statistics.clone().narrow(2, 0, elements);
        let deviation = activation::softplus(statistics.narrow(2, elements, elements), 1.0);
        let z = mean.clone() + deviation.clone() * noise.clone();
        let variance = deviation.clone().square();
        let terms = mean.square() + variance - deviation.log() * 2.0 - 1.0;
        Inferred {
            z,
            divergence: terms.sum() / 2.0,
        }
    }
}

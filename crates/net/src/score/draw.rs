//! Fresh weights for scores.

use bespoke_graph::{Graph, Model, Op, Parameter, Role, Tensor, Weights};
use burn::tensor::Device;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{ScoreError, Subject};
use crate::body::Body;

/// How weights are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Draw {
    /// PyTorch's default: kernels, matrices and their biases uniform within ±1/√in, times a factor for the kernels and
    /// matrices.
    Uniform {
        /// The factor.
        times: f32,
    },
    /// The absolute values of the same.
    Positive,
    /// From the standard normal distribution, biases 0.
    Normal,
}

/// Stream of the generator that weights are drawn from.
const WEIGHTS_STREAM: u64 = 0;
/// Stream of the generator that inputs are drawn from.
pub(super) const INPUT_STREAM: u64 = 1;

/// A generator of a score's own.
pub(super) fn generator(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

/// A draw from the standard normal distribution (Box and Muller).
pub(super) fn standard_normal(rng: &mut impl Rng) -> f32 {
    let radius = (-2.0 * (1.0 - rng.random::<f32>()).ln()).sqrt();
    radius * (std::f32::consts::TAU * rng.random::<f32>()).cos()
}

/// Fresh weights of a graph.
pub(super) fn weights(graph: &Graph, draw: Draw, seed: u64) -> Weights {
    let mut rng = generator(seed, WEIGHTS_STREAM);
    let mut weights = Weights::default();
    for parameter in graph.parameters() {
        let tensor = Tensor {
            shape: parameter.shape.dims().to_vec(),
            data: values(graph, &parameter, draw, &mut rng),
        };
        weights.insert(parameter.name, tensor);
    }
    weights
}

/// The subject's graph with fresh weights, ready to be differentiated.
pub(super) fn body(subject: &Subject<'_>, draw: Draw, device: &Device) -> Result<Body, ScoreError> {
    let weights = weights(&subject.graph, draw, subject.seed);
    let model = Model::new(Graph::clone(&subject.graph), weights)?;
    Ok(Body::new(&model, device))
}

fn values(graph: &Graph, parameter: &Parameter, draw: Draw, rng: &mut impl Rng) -> Vec<f32> {
    let elements = parameter.shape.elements();
    let node = graph.node(parameter.node);
    let channels = |axis: usize| graph.node(node.inputs[0]).shape.dims()[axis];
    let summed = match &node.op {
        Op::Conv(conv) => channels(0) / conv.groups * conv.kernel[0] * conv.kernel[1],
        Op::Linear { .. } => channels(graph.node(node.inputs[0]).shape.dims().len() - 1),
        _ => {
            let is_one = matches!(parameter.role, Role::Weight | Role::Variance);
            return vec![f32::from(u8::from(is_one)); elements];
        }
    };
    let bound = 1.0 / (summed as f32).sqrt();
    let one = || match (draw, parameter.role) {
        (Draw::Uniform { times }, Role::Weight) => times * rng.random_range(-bound..=bound),
        (Draw::Uniform { .. }, _) => rng.random_range(-bound..=bound),
        (Draw::Positive, _) => rng.random_range(-bound..=bound).abs(),
        (Draw::Normal, Role::Weight) => standard_normal(rng),
        (Draw::Normal, _) => 0.0,
    };
    std::iter::repeat_with(one).take(elements).collect()
}

//! Zero-cost scores that need tensors: one or two passes of a network with fresh weights, no training.
//!
//! M. S. Abdelfattah, A. Mehrotra, L. Dudziak, N. D. Lane: Zero-Cost Proxies for Lightweight NAS (ICLR 2021), which
//! first scored whole networks by what had been used to prune them. Weights are drawn as there, by PyTorch's default:
//! uniform within ±1/√in, `in` being the numbers that an output is the sum of; zen draws its own.

mod draw;
mod gradient;
mod similarity;
#[cfg(test)]
mod tests;
mod zen;

use std::borrow::Cow;

use bespoke_graph::{Graph, GraphError};
use bespoke_recipe::{ScoreName, TrainingDevice};
use burn::tensor::{Device, Tensor, TensorData};

use crate::memory::{check_memory, pass_bytes};
use crate::network::{check_images, ends_in_softmax};
use crate::{Images, NetworkError};

/// Why a network has no score.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// The network cannot be run, or not on these images.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The score looks at images, and there are none.
    #[error("the score `{score}` looks at images, and none are given")]
    NoImages {
        /// The score.
        score: ScoreName,
    },
    /// The score compares images, and there is only one.
    #[error("the score `{score}` compares images, and only one is given")]
    OneImage {
        /// The score.
        score: ScoreName,
    },
    /// The score tells networks apart before their output becomes probabilities.
    #[error(
        "node `{node}` is a softmax: the score `{score}` takes the network that ends in logits"
    )]
    Probabilities {
        /// The score.
        score: ScoreName,
        /// Name of the last node.
        node: String,
    },
    /// The score is no number: most often, nothing of the input comes to the output.
    #[error("the score `{score}` of this network is {value}, which is no number to compare")]
    NoNumber {
        /// The score.
        score: ScoreName,
        /// What came out.
        value: f64,
    },
}

/// A network to be scored, and what it is shown.
struct Subject<'a> {
    /// The live part.
    graph: Cow<'a, Graph>,
    images: Option<&'a Images>,
    seed: u64,
}

/// Scores the live part of a network that ends in logits; more is better. All the images are one batch. Graph, images
/// and seed determine the score.
///
/// # Errors
/// When the score needs images that are not given or that the network does not take, when it is no finite number, or
/// when the network ends in probabilities.
pub fn score(
    name: ScoreName,
    graph: &Graph,
    images: Option<&Images>,
    seed: u64,
) -> Result<f64, ScoreError> {
    if ends_in_softmax(graph) {
        let node = graph.node(graph.output()).name.clone();
        return Err(ScoreError::Probabilities { score: name, node });
    }
    let subject = Subject {
        graph: graph.live_part(),
        images,
        seed,
    };
    let value = match name {
        ScoreName::Parameters => subject.graph.cost().parameters as f64,
        ScoreName::Flops => subject.graph.cost().macs as f64,
        ScoreName::GradNorm => gradient::grad_norm(&subject)?,
        ScoreName::Snip => gradient::snip(&subject)?,
        ScoreName::Grasp => gradient::grasp(&subject)?,
        ScoreName::Fisher => gradient::fisher(&subject)?,
        ScoreName::Synflow => gradient::synflow(&subject)?,
        ScoreName::JacobCov => similarity::jacob_cov(&subject)?,
        ScoreName::Naswot => similarity::naswot(&subject)?,
        ScoreName::Zen => zen::zen(&subject)?,
        ScoreName::Entropy => subject.graph.entropy().score(),
    };
    match value.is_finite() {
        true => Ok(value),
        false => Err(ScoreError::NoNumber { score: name, value }),
    }
}

// === impl Subject ===

impl Subject<'_> {
    /// The images, which a score cannot do without.
    fn images(&self, score: ScoreName) -> Result<&Images, ScoreError> {
        let images = self.images.ok_or(ScoreError::NoImages { score })?;
        check_images(&self.graph, images)?;
        let batch = images.count();
        check_memory(pass_bytes(&self.graph, batch), batch, TrainingDevice::Flex)?;
        Ok(images)
    }

    /// Images to be compared with each other.
    fn several_images(&self, score: ScoreName) -> Result<&Images, ScoreError> {
        let images = self.images(score)?;
        match images.count() {
            1 => Err(ScoreError::OneImage { score }),
            _ => Ok(images),
        }
    }
}

// === impl ScoreError ===

impl From<GraphError> for ScoreError {
    fn from(error: GraphError) -> Self {
        Self::Network(error.into())
    }
}

// === helpers ===

/// `[images, pixels of one]`
fn batch(images: &Images, device: &Device) -> Tensor<2> {
    let count = images.count();
    let pixels = images.pixels(0..count);
    let shape = [count, pixels.len() / count];
    Tensor::from_data(TensorData::new(pixels, shape), device)
}

fn number(tensor: Tensor<1>) -> f64 {
    tensor.into_scalar::<f64>()
}

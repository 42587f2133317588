//! Adam, with the usual settings.
//!
//! D. Kingma, J. Ba: Adam: A Method for Stochastic Optimization (ICLR 2015).

use burn::tensor::Tensor;

/// How much of the mean gradient, and of its mean square, stays at each step.
const BETA: [f64; 2] = [0.9, 0.999];
/// Keeps the division from 0.
const EPSILON: f64 = 1e-8;

/// The optimiser with its running means.
#[derive(Debug)]
pub(crate) struct Adam {
    steps: i32,
    /// Mean gradient and mean square of each tensor.
    means: Vec<[Tensor<3>; 2]>,
}

// === impl Adam ===

impl Adam {
    /// An optimiser for these tensors.
    pub(crate) fn new(tensors: &[Tensor<3>]) -> Self {
        let zeros = |tensor: &Tensor<3>| [tensor.zeros_like(), tensor.zeros_like()];
        Self {
            steps: 0,
            means: tensors.iter().map(zeros).collect(),
        }
    }

    /// The tensors after a step against their gradients.
    pub(crate) fn step(
        &mut self,
        rate: f64,
        tensors: Vec<Tensor<3>>,
        gradients: Vec<Tensor<3>>,
    ) -> Vec<Tensor<3>> {
        self.steps += 1;
        let [mean_part, square_part] = BETA.map(|beta| 1.0 - beta.powi(self.steps));
        let pairs = tensors.into_iter().zip(gradients);
        let update =
            |((tensor, gradient), means): ((Tensor<3>, Tensor<3>), &mut [Tensor<3>; 2])| {
                let [mean, square] = means.clone();
                let mean = mean * BETA[0] + gradient.clone() * (1.0 - BETA[0]);
                let square = square * BETA[1] + gradient.square() * (1.0 - BETA[1]);
                *means = [mean.clone(), square.clone()];
                tensor - mean * (rate / mean_part) / ((square / square_part).sqrt() + EPSILON)
            };
        pairs.zip(&mut self.means).map(update).collect()
    }
}

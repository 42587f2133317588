//! Adam (Kingma and Ba, ICLR 2015) on plain numbers.

use serde::{Deserialize, Serialize};

/// Adam's state for the parameters of a distribution.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Adam {
    rate: f64,
    beta: [f64; 2],
    weight_decay: f64,
    steps: i32,
    /// Moving means of gradient and squared gradient, layer by layer.
    moments: Vec<Vec<[f64; 2]>>,
}

/// Added to the root of the squared gradient's mean.
const EPSILON: f64 = 1e-8;

impl Adam {
    /// For layers of so many parameters. Weight decay is added to the gradient, as PyTorch's `Adam` does.
    pub fn new(shape: &[usize], rate: f64, beta: [f64; 2], weight_decay: f64) -> Self {
        Self {
            rate,
            beta,
            weight_decay,
            steps: 0,
            moments: shape.iter().map(|count| vec![[0.0; 2]; *count]).collect(),
        }
    }

    /// One step along the gradient; a parameter without one stays as it is, and so does its state.
    pub fn step(&mut self, parameters: &mut [Vec<f64>], gradient: &[Vec<Option<f64>>]) {
        self.steps += 1;
        let [beta1, beta2] = self.beta;
        let corrections = [1.0 - beta1.powi(self.steps), 1.0 - beta2.powi(self.steps)];
        let layers = parameters.iter_mut().zip(gradient).zip(&mut self.moments);
        for ((parameters, gradient), moments) in layers {
            for ((parameter, gradient), [first, second]) in
                parameters.iter_mut().zip(gradient).zip(moments)
            {
                let Some(gradient) = gradient else {
                    continue;
                };
                let gradient = gradient + self.weight_decay * *parameter;
                *first = beta1 * *first + (1.0 - beta1) * gradient;
                *second = beta2 * *second + (1.0 - beta2) * gradient * gradient;
                let root = (*second / corrections[1]).sqrt() + EPSILON;
                *parameter -= self.rate * *first / corrections[0] / root;
            }
        }
    }
}

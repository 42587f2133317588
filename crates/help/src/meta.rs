//! One step of the outer loop: its loss, and the gradient of all that is learned.
//!
//! A. Finn, P. Abbeel, S. Levine: Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks (ICML 2017), with
//! the learned rates of Z. Li, F. Zhou, F. Chen, H. Li: Meta-SGD (2017).
//!
//! An inner step takes the weights w to w' = w - r g(w), with the gradient g of the support loss and a rate r for each
//! weight. From the gradient v of the query loss with respect to w' follow those with respect to r, -g v, and to w,
//! v - H (r v), where H, the Hessian of the support loss, is the derivative of g.

use burn::tensor::Tensor;

use crate::config::{Config, SecondOrder};
use crate::modulation::{Inference, modulate};
use crate::network::{Samples, loss_and_gradient};
use crate::parameters::{Dense, Parameters};

/// All that is learned, or its gradient.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    /// What the inner steps start from, for all tasks.
    pub(crate) initial: Parameters,
    /// Learned rates of the inner steps.
    pub(crate) rates: Parameters,
    pub(crate) inference: Inference,
}

/// What one outer step sees: a task is a device.
#[derive(Debug)]
pub(crate) struct Episode {
    /// Hardware embeddings `[tasks, 1, references]`.
    pub(crate) hardware: Tensor<3>,
    /// Standard normal noise for `z`.
    pub(crate) noise: Tensor<3>,
    /// What the inner steps see, of all tasks.
    pub(crate) support: Samples,
    /// What the adapted weights are judged by, task by task: the values between the layers of a single task fit into
    /// the processor's cache, and those of all tasks do not.
    pub(crate) query: Vec<Samples>,
}

/// The weights that an inner step starts from, and the gradient there, which can be differentiated with respect to the
/// weights if they are leaves.
struct InnerStep {
    weights: Parameters,
    gradient: Parameters,
}

// === impl Model ===

impl Model {
    /// All tensors, in an order that [`Model::from_tensors`] knows.
    pub(crate) fn into_tensors(self) -> Vec<Tensor<3>> {
        let inference = self.inference.0.map(|layer| [layer.weight, layer.bias]);
        let (initial, rates) = (self.initial.into_tensors(), self.rates.into_tensors());
        [initial, rates, inference.concat()].concat()
    }

    /// Puts tensors back where they belong.
    pub(crate) fn from_tensors(mut tensors: Vec<Tensor<3>>) -> Self {
        let mut inference = tensors.split_off(tensors.len() - 4).into_iter();
        let mut next = || inference.next().expect("four tensors were split off");
        let mut dense = || Dense {
            weight: next(),
            bias: next(),
        };
        let inference = Inference([dense(), dense()]);
        let rates = tensors.split_off(tensors.len() / 2);
        Self {
            initial: Parameters::from_tensors(tensors),
            rates: Parameters::from_tensors(rates),
            inference,
        }
    }

    /// The weights after so many inner steps.
    pub(crate) fn adapt(
        &self,
        mut weights: Parameters,
        hardware: &Tensor<3>,
        support: &Samples,
        steps: usize,
    ) -> Parameters {
        for _ in 0..steps {
            let (_, gradient) = loss_and_gradient(&weights, hardware, support);
            weights = self.descend(weights, gradient);
        }
        weights
    }

    /// Mean loss of the tasks, with the divergence of `z`, and its gradient.
    pub(crate) fn outer_gradient(&self, episode: &Episode, config: &Config) -> (f64, Self) {
        let leaves =
            Self::from_tensors(self.clone().into_tensors().into_iter().map(leaf).collect());
        let inferred = leaves.inference.infer(&episode.hardware, &episode.noise);
        let start = modulate(&leaves.initial, &inferred.z, config.modulation);
        let mut steps = Vec::with_capacity(config.inner_steps);
        let mut weights = start.clone().map(Tensor::inner);
        for _ in 0..config.inner_steps {
            let from = match config.second_order {
                SecondOrder::Exact => weights.clone().map(leaf),
                SecondOrder::Dropped => weights.clone(),
            };
            let (_, gradient) = loss_and_gradient(&from, &episode.hardware, &episode.support);
            weights = self.descend(weights, gradient.clone().map(Tensor::inner));
            steps.push(InnerStep {
                weights: from,
                gradient,
            });
        }
        let (query_loss, slope) = query_gradient(&weights, episode);
        let (slope, rates) = self.back(steps, slope, config.second_order);

        // From the weights of each task back to what they were made of.
        let divergence = inferred.divergence * config.divergence;
        let loss = query_loss + divergence.clone().into_scalar::<f64>();
        let mut gradients = (start.dot(slope) + divergence).backward();
        let mut of = |leaf: &Tensor<3>| {
            leaf.grad_remove(&mut gradients)
                .expect("all of these lead to the weights of a task")
        };
        let gradient = Self {
            initial: leaves.initial.map(|leaf| of(&leaf)),
            rates,
            inference: Inference(leaves.inference.0.map(|layer| Dense {
                weight: of(&layer.weight),
                bias: of(&layer.bias),
            })),
        };
        (loss, gradient)
    }

    /// The weights after one inner step.
    fn descend(&self, weights: Parameters, gradient: Parameters) -> Parameters {
        let change = gradient.zip(self.rates.clone(), |g, rate| g * rate);
        weights.zip(change, |weight, change| weight - change)
    }

    /// Takes the gradient `slope` with respect to the adapted weights back through the inner steps: to the weights
    /// before them, and to the rates.
    fn back(
        &self,
        steps: Vec<InnerStep>,
        mut slope: Parameters,
        second_order: SecondOrder,
    ) -> (Parameters, Parameters) {
        let mut rates = self.rates.clone().map(|rate| rate.zeros_like());
        for step in steps.into_iter().rev() {
            let gradient = step.gradient.clone().map(Tensor::inner);
            let product = gradient.zip(slope.clone(), |g, s| (g * s).sum_dim(0));
            rates = rates.zip(product, |sum, product| sum - product);
            if second_order == SecondOrder::Exact {
                let scaled = slope.clone().zip(self.rates.clone(), |s, rate| s * rate);
                let product = step.hessian_times(scaled);
                slope = slope.zip(product, |s, product| s - product);
            }
        }
        (slope, rates)
    }
}

// === impl InnerStep ===

impl InnerStep {
    /// Product of the Hessian of the support loss with a vector: the gradient of the product of gradient and vector.
    fn hessian_times(self, vector: Parameters) -> Parameters {
        let mut gradients = self.gradient.dot(vector).backward();
        self.weights.map(|leaf| {
            let product = leaf.grad_remove(&mut gradients);
            product.unwrap_or_else(|| leaf.inner().zeros_like())
        })
    }
}

// === helpers ===

fn leaf(tensor: Tensor<3>) -> Tensor<3> {
    tensor.autodiff().require_grad()
}

/// Mean query loss of the tasks, and its gradient with respect to the weights of each.
fn query_gradient(weights: &Parameters, episode: &Episode) -> (f64, Parameters) {
    let tasks = episode.query.len();
    let mut total = 0.0;
    let mut slopes: Vec<Vec<Tensor<3>>> = Vec::with_capacity(tasks);
    for (task, samples) in episode.query.iter().enumerate() {
        let weights = weights.clone().map(|weight| weight.narrow(0, task, 1));
        let hardware = episode.hardware.clone().narrow(0, task, 1);
        let (loss, slope) = loss_and_gradient(&weights, &hardware, samples);
        total += loss.into_scalar::<f64>() / tasks as f64;
        slopes.push(slope.map(|slope| slope / tasks as f64).into_tensors());
    }
    let tensors = slopes[0].len();
    let joined = (0..tensors).map(|at| {
        let parts = slopes.iter().map(|task| task[at].clone());
        Tensor::cat(parts.collect(), 0)
    });
    (total, Parameters::from_tensors(joined.collect()))
}

#[cfg(test)]
mod tests;

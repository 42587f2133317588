//! Training by stochastic gradient descent with momentum and a cosine schedule.
//!
//! I. Loshchilov, F. Hutter: SGDR: Stochastic Gradient Descent with Warm Restarts (ICLR 2017), without the restarts.

use bespoke_graph::{Graph, Model, Weights};
use bespoke_recipe::Recipe;
use burn::nn::loss::{CrossEntropyLoss, CrossEntropyLossConfig};
use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::Device;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::batches::{Batch, Batches};
use crate::body::Body;
use crate::memory::{check_memory, pass_bytes};
use crate::network::{check_images, ends_in_softmax};
use crate::place::Place;
use crate::{Images, TrainError};

/// What an epoch came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpochReport {
    /// The epoch, counted from 1.
    pub epoch: u32,
    /// Mean loss of its steps.
    pub loss: f64,
    /// Learning rate of its last step.
    pub learning_rate: f64,
}

/// A network in training.
///
/// Graph, recipe, seed, images and number of threads determine the weights, to the last bit.
pub struct Trainer {
    recipe: Recipe,
    seed: u64,
    body: Body,
    optimizer: ModuleOptimizer,
    loss: CrossEntropyLoss,
    place: Place,
    epochs_trained: u32,
    steps: u64,
}

/// Stream of the generator that weights are drawn from; epoch `e`, from 1, draws from stream `e`.
const WEIGHTS_STREAM: u64 = 0;

// === impl Trainer ===

impl Trainer {
    /// Draws fresh weights for the live part of a graph that ends in logits, one for each class.
    ///
    /// # Errors
    /// When a setting is out of its range, its device is not here, or the graph ends in a softmax.
    pub fn new(graph: &Graph, recipe: &Recipe, seed: u64) -> Result<Self, TrainError> {
        let graph = graph.live();
        let weights = Weights::initial(&graph, &mut generator(seed, WEIGHTS_STREAM));
        Self::tuning(&Model::new(graph, weights)?, recipe, seed)
    }

    /// Begins with the weights that a model has.
    ///
    /// # Errors
    /// When a setting is out of its range, its device is not here, or the model ends in a softmax.
    pub fn tuning(model: &Model, recipe: &Recipe, seed: u64) -> Result<Self, TrainError> {
        recipe.check()?;
        let graph = model.graph();
        if ends_in_softmax(graph) {
            let node = graph.node(graph.output()).name.clone();
            return Err(TrainError::Probabilities { node });
        }
        let needed = pass_bytes(graph, recipe.batch_size);
        check_memory(needed, recipe.batch_size, recipe.device)?;
        let place = Place::open(recipe.device)?.autodiff();
        let body = Body::new(model, place.device());
        Ok(Self {
            recipe: recipe.clone(),
            seed,
            optimizer: optimizer(recipe, &body),
            loss: loss(recipe, place.device()),
            body,
            place,
            epochs_trained: 0,
            steps: 0,
        })
    }

    /// Sees all images once, in a new order.
    ///
    /// # Errors
    /// When images and network do not fit each other, a batch takes more images than there are, all epochs are
    /// trained, or the loss is no longer a number; after the last, the weights are of no use.
    pub fn epoch(&mut self, images: &Images) -> Result<EpochReport, TrainError> {
        let Recipe {
            epochs, batch_size, ..
        } = self.recipe;
        check_images(self.body.graph(), images)?;
        if self.epochs_trained == epochs {
            return Err(TrainError::Finished { epochs });
        }
        self.place.enter();
        let rng = generator(self.seed, u64::from(self.epochs_trained) + 1);
        let batches = Batches::new(images, batch_size, self.recipe.augment, rng)?;
        let in_epoch = batches.len() as f64;
        let (mut total, mut rate) = (0.0, 0.0);
        for (at, batch) in batches.enumerate() {
            let done = f64::from(self.epochs_trained) + at as f64 / in_epoch;
            rate = self.recipe.rate_at(done / f64::from(epochs));
            total += f64::from(self.step(&batch, rate)?);
        }
        self.body.settle();
        self.epochs_trained += 1;
        Ok(EpochReport {
            epoch: self.epochs_trained,
            loss: total / in_epoch,
            learning_rate: rate,
        })
    }

    /// The network as trained so far: the live graph with its weights and running statistics.
    pub fn model(&self) -> Model {
        let graph = self.body.graph().clone();
        Model::new(graph, self.body.weights()).expect("the weights were made for this graph")
    }

    fn step(&mut self, batch: &Batch, rate: f64) -> Result<f32, TrainError> {
        let (input, targets) = batch.tensors(self.place.device());
        let loss = self.loss.forward(self.body.forward(input), targets);
        let value = loss.clone().into_scalar::<f32>();
        if !value.is_finite() {
            return Err(TrainError::Diverged {
                step: self.steps,
                learning_rate: rate,
                loss: value,
            });
        }
        let gradients = loss.backward();
        let optimizer = &mut self.optimizer;
        self.body.update(|layers| {
            let gradients = GradientsParams::from_grads(gradients, &layers);
            optimizer.step(rate, layers, gradients)
        });
        self.steps += 1;
        Ok(value)
    }
}

// === helpers ===

pub(crate) fn generator(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

fn optimizer(recipe: &Recipe, body: &Body) -> ModuleOptimizer {
    let plain = SgdConfig::new().with_momentum(Some(MomentumConfig {
        momentum: recipe.momentum,
        dampening: 0.0,
        nesterov: false,
    }));
    let decaying = plain.clone().with_weight_decay(Some(WeightDecayConfig {
        penalty: recipe.weight_decay as f32,
    }));
    plain
        .init()
        .with_group(body.layers().decayed(), decaying.build(), None)
}

pub(crate) fn loss(recipe: &Recipe, device: &Device) -> CrossEntropyLoss {
    let smoothing = (recipe.label_smoothing > 0.0).then_some(recipe.label_smoothing);
    CrossEntropyLossConfig::new()
        .with_smoothing(smoothing)
        .init(device)
}

#[cfg(test)]
mod tests;

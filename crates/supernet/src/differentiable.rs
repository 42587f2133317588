//! Differentiable search: a distribution over the blocks of each layer, learned together with the weights.

mod adam;
mod distribution;
mod fbnet;
mod latency;
mod learner;
mod paths;
mod proxylessnas;
mod tuned;

use std::sync::Arc;

use bespoke_graph::Model;
use bespoke_net::{Batches, Images, SharedState, SharedWeights, TrainError, check_memory};
use bespoke_recipe::{Differentiable, Recipe};
use bespoke_space::Architecture;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::{
    SupernetError,
    supernet::{cut_out, generator},
};
use adam::Adam;

pub use distribution::Distribution;
pub use latency::{ExpectedLatency, LatencyTable};
pub use learner::{Learned, Learner};
pub use paths::Paths;
pub use tuned::TunedEvaluator;

/// What a differentiable search is about.
#[derive(Clone)]
pub struct SearchConfig {
    /// The layers and their blocks.
    pub paths: Paths,
    /// How the distribution is learned.
    pub method: Differentiable,
    /// How weights are trained; the epochs are those of the method.
    pub recipe: Recipe,
    /// Seed of weights, batches and draws.
    pub seed: u64,
}

/// A differentiable search: weights of all paths, and a distribution over them.
///
/// By FBNet, a layer's output is the sum of its paths, each times its part of a mask: the softmax of (θ + Gumbel noise)
/// over a temperature of 5·exp(−0.045·epoch). Each epoch trains the weights on their images and then, from epoch 10 of 90
/// on, θ on the others, both for the loss CE·α·log(LAT)^β, in which LAT is the latency of the masked network by a table.
/// The logarithm is raised to β, not the latency. LAT is in microseconds; the paper does not tell its unit.
///
/// By ProxylessNAS, the weights are trained on one path a layer, drawn by the distribution. Every fifth step trains the
/// distribution on the other images: of each layer two paths are drawn, one of them is active, and the loss's gradient by
/// the two binary gates stands for that by their probabilities. The other paths keep theirs. So the values of at most two
/// paths of a layer are in memory, however many there are.
pub struct Search {
    config: SearchConfig,
    for_weights: Arc<Images>,
    for_choices: Arc<Images>,
    weights: SharedWeights,
    distribution: Distribution,
    adam: Adam,
    /// Moving mean of the rewards of REINFORCE, once there is one.
    baseline: Option<f64>,
    epochs_trained: u32,
}

/// What an epoch of a differentiable search came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SearchReport {
    /// The epoch, counted from 1.
    pub epoch: u32,
    /// Mean cross-entropy of the steps that trained weights.
    pub loss: f64,
    /// Expected latency of the distribution, in milliseconds, as the table prices it.
    pub expected_latency_ms: f64,
    /// Mean entropy of the choices, in bits.
    pub entropy_bits: f64,
}

/// A search's state but for its weights.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChoicesState {
    distribution: Distribution,
    adam: Adam,
    baseline: Option<f64>,
}

/// Stream of the generator of an epoch's draws and batches; the epoch is added.
const STREAM: u64 = 3 << 32;

// === impl Search ===

impl Search {
    /// Begins a search with fresh weights and all paths equally likely. The distribution learns every fifth of the images,
    /// the weights learn the others, as in FBNet.
    ///
    /// # Errors
    /// When a setting is out of its range, a batch takes more images than there are, or the paths cannot share weights.
    pub fn new(config: SearchConfig, images: &Images) -> Result<Self, SupernetError> {
        config.method.check().map_err(TrainError::from)?;
        let fifths = images.count() / 5;
        if config.recipe.batch_size > fifths {
            return Err(SupernetError::Setting {
                key: "batch_size",
                reason: format!(
                    "is {}, and the distribution learns a fifth of the {} images",
                    config.recipe.batch_size,
                    images.count()
                ),
            });
        }
        let at_once = match config.method {
            Differentiable::Fbnet(_) => usize::MAX,
            Differentiable::Proxylessnas(_) => 2,
        };
        let batch_size = config.recipe.batch_size;
        let needed = config.paths.pass_bytes(batch_size, at_once);
        check_memory(needed, batch_size, config.recipe.device).map_err(TrainError::from)?;
        let part = |is_fifth: bool| {
            let of_part = (0..images.count()).filter(|at| (at % 5 == 4) == is_fifth);
            let of_part = images.select(&of_part.collect::<Vec<_>>());
            Arc::new(of_part.expect("a batch takes an image of each part at least"))
        };
        let mut weights = SharedWeights::new(&config.recipe, config.seed)?;
        for path in config.paths.all() {
            weights.admit(path)?;
        }
        let choices = config.paths.choices();
        Ok(Self {
            for_weights: part(false),
            for_choices: part(true),
            weights,
            distribution: Distribution::uniform(&choices),
            adam: match &config.method {
                Differentiable::Fbnet(settings) => fbnet::adam(&choices, settings),
                Differentiable::Proxylessnas(settings) => proxylessnas::adam(&choices, settings),
            },
            baseline: None,
            epochs_trained: 0,
            config,
        })
    }

    /// The layers and their blocks.
    pub fn paths(&self) -> &Paths {
        &self.config.paths
    }

    /// What has been learned so far.
    pub fn distribution(&self) -> &Distribution {
        &self.distribution
    }

    /// Epochs trained so far.
    pub fn epochs_trained(&self) -> u32 {
        self.epochs_trained
    }

    /// Epochs of the whole search.
    pub fn epochs(&self) -> u32 {
        self.config.method.epochs()
    }

    /// Trains the weights on all their images once, and the distribution on its own, for latencies by a table.
    ///
    /// # Errors
    /// When all epochs are trained, or the loss is no longer a number.
    pub fn epoch(&mut self, table: &LatencyTable) -> Result<SearchReport, SupernetError> {
        let epochs = self.epochs();
        if self.epochs_trained == epochs {
            return Err(TrainError::Finished { epochs }.into());
        }
        let stream = STREAM + u64::from(self.epochs_trained);
        let mut rng = generator(self.config.seed, stream);
        let loss = match self.config.method.clone() {
            Differentiable::Fbnet(settings) => {
                fbnet::Fbnet::new(self, &settings, table).epoch(&mut rng)?
            }
            Differentiable::Proxylessnas(settings) => {
                proxylessnas::Proxylessnas::new(self, &settings, table).epoch(&mut rng)?
            }
        };
        self.check_finite()?;
        self.epochs_trained += 1;
        let expected = table.expected(&self.distribution.probabilities());
        Ok(SearchReport {
            epoch: self.epochs_trained,
            loss,
            expected_latency_ms: expected.ms,
            entropy_bits: self.distribution.entropy_bits(),
        })
    }

    /// Cuts an architecture out: its weights, with batch-norm statistics of its own.
    ///
    /// # Errors
    /// When the architecture is not of the space.
    pub fn subnet(&mut self, architecture: &Architecture) -> Result<Model, SupernetError> {
        let SearchConfig { paths, recipe, .. } = &self.config;
        let (weights, images) = (&mut self.weights, &self.for_weights);
        cut_out(paths.space(), architecture, weights, images, recipe)
    }

    /// Gradients may overflow though the loss did not.
    fn check_finite(&self) -> Result<(), TrainError> {
        let mut logits = self.distribution.logits.iter().flatten();
        match logits.all(|logit| logit.is_finite()) {
            true => Ok(()),
            false => Err(TrainError::Diverged {
                step: self.weights.steps(),
                learning_rate: self.rate(1.0),
                loss: f32::NAN,
            }),
        }
    }

    /// Whether the distribution is trained by now: after so large a part of all epochs, and in the last in any case.
    fn is_warm(&self, warm_up: f64) -> bool {
        let is_last = self.epochs_trained + 1 == self.epochs();
        is_last || f64::from(self.epochs_trained) >= warm_up * f64::from(self.epochs())
    }

    /// The weights' learning rate when the part `done` of the current epoch is over.
    fn rate(&self, done: f64) -> f64 {
        let epochs = f64::from(self.epochs_trained) + done;
        self.config
            .recipe
            .rate_at(epochs / f64::from(self.epochs()))
    }

    /// All images once, in an order and with variations that the generator decides.
    fn batches<'a>(
        &self,
        images: &'a Images,
        rng: &mut ChaCha8Rng,
    ) -> Result<Batches<'a>, TrainError> {
        let recipe = &self.config.recipe;
        let own = generator(self.config.seed, rng.random());
        Batches::new(images, recipe.batch_size, recipe.augment, own)
    }

    fn state(&self) -> (SharedState, ChoicesState) {
        let choices = ChoicesState {
            distribution: self.distribution.clone(),
            adam: self.adam.clone(),
            baseline: self.baseline,
        };
        (self.weights.state(), choices)
    }

    /// Goes on from a state after so many epochs.
    fn resume(
        &mut self,
        weights: SharedState,
        choices: ChoicesState,
        epochs_trained: u32,
    ) -> Result<(), TrainError> {
        let SearchConfig { recipe, seed, .. } = &self.config;
        self.weights = SharedWeights::with_state(recipe, *seed, weights)?;
        self.distribution = choices.distribution;
        self.adam = choices.adam;
        self.baseline = choices.baseline;
        self.epochs_trained = epochs_trained;
        Ok(())
    }
}

#[cfg(test)]
mod tests;

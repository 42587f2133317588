//! FBNet: a distribution learned through Gumbel-softmax masks.
//!
//! B. Wu, X. Dai, P. Zhang, Y. Wang, F. Sun, Y. Wu, Y. Tian, P. Vajda, Y. Jia, K. Keutzer: FBNet: Hardware-Aware Efficient
//! ConvNet Design via Differentiable Neural Architecture Search (CVPR 2019).

use bespoke_net::{Batch, SharedWeights, TrainError};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{
    Distribution, ExpectedLatency, Search, SearchReport, adam::Adam, distribution::softmax,
};
use crate::{SupernetError, supernet::generator};

/// Settings of FBNet; the defaults are those of the paper.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FbnetSettings {
    /// α: weight of the latency's factor.
    pub alpha: f64,
    /// β: exponent of the logarithm of the latency.
    pub beta: f64,
    /// Temperature of the first epoch's masks.
    pub temperature: f64,
    /// Part of its logarithm that the temperature loses each epoch.
    pub annealing: f64,
    /// Epochs before the distribution is trained, as a part of all.
    pub warm_up: f64,
    /// Learning rate of the distribution.
    pub learning_rate: f64,
    /// Weight decay of the distribution.
    pub weight_decay: f64,
}

/// A search by FBNet.
///
/// A layer's output is the sum of its paths, each times its part of a mask: the softmax of (θ + Gumbel noise) over a
/// temperature of 5·exp(−0.045·epoch). Each epoch trains the weights on 80 % of the images and then, from epoch 10 of 90
/// on, θ on the others, both for the loss CE·α·log(LAT)^β, in which LAT is the latency of the masked network by a look-up
/// table. The logarithm is raised to β, not the latency. LAT is in microseconds; the paper does not tell its unit.
pub struct Fbnet {
    settings: FbnetSettings,
    search: Search,
    weights: SharedWeights,
    distribution: Distribution,
    adam: Adam,
    epochs_trained: u32,
}

/// The masks of one step.
struct Masks {
    masks: Vec<Vec<f64>>,
    temperature: f64,
}

/// Stream of the generator of masks and batches; the epoch is added.
const STREAM: u64 = 3 << 32;

// === impl FbnetSettings ===

impl Default for FbnetSettings {
    fn default() -> Self {
        Self {
            alpha: 0.2,
            beta: 0.6,
            temperature: 5.0,
            annealing: 0.045,
            warm_up: 10.0 / 90.0,
            learning_rate: 0.01,
            weight_decay: 5e-4,
        }
    }
}

// === impl Fbnet ===

impl Fbnet {
    /// Begins a search with fresh weights and all paths equally likely.
    ///
    /// # Errors
    /// When a setting is out of its range, or the paths cannot share weights.
    pub fn new(search: Search, settings: FbnetSettings) -> Result<Self, SupernetError> {
        let choices = search.paths.choices();
        Ok(Self {
            weights: SharedWeights::new(&search.recipe, search.seed)?,
            distribution: Distribution::uniform(&choices),
            adam: Adam::new(
                &choices,
                settings.learning_rate,
                [0.9, 0.999],
                settings.weight_decay,
            ),
            settings,
            search,
            epochs_trained: 0,
        })
    }

    /// What has been learned so far.
    pub fn distribution(&self) -> &Distribution {
        &self.distribution
    }

    /// What the search was given; its table may be corrected.
    pub fn search_mut(&mut self) -> &mut Search {
        &mut self.search
    }

    /// Trains the weights on all their images once, and then the distribution on its own.
    ///
    /// # Errors
    /// When all epochs are trained, a batch takes more images than there are, or the loss is no longer a number.
    pub fn epoch(&mut self) -> Result<SearchReport, SupernetError> {
        let epochs = self.search.recipe.epochs;
        if self.epochs_trained == epochs {
            return Err(TrainError::Finished { epochs }.into());
        }
        let epoch = f64::from(self.epochs_trained);
        let temperature = self.settings.temperature * (-self.settings.annealing * epoch).exp();
        let mut rng = generator(self.search.seed, STREAM + u64::from(self.epochs_trained));
        let images = self.search.for_weights.clone();
        let batches = self.search.batches(&images, &mut rng)?;
        let steps = batches.len().max(1) as f64;
        let mut total = 0.0;
        for (at, batch) in batches.enumerate() {
            let rate = (epoch + at as f64 / steps) / f64::from(epochs);
            let rate = self.search.recipe.rate_at(rate);
            let masks = self.masks(temperature, &mut rng);
            let layers = self.search.paths.mixed(&masks.gates());
            let latency = self.search.table.expected(&masks.masks);
            let (factor, _) = self.factor(&latency);
            total += self.weights.mixed_step(&layers, &batch, rate, factor)?.loss;
        }
        if epoch >= self.settings.warm_up * f64::from(epochs) {
            let images = self.search.for_choices.clone();
            for batch in self.search.batches(&images, &mut rng)? {
                let masks = self.masks(temperature, &mut rng);
                let gradient = self.gradient(&masks, &batch)?;
                self.adam.step(&mut self.distribution.logits, &gradient);
            }
        }
        self.epochs_trained += 1;
        let loss = total / steps;
        Ok(self
            .search
            .report(self.epochs_trained, loss, &self.distribution))
    }

    /// α·log(LAT)^β, and its derivative by the latency in milliseconds.
    fn factor(&self, latency: &ExpectedLatency) -> (f64, f64) {
        let FbnetSettings { alpha, beta, .. } = self.settings;
        let logarithm = (1e3 * latency.ms).ln().max(f64::EPSILON);
        let factor = alpha * logarithm.powf(beta);
        (factor, factor * beta / logarithm / latency.ms)
    }

    /// The gradient of the loss by θ: through the masks, of the cross-entropy and of the latency.
    fn gradient(
        &mut self,
        masks: &Masks,
        batch: &Batch,
    ) -> Result<Vec<Vec<Option<f64>>>, SupernetError> {
        let layers = self.search.paths.mixed(&masks.gates());
        let mixed = self.weights.by_gates(&layers, batch)?;
        let latency = self.search.table.expected(&masks.masks);
        let (factor, by_ms) = self.factor(&latency);
        let by_gate = self.search.paths.of_choices(&mixed.by_gate);
        let choices = by_gate
            .iter()
            .zip(&latency.by_probability)
            .zip(&masks.masks);
        let of_choice = |((loss, ms), mask): ((&Vec<f64>, &Vec<f64>), &Vec<f64>)| {
            let by_mask: Vec<f64> = loss
                .iter()
                .zip(ms)
                .map(|(loss, ms)| factor * loss + mixed.loss * by_ms * ms)
                .collect();
            through_softmax(mask, &by_mask)
                .into_iter()
                .map(|gradient| Some(gradient / masks.temperature))
                .collect()
        };
        Ok(choices.map(of_choice).collect())
    }

    fn masks(&self, temperature: f64, rng: &mut ChaCha8Rng) -> Masks {
        let mut noisy = |logit: &f64| {
            // Within (0, 1), so that both logarithms are finite.
            let uniform = rng.random::<f64>().clamp(1e-12, 1.0 - 1e-12);
            (logit - (-uniform.ln()).ln()) / temperature
        };
        let mask = |logits: &Vec<f64>| softmax(&logits.iter().map(&mut noisy).collect::<Vec<_>>());
        Masks {
            masks: self.distribution.logits.iter().map(mask).collect(),
            temperature,
        }
    }
}

impl Masks {
    fn gates(&self) -> Vec<Vec<(usize, f64)>> {
        let gates = |mask: &Vec<f64>| mask.iter().copied().enumerate().collect();
        self.masks.iter().map(gates).collect()
    }
}

/// The gradient by the arguments of a softmax, given its values and the gradient by them.
pub(super) fn through_softmax(values: &[f64], by_value: &[f64]) -> Vec<f64> {
    let mean: f64 = values.iter().zip(by_value).map(|(p, g)| p * g).sum();
    values
        .iter()
        .zip(by_value)
        .map(|(p, g)| p * (g - mean))
        .collect()
}

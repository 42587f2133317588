//! FBNet: a distribution learned through Gumbel-softmax masks.
//!
//! B. Wu, X. Dai, P. Zhang, Y. Wang, F. Sun, Y. Wu, Y. Tian, P. Vajda, Y. Jia, K. Keutzer: FBNet: Hardware-Aware Efficient
//! ConvNet Design via Differentiable Neural Architecture Search (CVPR 2019).

use bespoke_net::Batch;
use bespoke_recipe::FbnetSettings;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{ExpectedLatency, LatencyTable, Search, adam::Adam, distribution::softmax};
use crate::SupernetError;

/// An epoch of a search.
pub(super) struct Fbnet<'a> {
    search: &'a mut Search,
    settings: &'a FbnetSettings,
    table: &'a LatencyTable,
    temperature: f64,
}

/// Parts of the paths of each choice.
struct Masks(Vec<Vec<f64>>);

/// Masks get no colder: they choose one path each by then.
const COLDEST: f64 = 1e-3;

// === impl Fbnet ===

/// What trains the distribution.
pub(super) fn adam(choices: &[usize], settings: &FbnetSettings) -> Adam {
    let FbnetSettings {
        learning_rate,
        weight_decay,
        ..
    } = *settings;
    Adam::new(choices, learning_rate, [0.9, 0.999], weight_decay)
}

impl<'a> Fbnet<'a> {
    pub fn new(
        search: &'a mut Search,
        settings: &'a FbnetSettings,
        table: &'a LatencyTable,
    ) -> Self {
        let cooled = -settings.annealing * f64::from(search.epochs_trained);
        Self {
            temperature: (settings.temperature * cooled.exp()).max(COLDEST),
            search,
            settings,
            table,
        }
    }

    /// Trains the weights on all their images once, and then the distribution on its own. Returns the mean cross-entropy.
    pub fn epoch(mut self, rng: &mut ChaCha8Rng) -> Result<f64, SupernetError> {
        let images = self.search.for_weights.clone();
        let batches = self.search.batches(&images, rng)?;
        let steps = batches.len().max(1) as f64;
        let mut total = 0.0;
        for (at, batch) in batches.enumerate() {
            let rate = self.search.rate(at as f64 / steps);
            let masks = self.masks(rng);
            let layers = self.search.config.paths.mixed(&masks.gates());
            let (factor, _) = self.factor(&self.table.expected(&masks.0));
            let step = self
                .search
                .weights
                .mixed_step(&layers, &batch, rate, factor)?;
            total += step.loss;
        }
        if self.search.is_warm(self.settings.warm_up) {
            let images = self.search.for_choices.clone();
            for batch in self.search.batches(&images, rng)? {
                let masks = self.masks(rng);
                let gradient = self.gradient(&masks, &batch)?;
                let Search {
                    adam, distribution, ..
                } = &mut *self.search;
                adam.step(&mut distribution.logits, &gradient);
            }
        }
        Ok(total / steps)
    }

    /// α·log(LAT)^β, and its derivative by the latency in milliseconds.
    fn factor(&self, latency: &ExpectedLatency) -> (f64, f64) {
        let FbnetSettings { alpha, beta, .. } = self.settings;
        let logarithm = (1e3 * latency.ms).ln().max(f64::EPSILON);
        let factor = alpha * logarithm.powf(*beta);
        (factor, factor * beta / logarithm / latency.ms)
    }

    /// The gradient of the loss by θ: through the masks, of the cross-entropy and of the latency.
    fn gradient(
        &mut self,
        masks: &Masks,
        batch: &Batch,
    ) -> Result<Vec<Vec<Option<f64>>>, SupernetError> {
        let layers = self.search.config.paths.mixed(&masks.gates());
        let mixed = self.search.weights.by_gates(&layers, batch)?;
        let latency = self.table.expected(&masks.0);
        let (factor, by_ms) = self.factor(&latency);
        let by_gate = self.search.config.paths.of_choices(&mixed.by_gate);
        let choices = by_gate.iter().zip(&latency.by_probability).zip(&masks.0);
        let of_choice = |((loss, ms), mask): ((&Vec<f64>, &Vec<f64>), &Vec<f64>)| {
            let by_mask: Vec<f64> = loss
                .iter()
                .zip(ms)
                .map(|(loss, ms)| factor * loss + mixed.loss * by_ms * ms)
                .collect();
            through_softmax(mask, &by_mask)
                .into_iter()
                .map(|gradient| Some(gradient / self.temperature))
                .collect()
        };
        Ok(choices.map(of_choice).collect())
    }

    fn masks(&self, rng: &mut ChaCha8Rng) -> Masks {
        let mut noisy = |logit: &f64| {
            // Within (0, 1), so that both logarithms are finite.
            let uniform = rng.random::<f64>().clamp(1e-12, 1.0 - 1e-12);
            (logit - (-uniform.ln()).ln()) / self.temperature
        };
        let mask = |logits: &Vec<f64>| softmax(&logits.iter().map(&mut noisy).collect::<Vec<_>>());
        Masks(self.search.distribution.logits.iter().map(mask).collect())
    }
}

impl Masks {
    fn gates(&self) -> Vec<Vec<(usize, f64)>> {
        let gates = |mask: &Vec<f64>| mask.iter().copied().enumerate().collect();
        self.0.iter().map(gates).collect()
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

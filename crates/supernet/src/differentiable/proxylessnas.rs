//! ProxylessNAS: a distribution learned through binary paths.
//!
//! H. Cai, L. Zhu, S. Han: ProxylessNAS: Direct Neural Architecture Search on Target Task and Hardware (ICLR 2019).

use bespoke_net::Batch;
use bespoke_recipe::{LatencyLoss, ProxylessnasSettings, Update};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{
    Distribution, LatencyTable, Search,
    adam::Adam,
    distribution::{drawn, softmax},
    fbnet::through_softmax,
};
use crate::SupernetError;

/// An epoch of a search.
pub(super) struct Proxylessnas<'a> {
    search: &'a mut Search,
    settings: &'a ProxylessnasSettings,
    table: &'a LatencyTable,
    reference_ms: f64,
}

/// A layer's two paths, the active one first, and their probabilities, which add up to 1.
struct Pair {
    paths: [usize; 2],
    probabilities: [f64; 2],
}

/// Networks of one step of REINFORCE.
const REWARDED: usize = 10;
/// Exponent of the latency in the reward.
const REWARD_EXPONENT: f64 = 0.1;
/// Weight of the past in the baseline.
const BASELINE_DECAY: f64 = 0.99;

// === impl Proxylessnas ===

/// What trains the distribution.
pub(super) fn adam(choices: &[usize], settings: &ProxylessnasSettings) -> Adam {
    Adam::new(choices, settings.learning_rate, [0.0, 0.999], 0.0)
}

impl<'a> Proxylessnas<'a> {
    pub fn new(
        search: &'a mut Search,
        settings: &'a ProxylessnasSettings,
        table: &'a LatencyTable,
    ) -> Self {
        let even = Distribution::uniform(&search.config.paths.choices());
        let even_ms = table.expected(&even.probabilities()).ms;
        Self {
            reference_ms: settings.reference_ms.unwrap_or(even_ms),
            search,
            settings,
            table,
        }
    }

    /// Trains the weights on all their images once, and the distribution meanwhile. Returns the mean cross-entropy.
    pub fn epoch(mut self, rng: &mut ChaCha8Rng) -> Result<f64, SupernetError> {
        let Search {
            for_weights,
            for_choices,
            ..
        } = &*self.search;
        let (for_weights, for_choices) = (for_weights.clone(), for_choices.clone());
        let is_warm = self.search.is_warm(self.settings.warm_up);
        let batches = self.search.batches(&for_weights, rng)?;
        let mut others = self.search.batches(&for_choices, rng)?;
        let steps = batches.len().max(1) as f64;
        let mut total = 0.0;
        for (at, batch) in (0_u32..).zip(batches) {
            let rate = self.search.rate(f64::from(at) / steps);
            let drawn = self.search.distribution.draw(rng);
            let layers = self.search.config.paths.mixed(&single(&drawn));
            let step = self.search.weights.mixed_step(&layers, &batch, rate, 1.0)?;
            total += step.loss;
            // Counted over all epochs: one may have fewer steps than that.
            let steps = self.search.weights.steps();
            if is_warm && steps.is_multiple_of(u64::from(self.settings.every)) {
                let batch = match others.next() {
                    Some(batch) => batch,
                    None => {
                        others = self.search.batches(&for_choices, rng)?;
                        others
                            .next()
                            .expect("a batch takes no more images than there are")
                    }
                };
                self.train_choices(&batch, rng)?;
            }
        }
        Ok(total / steps)
    }

    fn train_choices(&mut self, batch: &Batch, rng: &mut ChaCha8Rng) -> Result<(), SupernetError> {
        match self.settings.update {
            Update::Gradient => self.follow_gradient(batch, rng),
            Update::Reinforce => self.follow_rewards(batch, rng),
        }
    }

    fn follow_gradient(
        &mut self,
        batch: &Batch,
        rng: &mut ChaCha8Rng,
    ) -> Result<(), SupernetError> {
        let Search {
            config,
            weights,
            distribution,
            ..
        } = &mut *self.search;
        let before = distribution.probabilities();
        let pairs: Vec<Pair> = before.iter().map(|p| Pair::draw(p, rng)).collect();
        let gates: Vec<_> = pairs.iter().map(Pair::gates).collect();
        let mixed = weights.by_gates(&config.paths.mixed(&gates), batch)?;
        let by_gate = config.paths.of_choices(&mixed.by_gate);
        let latency = self.table.expected(&before);
        let (by_loss, by_ms) = self.weights_of(mixed.loss, latency.ms);
        let mut gradient = Vec::with_capacity(pairs.len());
        let choices = pairs
            .iter()
            .zip(&by_gate)
            .zip(before.iter().zip(&latency.by_probability));
        for ((pair, by_gate), (p, ms)) in choices {
            let of_ms = through_softmax(p, ms);
            let of_loss = through_softmax(&pair.probabilities, by_gate);
            let mut own = vec![None; p.len()];
            for (at, path) in pair.distinct().iter().enumerate() {
                let of_loss = of_loss.get(at).copied().unwrap_or(0.0);
                own[*path] = Some(by_loss * of_loss + by_ms * of_ms[*path]);
            }
            gradient.push(own);
        }
        let Search {
            adam, distribution, ..
        } = &mut *self.search;
        adam.step(&mut distribution.logits, &gradient);
        let choices = distribution.logits.iter_mut().zip(&pairs).zip(&before);
        for ((logits, pair), before) in choices {
            keep_others(logits, before, pair.distinct());
        }
        Ok(())
    }

    /// How much the cross-entropy's gradient and that of the expected latency in milliseconds weigh in the loss.
    fn weights_of(&self, loss: f64, expected_ms: f64) -> (f64, f64) {
        match self.settings.loss {
            LatencyLoss::Product { alpha, beta } => {
                let logarithm = |ms: f64| (1e3 * ms).ln().max(f64::EPSILON);
                let (expected, reference) = (logarithm(expected_ms), logarithm(self.reference_ms));
                let factor = alpha * (expected / reference).powf(beta);
                (factor, loss * factor * beta / expected / expected_ms)
            }
            LatencyLoss::Sum { lambda } => (1.0, lambda / self.reference_ms),
        }
    }

    /// REINFORCE on networks drawn by the distribution; a batch tells their accuracy.
    fn follow_rewards(&mut self, batch: &Batch, rng: &mut ChaCha8Rng) -> Result<(), SupernetError> {
        let Search {
            config,
            weights,
            distribution,
            adam,
            baseline: moving,
            ..
        } = &mut *self.search;
        let probabilities = distribution.probabilities();
        let mut gradient: Vec<Vec<f64>> =
            probabilities.iter().map(|p| vec![0.0; p.len()]).collect();
        let mut rewarded = Vec::with_capacity(REWARDED);
        for _ in 0..REWARDED {
            let drawn = distribution.draw(rng);
            let right = weights.right(&config.paths.mixed(&single(&drawn)), batch)? as f64;
            let accuracy = right / config.recipe.batch_size as f64;
            let ms = self.table.price_ms(&config.paths.architecture(&drawn));
            rewarded.push((
                drawn,
                accuracy * (self.reference_ms / ms).powf(REWARD_EXPONENT),
            ));
        }
        let mean = rewarded.iter().map(|(_, reward)| reward).sum::<f64>() / REWARDED as f64;
        let baseline = match *moving {
            None => mean,
            Some(before) => BASELINE_DECAY * before + (1.0 - BASELINE_DECAY) * mean,
        };
        *moving = Some(baseline);
        for (drawn, reward) in &rewarded {
            let advantage = (reward - baseline) / REWARDED as f64;
            for ((gradient, p), path) in gradient.iter_mut().zip(&probabilities).zip(drawn) {
                for (at, gradient) in gradient.iter_mut().enumerate() {
                    let chosen = f64::from(u8::from(at == *path));
                    *gradient -= advantage * (chosen - p[at]);
                }
            }
        }
        let gradient: Vec<Vec<Option<f64>>> = gradient
            .into_iter()
            .map(|g| g.into_iter().map(Some).collect())
            .collect();
        adam.step(&mut distribution.logits, &gradient);
        Ok(())
    }
}

// === impl Pair ===

impl Pair {
    /// Two different paths by their probabilities, where there are two, and which of them is active by theirs alone.
    fn draw(probabilities: &[f64], rng: &mut ChaCha8Rng) -> Self {
        let one = drawn(probabilities, rng);
        let mut others = probabilities.to_vec();
        others[one] = 0.0;
        let other = match others.iter().any(|p| *p > 0.0) {
            true => drawn(&others, rng),
            false => one,
        };
        let both = probabilities[one] + probabilities[other];
        let first = probabilities[one] / both;
        let pair = Self {
            paths: [one, other],
            probabilities: [first, 1.0 - first],
        };
        match rng.random::<f64>() < first {
            true => pair,
            false => Self {
                paths: [other, one],
                probabilities: [1.0 - first, first],
            },
        }
    }

    /// The paths, each once.
    fn distinct(&self) -> &[usize] {
        match self.paths[0] == self.paths[1] {
            true => &self.paths[..1],
            false => &self.paths,
        }
    }

    /// The active path is open, the other closed.
    fn gates(&self) -> Vec<(usize, f64)> {
        let gates = self.distinct().iter().zip([1.0, 0.0]);
        gates.map(|(path, gate)| (*path, gate)).collect()
    }
}

// === helpers ===

/// One open path of each choice.
fn single(drawn: &[usize]) -> Vec<Vec<(usize, f64)>> {
    drawn.iter().map(|path| vec![(*path, 1.0)]).collect()
}

/// Shifts the logits of the paths given so that all others keep their probabilities.
fn keep_others(logits: &mut [f64], before: &[f64], paths: &[usize]) {
    let had: f64 = paths.iter().map(|path| before[*path]).sum();
    let after = softmax(logits);
    let have: f64 = paths.iter().map(|path| after[*path]).sum();
    let (others_had, others_have) = (1.0 - had, 1.0 - have);
    if paths.len() < logits.len()
        && had > 0.0
        && have > 0.0
        && others_had > 0.0
        && others_have > 0.0
    {
        let shift = (had / others_had / (have / others_have)).ln();
        paths.iter().for_each(|path| logits[*path] += shift);
    }
}

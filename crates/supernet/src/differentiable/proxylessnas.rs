//! ProxylessNAS: a distribution learned through binary paths.
//!
//! H. Cai, L. Zhu, S. Han: ProxylessNAS: Direct Neural Architecture Search on Target Task and Hardware (ICLR 2019).

use bespoke_net::{Batch, SharedWeights, TrainError};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{
    Distribution, Search, SearchReport,
    adam::Adam,
    distribution::{drawn, softmax},
    fbnet::through_softmax,
};
use crate::{SupernetError, supernet::generator};

/// Settings of ProxylessNAS; the defaults are those of the paper.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProxylessnasSettings {
    /// How the distribution is trained.
    pub update: Update,
    /// How latency comes into the loss.
    pub loss: LatencyLoss,
    /// What latency is compared with, in milliseconds; that of the even distribution where it is not given.
    pub reference_ms: Option<f64>,
    /// Learning rate of the distribution (Adam with β of 0 and 0.999).
    pub learning_rate: f64,
    /// Steps of the weights for one of the distribution.
    pub every: usize,
    /// Epochs before the distribution is trained, as a part of all.
    pub warm_up: f64,
}

/// How the distribution is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Update {
    /// By the gradient of binary gates.
    #[default]
    Gradient,
    /// By rewards: REINFORCE with the reward accuracy · (reference / latency)^0.1 of ten networks, less a moving mean.
    Reinforce,
}

/// How latency comes into the loss of the gradient.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LatencyLoss {
    /// α·CE·(log E\[LAT\] / log reference)^β, both in microseconds.
    Product {
        /// Weight of the product.
        alpha: f64,
        /// Exponent of the latency's part.
        beta: f64,
    },
    /// CE + λ·(E\[LAT\] − reference) / reference.
    Sum {
        /// Weight of the latency.
        lambda: f64,
    },
}

/// A search by ProxylessNAS.
///
/// The weights are trained on one path a layer, drawn by the distribution. Every fifth step trains the distribution on the
/// other images: of each layer two paths are drawn, one of them is active, and the loss's gradient by the two binary gates
/// stands for that by their probabilities. The other paths keep theirs. So at most two paths of a layer are in memory,
/// however many there are.
pub struct Proxylessnas {
    settings: ProxylessnasSettings,
    reference_ms: f64,
    search: Search,
    weights: SharedWeights,
    distribution: Distribution,
    adam: Adam,
    /// Moving mean of the rewards, once there is one.
    baseline: Option<f64>,
    epochs_trained: u32,
}

/// A layer's two paths, the active one first, and their probabilities, which add up to 1.
struct Pair {
    paths: [usize; 2],
    probabilities: [f64; 2],
}

/// Stream of the generator of draws and batches; the epoch is added.
const STREAM: u64 = 4 << 32;
/// Networks of one step of REINFORCE.
const REWARDED: usize = 10;
/// Exponent of the latency in the reward.
const REWARD_EXPONENT: f64 = 0.1;
/// Weight of the past in the baseline.
const BASELINE_DECAY: f64 = 0.99;

// === impl ProxylessnasSettings ===

impl Default for ProxylessnasSettings {
    fn default() -> Self {
        Self {
            update: Update::default(),
            loss: LatencyLoss::Product {
                alpha: 0.2,
                beta: 0.3,
            },
            reference_ms: None,
            learning_rate: 1e-3,
            every: 5,
            warm_up: 40.0 / 160.0,
        }
    }
}

// === impl Proxylessnas ===

impl Proxylessnas {
    /// Begins a search with fresh weights and all paths equally likely.
    ///
    /// # Errors
    /// When a setting is out of its range, or the paths cannot share weights.
    pub fn new(search: Search, settings: ProxylessnasSettings) -> Result<Self, SupernetError> {
        let choices = search.paths.choices();
        let distribution = Distribution::uniform(&choices);
        let even = search.table.expected(&distribution.probabilities()).ms;
        Ok(Self {
            weights: SharedWeights::new(&search.recipe, search.seed)?,
            adam: Adam::new(&choices, settings.learning_rate, [0.0, 0.999], 0.0),
            reference_ms: settings.reference_ms.unwrap_or(even),
            settings,
            search,
            distribution,
            baseline: None,
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

    /// Trains the weights on all their images once, and the distribution meanwhile.
    ///
    /// # Errors
    /// When all epochs are trained, a batch takes more images than there are, or the loss is no longer a number.
    pub fn epoch(&mut self) -> Result<SearchReport, SupernetError> {
        let epochs = self.search.recipe.epochs;
        if self.epochs_trained == epochs {
            return Err(TrainError::Finished { epochs }.into());
        }
        let epoch = f64::from(self.epochs_trained);
        let is_warm = epoch >= self.settings.warm_up * f64::from(epochs);
        let mut rng = generator(self.search.seed, STREAM + u64::from(self.epochs_trained));
        let (for_weights, for_choices) = (
            self.search.for_weights.clone(),
            self.search.for_choices.clone(),
        );
        let batches = self.search.batches(&for_weights, &mut rng)?;
        let mut others = self.search.batches(&for_choices, &mut rng)?;
        let steps = batches.len().max(1) as f64;
        let mut total = 0.0;
        for (at, batch) in batches.enumerate() {
            let rate = (epoch + at as f64 / steps) / f64::from(epochs);
            let rate = self.search.recipe.rate_at(rate);
            let drawn = self.distribution.draw(&mut rng);
            let layers = self.search.paths.mixed(&single(&drawn));
            total += self.weights.mixed_step(&layers, &batch, rate, 1.0)?.loss;
            if is_warm && (at + 1) % self.settings.every.max(1) == 0 {
                let batch = match others.next() {
                    Some(batch) => batch,
                    None => {
                        others = self.search.batches(&for_choices, &mut rng)?;
                        others
                            .next()
                            .expect("a batch takes no more images than there are")
                    }
                };
                self.train_choices(&batch, &mut rng)?;
            }
        }
        self.epochs_trained += 1;
        let loss = total / steps;
        Ok(self
            .search
            .report(self.epochs_trained, loss, &self.distribution))
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
        let before = self.distribution.probabilities();
        let pairs: Vec<Pair> = before.iter().map(|p| Pair::draw(p, rng)).collect();
        let gates: Vec<_> = pairs.iter().map(Pair::gates).collect();
        let mixed = self
            .weights
            .by_gates(&self.search.paths.mixed(&gates), batch)?;
        let by_gate = self.search.paths.of_choices(&mixed.by_gate);
        let latency = self.search.table.expected(&before);
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
        self.adam.step(&mut self.distribution.logits, &gradient);
        let choices = self.distribution.logits.iter_mut().zip(&pairs).zip(&before);
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
        let probabilities = self.distribution.probabilities();
        let mut gradient: Vec<Vec<f64>> =
            probabilities.iter().map(|p| vec![0.0; p.len()]).collect();
        let mut rewarded = Vec::with_capacity(REWARDED);
        for _ in 0..REWARDED {
            let drawn = self.distribution.draw(rng);
            let layers = self.search.paths.mixed(&single(&drawn));
            let right = self.weights.right(&layers, batch)? as f64;
            let accuracy = right / self.search.recipe.batch_size as f64;
            let ms = self
                .search
                .table
                .price_ms(&self.search.paths.architecture(&drawn));
            rewarded.push((
                drawn,
                accuracy * (self.reference_ms / ms).powf(REWARD_EXPONENT),
            ));
        }
        let mean = rewarded.iter().map(|(_, reward)| reward).sum::<f64>() / REWARDED as f64;
        let baseline = match self.baseline {
            None => mean,
            Some(before) => BASELINE_DECAY * before + (1.0 - BASELINE_DECAY) * mean,
        };
        self.baseline = Some(baseline);
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
        self.adam.step(&mut self.distribution.logits, &gradient);
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

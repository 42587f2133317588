//! MnasNet's controller.
//!
//! Tan, Chen, Pang, Vasudevan, Sandler, Howard and Le, "MnasNet: Platform-Aware Neural Architecture Search for Mobile"
//! (CVPR 2019): a controller samples architectures and is trained by policy gradient towards the expected reward
//! ACC·(LAT/T)^w, where w is α if the latency keeps its bound T and β if not: -0.07 and -0.07 for a soft constraint, 0
//! and -1 for a hard one.
//!
//! Unlike the paper:
//! - the controller has one softmax for each decision, independent of the others, where the paper's is an LSTM; it is
//!   trained by REINFORCE (Williams 1992) from one trial at a time, where the paper uses PPO. That suits hundreds of
//!   trials in place of eight thousand;
//! - rewards are compared with their moving mean and scaled by their moving deviation; the policy's entropy is rewarded
//!   a little, so that it does not settle early;
//! - each bound on an objective behind the first, the error, gives a factor. A trial that was found to break a bound
//!   and was not trained has the reward of no accuracy: 0;
//! - no architecture is tried twice, and none that a forecast says breaks a bound while others are found: after such a
//!   draw the next follows the policy a little less.

use bespoke_space::{Architecture, Space};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{Finished, MnasnetSettings, Problem, Strategy, proposals::Proposals};

#[cfg(test)]
mod tests;

/// Added, after each draw that may not be proposed, to the probability of drawing a decision evenly, so that a policy
/// that has settled does not draw the same again and again.
const STRAYING: f64 = 0.01;

/// A controller trained by policy gradient.
#[derive(Debug)]
pub struct Mnasnet {
    settings: MnasnetSettings,
    rng: ChaCha8Rng,
    proposals: Proposals,
    /// For each objective its bound; the first has none that counts.
    bounds: Vec<Option<f64>>,
    /// What was reported and not learned from: that takes the space, which the next proposal brings.
    reported: Vec<(Architecture, f64)>,
    baseline: Baseline,
    policy: Policy,
}

/// What rewards are compared with: moving mean and variance.
#[derive(Debug, Default)]
struct Baseline {
    mean: Option<f64>,
    variance: f64,
}

/// For each decision the logits of its options; empty before the space is known.
#[derive(Debug, Default)]
struct Policy {
    logits: Vec<Vec<f64>>,
}

// === impl Mnasnet ===

impl Mnasnet {
    /// Refuses a problem without a latency to reward by.
    pub(crate) fn check(problem: &Problem) -> Result<(), (&'static str, String)> {
        if problem.bounds.iter().skip(1).flatten().any(|b| *b > 0.0) {
            return Ok(());
        }
        let reason = "weighs latencies by their bounds, and none has a bound above 0";
        Err(("w", reason.to_owned()))
    }

    /// Starts a search with settings that were checked.
    pub fn new(settings: MnasnetSettings, seed: u64, problem: Problem) -> Self {
        Self {
            settings,
            rng: ChaCha8Rng::seed_from_u64(seed),
            bounds: problem.bounds.clone(),
            proposals: Proposals::new(problem),
            reported: Vec::new(),
            baseline: Baseline::default(),
            policy: Policy::default(),
        }
    }

    /// ACC·(LAT/T)^w, with a factor for each latency that has a bound; `None` when the trial failed.
    fn reward(&self, finished: &Finished) -> Option<f64> {
        let Some((Some(error), latencies)) = finished.objectives().split_first() else {
            return finished.score().map(|_| 0.0);
        };
        let accuracy = (1.0 - error / 100.0).max(0.0);
        let pairs = latencies.iter().zip(self.bounds.iter().skip(1));
        let ratios = pairs.filter_map(|(latency, bound)| Some((*latency)? / (*bound)?));
        let [alpha, beta] = self.settings.w;
        let factor = |ratio: f64| ratio.powf(if ratio <= 1.0 { alpha } else { beta });
        // A quantity that is not positive has no power: it neither adds to the reward nor takes from it.
        let factors = ratios.filter(|ratio| *ratio > 0.0).map(factor);
        Some(accuracy * factors.product::<f64>())
    }

    /// Takes a step of the policy for each trial reported since the last proposal.
    fn learn(&mut self, space: &Space) {
        if self.policy.logits.is_empty() {
            self.policy = Policy::even(space);
        }
        for (architecture, reward) in std::mem::take(&mut self.reported) {
            let advantage = self.baseline.advantage(reward, self.settings.baseline);
            self.policy
                .step(space, &architecture, advantage, &self.settings);
        }
    }
}

impl Strategy for Mnasnet {
    fn name(&self) -> &'static str {
        "mnasnet"
    }

    fn suggest(&mut self, space: &Space) -> Option<Architecture> {
        self.learn(space);
        let Self {
            rng,
            proposals,
            policy,
            baseline,
            ..
        } = self;
        if baseline.mean.is_none() {
            return proposals.random(space, rng);
        }
        let probabilities = policy.probabilities();
        let mut even = 0.0;
        proposals.unseen(space, || {
            let drawn = draw(space, &probabilities, even, rng);
            even = (even + STRAYING).min(1.0);
            drawn
        })
    }

    fn update(&mut self, finished: &Finished) {
        self.proposals.note(finished);
        if let Some(reward) = self.reward(finished) {
            self.reported
                .push((finished.architecture().clone(), reward));
        }
    }
}

// === impl Baseline ===

impl Baseline {
    /// By how much the reward is better than its moving mean, in moving deviations; 0 for the first.
    fn advantage(&mut self, reward: f64, past: f64) -> f64 {
        let mean = self.mean.unwrap_or(reward);
        let better = reward - mean;
        self.mean = Some(mean + (1.0 - past) * better);
        self.variance = past * self.variance + (1.0 - past) * better * better;
        match self.variance > 0.0 {
            true => better / self.variance.sqrt(),
            false => 0.0,
        }
    }
}

// === impl Policy ===

impl Policy {
    /// All options of each decision equally likely.
    fn even(space: &Space) -> Self {
        let decisions = space.decisions().iter();
        let logits = decisions.map(|decision| vec![0.0; decision.options().len()]);
        Self {
            logits: logits.collect(),
        }
    }

    fn probabilities(&self) -> Vec<Vec<f64>> {
        self.logits.iter().map(|logits| softmax(logits)).collect()
    }

    /// Moves the logits of the architecture's active decisions along the advantage times the gradient of its
    /// log-probability, and along the gradient of their entropy.
    fn step(
        &mut self,
        space: &Space,
        architecture: &Architecture,
        advantage: f64,
        settings: &MnasnetSettings,
    ) {
        let active = space.active(architecture);
        let decisions = self.logits.iter_mut().zip(architecture.choices());
        for ((logits, &choice), _) in decisions.zip(active).filter(|(_, active)| *active) {
            let probabilities = softmax(logits);
            let plogp = |p: f64| if p > 0.0 { p * p.ln() } else { 0.0 };
            let entropy: f64 = -probabilities.iter().copied().map(plogp).sum::<f64>();
            for (option, (logit, p)) in logits.iter_mut().zip(probabilities).enumerate() {
                let chosen = f64::from(u8::from(option == usize::from(choice)));
                let of_entropy = -(plogp(p) + p * entropy);
                let gradient = advantage * (chosen - p) + settings.entropy * of_entropy;
                *logit += settings.learning_rate * gradient;
            }
        }
    }
}

/// An architecture of which each decision is drawn evenly with the probability `even`, else by those of its options.
fn draw(space: &Space, probabilities: &[Vec<f64>], even: f64, rng: &mut impl Rng) -> Architecture {
    let mut option = |probabilities: &Vec<f64>| {
        let options = probabilities.len();
        let drawn = if rng.random_bool(even) {
            rng.random_range(0..options)
        } else {
            let mut left = rng.random::<f64>();
            let drawn = probabilities.iter().position(|probability| {
                left -= probability;
                left < 0.0
            });
            // Rounding may leave a little over.
            drawn.unwrap_or(options - 1)
        };
        u16::try_from(drawn).expect("the number of options is bounded")
    };
    let choices: Vec<u16> = probabilities.iter().map(&mut option).collect();
    space
        .architecture(&choices)
        .expect("there is a probability for each option of each decision")
}

fn softmax(logits: &[f64]) -> Vec<f64> {
    let greatest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = logits.iter().map(|l| (l - greatest).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

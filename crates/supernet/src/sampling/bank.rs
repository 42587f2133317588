//! Performance-aware sampling: a memory of the networks that did best.
//!
//! C. Tang et al.: ElasticViT: Conflict-aware Supernet Training for Deploying Fast Vision Transformer on Diverse Mobile
//! Devices (ICCV 2023); `bank_sampling_method: weighted_prob` of the published code (microsoft/Moonlit). The paper trains
//! good networks more often, since these pull shared weights in similar directions. Of each level of complexity, those
//! of least loss are kept, and drawn from with a probability that grows.
//!
//! Unlike the published code, losses are those on one batch of training images for a whole epoch, not on the images of
//! each step, and those of what is kept are taken anew before each epoch, not four times in it. And a network that is
//! not drawn from the bank is a random one of its level, not the one of five that a preference for wide networks over
//! deep ones chooses.

use bespoke_space::{Architecture, Space};
use rand::Rng;
use serde::{Deserialize, Serialize};

/// The networks of each level that did best, in the order they came.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Bank(Vec<Vec<Kept>>);

/// A network that is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    choices: Vec<u16>,
    /// The loss when it was last judged.
    pub loss: f32,
}

/// The probability of a draw from the bank at first, and how often and by how much it grows: in the published code, by
/// .15 after every 100 of 600 epochs.
const FIRST: f64 = 0.2;
const GROWTH: f64 = 0.15;
const PARTS: f64 = 6.0;

/// The probability of a draw from the bank when a part of the training, 0 to 1, is done.
pub(super) fn probability(progress: f64) -> f64 {
    (FIRST + GROWTH * (PARTS * progress).floor()).min(1.0)
}

// === impl Bank ===

impl Bank {
    /// Whether it may have been kept for so many levels of the space.
    pub fn is_of(&self, space: &Space, levels: usize) -> bool {
        let mut kept = self.0.iter().flatten();
        self.0.len() <= levels && kept.all(|kept| space.architecture(&kept.choices).is_some())
    }

    /// The networks kept of a level.
    pub fn of(&self, level: usize) -> &[Kept] {
        self.0.get(level).map_or(&[], Vec::as_slice)
    }

    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut Kept> {
        self.0.iter_mut().flatten()
    }

    pub fn has(&self, level: usize, architecture: &Architecture) -> bool {
        let mut kept = self.of(level).iter();
        kept.any(|kept| kept.choices == architecture.choices())
    }

    /// Keeps a network if fewer than `most` are kept of its level, or in place of the worst if that is worse.
    pub fn offer(&mut self, level: usize, new: Kept, most: usize) {
        if self.0.len() <= level {
            self.0.resize(level + 1, Vec::new());
        }
        let kept = &mut self.0[level];
        if kept.len() < most {
            return kept.push(new);
        }
        let worst = kept.iter_mut().max_by(|a, b| a.loss.total_cmp(&b.loss));
        if let Some(worst) = worst.filter(|worst| new.loss < worst.loss) {
            *worst = new;
        }
    }

    /// With the probability given, a network of a level of which more than half of `most` are kept, in proportion to
    /// exp(−loss).
    pub fn draw(
        &self,
        level: usize,
        most: usize,
        probability: f64,
        rng: &mut impl Rng,
    ) -> Option<&Kept> {
        let kept = self.of(level);
        if kept.len() <= most / 2 || !rng.random_bool(probability) {
            return None;
        }
        let least = kept.iter().map(|kept| kept.loss).fold(f32::MAX, f32::min);
        let weights = kept.iter().map(|kept| f64::from(least - kept.loss).exp());
        let mut left = rng.random_range(0.0..weights.clone().sum::<f64>());
        let drawn = kept.iter().zip(weights).find(|(_, weight)| {
            left -= weight;
            left < 0.0
        });
        drawn.map(|(kept, _)| kept).or(kept.last())
    }
}

// === impl Kept ===

impl Kept {
    /// A loss that is no number is the worst there is.
    pub fn new(architecture: &Architecture, loss: f32) -> Self {
        Self {
            choices: architecture.choices().to_vec(),
            loss: loss.min(f32::MAX),
        }
    }

    /// The network.
    ///
    /// # Panics
    /// When the space is another.
    pub fn architecture(&self, space: &Space) -> Architecture {
        let architecture = space.architecture(&self.choices);
        architecture.expect("it was kept for this space")
    }
}

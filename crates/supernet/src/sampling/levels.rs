//! Complexity-aware sampling: networks of neighbouring complexity.
//!
//! C. Tang et al.: ElasticViT: Conflict-aware Supernet Training for Deploying Fast Vision Transformer on Diverse Mobile
//! Devices (ICCV 2023); `flops_sampling_method: adjacent_step` of the published code (microsoft/Moonlit). The paper limits
//! how much the complexity of the networks may differ between neighbouring steps, while all sizes have their turn, and
//! trains with them one of several small networks, that of their level.

use bespoke_space::{Architecture, Space};
use rand::{Rng, seq::SliceRandom};

use super::macs;
use crate::SupernetError;

/// Levels of complexity of a space: each begins at so many times the multiply-accumulates of the one below.
#[derive(Debug, Clone)]
pub(super) struct Levels {
    /// The smallest and the largest network.
    ends: [Architecture; 2],
    /// Their multiply-accumulates.
    macs: [u64; 2],
    /// A small network of each level.
    small: Vec<Architecture>,
}

/// Draws that are moved towards a level before the nearest network found is taken: a level may be empty.
const TRIES: usize = 16;

// === impl Levels ===

impl Levels {
    /// So many levels from the smallest to the largest network.
    ///
    /// Unlike the published code, where three small networks are given by hand, the small one of a level is its smallest
    /// on the way from the smallest to the largest of all, decision by decision; where the way leaps over a level, that of
    /// the level below.
    ///
    /// # Errors
    /// When layers do not fit each other.
    pub fn new(
        space: &Space,
        ends: [Architecture; 2],
        count: usize,
    ) -> Result<Self, SupernetError> {
        let mut levels = Self {
            macs: [macs(space, &ends[0])?, macs(space, &ends[1])?],
            ends,
            small: Vec::new(),
        };
        let mut least: Vec<Option<(u64, Architecture)>> = vec![None; count];
        let mut choices = levels.smallest().choices().to_vec();
        for decision in 0..choices.len() {
            choices[decision] = levels.largest().choices()[decision];
            let architecture = space.architecture(&choices).expect("these are options");
            let macs = macs(space, &architecture)?;
            let known = &mut least[levels.of(macs, count)];
            if known.as_ref().is_none_or(|(least, _)| macs < *least) {
                *known = Some((macs, architecture));
            }
        }
        let mut small = levels.smallest().clone();
        least[0] = Some((levels.macs[0], small.clone()));
        for found in least {
            small = found.map_or(small, |(_, architecture)| architecture);
            levels.small.push(small.clone());
        }
        Ok(levels)
    }

    /// The network of fewest multiply-accumulates.
    pub fn smallest(&self) -> &Architecture {
        &self.ends[0]
    }

    /// The network of most multiply-accumulates.
    pub fn largest(&self) -> &Architecture {
        &self.ends[1]
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.small.len()
    }

    /// The level after this one: the same or one beside it, each as likely; at either end, the same twice as likely.
    pub fn next(&self, level: usize, rng: &mut impl Rng) -> usize {
        let step = level + rng.random_range(0..3);
        step.saturating_sub(1).min(self.count() - 1)
    }

    /// A small network of the level.
    pub fn small(&self, level: usize) -> &Architecture {
        &self.small[level]
    }

    /// A random network of the level.
    ///
    /// Unlike the published code, which draws from tables of networks made before, one is drawn uniformly from the space,
    /// and while it is too complex or too simple, one decision after the other, in random order, is made as in the
    /// smallest or the largest network.
    ///
    /// # Errors
    /// When layers do not fit each other.
    pub fn draw(
        &self,
        level: usize,
        space: &Space,
        rng: &mut impl Rng,
    ) -> Result<Architecture, SupernetError> {
        let mut nearest = (usize::MAX, self.smallest().clone());
        for _ in 0..TRIES {
            let mut choices = space.sample(rng).choices().to_vec();
            let mut order: Vec<usize> = (0..choices.len()).collect();
            order.shuffle(rng);
            let mut order = order.into_iter();
            loop {
                let architecture = space.architecture(&choices).expect("these are options");
                let at = self.of(macs(space, &architecture)?, self.count());
                let end = self.ends[usize::from(at < level)].choices();
                if at.abs_diff(level) < nearest.0 {
                    nearest = (at.abs_diff(level), architecture);
                }
                if nearest.0 == 0 {
                    return Ok(nearest.1);
                }
                let Some(decision) = order.find(|decision| choices[*decision] != end[*decision])
                else {
                    break;
                };
                choices[decision] = end[decision];
            }
        }
        Ok(nearest.1)
    }

    /// The level, of so many, that a network of so many multiply-accumulates belongs to.
    fn of(&self, macs: u64, count: usize) -> usize {
        let [least, most] = self.macs.map(|end| (end.max(1) as f64).ln());
        let part = ((macs.max(1) as f64).ln() - least) / (most - least).max(f64::MIN_POSITIVE);
        // A float beyond the whole numbers becomes the nearest of them.
        ((part * count as f64) as usize).min(count - 1)
    }
}

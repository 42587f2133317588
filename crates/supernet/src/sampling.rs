//! Which networks a supernet trains next.

use bespoke_recipe::Sampling;
use bespoke_space::{Architecture, Space};
use rand_chacha::ChaCha8Rng;

use crate::SupernetError;

/// Draws the networks of each step.
#[derive(Debug, Clone)]
pub struct Sampler {
    sampling: Sampling,
    largest: Architecture,
    smallest: Architecture,
}

// === impl Sampler ===

impl Sampler {
    /// Finds the largest and the smallest network of a space, decision by decision: the option of most and of fewest
    /// multiply-accumulates, the first of equals, given the decisions before and the first option of those behind.
    ///
    /// # Errors
    /// When layers do not fit each other.
    pub fn new(space: &Space, sampling: Sampling) -> Result<Self, SupernetError> {
        let extreme = |sign: i128| extreme(space, |macs| sign * i128::from(macs));
        Ok(Self {
            sampling,
            largest: extreme(1)?,
            smallest: extreme(-1)?,
        })
    }

    /// The network of most multiply-accumulates.
    pub fn largest(&self) -> &Architecture {
        &self.largest
    }

    /// The network of fewest multiply-accumulates.
    pub fn smallest(&self) -> &Architecture {
        &self.smallest
    }

    /// The networks of one step.
    pub fn draw(&self, space: &Space, rng: &mut ChaCha8Rng) -> Vec<Architecture> {
        match self.sampling {
            Sampling::Uniform => vec![space.sample(rng)],
            Sampling::Sandwich { random } => {
                let mut drawn = vec![self.largest.clone(), self.smallest.clone()];
                drawn.extend((0..random).map(|_| space.sample(rng)));
                drawn
            }
        }
    }
}

/// Takes each decision for the greatest score of multiply-accumulates.
fn extreme(space: &Space, score: impl Fn(u64) -> i128) -> Result<Architecture, SupernetError> {
    let mut choices = vec![0; space.decisions().len()];
    for (index, decision) in space.decisions().iter().enumerate() {
        let mut best = None;
        for option in 0..decision.options().len() {
            let option = u16::try_from(option).expect("the number of options is bounded");
            choices[index] = option;
            let architecture = space.architecture(&choices).expect("these are options");
            if architecture.choices()[index] != option {
                continue;
            }
            let macs = score(space.lower(&architecture)?.live().cost().macs);
            if best.is_none_or(|(most, _)| macs > most) {
                best = Some((macs, option));
            }
        }
        choices[index] = best.map_or(0, |(_, option)| option);
    }
    Ok(space.architecture(&choices).expect("these are options"))
}

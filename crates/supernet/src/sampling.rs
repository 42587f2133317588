//! Which networks a supernet trains next.

mod bank;
mod levels;

use bespoke_recipe::Sampling;
use bespoke_space::{Architecture, Space};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use self::{
    bank::{Bank, Kept},
    levels::Levels,
};
use crate::SupernetError;

/// Draws the networks of each step.
#[derive(Debug, Clone)]
pub struct Sampler {
    sampling: Sampling,
    levels: Levels,
    state: SamplerState,
}

/// What a sampler remembers from one step to the next: the level of complexity, and the networks that did best.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamplerState {
    /// The level that the last step trained, from 0.
    level: usize,
    bank: Bank,
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
        let (largest, smallest) = (extreme(1)?, extreme(-1)?);
        let count = match sampling {
            Sampling::Uniform | Sampling::Sandwich { .. } | Sampling::Fair => 1,
            Sampling::ComplexityAware { levels, .. }
            | Sampling::PerformanceAware { levels, .. } => levels as usize,
        };
        Ok(Self {
            sampling,
            levels: Levels::new(space, [smallest, largest], count)?,
            state: SamplerState::default(),
        })
    }

    /// The network of most multiply-accumulates.
    pub fn largest(&self) -> &Architecture {
        self.levels.largest()
    }

    /// The network of fewest multiply-accumulates.
    pub fn smallest(&self) -> &Architecture {
        self.levels.smallest()
    }

    /// What is remembered of the steps so far.
    pub fn state(&self) -> &SamplerState {
        &self.state
    }

    /// Goes on from what [`Sampler::state`] told.
    ///
    /// # Errors
    /// When the state is that of another space or sampling; nothing has changed then.
    pub fn resume(&mut self, space: &Space, state: SamplerState) -> Result<(), SupernetError> {
        let count = self.levels.count();
        if state.level >= count || !state.bank.is_of(space, count) {
            return Err(SupernetError::OtherSampling);
        }
        self.state = state;
        Ok(())
    }

    /// The networks of one step, when the part `progress` of the training, 0 to 1, is done.
    ///
    /// # Errors
    /// When layers do not fit each other.
    pub fn draw(
        &mut self,
        space: &Space,
        progress: f64,
        rng: &mut ChaCha8Rng,
    ) -> Result<Vec<Architecture>, SupernetError> {
        match self.sampling {
            Sampling::Uniform => Ok(vec![space.sample(rng)]),
            Sampling::Sandwich { random } => {
                let mut drawn = vec![self.largest().clone(), self.smallest().clone()];
                drawn.extend((0..random).map(|_| space.sample(rng)));
                Ok(drawn)
            }
            Sampling::Fair => Ok(fair(space, rng)),
            Sampling::ComplexityAware { networks, .. } => {
                self.draw_of_level(space, networks, None, rng)
            }
            Sampling::PerformanceAware { networks, bank, .. } => {
                let trust = (bank as usize, bank::probability(progress));
                self.draw_of_level(space, networks, Some(trust), rng)
            }
        }
    }

    /// Tells the losses of networks just trained: those that did well are kept, where the sampling keeps any. All losses
    /// between two calls of [`Sampler::judge_kept`] are on the same images.
    ///
    /// # Errors
    /// What `loss` returns.
    pub fn judge(
        &mut self,
        drawn: &[Architecture],
        mut loss: impl FnMut(&Architecture) -> Result<f32, SupernetError>,
    ) -> Result<(), SupernetError> {
        let Sampling::PerformanceAware { bank: most, .. } = self.sampling else {
            return Ok(());
        };
        let level = self.state.level;
        for architecture in drawn {
            let is_new = !self.state.bank.has(level, architecture);
            if is_new && architecture != self.levels.small(level) {
                let kept = Kept::new(architecture, loss(architecture)?);
                self.state.bank.offer(level, kept, most as usize);
            }
        }
        Ok(())
    }

    /// Tells the losses of all networks that are kept anew: weights and images are no longer what they were.
    ///
    /// # Errors
    /// What `loss` returns.
    pub fn judge_kept(
        &mut self,
        space: &Space,
        mut loss: impl FnMut(&Architecture) -> Result<f32, SupernetError>,
    ) -> Result<(), SupernetError> {
        for kept in self.state.bank.all_mut() {
            let architecture = kept.architecture(space);
            *kept = Kept::new(&architecture, loss(&architecture)?);
        }
        Ok(())
    }

    /// Networks of the level of the last step or one beside it, and a small one of that level. With `trust`, the size of
    /// the bank and the probability of a draw from it, once it is more than half full.
    fn draw_of_level(
        &mut self,
        space: &Space,
        networks: u32,
        trust: Option<(usize, f64)>,
        rng: &mut ChaCha8Rng,
    ) -> Result<Vec<Architecture>, SupernetError> {
        let level = self.levels.next(self.state.level, rng);
        self.state.level = level;
        let mut drawn = Vec::with_capacity(networks as usize + 1);
        for _ in 0..networks {
            let known = trust.and_then(|(most, probability)| {
                let kept = self.state.bank.draw(level, most, probability, rng)?;
                Some(kept.architecture(space))
            });
            drawn.push(match known {
                Some(known) => known,
                None => self.levels.draw(level, space, rng)?,
            });
        }
        drawn.push(self.levels.small(level).clone());
        Ok(drawn)
    }
}

/// Networks that have every option of every decision equally often, up to one.
fn fair(space: &Space, rng: &mut ChaCha8Rng) -> Vec<Architecture> {
    let decisions = space.decisions().iter();
    let orders: Vec<Vec<u16>> = decisions
        .map(|decision| {
            let options = u16::try_from(decision.options().len());
            let mut order: Vec<u16> = (0..options.expect("their number is bounded")).collect();
            order.shuffle(rng);
            order
        })
        .collect();
    let count = orders.iter().map(Vec::len).max().unwrap_or(1);
    let network = |at: usize| {
        let choices: Vec<u16> = orders.iter().map(|order| order[at % order.len()]).collect();
        space.architecture(&choices).expect("these are options")
    };
    (0..count).map(network).collect()
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
            let macs = score(macs(space, &architecture)?);
            if best.is_none_or(|(most, _)| macs > most) {
                best = Some((macs, option));
            }
        }
        choices[index] = best.map_or(0, |(_, option)| option);
    }
    Ok(space.architecture(&choices).expect("these are options"))
}

/// Multiply-accumulates of an architecture's network.
fn macs(space: &Space, architecture: &Architecture) -> Result<u64, SupernetError> {
    Ok(space.lower(architecture)?.live().cost().macs)
}

#[cfg(test)]
mod tests;

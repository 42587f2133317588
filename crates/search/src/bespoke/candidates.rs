//! Where candidates come from.

use bespoke_space::{Architecture, Space};
use rand::{Rng, seq::SliceRandom};

/// Probability that a child has two parents.
const CROSSED: f64 = 0.3;
/// Decisions that a child is expected to have redrawn; one of these.
const CHANGES: [f64; 3] = [1.0, 2.0, 4.0];
/// Neighbours of one architecture that are looked at.
const NEIGHBOURS: usize = 64;

/// Architectures worth changing.
#[derive(Debug)]
pub(crate) struct Parents(pub Vec<Architecture>);

// === impl Parents ===

impl Parents {
    /// A parent changed in one or a few decisions, or two of them crossed and changed; a random architecture where
    /// there are no parents.
    pub fn child(&self, space: &Space, rng: &mut impl Rng) -> Architecture {
        if self.0.is_empty() {
            return space.sample(rng);
        }
        let parent = &self.0[rng.random_range(0..self.0.len())];
        let decisions = space.decisions().len().max(1) as f64;
        let changes = CHANGES[rng.random_range(0..CHANGES.len())];
        let probability = (changes / decisions).min(1.0);
        if rng.random_bool(CROSSED) {
            let other = &self.0[rng.random_range(0..self.0.len())];
            let crossed = space.crossover(parent, other, rng);
            return space.mutate(&crossed, rng, probability);
        }
        space.mutate(parent, rng, probability)
    }
}

/// Neighbours of an architecture, or some of them where there are many.
pub(crate) fn neighbours(
    space: &Space,
    of: &Architecture,
    rng: &mut impl Rng,
) -> Vec<Architecture> {
    let mut neighbours = space.neighbours(of);
    if neighbours.len() > NEIGHBOURS {
        neighbours.shuffle(rng);
        neighbours.truncate(NEIGHBOURS);
    }
    neighbours
}

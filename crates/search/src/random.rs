//! Random search: uniform over the distinct architectures of the space.
//!
//! Li and Talwalkar, "Random Search and Reproducibility for Neural Architecture Search" (2019): the baseline
//! that any other strategy has to beat. Unlike the paper, no architecture is drawn twice, and none that a forecast says
//! breaks a bound.

use bespoke_space::{Architecture, Space};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{Finished, Problem, Strategy, proposals::Proposals};

/// Random search without replacement.
#[derive(Debug)]
pub struct Random {
    rng: ChaCha8Rng,
    proposals: Proposals,
}

// === impl Random ===

impl Random {
    /// Starts a search.
    pub fn new(seed: u64, problem: Problem) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            proposals: Proposals::new(problem),
        }
    }
}

impl Strategy for Random {
    fn name(&self) -> &'static str {
        "random"
    }

    fn suggest(&mut self, space: &Space) -> Option<Architecture> {
        let Self { rng, proposals } = self;
        proposals.random(space, rng)
    }

    fn update(&mut self, finished: &Finished) {
        self.proposals.note(finished);
    }
}

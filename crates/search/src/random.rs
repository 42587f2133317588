//! Random search: uniform over the distinct architectures of the space.
//!
//! Li and Talwalkar, "Random Search and Reproducibility for Neural Architecture Search" (2019): the baseline
//! that any other strategy has to beat. Unlike the paper, no architecture is drawn twice.

use bespoke_space::{Architecture, Space};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{Finished, Strategy, proposals::Proposals};

/// Random search without replacement.
#[derive(Debug)]
pub struct Random {
    rng: ChaCha8Rng,
    proposals: Proposals,
}

impl Random {
    /// Starts a search.
    pub fn new(seed: u64) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            proposals: Proposals::default(),
        }
    }
}

impl Strategy for Random {
    fn name(&self) -> &'static str {
        "random"
    }

    fn suggest(&mut self, space: &Space) -> Option<Architecture> {
        let Self { rng, proposals } = self;
        proposals.unseen(space, || space.sample(rng))
    }

    fn update(&mut self, finished: &Finished) {
        self.proposals.note(finished.architecture());
    }
}

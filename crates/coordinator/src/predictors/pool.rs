//! The networks among which those to measure are chosen.

use std::collections::HashSet;

use bespoke_graph::{Graph, GraphError};
use bespoke_predict::{Fitted, Network, Prior};
use bespoke_space::Space;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{CoordinatorError, proposer::Candidate};

/// How many architectures are drawn.
const DRAWN: usize = 600;

/// Different networks of a space, among which those to measure on a device are chosen by what is believed of it.
pub struct Pool {
    candidates: Vec<Candidate>,
    networks: Vec<Network>,
    /// What is believed of a device before it is measured.
    pub prior: Prior,
}

// === impl Pool ===

impl Pool {
    /// Draws a pool from a space. Unless a prior is given, it is the shipped one.
    ///
    /// # Errors
    /// When a network of the space cannot be lowered.
    pub fn draw(space: &Space, seed: u64, prior: Option<Prior>) -> Result<Self, CoordinatorError> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut seen = HashSet::new();
        let mut candidates = Vec::new();
        for _ in 0..DRAWN {
            let candidate = Candidate::lower(space, &space.sample(&mut rng))?;
            if seen.insert(candidate.hash) {
                candidates.push(candidate);
            }
        }
        let networks = candidates.iter().map(|candidate| network(&candidate.graph));
        let networks: Vec<Network> = networks.collect::<Result<_, _>>()?;
        let prior = match prior {
            Some(prior) => prior,
            None => Prior::shipped(space, &networks.iter().collect::<Vec<_>>())?,
        };
        Ok(Self {
            candidates,
            networks,
            prior,
        })
    }

    /// So many networks to measure, or all if there are fewer, the most informative first.
    pub fn plan(&self, samples: usize) -> Vec<Candidate> {
        let networks: Vec<&Network> = self.networks.iter().collect();
        // The plan of the default predictor does not draw.
        let planned = self.prior.plan(&networks, samples, 0);
        planned
            .into_iter()
            .map(|position| self.candidates[position].clone())
            .collect()
    }
}

/// A live graph as predictors see it: what is measured of it, batch normalisation aside, which costs nothing.
pub(crate) fn network(graph: &Graph) -> Result<Network, GraphError> {
    Ok(Network::from(&graph.with_probabilities()?))
}

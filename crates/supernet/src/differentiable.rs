//! Differentiable search: a distribution over the blocks of each layer, learned together with the weights.

mod adam;
mod distribution;
mod fbnet;
mod latency;
mod paths;
mod proxylessnas;

use std::sync::Arc;

use bespoke_net::{Batches, Images, TrainError};
use bespoke_recipe::Recipe;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::supernet::generator;

pub use distribution::Distribution;
pub use fbnet::{Fbnet, FbnetSettings};
pub use latency::{ExpectedLatency, LatencyTable};
pub use paths::Paths;
pub use proxylessnas::{LatencyLoss, Proxylessnas, ProxylessnasSettings, Update};

/// What an epoch of a differentiable search came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SearchReport {
    /// The epoch, counted from 1.
    pub epoch: u32,
    /// Mean cross-entropy of the steps that trained weights.
    pub loss: f64,
    /// Expected latency of the distribution, in milliseconds, as the table prices it.
    pub expected_latency_ms: f64,
    /// Mean entropy of the choices, in bits.
    pub entropy_bits: f64,
}

/// What a search by FBNet or ProxylessNAS needs beside its settings.
#[derive(Clone)]
pub struct Search {
    /// The layers and their blocks.
    pub paths: Paths,
    /// What the blocks take on the target.
    pub table: LatencyTable,
    /// Images that the weights learn.
    pub for_weights: Arc<Images>,
    /// Images that the distribution learns.
    pub for_choices: Arc<Images>,
    /// How weights are trained: its epochs are those of the search.
    pub recipe: Recipe,
    /// Seed of weights, batches and draws.
    pub seed: u64,
}

// === impl Search ===

impl Search {
    /// All images once, in an order and with variations that the generator decides.
    fn batches<'a>(
        &self,
        images: &'a Images,
        rng: &mut ChaCha8Rng,
    ) -> Result<Batches<'a>, TrainError> {
        let own = generator(self.seed, rng.random());
        Batches::new(images, self.recipe.batch_size, self.recipe.augment, own)
    }

    fn report(&self, epoch: u32, loss: f64, distribution: &Distribution) -> SearchReport {
        SearchReport {
            epoch,
            loss,
            expected_latency_ms: self.table.expected(&distribution.probabilities()).ms,
            entropy_bits: distribution.entropy_bits(),
        }
    }
}

#[cfg(test)]
mod tests;

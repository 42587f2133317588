//! A predictor that is ready to price.

use bespoke_measure::{Price, PriceSource};
use bespoke_predict::{BespokePredictor, Network, Sample};
use bespoke_space::Space;
use bespoke_store::StoredPredictor;

use super::network;
use crate::{CoordinatorError, proposer::Candidate};

/// A version of a target's predictor, ready to price.
pub struct BuiltPredictor {
    /// What it was built from.
    pub stored: StoredPredictor,
    /// The space that it prices.
    pub space: Space,
    /// The lengths of the input's and output's axes of the networks in its space.
    pub(super) shapes: [Vec<usize>; 2],
    predictor: BespokePredictor,
}

// === impl BuiltPredictor ===

impl BuiltPredictor {
    /// Learns again what the stored predictor was learned from.
    ///
    /// # Errors
    /// When its samples are not of its space.
    pub fn new(stored: StoredPredictor) -> Result<Self, CoordinatorError> {
        let space = Space::parse(&stored.space.file, &stored.space.text)?;
        let mut networks = Vec::with_capacity(stored.info.samples.len());
        let mut shapes = [Vec::new(), Vec::new()];
        for sample in &stored.info.samples {
            let architecture = space.parse_architecture(&sample.architecture)?;
            let graph = Candidate::lower(&space, &architecture)?.graph;
            shapes = [graph.input_shape(), graph.output_shape()].map(|shape| shape.dims().to_vec());
            networks.push(network(&graph)?);
        }
        let samples = networks.iter().zip(&stored.info.samples);
        let samples = samples.map(|(network, sample)| Sample {
            network,
            latency_ms: sample.latency.median_ms.ms(),
        });
        let predictor = stored.prior.adapted(&samples.collect::<Vec<_>>())?;
        Ok(Self {
            stored,
            space,
            shapes,
            predictor,
        })
    }

    /// The price of a network.
    pub(crate) fn price(&self, network: &Network) -> Price {
        Price {
            latency: self.predictor.price(network),
            source: PriceSource::Predicted,
        }
    }
}

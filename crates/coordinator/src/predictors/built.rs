//! A predictor that is ready to price.

use std::sync::Arc;

use bespoke_measure::{Estimate, Price, PriceSource};
use bespoke_predict::{BespokePredictor, Network, PredictError, Sample};
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
    /// Its own samples.
    pub(crate) samples: Vec<Sampled>,
    /// The lengths of the input's and output's axes of the networks in its space.
    pub(super) shapes: [Vec<usize>; 2],
    predictor: BespokePredictor,
}

/// A network and what it took.
#[derive(Clone)]
pub(crate) struct Sampled {
    /// The network.
    pub network: Arc<Network>,
    /// Its latency.
    pub latency: Estimate,
}

// === impl BuiltPredictor ===

impl BuiltPredictor {
    /// Learns again what the stored predictor was learned from.
    ///
    /// # Errors
    /// When its samples are not of its space.
    pub fn new(stored: StoredPredictor) -> Result<Self, CoordinatorError> {
        let space = Space::parse(&stored.space.file, &stored.space.text)?;
        let mut samples = Vec::with_capacity(stored.info.samples.len());
        let mut shapes = [Vec::new(), Vec::new()];
        for sample in &stored.info.samples {
            let architecture = space.parse_architecture(&sample.architecture)?;
            let graph = Candidate::lower(&space, &architecture)?.graph;
            shapes = [graph.input_shape(), graph.output_shape()].map(|shape| shape.dims().to_vec());
            samples.push(Sampled {
                network: Arc::new(network(&graph)?),
                latency: sample.latency,
            });
        }
        let predictor = adapted(&stored, &samples)?;
        Ok(Self {
            stored,
            space,
            samples,
            shapes,
            predictor,
        })
    }

    /// The price of a network.
    pub(crate) fn price(&self, network: &Network) -> Price {
        predicted(&self.predictor, network)
    }

    /// The price of a network once more samples than its own are known.
    ///
    /// # Errors
    /// When a latency cannot be one.
    pub(crate) fn price_with(
        &self,
        more: &[Sampled],
        network: &Network,
    ) -> Result<Price, PredictError> {
        let samples = [&self.samples, more].concat();
        Ok(predicted(&adapted(&self.stored, &samples)?, network))
    }
}

fn adapted(
    stored: &StoredPredictor,
    samples: &[Sampled],
) -> Result<BespokePredictor, PredictError> {
    let samples = samples.iter().map(|sampled| Sample {
        network: &sampled.network,
        latency_ms: sampled.latency.median_ms.ms(),
    });
    stored.prior.adapted(&samples.collect::<Vec<_>>())
}

fn predicted(predictor: &BespokePredictor, network: &Network) -> Price {
    Price {
        latency: predictor.price(network),
        source: PriceSource::Predicted,
    }
}

//! A device's predictor as a file: what it was learned from, which is all that is needed to have it again.

use bespoke_space::Space;
use serde::{Deserialize, Serialize};

use crate::{BespokePredictor, Network, PredictError, Prior, Reader, Sample};

/// What the default predictor knew beforehand and what was measured on a device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    /// Name of the space that the networks are of.
    pub space: String,
    /// The target that they were measured on.
    pub target: String,
    /// What other devices taught.
    pub prior: Prior,
    /// What was measured.
    pub samples: Vec<SavedSample>,
}

/// One measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedSample {
    /// Canonical string of the architecture.
    pub architecture: String,
    /// Its latency in milliseconds.
    pub latency_ms: f64,
}

// === impl Saved ===

impl Saved {
    /// The predictor.
    ///
    /// # Errors
    /// When the space is another than the samples are of, one of them is none of its architectures, or a latency is not
    /// positive and finite.
    pub fn predictor(&self, space: &Space) -> Result<BespokePredictor, PredictError> {
        let refused = |reason: String| PredictError::Method {
            method: "bespoke",
            reason,
        };
        if self.space != space.name() {
            let reason = format!(
                "the predictor was learned in the space {}, not {}",
                self.space,
                space.name()
            );
            return Err(refused(reason));
        }
        let mut reader = Reader::new(space);
        let mut network = |sample: &SavedSample| {
            let architecture = space.parse_architecture(&sample.architecture);
            reader.network(&architecture.map_err(|error| refused(error.to_string()))?)
        };
        let networks: Vec<Network> = self
            .samples
            .iter()
            .map(&mut network)
            .collect::<Result<_, _>>()?;
        let samples: Vec<Sample<'_>> = networks
            .iter()
            .zip(&self.samples)
            .map(|(network, sample)| Sample {
                network,
                latency_ms: sample.latency_ms,
            })
            .collect();
        self.prior.adapted(&samples)
    }
}

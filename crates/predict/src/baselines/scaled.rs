//! Prices that are known without a measurement, times one factor for the device.

use std::sync::Arc;

use bespoke_measure::Estimate;

use super::{draw, spread::Spread};
use crate::{Fitted, Network, PredictError, Predictor, Sample};

/// Where fewer than two samples say how far off prices are, they are taken to be right within this factor. It is assumed,
/// not fitted.
const ASSUMED: f64 = 2.0;

/// A positive number for a network, which its latency is taken to be proportional to.
pub type Proxy = Arc<dyn Fn(&Network) -> Result<f64, PredictError> + Send + Sync>;

/// Scales a proxy to a device: by the geometric mean of measured over proxy, which is least squares on logarithms.
pub struct Scaled {
    proxy: Proxy,
    /// Whether it is in milliseconds already, and may be left as it is without samples.
    is_latency: bool,
}

struct ScaledPredictor {
    proxy: Proxy,
    factor: f64,
    spread: Spread,
}

// === impl Scaled ===

impl Scaled {
    /// Scales what has another unit than time, or none: it needs a sample.
    pub fn cost(proxy: Proxy) -> Self {
        Self {
            proxy,
            is_latency: false,
        }
    }

    /// Scales what is in milliseconds, or leaves it as it is.
    pub fn latency(proxy: Proxy) -> Self {
        Self {
            proxy,
            is_latency: true,
        }
    }
}

impl Fitted for Scaled {
    fn plan(&self, pool: &[&Network], samples: usize, seed: u64) -> Vec<usize> {
        draw(pool.len(), samples, seed)
    }

    fn adapt(
        &self,
        samples: &[Sample<'_>],
        _seed: u64,
    ) -> Result<Box<dyn Predictor>, PredictError> {
        let needed = usize::from(!self.is_latency);
        if samples.len() < needed {
            return Err(PredictError::TooFew {
                what: "samples of the new device",
                needed,
                got: samples.len(),
            });
        }
        let ratio = |sample: &Sample<'_>| match sample.latency_ms {
            ms if ms > 0.0 && ms.is_finite() => Ok((ms / (self.proxy)(sample.network)?).ln()),
            ms => Err(PredictError::Latency { ms }),
        };
        let ratios: Vec<f64> = samples.iter().map(ratio).collect::<Result<_, _>>()?;
        let count = ratios.len() as f64;
        let mean = ratios.iter().sum::<f64>() / count.max(1.0);
        // The mean of the other ratios is this much further away from a ratio than the mean of all.
        let held_out = count / (count - 1.0);
        let residuals: Vec<f64> = match ratios.len() {
            0 | 1 => Vec::new(),
            _ => ratios
                .iter()
                .map(|ratio| (ratio - mean) * held_out)
                .collect(),
        };
        Ok(Box::new(ScaledPredictor {
            proxy: Arc::clone(&self.proxy),
            factor: mean.exp(),
            spread: Spread::of(&residuals).unwrap_or(Spread::factor(ASSUMED)),
        }))
    }
}

impl Predictor for ScaledPredictor {
    fn predict(&self, networks: &[&Network]) -> Result<Vec<Estimate>, PredictError> {
        let price =
            |network: &&Network| Ok(self.spread.times((self.proxy)(network)? * self.factor));
        networks.iter().map(price).collect()
    }
}

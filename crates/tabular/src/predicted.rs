//! Latencies as a predictor expects them.

use bespoke_measure::Latency;
use bespoke_predict::{Reader, SpacePredictor};
use bespoke_search::{Expected, Finished, Forecast};
use bespoke_space::Architecture;

use crate::{Benchmark, Sampled, TabularError};

/// A predictor for each target, which learned from the samples and learns from every trial.
struct Predicted(SpacePredictor);

// === impl Sampled ===

impl Sampled {
    /// What a predictor expects that learned each target from its samples and goes on learning from trials: objective
    /// 0, the error, is not known, then comes the latency on each target, its deviation by the predictor's interval.
    ///
    /// # Errors
    /// When a target cannot be learned from its samples.
    pub fn forecast(&self, benchmark: &Benchmark) -> Result<Box<dyn Forecast>, TabularError> {
        let mut predictor = SpacePredictor::new(Reader::new(benchmark.space()));
        for samples in &self.targets {
            predictor.add_target(self.prior.clone(), samples)?;
        }
        Ok(Box::new(Predicted(predictor)))
    }
}

// === impl Predicted ===

impl Forecast for Predicted {
    fn expect(&mut self, architectures: &[Architecture]) -> Vec<Vec<Option<Expected>>> {
        let expect = |architecture| {
            let prices = self.0.price(architecture).unwrap_or_default();
            let latencies = prices.iter().map(|price| {
                let [ms, low, high] =
                    [price.median_ms, price.low_ms, price.high_ms].map(Latency::ms);
                Some(Expected::within_90_percent(ms, low, high))
            });
            std::iter::once(None).chain(latencies).collect()
        };
        architectures.iter().map(expect).collect()
    }

    fn update(&mut self, finished: &Finished) {
        let Some((_, latencies_ms)) = finished.objectives().split_first() else {
            return;
        };
        // What cannot be learned is not, and the search goes on with what is known.
        let _ = self.0.learn(finished.architecture(), latencies_ms);
    }
}

//! Latencies as a predictor expects them.

use bespoke_predict::{Network, Reader, Sample, SpacePredictor};
use bespoke_search::{Expected, Forecast};
use bespoke_space::Architecture;

use crate::{Benchmark, Sampled, TabularError};

/// Standard deviations from the middle of a normal distribution to the ends of the interval that holds 90 % of it.
const DEVIATIONS_OF_90_PERCENT: f64 = 1.644_853_626_951;

/// A predictor for each target, which learned from the samples and learns from no trial.
struct Predicted {
    targets: Vec<SpacePredictor>,
}

impl Sampled {
    /// What a predictor expects that learned each target from its samples: objective 0, the error, is not known, then
    /// comes the latency on each target, its deviation by the predictor's interval.
    ///
    /// # Errors
    /// When a target cannot be learned from its samples.
    pub fn forecast(&self, benchmark: &Benchmark) -> Result<Box<dyn Forecast>, TabularError> {
        let targets = self.targets.iter();
        let targets = targets.map(|measured| self.learned(benchmark, measured));
        Ok(Box::new(Predicted {
            targets: targets.collect::<Result<_, _>>()?,
        }))
    }

    fn learned(
        &self,
        benchmark: &Benchmark,
        measured: &[(Architecture, f64)],
    ) -> Result<SpacePredictor, TabularError> {
        let mut reader = Reader::new(benchmark.space());
        let networks: Vec<Network> = (measured.iter())
            .map(|(architecture, _)| reader.network(architecture))
            .collect::<Result<_, _>>()?;
        let samples = networks.iter().zip(measured);
        let samples: Vec<Sample<'_>> = samples
            .map(|(network, (_, latency_ms))| Sample {
                network,
                latency_ms: *latency_ms,
            })
            .collect();
        let predictor = self.prior.adapted(&samples)?;
        Ok(SpacePredictor::new(benchmark.space(), predictor))
    }
}

impl Forecast for Predicted {
    fn expect(&mut self, architectures: &[Architecture]) -> Vec<Vec<Option<Expected>>> {
        let mut expect = |architecture| {
            let targets = self.targets.iter_mut();
            let latencies = targets.map(|target| expected(target, architecture));
            std::iter::once(None).chain(latencies).collect()
        };
        architectures.iter().map(&mut expect).collect()
    }
}

fn expected(predictor: &mut SpacePredictor, architecture: &Architecture) -> Option<Expected> {
    let price = predictor.price(architecture).ok()?;
    let width_ms = price.high_ms.ms() - price.low_ms.ms();
    Some(Expected {
        value: price.median_ms.ms(),
        deviation: width_ms / (2.0 * DEVIATIONS_OF_90_PERCENT),
    })
}

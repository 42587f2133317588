//! Latencies as a predictor expects them.

use bespoke_predict::{
    BespokePredictor, Network, PredictError, Prior, Reader, Sample, SpacePredictor,
};
use bespoke_search::{Expected, Finished, Forecast};
use bespoke_space::Architecture;

use crate::{Benchmark, Sampled, TabularError};

/// Standard deviations from the middle of a normal distribution to the ends of the interval that holds 90 % of it.
const DEVIATIONS_OF_90_PERCENT: f64 = 1.644_853_626_951;

/// How many trials a predictor learns from beside its samples: the latest. Adapting takes time in proportion to the
/// cube of all.
const MOST_TRIALS: usize = 60;

/// A predictor for each target, which learned from the samples and learns from every trial.
struct Predicted {
    reader: Reader,
    prior: Prior,
    targets: Vec<Target>,
    /// How many samples came before the trials.
    samples: usize,
}

/// What is known of one target.
struct Target {
    measured: Vec<(Network, f64)>,
    predictor: SpacePredictor,
    is_stale: bool,
}

// === impl Sampled ===

impl Sampled {
    /// What a predictor expects that learned each target from its samples and goes on learning from trials: objective
    /// 0, the error, is not known, then comes the latency on each target, its deviation by the predictor's interval.
    ///
    /// # Errors
    /// When a target cannot be learned from its samples.
    pub fn forecast(&self, benchmark: &Benchmark) -> Result<Box<dyn Forecast>, TabularError> {
        let space = benchmark.space();
        let mut reader = Reader::new(space);
        let mut targets = Vec::with_capacity(self.targets.len());
        for measured in &self.targets {
            let networks = measured
                .iter()
                .map(|(architecture, latency_ms)| Ok((reader.network(architecture)?, *latency_ms)));
            let measured: Vec<(Network, f64)> = networks.collect::<Result<_, PredictError>>()?;
            let predictor = learned(&self.prior, &measured)?;
            targets.push(Target {
                predictor: SpacePredictor::new(space, predictor),
                measured,
                is_stale: false,
            });
        }
        Ok(Box::new(Predicted {
            reader,
            prior: self.prior.clone(),
            samples: self.targets.first().map_or(0, Vec::len),
            targets,
        }))
    }
}

fn learned(prior: &Prior, measured: &[(Network, f64)]) -> Result<BespokePredictor, PredictError> {
    let samples = measured.iter().map(|(network, latency_ms)| Sample {
        network,
        latency_ms: *latency_ms,
    });
    prior.adapted(&samples.collect::<Vec<_>>())
}

// === impl Predicted ===

impl Forecast for Predicted {
    fn expect(&mut self, architectures: &[Architecture]) -> Vec<Vec<Option<Expected>>> {
        for target in self.targets.iter_mut().filter(|target| target.is_stale) {
            if let Ok(predictor) = learned(&self.prior, &target.measured) {
                target.predictor.replace(predictor);
            }
            target.is_stale = false;
        }
        let mut expect = |architecture| {
            let targets = self.targets.iter_mut();
            let latencies = targets.map(|target| expected(&mut target.predictor, architecture));
            std::iter::once(None).chain(latencies).collect()
        };
        architectures.iter().map(&mut expect).collect()
    }

    fn update(&mut self, finished: &Finished) {
        let Ok(network) = self.reader.network(finished.architecture()) else {
            return;
        };
        let latencies = finished.objectives().iter().skip(1);
        for (target, latency_ms) in self.targets.iter_mut().zip(latencies) {
            let Some(latency_ms) = latency_ms else {
                continue;
            };
            if target.measured.len() >= self.samples + MOST_TRIALS {
                target.measured.remove(self.samples);
            }
            target.measured.push((network.clone(), *latency_ms));
            target.is_stale = true;
        }
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

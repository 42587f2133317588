//! Adapting: what is planned is measured, and the predictor that follows is kept.

use std::num::NonZeroU32;

use bespoke_device::{TargetFingerprint, TargetSpec};
use bespoke_measure::Protocol;
use bespoke_predict::Prior;
use bespoke_space::Space;
use bespoke_store::StoredPredictor;
use bespoke_study::{AdaptEvent, LatencySample, PredictorInfo, SampleCount, Source, SpaceId};
use futures::future::join_all;

use super::{Pool, Predictors, now};
use crate::{
    CoordinatorError, deployed::deployed, dispatch::Waiting, order::Order, proposer::Candidate,
    runner::blocking,
};

/// Draws the pool of every adaptation: the predictors of one space are learned from the same networks, so that what
/// was measured for one need not be measured for the next.
const SEED: u64 = 0;

/// Fewest samples that say anything of a target.
const FEWEST: usize = 2;

/// What shall be learned.
#[derive(Clone)]
pub(crate) struct Adaptation {
    /// The space that shall be priced.
    pub space: Source,
    /// The target.
    pub target: TargetSpec,
    /// What the target is, down to the machine and the runtime's version.
    pub fingerprint: TargetFingerprint,
    /// How many networks to measure.
    pub samples: SampleCount,
    /// How to measure them.
    pub protocol: Protocol,
}

/// A pool's plan.
struct Planned {
    space: SpaceId,
    prior: Prior,
    /// The networks to measure, and as many more to take the place of those that cannot be.
    candidates: Vec<Candidate>,
}

// === impl Predictors ===

impl Predictors {
    /// Measures what is planned, unless it is known, and keeps the predictor that follows as the next version.
    ///
    /// # Errors
    /// When the space cannot be read, too little of the plan can be measured, or the store fails.
    pub async fn adapt(
        &self,
        wanted: Adaptation,
        tell: impl Fn(AdaptEvent) + Sync,
    ) -> Result<PredictorInfo, CoordinatorError> {
        let planned = blocking({
            let wanted = wanted.clone();
            move || Planned::new(&wanted)
        });
        let planned = planned.await??;
        let samples = self.sample(&wanted, &planned.candidates, &tell).await?;
        let info = PredictorInfo {
            fingerprint: wanted.fingerprint,
            version: NonZeroU32::MIN,
            target: wanted.target,
            space: planned.space,
            sources: planned.prior.sources().to_vec(),
            protocol: wanted.protocol,
            samples,
            adapted_at: now(),
        };
        let predictor = StoredPredictor {
            info,
            space: wanted.space,
            prior: planned.prior,
        };
        let kept = self.keep(predictor)?;
        tell(AdaptEvent::Adapted(Box::new(kept.info.clone())));
        Ok(kept.info)
    }

    /// Measures the first candidates, and others in place of those that cannot be measured.
    async fn sample(
        &self,
        wanted: &Adaptation,
        candidates: &[Candidate],
        tell: &(impl Fn(AdaptEvent) + Sync),
    ) -> Result<Vec<LatencySample>, CoordinatorError> {
        let mut rest = candidates;
        let mut samples = Vec::new();
        let mut last_reason = String::new();
        while samples.len() < wanted.samples.get() && !rest.is_empty() {
            let missing = wanted.samples.get() - samples.len();
            let (next, later) = rest.split_at(missing.min(rest.len()));
            rest = later;
            let measured = next.iter().map(|one| self.measure(wanted, one, tell));
            for measured in join_all(measured).await {
                match measured? {
                    Ok(sample) => samples.push(sample),
                    Err(reason) => last_reason = reason,
                }
            }
        }
        if samples.len() < FEWEST.min(candidates.len()) {
            return Err(CoordinatorError::NotLearned {
                target: wanted.target.clone(),
                got: samples.len(),
                wanted: wanted.samples.get(),
                reason: last_reason,
            });
        }
        Ok(samples)
    }

    /// Measures one candidate and tells how it goes; the inner error is why it has no latency.
    async fn measure(
        &self,
        wanted: &Adaptation,
        candidate: &Candidate,
        tell: &(impl Fn(AdaptEvent) + Sync),
    ) -> Result<Result<LatencySample, String>, CoordinatorError> {
        let graph = candidate.graph.clone();
        let (onnx, graph) = blocking(move || deployed(&graph)).await??;
        let order = Order {
            graph,
            target: wanted.target.clone(),
            fingerprint: wanted.fingerprint,
            protocol: wanted.protocol.clone(),
            onnx,
            needs_energy: false,
        };
        let architecture = &candidate.architecture;
        let measured = self.dispatch.reading(order, |waiting| {
            let architecture = architecture.clone();
            tell(match waiting {
                Waiting::NoAgent => AdaptEvent::Waiting { architecture },
                Waiting::Taken { agent } => AdaptEvent::Measuring {
                    architecture,
                    agent,
                },
            });
        });
        let measured = measured.await?.map(|reading| LatencySample {
            architecture: architecture.clone(),
            latency: reading.latency,
        });
        tell(match &measured {
            Ok(sample) => AdaptEvent::Measured(sample.clone()),
            Err(reason) => AdaptEvent::Unmeasured {
                architecture: architecture.clone(),
                reason: reason.clone(),
            },
        });
        Ok(measured)
    }
}

// === impl Planned ===

impl Planned {
    fn new(wanted: &Adaptation) -> Result<Self, CoordinatorError> {
        let Source { file, text } = &wanted.space;
        let space = Space::parse(file, text)?;
        let pool = Pool::draw(&space, SEED, None)?;
        Ok(Self {
            space: SpaceId::of(space.name(), text),
            candidates: pool.plan(2 * wanted.samples.get()),
            prior: pool.prior,
        })
    }
}

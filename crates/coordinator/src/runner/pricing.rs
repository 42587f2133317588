//! Pricing candidates before they are measured: what cannot keep its bounds need not be measured to see that.
//!
//! A candidate is priced from the samples that the study's predictors were adapted to, and from the measurements of
//! the trials that were known when it was proposed: whatever order results come in, it gets the same price.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use bespoke_graph::Graph;
use bespoke_measure::{Estimate, PriceSource};
use bespoke_predict::Network;
use bespoke_study::{Activity, AdaptEvent, StudySpec, Trial};

use super::{Runner, blocking};
use crate::{
    CoordinatorError,
    predictors::{Adaptation, BuiltPredictor, Sampled, network},
    proposer::{Candidate, known},
};

/// How many trials a price may learn from beside the predictors' own samples: the latest that are known. Adapting takes
/// time in proportion to the cube of all.
const MOST_TRIALS: usize = 60;

/// Prices the candidates of one study.
pub(super) struct Pricing {
    /// One for each target.
    predictors: Vec<Arc<BuiltPredictor>>,
    /// Architectures that all of them have as samples.
    sampled: HashSet<String>,
    /// Networks of trials, by index, as far as they were asked for.
    networks: HashMap<usize, Arc<Network>>,
}

/// The question what a candidate is expected to take.
pub(super) struct Quote {
    spec: StudySpec,
    graph: Graph,
    predictors: Vec<Arc<BuiltPredictor>>,
    /// For each target, the measurements of trials.
    more: Vec<Vec<Sampled>>,
}

/// A candidate that is not measured.
pub(super) struct PricedOut {
    /// Its predicted latency on each target.
    pub latencies: Vec<Estimate>,
    /// Which bounds it breaks, and the relative excess.
    pub violation: (String, f64),
}

// === impl Runner ===

impl Runner<'_> {
    /// Has a predictor adapted to each target if the study asks for that, and keeps which: later runs of the study
    /// price by the same.
    pub(super) async fn learn(&mut self) -> Result<(), CoordinatorError> {
        let Some(samples) = self.spec.predictor else {
            return Ok(());
        };
        let bound = self.spec.targets.iter().zip(&self.study.targets);
        let bound: Vec<_> = bound.map(|(b, f)| (b.target.clone(), *f)).collect();
        for (target, fingerprint) in bound.iter().skip(self.study.predictors.len()) {
            let adaptation = Adaptation {
                space: self.study.submission.space.clone(),
                target: target.clone(),
                fingerprint: *fingerprint,
                samples,
                protocol: self.spec.protocol.clone(),
            };
            let (journal, target) = (self.journal.clone(), target.to_string());
            let tell =
                move |event| journal_event(event, &target).map_or((), |a| journal.activity(a));
            let adapted = self.resources.predictors.adapt(adaptation, tell).await?;
            self.study.predictors.push(adapted.version);
            self.study.elapsed = self.clock.elapsed();
            self.journal.study(self.study)?;
        }
        let versions = self.study.predictors.clone();
        let predictors = self.resources.predictors.clone();
        let built = blocking(move || {
            let versions = bound.iter().zip(versions);
            versions
                .map(|((_, fingerprint), version)| predictors.version(fingerprint, version))
                .collect::<Result<Vec<_>, _>>()
        });
        self.pricing = Some(Pricing::new(built.await??));
        Ok(())
    }

    /// The question what a trial's network is expected to take; nothing if it has to be measured whatever the answer.
    pub(super) fn quote(
        &mut self,
        trial: &Trial,
        candidate: &Candidate,
    ) -> Result<Option<Quote>, CoordinatorError> {
        let Some(pricing) = &mut self.pricing else {
            return Ok(None);
        };
        if pricing.sampled.contains(&candidate.architecture) {
            return Ok(None);
        }
        let in_flight = usize::try_from(self.spec.budget.in_flight.get()).unwrap_or(usize::MAX);
        let known = &self.trials[..known(trial.id().0 as usize, in_flight)];
        let measured = known.iter().filter(|trial| {
            trial.price_source() == Some(PriceSource::Measured)
                && !pricing.sampled.contains(trial.architecture())
        });
        let measured: Vec<&Trial> = measured.collect();
        let latest = &measured[measured.len().saturating_sub(MOST_TRIALS)..];
        let mut more = vec![Vec::new(); pricing.predictors.len()];
        for trial in latest {
            let index = trial.id().0 as usize;
            let network = match pricing.networks.get(&index) {
                Some(network) => network.clone(),
                None => Arc::new(network(&self.proposer.candidate(trial)?.graph)?),
            };
            pricing.networks.insert(index, network.clone());
            for (of_target, latency) in more.iter_mut().zip(trial.latencies()) {
                let (network, latency) = (network.clone(), *latency);
                of_target.push(Sampled { network, latency });
            }
        }
        Ok(Some(Quote {
            spec: self.spec.clone(),
            graph: candidate.graph.clone(),
            predictors: pricing.predictors.clone(),
            more,
        }))
    }
}

/// What watchers of a study are told of an adaptation.
fn journal_event(event: AdaptEvent, target: &str) -> Option<Activity> {
    let target = target.to_owned();
    match event {
        AdaptEvent::Waiting { .. } => Some(Activity::WaitingForAgent { target }),
        AdaptEvent::Measuring {
            architecture,
            agent,
        } => Some(Activity::Sampling {
            architecture,
            agent,
            target,
        }),
        AdaptEvent::Measured(_) | AdaptEvent::Unmeasured { .. } | AdaptEvent::Adapted(_) => None,
    }
}

// === impl Pricing ===

impl Pricing {
    fn new(predictors: Vec<Arc<BuiltPredictor>>) -> Self {
        let samples = |built: &Arc<BuiltPredictor>| -> HashSet<String> {
            let samples = built.stored.info.samples.iter();
            samples.map(|sample| sample.architecture.clone()).collect()
        };
        let sampled = predictors.iter().map(samples);
        let in_all = sampled.reduce(|all, some| all.intersection(&some).cloned().collect());
        Self {
            sampled: in_all.unwrap_or_default(),
            predictors,
            networks: HashMap::new(),
        }
    }
}

// === impl Quote ===

impl Quote {
    /// Prices the candidate; blocks. Something comes of it only if the whole interval on some target lies over its
    /// bound.
    pub fn priced_out(&self) -> Result<Option<PricedOut>, CoordinatorError> {
        let network = network(&self.graph)?;
        let of_targets = self.predictors.iter().zip(&self.more);
        let latencies = of_targets
            .map(|(built, more)| Ok(built.price_with(more, &network)?.latency))
            .collect::<Result<Vec<_>, CoordinatorError>>()?;
        let violation = self.spec.predicted_violation(&latencies);
        Ok(violation.map(|violation| PricedOut {
            latencies,
            violation,
        }))
    }
}

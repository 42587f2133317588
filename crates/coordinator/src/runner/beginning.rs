//! What comes before a study's first trial: its targets are bound, and learned where it asks for that, and the blocks of
//! its space are measured where a distribution over them is to be learned.

use std::sync::Arc;

use bespoke_study::{Activity, AdaptEvent, Study, StudySpec};
use bespoke_supernet::{LatencyTable, Learner};

use super::{Resources, blocking, clock::Clock};
use crate::{
    CoordinatorError, blocks::Blocks, dispatch::Waiting, journal::Journal, predictors::Adaptation,
};

/// A study before its first trial.
pub(super) struct Beginning<'a> {
    pub resources: &'a Resources,
    pub study: &'a mut Study,
    pub spec: &'a StudySpec,
    pub journal: &'a Arc<Journal>,
    pub clock: Clock,
}

// === impl Beginning ===

impl Beginning<'_> {
    /// Binds every target to the first agent's that offers it, and keeps the binding: other machines' latencies do
    /// not count.
    pub async fn bind(&mut self) -> Result<(), CoordinatorError> {
        for bound in self.spec.targets.iter().skip(self.study.targets.len()) {
            let target = &bound.target;
            if self.resources.dispatch.offer(target).is_none() {
                self.journal.activity(Activity::WaitingForAgent {
                    target: target.to_string(),
                });
            }
            let fingerprint = self.resources.dispatch.offered(target).await;
            self.study.targets.push(fingerprint);
            self.put()?;
        }
        Ok(())
    }

    /// Has a predictor adapted to each target if the study asks for that, and keeps which: later runs of the study
    /// propose and price by the same.
    pub async fn learn(&mut self) -> Result<(), CoordinatorError> {
        let Some(predictor) = self.spec.predictor else {
            return Ok(());
        };
        for (index, bound) in self.spec.targets.iter().enumerate() {
            if index < self.study.predictors.len() {
                continue;
            }
            let adaptation = Adaptation {
                space: self.study.submission.space.clone(),
                target: bound.target.clone(),
                fingerprint: self.study.targets[index],
                samples: predictor.samples,
                protocol: self.spec.protocol.clone(),
            };
            let (journal, target) = (self.journal.clone(), bound.target.to_string());
            let tell = move |event| activity(event, &target).map_or((), |a| journal.activity(a));
            let adapted = self.resources.predictors.adapt(adaptation, tell).await?;
            self.study.predictors.push(adapted.version);
            self.put()?;
        }
        Ok(())
    }

    /// What the blocks of the space take on the study's one target: measured, unless the search was begun with a table.
    pub async fn table(
        &mut self,
        learner: &Arc<Learner>,
    ) -> Result<LatencyTable, CoordinatorError> {
        let begun = learner.clone();
        if let Some(table) = blocking(move || begun.table()).await?? {
            return Ok(table);
        }
        let target = &self.spec.targets[0].target;
        let blocks = Blocks {
            dispatch: &self.resources.dispatch,
            paths: learner.paths().clone(),
            target,
            fingerprint: self.study.targets[0],
            protocol: &self.spec.protocol,
        };
        let (journal, target) = (self.journal.clone(), target.to_string());
        let tell = move |key: &str, waiting: Waiting| {
            let target = target.clone();
            journal.activity(match waiting {
                Waiting::NoAgent => Activity::WaitingForAgent { target },
                Waiting::Taken { agent } => Activity::Sampling {
                    architecture: key.to_owned(),
                    agent,
                    target,
                },
            });
        };
        let table = blocks.table(tell).await?;
        self.put()?;
        Ok(table)
    }

    fn put(&mut self) -> Result<(), CoordinatorError> {
        self.study.elapsed = self.clock.elapsed();
        Ok(self.journal.study(self.study)?)
    }
}

/// What watchers of a study are told of an adaptation.
fn activity(event: AdaptEvent, target: &str) -> Option<Activity> {
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

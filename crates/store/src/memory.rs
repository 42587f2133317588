//! A store that forgets.

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    sync::{Mutex, MutexGuard},
};

use bespoke_device::TargetFingerprint;
use bespoke_graph::GraphHash;
use bespoke_measure::{Measurement, Protocol};
use bespoke_study::{EarlierStudy, Round, Study, StudyName, Trial, TrialId};

use crate::{Store, StoreError, StoredPredictor};

/// Keeps everything in memory, for as long as it lives itself.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Content>);

#[derive(Debug, Default)]
struct Content {
    studies: BTreeMap<StudyName, Study>,
    trials: BTreeMap<StudyName, BTreeMap<TrialId, Trial>>,
    earlier: BTreeMap<StudyName, Vec<EarlierStudy>>,
    rounds: BTreeMap<StudyName, BTreeMap<TrialId, Round>>,
    measurements: BTreeMap<MeasurementKey, Measurement>,
    predictors: BTreeMap<(TargetFingerprint, NonZeroU32), StoredPredictor>,
}

/// Network, target and the protocol's key.
type MeasurementKey = (GraphHash, TargetFingerprint, String);

// === impl MemoryStore ===

impl MemoryStore {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().expect("no holder of the lock panics")
    }
}

impl Store for MemoryStore {
    fn put_study(&self, name: &StudyName, study: &Study) -> Result<(), StoreError> {
        let mut content = self.content();
        content.studies.insert(name.clone(), study.clone());
        Ok(())
    }

    fn study(&self, name: &StudyName) -> Result<Option<Study>, StoreError> {
        Ok(self.content().studies.get(name).cloned())
    }

    fn studies(&self) -> Result<Vec<(StudyName, Study)>, StoreError> {
        Ok(self.content().studies.clone().into_iter().collect())
    }

    fn remove_study(&self, name: &StudyName) -> Result<(), StoreError> {
        let mut content = self.content();
        content.studies.remove(name);
        content.trials.remove(name);
        content.earlier.remove(name);
        content.rounds.remove(name);
        Ok(())
    }

    fn put_earlier(&self, study: &StudyName, earlier: &[EarlierStudy]) -> Result<(), StoreError> {
        let mut content = self.content();
        content.earlier.insert(study.clone(), earlier.to_vec());
        Ok(())
    }

    fn earlier(&self, study: &StudyName) -> Result<Vec<EarlierStudy>, StoreError> {
        Ok(self
            .content()
            .earlier
            .get(study)
            .cloned()
            .unwrap_or_default())
    }

    fn put_round(&self, study: &StudyName, round: &Round) -> Result<(), StoreError> {
        let mut content = self.content();
        let rounds = content.rounds.entry(study.clone()).or_default();
        rounds.insert(round.first, round.clone());
        Ok(())
    }

    fn rounds(&self, study: &StudyName) -> Result<Vec<Round>, StoreError> {
        let content = self.content();
        let rounds = content.rounds.get(study);
        Ok(rounds.map_or_else(Vec::new, |rounds| rounds.values().cloned().collect()))
    }

    fn put_trial(&self, study: &StudyName, trial: &Trial) -> Result<(), StoreError> {
        let mut content = self.content();
        let trials = content.trials.entry(study.clone()).or_default();
        trials.insert(trial.id(), trial.clone());
        Ok(())
    }

    fn trials(&self, study: &StudyName) -> Result<Vec<Trial>, StoreError> {
        let content = self.content();
        let trials = content.trials.get(study);
        Ok(trials.map_or_else(Vec::new, |trials| trials.values().cloned().collect()))
    }

    fn put_measurement(
        &self,
        graph: GraphHash,
        target: &TargetFingerprint,
        measurement: &Measurement,
    ) -> Result<(), StoreError> {
        let key = (graph, *target, measurement.protocol.key());
        let mut content = self.content();
        content.measurements.insert(key, measurement.clone());
        Ok(())
    }

    fn measurement(
        &self,
        graph: GraphHash,
        target: &TargetFingerprint,
        protocol: &Protocol,
    ) -> Result<Option<Measurement>, StoreError> {
        let key = (graph, *target, protocol.key());
        Ok(self.content().measurements.get(&key).cloned())
    }

    fn put_predictor(&self, predictor: &StoredPredictor) -> Result<(), StoreError> {
        let key = (predictor.info.fingerprint, predictor.info.version);
        self.content().predictors.insert(key, predictor.clone());
        Ok(())
    }

    fn predictor(
        &self,
        target: &TargetFingerprint,
        version: NonZeroU32,
    ) -> Result<Option<StoredPredictor>, StoreError> {
        let key = (*target, version);
        Ok(self.content().predictors.get(&key).cloned())
    }

    fn predictors(&self) -> Result<Vec<(TargetFingerprint, NonZeroU32)>, StoreError> {
        Ok(self.content().predictors.keys().copied().collect())
    }
}

//! What must survive the end of the program: studies, their trials, every measurement, and predictors.
//!
//! A [`Store`] speaks domain types and keeps them durably: when a put has returned, a crash or a power cut does not
//! undo it. [`SledStore`] keeps them in a folder; [`MemoryStore`] forgets them, for tests. Both fulfil one contract,
//! which is this crate's test suite.

mod error;
mod key;
mod memory;
mod predictor;
mod record;
mod sled_store;

use std::num::NonZeroU32;

use bespoke_device::TargetFingerprint;
use bespoke_graph::GraphHash;
use bespoke_measure::{Measurement, Protocol};
use bespoke_study::{EarlierStudy, Round, Study, StudyName, Trial};

pub use error::StoreError;
pub use memory::MemoryStore;
pub use predictor::{PredictorTextError, StoredPredictor};
pub use sled_store::SledStore;

/// Keeps studies, trials, measurements and predictors.
///
/// What a put was given is durable when it returns. One that fails may have happened or not; the store stays usable.
/// A record that cannot be read is an error that names it, never left out.
pub trait Store: Send + Sync {
    /// Keeps a study, in place of what was kept under the name.
    fn put_study(&self, name: &StudyName, study: &Study) -> Result<(), StoreError>;

    /// A study, if there is one of that name.
    fn study(&self, name: &StudyName) -> Result<Option<Study>, StoreError>;

    /// All studies, by name.
    fn studies(&self) -> Result<Vec<(StudyName, Study)>, StoreError>;

    /// Keeps the earlier studies that a study starts from, in place of those that were kept for it.
    fn put_earlier(&self, study: &StudyName, earlier: &[EarlierStudy]) -> Result<(), StoreError>;

    /// The earlier studies that a study starts from; none where none were kept.
    fn earlier(&self, study: &StudyName) -> Result<Vec<EarlierStudy>, StoreError>;

    /// Keeps a round of a study, in place of the one with that first trial.
    fn put_round(&self, study: &StudyName, round: &Round) -> Result<(), StoreError>;

    /// All rounds of a study, by their first trials.
    fn rounds(&self, study: &StudyName) -> Result<Vec<Round>, StoreError>;

    /// Forgets a study, all its trials and rounds and the earlier studies that it starts from at once, readable or not; one
    /// that is not there is forgotten already.
    fn remove_study(&self, name: &StudyName) -> Result<(), StoreError>;

    /// Keeps a trial of a study, in place of the one of that number.
    fn put_trial(&self, study: &StudyName, trial: &Trial) -> Result<(), StoreError>;

    /// All trials of a study, by number.
    fn trials(&self, study: &StudyName) -> Result<Vec<Trial>, StoreError>;

    /// Keeps a measurement of a network on a target, whatever its verdict, in place of an earlier one by the same
    /// protocol.
    fn put_measurement(
        &self,
        graph: GraphHash,
        target: &TargetFingerprint,
        measurement: &Measurement,
    ) -> Result<(), StoreError>;

    /// The latest measurement of a network on a target by a protocol.
    fn measurement(
        &self,
        graph: GraphHash,
        target: &TargetFingerprint,
        protocol: &Protocol,
    ) -> Result<Option<Measurement>, StoreError>;

    /// Keeps a predictor under its target and version, in place of what was kept there.
    fn put_predictor(&self, predictor: &StoredPredictor) -> Result<(), StoreError>;

    /// A version of a target's predictor.
    ///
    /// # Errors
    /// When it is in a format that this version of Bespoke does not read, among others.
    fn predictor(
        &self,
        target: &TargetFingerprint,
        version: NonZeroU32,
    ) -> Result<Option<StoredPredictor>, StoreError>;

    /// The targets of all predictors and their versions, in this order.
    fn predictors(&self) -> Result<Vec<(TargetFingerprint, NonZeroU32)>, StoreError>;
}

#[cfg(test)]
mod contract;

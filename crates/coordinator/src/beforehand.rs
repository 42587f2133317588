//! What a study knows before its first trial, beside its files.

use bespoke_store::{Store, StoredPredictor};
use bespoke_study::Study;

use crate::CoordinatorError;

/// What a study's proposals follow from beside its files and its trials.
#[derive(Debug, Clone, Default)]
pub struct Beforehand {
    /// The predictor of each target that the study began with; none unless it asks for them.
    pub(crate) predictors: Vec<StoredPredictor>,
}

// === impl Beforehand ===

impl Beforehand {
    /// What the store keeps of it.
    ///
    /// # Errors
    /// When a predictor of the study is not there or cannot be read.
    pub fn of_study(store: &dyn Store, study: &Study) -> Result<Self, CoordinatorError> {
        let mut predictors = Vec::with_capacity(study.predictors.len());
        for (target, version) in study.targets.iter().zip(&study.predictors) {
            let stored = store.predictor(target, *version)?;
            predictors.push(stored.ok_or(CoordinatorError::NoPredictor { target: *target })?);
        }
        Ok(Self { predictors })
    }

    /// Nothing, of a study that knows nothing beforehand.
    ///
    /// # Errors
    /// When it knows something.
    pub fn none(study: &Study) -> Result<Self, CoordinatorError> {
        match study.predictors.is_empty() {
            true => Ok(Self::default()),
            false => Err(CoordinatorError::NotAtHand {
                name: study.spec()?.name,
            }),
        }
    }
}

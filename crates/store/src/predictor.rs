//! Predictors as they are kept: what they were learned from, from which they are built again.

use bespoke_predict::Prior;
use bespoke_study::{PredictorInfo, Source};
use serde::{Deserialize, Serialize};

/// The format of predictors that this version writes, and the only one that it reads. What a prior's numbers mean, and
/// which networks a space's strings stand for, is part of it.
pub(crate) const FORMAT: u32 = 1;

/// One version of a target's predictor. Adaptation is quick and has one outcome, so that what it learns from is kept
/// and not what it learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredPredictor {
    /// What is told of it, its samples among others.
    pub info: PredictorInfo,
    /// The file of the space that its samples are of.
    pub space: Source,
    /// What was believed of the target before it was measured.
    pub prior: Prior,
}

/// A predictor behind the number of its format.
#[derive(Serialize, Deserialize)]
pub(crate) struct Formatted<P> {
    pub format: u32,
    pub predictor: P,
}

/// The number alone, whatever follows.
#[derive(Deserialize)]
pub(crate) struct Format {
    pub format: u32,
}

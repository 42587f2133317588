//! A study's own record, beside its trials.

use std::{num::NonZeroU32, time::Duration};

use bespoke_device::TargetFingerprint;
use serde::{Deserialize, Serialize};

use crate::{SpecError, StudySpec, Submission, Trial};

/// A study as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Study {
    /// What was handed in.
    pub submission: Submission,
    /// How far it has come.
    pub state: StudyState,
    /// The machines' targets that it is bound to, one for each target of the specification, once an agent offered
    /// them. Latencies from anywhere else do not count.
    pub targets: Vec<TargetFingerprint>,
    /// The versions of the targets' predictors that it starts from, one for each target once they are there. Empty
    /// unless its file has a table `[predictor]`.
    #[serde(default)]
    pub predictors: Vec<NonZeroU32>,
    /// Wall time spent on it so far, over all runs.
    pub elapsed: Duration,
}

/// An earlier study as a later one of the same space remembers it, whatever becomes of it since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EarlierStudy {
    /// Its record.
    pub study: Study,
    /// Its finished trials, by number.
    pub trials: Vec<Trial>,
}

/// How far a study has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum StudyState {
    /// Trials are being proposed and evaluated.
    Running,
    /// It has ended.
    Complete {
        /// Why.
        ending: Ending,
    },
    /// It cannot go on; what it has found stays.
    Failed {
        /// Why.
        reason: String,
    },
}

/// Why a study has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// All trials of the budget are finished.
    Trials,
    /// The time of the budget is spent.
    Time,
    /// Every network of the space has been tried.
    Exhausted,
    /// Its user stopped it.
    Cancelled,
}

impl Study {
    /// A study that has just been handed in.
    pub fn new(submission: Submission) -> Self {
        Self {
            submission,
            state: StudyState::Running,
            targets: Vec::new(),
            predictors: Vec::new(),
            elapsed: Duration::ZERO,
        }
    }

    /// The specification.
    pub fn spec(&self) -> Result<StudySpec, SpecError> {
        self.submission.spec()
    }
}

impl std::fmt::Display for StudyState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Running => f.write_str("running"),
            Self::Complete { ending } => write!(f, "complete: {ending}"),
            Self::Failed { reason } => write!(f, "failed: {reason}"),
        }
    }
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Trials => "all trials are finished",
            Self::Time => "the time is spent",
            Self::Exhausted => "every network of the space has been tried",
            Self::Cancelled => "cancelled",
        })
    }
}

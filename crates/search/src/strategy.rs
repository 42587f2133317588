//! What a strategy is and what it learns from.

use bespoke_space::{Architecture, Space};

use crate::pareto::{Score, ScoreError};

/// Proposes architectures and learns from finished trials.
///
/// The state of a strategy depends only on its seed and on the sequence of calls: the same calls give the
/// same proposals. Any number of proposals may be pending, and they may be reported in any order, or never.
pub trait Strategy: Send {
    /// The name by which a study asks for this strategy.
    fn name(&self) -> &'static str;

    /// The next architecture to try, of a space that is the same at every call. It was neither proposed nor
    /// reported before; `None` when every architecture of the space was.
    fn suggest(&mut self, space: &Space) -> Option<Architecture>;

    /// Learns how a trial ended. Each trial is reported once; it need not have been proposed by this
    /// strategy.
    fn update(&mut self, finished: &Finished);
}

/// A trial that ended, and what became known of its architecture.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    architecture: Architecture,
    score: Option<Score>,
}

impl Finished {
    /// A trial with its minimised objectives, `None` when it failed or was stopped before they were known,
    /// and the sum of the relative excess over the bounds, 0 when none is known to be exceeded.
    ///
    /// # Errors
    /// When an objective or the violation is not a finite number, or the violation is negative, or the
    /// objectives are empty.
    pub fn new(
        architecture: Architecture,
        objectives: Option<Vec<f64>>,
        violation: f64,
    ) -> Result<Self, ScoreError> {
        let score = match objectives {
            Some(objectives) => Some(Score::new(objectives, violation)?),
            None if violation == 0.0 => None,
            None => Some(Score::infeasible(violation)?),
        };
        Ok(Self {
            architecture,
            score,
        })
    }

    /// A trial that failed: nothing is known of its architecture.
    pub fn failed(architecture: Architecture) -> Self {
        Self {
            architecture,
            score: None,
        }
    }

    /// The architecture that was tried.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// What became known of it.
    pub fn score(&self) -> Option<&Score> {
        self.score.as_ref()
    }
}

//! What a strategy is and what it learns from.

use bespoke_space::{Architecture, Space};

use crate::pareto::{Score, ScoreError};

/// Proposes architectures and learns from finished trials.
///
/// The state of a strategy depends only on its seed, its problem and the sequence of calls: the same calls give the
/// same proposals. Any number of proposals may be pending, and they may be reported in any order, or never.
pub trait Strategy: Send {
    /// The name by which a study asks for this strategy.
    fn name(&self) -> &'static str;

    /// The next architecture to try, of a space that is the same at every call. It was neither proposed nor,
    /// unless from [elsewhere](Finished::elsewhere), reported before; `None` when every architecture of the space was. Where a forecast says that it breaks a
    /// bound, none that meets them was found in a bounded number of steps.
    fn suggest(&mut self, space: &Space) -> Option<Architecture>;

    /// Learns how a trial ended. Each trial is reported once; it need not have been proposed by this
    /// strategy.
    fn update(&mut self, finished: &Finished);

    /// Takes in what has been learned beside the trials: a probability of each option of each decision. Strategies that
    /// learn from trials alone have no use for it.
    fn follow(&mut self, _probabilities: &[Vec<f64>]) {}
}

/// A trial that ended, and what became known of its architecture.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    architecture: Architecture,
    objectives: Vec<Option<f64>>,
    score: Option<Score>,
    may_return: bool,
}

// === impl Finished ===

impl Finished {
    /// A trial with each of its minimised objectives where it is known (one that was measured and not trained knows
    /// its latencies), and the sum of the relative excess over the bounds, 0 when none is known to be exceeded.
    ///
    /// # Errors
    /// When an objective or the violation is not a finite number, or the violation is negative, or there is
    /// no objective and no violation.
    pub fn new(
        architecture: Architecture,
        objectives: Vec<Option<f64>>,
        violation: f64,
    ) -> Result<Self, ScoreError> {
        let score = Score::of_known(&objectives, violation)?;
        Ok(Self {
            architecture,
            objectives,
            score,
            may_return: false,
        })
    }

    /// A trial that failed: nothing is known of its architecture.
    pub fn failed(architecture: Architecture) -> Self {
        Self {
            architecture,
            objectives: Vec::new(),
            score: None,
            may_return: false,
        }
    }

    /// The same of another search: its architecture may still be proposed in this one.
    pub fn elsewhere(self) -> Self {
        Self {
            may_return: true,
            ..self
        }
    }

    /// Whether its architecture may be proposed though it was reported.
    pub(crate) fn may_return(&self) -> bool {
        self.may_return
    }

    /// The architecture that was tried.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Each objective where it is known; none when the trial failed.
    pub fn objectives(&self) -> &[Option<f64>] {
        &self.objectives
    }

    /// How it compares with others: where all objectives are known, or a bound is known to be exceeded.
    pub fn score(&self) -> Option<&Score> {
        self.score.as_ref()
    }
}

//! The study file: raw TOML turned once into a specification that cannot be wrong.

mod file;
#[cfg(test)]
mod tests;
mod violation;

use std::{num::NonZeroU32, path::PathBuf};

use bespoke_device::TargetSpec;
use bespoke_measure::{Latency, Protocol};
use bespoke_recipe::{DataSetName, Recipe, Start};
use bespoke_search::{Problem, StrategyConfig};
use serde::{Deserialize, Serialize};

use crate::{EvaluatorConfig, Objective, Prediction, StudyName};

/// A file's name, as its user knows it, and its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Name used in error messages.
    pub file: String,
    /// The whole text.
    pub text: String,
}

/// What is handed in to start a study: the study file and the space file that it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// The study file.
    pub study: Source,
    /// The space file, or the text of a shipped space.
    pub space: Source,
}

/// What a study asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct StudySpec {
    /// Name of the study and its folder.
    pub name: StudyName,
    /// The space as the study file names it: a shipped space, or a path relative to the study file.
    pub space: String,
    /// Seed of everything random in the study.
    pub seed: u64,
    /// Earlier studies of the same space that the strategy learns from before its first proposal.
    pub warm_start: Vec<StudyName>,
    /// What the candidates learn.
    pub data: Data,
    /// How candidates are proposed.
    pub strategy: StrategyConfig,
    /// How a candidate is judged.
    pub evaluator: EvaluatorConfig,
    /// How a candidate is trained.
    pub recipe: Recipe,
    /// Where candidates must run, at least one. Each target's latency is an objective.
    pub targets: Vec<TargetBound>,
    /// What is minimised beside the error and the latencies: each once, in ascending order.
    pub further_objectives: Vec<Objective>,
    /// Bounds that need no measurement.
    pub bounds: Bounds,
    /// When the study ends.
    pub budget: Budget,
    /// How latencies are measured.
    pub protocol: Protocol,
    /// How candidates are priced before they are measured; none: every candidate is measured.
    pub predictor: Option<Prediction>,
}

/// What the candidates learn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Which data set.
    pub set: DataSetName,
    /// Where its files are; not needed for the digits.
    pub folder: Option<PathBuf>,
}

/// A target and what a network must keep there.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetBound {
    /// The target.
    pub target: TargetSpec,
    /// Greatest latency, if bounded.
    pub max_latency: Option<Latency>,
    /// Greatest energy of a pass in millijoules, if bounded; positive and finite.
    pub max_energy_mj: Option<f64>,
}

/// Bounds on what is counted from the graph.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bounds {
    /// Most trainable parameters.
    pub max_parameters: Option<u64>,
    /// Most multiply-accumulates.
    pub max_macs: Option<u64>,
    /// Greatest peak of activation memory.
    pub max_peak_activation_bytes: Option<u64>,
}

/// When a study ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Number of trials.
    pub trials: NonZeroU32,
    /// Most minutes of wall time over all runs of the study; a study that reaches it ends with what it has.
    pub minutes: Option<f64>,
    /// How many trials may be unfinished at the same time. A trial is proposed from the results of all trials up to
    /// this many before it, so the number is part of the study and does not follow the number of agents.
    #[serde(default = "file::default_in_flight")]
    pub in_flight: NonZeroU32,
}

/// What is wrong with a study file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {reason}", .line.map(|n| format!(":{n}")).unwrap_or_default())]
pub struct SpecError {
    /// The file.
    pub file: String,
    /// The line, counted from 1, where one is known.
    pub line: Option<usize>,
    /// What is wrong, with the key.
    pub reason: String,
}

// === impl Submission ===

impl Submission {
    /// The specification that the study file holds.
    pub fn spec(&self) -> Result<StudySpec, SpecError> {
        StudySpec::parse(&self.study)
    }
}

// === impl StudySpec ===

impl StudySpec {
    /// What the front minimises: the error, the latency on each target, then what the file asks for beside them.
    pub fn objectives(&self) -> Vec<Objective> {
        let latencies = (0..self.targets.len()).map(Objective::Latency);
        std::iter::once(Objective::Error)
            .chain(latencies)
            .chain(self.further_objectives.iter().copied())
            .collect()
    }

    /// What the search minimises: the same, with the score in place of the error where candidates are scored.
    pub fn search_objectives(&self) -> Vec<Objective> {
        let mut objectives = self.objectives();
        if self.evaluator.scores() {
            objectives[0] = Objective::Score;
        }
        objectives
    }

    /// Whether each trial is trained from the weights that the strategy has learned by then.
    pub fn trials_are_tuned(&self) -> bool {
        let differentiable = self.strategy.differentiable();
        differentiable.is_some_and(|differentiable| differentiable.trials() == Start::Tuned)
    }

    /// What an objective must not exceed, in its own unit.
    pub fn bound(&self, objective: Objective) -> Option<f64> {
        let count = |most: Option<u64>| most.map(|most| most as f64);
        match objective {
            Objective::Error | Objective::Score => None,
            Objective::Latency(target) => self.targets[target].max_latency.map(Latency::ms),
            Objective::Parameters => count(self.bounds.max_parameters),
            Objective::Macs => count(self.bounds.max_macs),
            Objective::PeakActivationBytes => count(self.bounds.max_peak_activation_bytes),
            Objective::Energy(target) => self.targets[target].max_energy_mj,
        }
    }

    /// What is counted of a network before it is tried, and bounded without being minimised, each with its bound.
    pub fn constraints(&self) -> Vec<(Objective, f64)> {
        let counted = [
            Objective::Parameters,
            Objective::Macs,
            Objective::PeakActivationBytes,
        ];
        let others = counted
            .into_iter()
            .filter(|objective| !self.further_objectives.contains(objective));
        others
            .filter_map(|objective| Some((objective, self.bound(objective)?)))
            .collect()
    }

    /// What the strategy minimises, within which bounds; nothing is known of candidates beforehand.
    pub fn problem(&self) -> Problem {
        let objectives = self.search_objectives().into_iter();
        let problem = Problem::new(objectives.map(|objective| self.bound(objective)).collect());
        let confidence = self.predictor.map(|predictor| predictor.confidence);
        Problem {
            confidence: confidence.unwrap_or(problem.confidence),
            ..problem
        }
    }

    /// An objective as files name it: with its unit, and its target where it has one.
    pub fn name_of(&self, objective: Objective) -> String {
        objective.name(|target| &self.targets[target].target)
    }

    /// Whether a network's energy on the target of that index has to be known.
    pub fn needs_energy(&self, target: usize) -> bool {
        let is_objective = self.further_objectives.contains(&Objective::Energy(target));
        is_objective || self.targets[target].max_energy_mj.is_some()
    }

    /// Whether a study may go on under this specification that was started under another: only the budget's trials
    /// and minutes may differ.
    pub fn continues(&self, earlier: &Self) -> bool {
        let Budget {
            trials, minutes, ..
        } = self.budget;
        let budget = Budget {
            trials,
            minutes,
            ..earlier.budget.clone()
        };
        *self
            == Self {
                budget,
                ..earlier.clone()
            }
    }
}

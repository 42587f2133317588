//! The front: what nobody beats.

use bespoke_graph::Cost;
use bespoke_measure::Estimate;
use bespoke_search::pareto::pareto_front;

use crate::{Accuracy, Trial, TrialId};

/// The trials that no other beats: each is complete, measured on every target within its bounds, and trained to the
/// end. In the order of their latency on the first target.
#[derive(Debug, Clone, PartialEq)]
pub struct Front(Vec<FrontEntry>);

/// One network of a front.
#[derive(Debug, Clone, PartialEq)]
pub struct FrontEntry {
    /// Its trial.
    pub trial: TrialId,
    /// Canonical string of its architecture.
    pub architecture: String,
    /// What it costs.
    pub cost: Cost,
    /// Its latency on each target.
    pub latencies: Vec<Estimate>,
    /// What it learned.
    pub accuracy: Accuracy,
}

// === impl Front ===

impl Front {
    /// The front of a study's trials.
    pub fn of(trials: &[Trial]) -> Self {
        let complete: Vec<(&Trial, &Accuracy)> = trials
            .iter()
            .filter_map(|trial| Some((trial, trial.accuracy()?)))
            .collect();
        let points: Vec<Vec<f64>> = complete
            .iter()
            .map(|(trial, accuracy)| objectives(trial, accuracy))
            .collect();
        let mut entries: Vec<FrontEntry> = pareto_front(&points)
            .into_iter()
            .map(|index| FrontEntry::of(complete[index].0, complete[index].1))
            .collect();
        entries.sort_by(|a, b| {
            a.first_ms()
                .total_cmp(&b.first_ms())
                .then(a.trial.cmp(&b.trial))
        });
        Self(entries)
    }

    /// Its networks.
    pub fn entries(&self) -> &[FrontEntry] {
        &self.0
    }

    /// Whether a trial stands on it.
    pub fn contains(&self, trial: TrialId) -> bool {
        self.0.iter().any(|entry| entry.trial == trial)
    }
}

/// What is minimised: the error in per cent, then the median latency on each target.
pub(crate) fn objectives(trial: &Trial, accuracy: &Accuracy) -> Vec<f64> {
    let latencies = trial
        .latencies()
        .iter()
        .map(|estimate| estimate.median_ms.ms());
    std::iter::once(100.0 - accuracy.percent)
        .chain(latencies)
        .collect()
}

// === impl FrontEntry ===

impl FrontEntry {
    fn of(trial: &Trial, accuracy: &Accuracy) -> Self {
        Self {
            trial: trial.id(),
            architecture: trial.architecture().to_owned(),
            cost: *trial.cost(),
            latencies: trial.latencies().to_vec(),
            accuracy: accuracy.clone(),
        }
    }

    fn first_ms(&self) -> f64 {
        self.latencies
            .first()
            .map_or(0.0, |estimate| estimate.median_ms.ms())
    }
}

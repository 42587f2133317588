//! The front: what nobody beats.

use bespoke_graph::Cost;
use bespoke_measure::Estimate;
use bespoke_search::pareto::{Interval, pareto_front, ties};

use crate::{Accuracy, StudySpec, Trial, TrialId, TrialState};

#[cfg(test)]
mod tests;

/// The trials that no other beats in the objectives of their study: each is complete, measured on every target within
/// its bounds, and trained to the end. In the order of their latency on the first target.
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
    /// Energy of a pass on each target in millijoules, where the target reports it.
    pub energies_mj: Vec<Option<f64>>,
    /// What it learned.
    pub accuracy: Accuracy,
    /// The other networks of the front that it cannot be told apart from, ascending: the intervals of the two overlap
    /// in every objective.
    pub tied_with: Vec<TrialId>,
}

/// The scored trials that are to be trained when the search is over: those that keep every bound and that no other
/// beats in what the search minimises, trained ones included, unless training was tried in vain. By number.
pub fn to_be_trained(spec: &StudySpec, trials: &[Trial]) -> Vec<TrialId> {
    let objectives = spec.search_objectives();
    let scored = trials
        .iter()
        .filter(|trial| trial.score().is_some() && is_within_bounds(spec, trial));
    let values = |trial: &Trial| -> Option<Vec<f64>> {
        objectives.iter().map(|o| o.value_of(trial)).collect()
    };
    let (scored, points): (Vec<&Trial>, Vec<Vec<f64>>) = scored
        .filter_map(|trial| Some((trial, values(trial)?)))
        .unzip();
    let front = pareto_front(&points).into_iter().map(|index| scored[index]);
    let untried = front.filter(
        |trial| matches!(trial.state(), TrialState::Scored { reason, .. } if reason.is_empty()),
    );
    let mut trials: Vec<TrialId> = untried.map(Trial::id).collect();
    trials.sort_unstable();
    trials
}

// === impl Front ===

impl Front {
    /// The front of a study's trials.
    pub fn of(spec: &StudySpec, trials: &[Trial]) -> Self {
        let objectives = spec.objectives();
        let values = |trial: &Trial| -> Option<Vec<f64>> {
            objectives.iter().map(|o| o.value_of(trial)).collect()
        };
        let complete = trials
            .iter()
            .filter(|trial| trial.accuracy().is_some() && is_within_bounds(spec, trial));
        let (complete, points): (Vec<&Trial>, Vec<Vec<f64>>) = complete
            .filter_map(|trial| Some((trial, values(trial)?)))
            .unzip();
        let mut members: Vec<&Trial> = pareto_front(&points)
            .into_iter()
            .map(|index| complete[index])
            .collect();
        members.sort_by(|a, b| {
            first_ms(a)
                .total_cmp(&first_ms(b))
                .then(a.id().cmp(&b.id()))
        });
        let tied = tied(spec, &members);
        let entries = members.into_iter().zip(tied);
        let entries = entries.filter_map(|(trial, tied)| FrontEntry::of(trial, tied));
        Self(entries.collect())
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

/// Whether what was measured and counted of a trial keeps every bound.
fn is_within_bounds(spec: &StudySpec, trial: &Trial) -> bool {
    let mut targets = 0..spec.targets.len();
    targets.all(|target| !spec.needs_energy(target) || trial.energy_mj(target).is_some())
        && spec.cost_violation(trial.cost()).is_none()
        && (spec.measured_violation(trial.latencies(), trial.energies_mj())).is_none()
}

fn first_ms(trial: &Trial) -> f64 {
    let first = trial.latencies().first();
    first.map_or(0.0, |estimate| estimate.median_ms.ms())
}

/// For each member of a front the others that it is tied with.
fn tied(spec: &StudySpec, members: &[&Trial]) -> Vec<Vec<TrialId>> {
    let objectives = spec.objectives();
    let intervals = |trial: &&Trial| -> Vec<Interval> {
        let intervals = objectives.iter();
        intervals
            .filter_map(|o| o.interval_of(trial, spec.protocol.confidence))
            .collect()
    };
    let intervals: Vec<Vec<Interval>> = members.iter().map(intervals).collect();
    ties(&intervals)
        .into_iter()
        .map(|tied| {
            let mut tied: Vec<TrialId> = tied.into_iter().map(|i| members[i].id()).collect();
            tied.sort_unstable();
            tied
        })
        .collect()
}

// === impl FrontEntry ===

impl FrontEntry {
    /// A trial as an entry of a front, with those that it is tied with; nothing unless it is complete.
    pub fn of(trial: &Trial, tied_with: Vec<TrialId>) -> Option<Self> {
        Some(Self {
            trial: trial.id(),
            architecture: trial.architecture().to_owned(),
            cost: *trial.cost(),
            latencies: trial.latencies().to_vec(),
            energies_mj: trial.energies_mj().to_vec(),
            accuracy: trial.accuracy()?.clone(),
            tied_with,
        })
    }
}

//! A trial and the states it can be in.

use std::{fmt, str::FromStr};

use bespoke_graph::{Cost, GraphHash};
use bespoke_measure::{Estimate, PriceSource};
use serde::{Deserialize, Serialize};

/// Number of a trial in its study, counted from 0 in the order of proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrialId(pub u32);

/// One candidate of a study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    id: TrialId,
    architecture: String,
    graph: GraphHash,
    cost: Cost,
    state: TrialState,
    /// Empty before it was measured, and where nothing had to be measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    energies_mj: Vec<Option<f64>>,
    /// Only where the study judges by scores, and once it was scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
}

/// How far a trial has come. `latencies` has one estimate for each target of the study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum TrialState {
    /// Waiting to be measured.
    Proposed,
    /// Measured within all bounds, waiting for its accuracy.
    Measured {
        /// Latency on each target.
        latencies: Vec<Estimate>,
    },
    /// Measured and scored within all bounds, and not trained; it is complete once it is.
    Scored {
        /// Latency on each target.
        latencies: Vec<Estimate>,
        /// Why it could not be trained, if that was tried.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
    },
    /// Measured and trained to the end.
    Complete {
        /// Latency on each target.
        latencies: Vec<Estimate>,
        /// What it learned.
        accuracy: Accuracy,
    },
    /// Training was given up: an earlier trial is no slower and was better after as many epochs.
    Stopped {
        /// Latency on each target.
        latencies: Vec<Estimate>,
        /// Held-out accuracy after each epoch, until training ended, in per cent.
        curve: Vec<f64>,
    },
    /// It breaks a bound, so it was not trained.
    Infeasible {
        /// Latency on each target; empty where a bound on what is counted was broken.
        latencies: Vec<Estimate>,
        /// How the latencies are known.
        #[serde(default = "measured")]
        source: PriceSource,
        /// Which bound, and by how much.
        reason: String,
        /// Sum of the relative excesses over the bounds.
        violation: f64,
    },
    /// It could not be measured or trained.
    Failed {
        /// Why.
        reason: String,
    },
}

/// How the latencies of trials are known that were written when all were measured.
fn measured() -> PriceSource {
    PriceSource::Measured
}

/// What a network learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// Share of the held-out images that are classified rightly, in per cent.
    pub percent: f64,
    /// Number of held-out images.
    pub images: u32,
    /// The same share after each epoch.
    pub curve: Vec<f64>,
}

/// A step that a trial cannot take from where it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("trial {trial} is {from} and cannot become {to}")]
pub struct TransitionError {
    /// The trial.
    pub trial: TrialId,
    /// Its state.
    pub from: &'static str,
    /// The state that was asked for.
    pub to: &'static str,
}

// === impl Trial ===

impl Trial {
    /// A new trial.
    pub fn proposed(id: TrialId, architecture: String, graph: GraphHash, cost: Cost) -> Self {
        let state = TrialState::Proposed;
        Self {
            id,
            architecture,
            graph,
            cost,
            state,
            energies_mj: Vec::new(),
            score: None,
        }
    }

    /// A trial as it was: for stores and wires, which give back what they were given. Whoever runs a study takes a
    /// trial from state to state by the methods below.
    pub fn restore(
        id: TrialId,
        architecture: String,
        graph: GraphHash,
        cost: Cost,
        state: TrialState,
    ) -> Self {
        Self {
            id,
            architecture,
            graph,
            cost,
            state,
            energies_mj: Vec::new(),
            score: None,
        }
    }

    /// The same trial, with the score that it was given.
    pub fn with_score(self, score: Option<f64>) -> Self {
        Self { score, ..self }
    }

    /// The same trial, with the energy of a pass on each target in millijoules, as it was measured with the latencies;
    /// nothing for a target that does not report it.
    pub fn with_energies(self, energies_mj: Vec<Option<f64>>) -> Self {
        Self {
            energies_mj,
            ..self
        }
    }

    /// Its number.
    pub fn id(&self) -> TrialId {
        self.id
    }

    /// Canonical string of its architecture.
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// Hash of its live graph.
    pub fn graph(&self) -> GraphHash {
        self.graph
    }

    /// Cost of its live graph.
    pub fn cost(&self) -> &Cost {
        &self.cost
    }

    /// How far it has come.
    pub fn state(&self) -> &TrialState {
        &self.state
    }

    /// Whether nothing more will happen to it.
    pub fn is_finished(&self) -> bool {
        !matches!(
            self.state,
            TrialState::Proposed | TrialState::Measured { .. }
        )
    }

    /// Latencies known so far: one for each target, or none. Those of an infeasible trial may be a predictor's, see
    /// [`Self::price_source`].
    pub fn latencies(&self) -> &[Estimate] {
        match &self.state {
            TrialState::Measured { latencies }
            | TrialState::Scored { latencies, .. }
            | TrialState::Complete { latencies, .. }
            | TrialState::Stopped { latencies, .. }
            | TrialState::Infeasible { latencies, .. } => latencies,
            TrialState::Proposed | TrialState::Failed { .. } => &[],
        }
    }

    /// How its latencies are known, if it has any.
    pub fn price_source(&self) -> Option<PriceSource> {
        if self.latencies().is_empty() {
            return None;
        }
        match self.state {
            TrialState::Infeasible { source, .. } => Some(source),
            _ => Some(PriceSource::Measured),
        }
    }

    /// Energy of a pass on each target in millijoules, as measured; nothing for a target that does not report it, and
    /// empty before it was measured.
    pub fn energies_mj(&self) -> &[Option<f64>] {
        &self.energies_mj
    }

    /// Energy of a pass on the target of that index in millijoules, if it was measured.
    pub fn energy_mj(&self, target: usize) -> Option<f64> {
        self.energies_mj.get(target).copied().flatten()
    }

    /// Its score, if it was given one; more is better.
    pub fn score(&self) -> Option<f64> {
        self.score
    }

    /// Its accuracy, if it was trained to the end.
    pub fn accuracy(&self) -> Option<&Accuracy> {
        match &self.state {
            TrialState::Complete { accuracy, .. } => Some(accuracy),
            _ => None,
        }
    }

    /// Held-out accuracy after each epoch trained, in per cent.
    pub fn curve(&self) -> &[f64] {
        match &self.state {
            TrialState::Complete { accuracy, .. } => &accuracy.curve,
            TrialState::Stopped { curve, .. } => curve,
            _ => &[],
        }
    }

    /// Latencies have come in and keep all bounds.
    pub fn measured(&mut self, latencies: Vec<Estimate>) -> Result<(), TransitionError> {
        match self.state {
            TrialState::Proposed => self.enter(TrialState::Measured { latencies }),
            _ => Err(self.refuse("measured")),
        }
    }

    /// It breaks a bound: `latencies` is empty where nothing had to be measured to see that.
    pub fn infeasible(
        &mut self,
        latencies: Vec<Estimate>,
        violation: (String, f64),
    ) -> Result<(), TransitionError> {
        self.breaks_bound(latencies, PriceSource::Measured, violation)
    }

    /// It breaks a bound whatever a measurement would say, as far as a predictor can tell: nothing was measured, and
    /// the latencies are the predictor's.
    pub fn infeasible_as_predicted(
        &mut self,
        latencies: Vec<Estimate>,
        violation: (String, f64),
    ) -> Result<(), TransitionError> {
        self.breaks_bound(latencies, PriceSource::Predicted, violation)
    }

    fn breaks_bound(
        &mut self,
        latencies: Vec<Estimate>,
        source: PriceSource,
        (reason, violation): (String, f64),
    ) -> Result<(), TransitionError> {
        match self.state {
            TrialState::Proposed => self.enter(TrialState::Infeasible {
                latencies,
                source,
                reason,
                violation,
            }),
            _ => Err(self.refuse("infeasible")),
        }
    }

    /// It was given a score; whether it is trained is seen when the search is over.
    pub fn scored(&mut self, score: f64) -> Result<(), TransitionError> {
        match &self.state {
            TrialState::Measured { latencies } => {
                let latencies = latencies.clone();
                self.score = Some(score);
                self.enter(TrialState::Scored {
                    latencies,
                    reason: String::new(),
                })
            }
            _ => Err(self.refuse("scored")),
        }
    }

    /// It was scored and cannot be trained: its score stays.
    pub fn untrainable(&mut self, reason: String) -> Result<(), TransitionError> {
        match &self.state {
            TrialState::Scored { latencies, .. } => {
                let latencies = latencies.clone();
                self.enter(TrialState::Scored { latencies, reason })
            }
            _ => Err(self.refuse("untrainable")),
        }
    }

    /// Training has come to its end.
    pub fn complete(&mut self, accuracy: Accuracy) -> Result<(), TransitionError> {
        let latencies = self.trained("complete")?;
        self.enter(TrialState::Complete {
            latencies,
            accuracy,
        })
    }

    /// Training was given up.
    pub fn stopped(&mut self, curve: Vec<f64>) -> Result<(), TransitionError> {
        let latencies = self.trained("stopped")?;
        self.enter(TrialState::Stopped { latencies, curve })
    }

    /// It could not be measured or trained.
    pub fn fail(&mut self, reason: String) -> Result<(), TransitionError> {
        if self.is_finished() {
            return Err(self.refuse("failed"));
        }
        self.enter(TrialState::Failed { reason })
    }

    /// The latencies of a trial that is being trained.
    fn trained(&self, to: &'static str) -> Result<Vec<Estimate>, TransitionError> {
        match &self.state {
            TrialState::Measured { latencies } | TrialState::Scored { latencies, .. } => {
                Ok(latencies.clone())
            }
            _ => Err(self.refuse(to)),
        }
    }

    fn enter(&mut self, state: TrialState) -> Result<(), TransitionError> {
        self.state = state;
        Ok(())
    }

    fn refuse(&self, to: &'static str) -> TransitionError {
        TransitionError {
            trial: self.id,
            from: self.state.word(),
            to,
        }
    }
}

// === impl TrialState ===

impl TrialState {
    /// The state in one word, as printed: `proposed`, `measured`, `scored`, `complete`, `stopped`, `infeasible`, `failed`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Measured { .. } => "measured",
            Self::Scored { .. } => "scored",
            Self::Complete { .. } => "complete",
            Self::Stopped { .. } => "stopped",
            Self::Infeasible { .. } => "infeasible",
            Self::Failed { .. } => "failed",
        }
    }
}

// === impl TrialId ===

impl fmt::Display for TrialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for TrialId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use bespoke_graph::Graph;

    use super::*;

    fn proposed() -> Trial {
        let (builder, input) = Graph::builder(&[1]);
        let graph = builder.finish(input).expect("the input is a graph");
        Trial::proposed(TrialId(7), "a".to_owned(), graph.hash(), graph.cost())
    }

    #[test]
    fn a_trial_is_measured_before_it_is_trained() {
        let mut trial = proposed();
        let accuracy = Accuracy {
            percent: 99.0,
            images: 10,
            curve: vec![99.0],
        };
        let error = trial
            .complete(accuracy.clone())
            .expect_err("nothing was measured");
        assert_eq!(
            error.to_string(),
            "trial 7 is proposed and cannot become complete"
        );
        trial.measured(Vec::new()).expect("it was proposed");
        trial.complete(accuracy).expect("it was measured");
        assert!(trial.is_finished());
    }

    #[test]
    fn a_finished_trial_stays_as_it_is() {
        let mut trial = proposed();
        trial.fail("it crashed".to_owned()).expect("it was open");
        assert!(trial.fail("again".to_owned()).is_err());
        assert!(trial.measured(Vec::new()).is_err());
        assert!(trial.infeasible(Vec::new(), (String::new(), 1.0)).is_err());
    }

    #[test]
    fn a_trial_tells_whether_its_latencies_were_measured() {
        let ms = bespoke_measure::Latency::from_ms(1.0).expect("positive");
        let latencies = vec![Estimate {
            median_ms: ms,
            low_ms: ms,
            high_ms: ms,
        }];
        let violation = || ("too slow".to_owned(), 0.5);
        let (mut predicted, mut found) = (proposed(), proposed());
        assert_eq!(predicted.price_source(), None);
        predicted
            .infeasible_as_predicted(latencies.clone(), violation())
            .expect("it was proposed");
        found
            .infeasible(latencies, violation())
            .expect("it was proposed");
        assert_eq!(predicted.price_source(), Some(PriceSource::Predicted));
        assert_eq!(found.price_source(), Some(PriceSource::Measured));
        assert!(predicted.infeasible(Vec::new(), violation()).is_err());
    }

    #[test]
    fn a_trial_written_before_there_were_predictors_was_measured() {
        let mut trial = proposed();
        trial
            .infeasible(Vec::new(), ("too large".to_owned(), 0.5))
            .expect("it was proposed");
        let text = serde_json::to_string(&trial).expect("it is plain data");
        let old = text.replace("\"source\":\"measured\",", "");
        assert_ne!(text, old);
        assert_eq!(
            serde_json::from_str::<Trial>(&old).expect("it can still be read"),
            trial
        );
    }

    #[test]
    fn a_trial_written_before_there_were_energies_has_none() {
        let ms = bespoke_measure::Latency::from_ms(1.0).expect("positive");
        let estimate = Estimate {
            median_ms: ms,
            low_ms: ms,
            high_ms: ms,
        };
        let mut trial = proposed().with_energies(vec![Some(2.5), None]);
        trial.measured(vec![estimate; 2]).expect("it was proposed");
        let text = serde_json::to_string(&trial).expect("it is plain data");
        let read = |text: &str| serde_json::from_str::<Trial>(text).expect("it can be read");
        assert_eq!(read(&text), trial);
        let old = text.replace(",\"energies_mj\":[2.5,null]", "");
        assert_ne!(text, old);
        assert_eq!(read(&old), trial.with_energies(Vec::new()));
    }

    #[test]
    fn a_scored_trial_keeps_its_score_whatever_becomes_of_its_training() {
        let mut trial = proposed();
        assert!(trial.scored(2.5).is_err(), "nothing was measured");
        trial.measured(Vec::new()).expect("it was proposed");
        trial.scored(2.5).expect("it was measured");
        assert!(trial.is_finished() && trial.accuracy().is_none());
        let mut failed = trial.clone();
        failed
            .untrainable("the loss became NaN".to_owned())
            .expect("it was scored");
        assert_eq!(
            (failed.state().word(), failed.score()),
            ("scored", Some(2.5))
        );
        let accuracy = Accuracy {
            percent: 90.0,
            images: 10,
            curve: vec![90.0],
        };
        trial.complete(accuracy).expect("it was scored");
        assert_eq!(trial.score(), Some(2.5));
        let text = serde_json::to_string(&trial).expect("it is plain data");
        let read: Trial = serde_json::from_str(&text).expect("it was just written");
        assert_eq!(read, trial);
    }

    #[test]
    fn a_trial_survives_being_written_and_read() {
        let mut trial = proposed();
        trial
            .infeasible(Vec::new(), ("too large".to_owned(), 0.5))
            .expect("it was proposed");
        let text = serde_json::to_string(&trial).expect("it is plain data");
        assert_eq!(
            serde_json::from_str::<Trial>(&text).expect("it was just written"),
            trial
        );
    }
}

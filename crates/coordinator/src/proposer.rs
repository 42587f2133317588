//! Proposing: a strategy and the journal of trials give the next candidate. Pure.
//!
//! Trial i is proposed from the results of exactly the trials 0 to i - in_flight, told to the strategy in the order of
//! their numbers. So the proposals do not depend on the order in which trials finish, nor on how many agents there
//! are, and a study that is continued derives its journal again. A distribution that is learned beside the trials is told
//! to the strategy as it was kept, before the first trial that it proposed.

use std::{
    collections::{HashSet, VecDeque},
    num::NonZeroU32,
};

use bespoke_graph::{Cost, Graph, GraphHash};
use bespoke_measure::Estimate;
use bespoke_predict::PredictError;
use bespoke_search::{Finished, Problem, Strategy, StrategyConfigError};
use bespoke_space::{Architecture, ArchitectureError, Space, SpaceError};
use bespoke_study::{Objective, Round, Study, Trial, TrialId, TrialState};

use crate::{Beforehand, CoordinatorError, beforehand::Recalled, forecast::StudyForecast};

#[cfg(test)]
mod tests;

/// How many suggestions in a row may be networks that are in the study already under another architecture. A space
/// with more architectures than that for each of its networks counts as exhausted too early rather than never.
const MOST_REPETITIONS: u32 = 10_000;

/// Derives every proposal of a study again, from its record, what it knew beforehand and the results in its journal
/// alone.
///
/// # Errors
/// [`ProposeError::OtherVersion`] with the first trial that is not what would be proposed now; when the study's files or
/// its journal cannot be read.
pub fn replay(
    study: &Study,
    beforehand: &Beforehand,
    journal: &[Trial],
) -> Result<(), CoordinatorError> {
    Ok(Proposer::of_study(study, beforehand)?.replay(journal)?)
}

/// Proposes the trials of one study.
pub struct Proposer {
    space: Space,
    strategy: Box<dyn Strategy>,
    objectives: Vec<Objective>,
    /// What the strategy proposes by, where anything is known beforehand.
    forecast: Option<StudyForecast>,
    /// What is proposed before the strategy is asked.
    first: VecDeque<Architecture>,
    /// What was learned beside the trials and is not told to the strategy yet.
    rounds: VecDeque<Round>,
    in_flight: usize,
    seen: HashSet<GraphHash>,
    /// How many trials the strategy has been told of.
    told: usize,
    /// What each trial was expected to take on each target when it was proposed, where that was predicted.
    prices: Vec<Option<Vec<Estimate>>>,
}

/// What comes next.
#[derive(Debug)]
pub enum Proposal {
    /// A candidate for the next trial.
    Candidate(Box<Candidate>),
    /// A trial that the next one depends on is not finished.
    Wait,
    /// Every network of the space is in the study.
    Exhausted,
}

/// A candidate: an architecture and the network it stands for.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Canonical string of the architecture.
    pub architecture: String,
    /// Its live graph.
    pub graph: Graph,
    /// Hash of the live graph.
    pub hash: GraphHash,
    /// Cost of the live graph.
    pub cost: Cost,
}

/// Why there is no next candidate.
#[derive(Debug, thiserror::Error)]
pub enum ProposeError {
    /// The journal does not follow from the strategy.
    #[error(
        "the journal was written by another version of bespoke: trial {trial} is {journal} and would now be {proposed}"
    )]
    OtherVersion {
        /// The first trial that differs.
        trial: TrialId,
        /// Its architecture.
        journal: String,
        /// What would be proposed.
        proposed: String,
    },
    /// The journal holds what the space does not.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// The space holds an architecture that is no network.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// A candidate cannot be priced.
    #[error(transparent)]
    Predict(#[from] PredictError),
    /// The strategy cannot search within the study's bounds.
    #[error(transparent)]
    Strategy(#[from] StrategyConfigError),
    /// A trial's results are no numbers to compare.
    #[error("trial {trial}: {reason}")]
    Score {
        /// The trial.
        trial: TrialId,
        /// What is wrong.
        reason: String,
    },
}

// === impl Proposer ===

impl Proposer {
    /// The proposer that a study's files ask for, before its first trial.
    ///
    /// # Errors
    /// When the files have faults, or what is known beforehand is not of the study's space.
    pub fn of_study(study: &Study, beforehand: &Beforehand) -> Result<Self, CoordinatorError> {
        let spec = study.spec()?;
        let file = &study.submission.space;
        let space = Space::parse(&file.file, &file.text)?;
        let objectives = spec.search_objectives();
        let forecast = StudyForecast::new(&space, &spec, &beforehand.predictors)?;
        let forecast = forecast.knows_anything().then_some(forecast);
        let Recalled {
            finished,
            front,
            related,
        } = beforehand.recalled(&space, study, &spec)?;
        let problem = Problem {
            forecast: forecast.clone().map(|forecast| Box::new(forecast) as _),
            related,
            ..spec.problem()
        };
        let errors = finished.iter().filter(|one| one.objectives()[0].is_some());
        let strategy = spec.strategy.knowing(errors.count());
        let mut strategy = strategy
            .build(spec.seed, problem)
            .map_err(ProposeError::from)?;
        for finished in &finished {
            strategy.update(finished);
        }
        let proposer = Self::new(space, strategy, objectives, spec.budget.in_flight);
        Ok(Self {
            forecast,
            first: front.into(),
            rounds: beforehand.rounds.iter().cloned().collect(),
            ..proposer
        })
    }

    /// A proposer for a study without trials that minimises these objectives.
    pub fn new(
        space: Space,
        strategy: Box<dyn Strategy>,
        objectives: Vec<Objective>,
        in_flight: NonZeroU32,
    ) -> Self {
        let in_flight = usize::try_from(in_flight.get()).unwrap_or(usize::MAX);
        Self {
            space,
            strategy,
            objectives,
            forecast: None,
            first: VecDeque::new(),
            rounds: VecDeque::new(),
            in_flight,
            seen: HashSet::new(),
            told: 0,
            prices: Vec::new(),
        }
    }

    /// Derives the trials of a journal again, so that the next proposal is what it would have been had the study
    /// never been interrupted.
    ///
    /// # Errors
    /// When a trial is not what would be proposed now.
    pub fn replay(&mut self, journal: &[Trial]) -> Result<(), ProposeError> {
        for (index, trial) in journal.iter().enumerate() {
            let proposed = match self.next(&journal[..index])? {
                Proposal::Candidate(candidate) => candidate.architecture,
                Proposal::Wait => "nothing yet".to_owned(),
                Proposal::Exhausted => "nothing".to_owned(),
            };
            if proposed != trial.architecture() {
                let journal = trial.architecture().to_owned();
                return Err(ProposeError::OtherVersion {
                    trial: trial.id(),
                    journal,
                    proposed,
                });
            }
        }
        Ok(())
    }

    /// Takes in what was learned beside the trials, later than all before.
    pub fn follow(&mut self, round: Round) {
        self.rounds.push_back(round);
    }

    /// The next candidate after the trials of the study so far.
    ///
    /// # Errors
    /// When the strategy names an architecture that is no network.
    pub fn next(&mut self, trials: &[Trial]) -> Result<Proposal, ProposeError> {
        let known = known(trials.len(), self.in_flight);
        if !trials[..known].iter().all(Trial::is_finished) {
            return Ok(Proposal::Wait);
        }
        for trial in &trials[self.told.min(known)..known] {
            let finished = finished(&self.space, &self.objectives, trial)?;
            self.strategy.update(&finished);
        }
        self.told = known;
        let is_due = |round: &Round| round.first.0 as usize <= trials.len();
        while let Some(round) = self.rounds.pop_front_if(|round| is_due(round)) {
            self.strategy.follow(&round.probabilities);
        }
        for _ in 0..MOST_REPETITIONS {
            let first = self.first.pop_front();
            let next = first.or_else(|| self.strategy.suggest(&self.space));
            let Some(architecture) = next else {
                break;
            };
            let candidate = Candidate::lower(&self.space, &architecture)?;
            if self.seen.insert(candidate.hash) {
                let forecast = self.forecast.as_ref();
                let price = forecast.map(|forecast| forecast.price(&architecture));
                self.prices.resize(trials.len(), None);
                self.prices.push(price.transpose()?.flatten());
                return Ok(Proposal::Candidate(Box::new(candidate)));
            }
        }
        Ok(Proposal::Exhausted)
    }

    /// What a trial was expected to take on each target when it was proposed, where that was predicted.
    pub fn price(&self, trial: TrialId) -> Option<&[Estimate]> {
        self.prices.get(trial.0 as usize)?.as_deref()
    }

    /// The candidate behind a trial of the journal.
    ///
    /// # Errors
    /// When the space does not hold it.
    pub fn candidate(&self, trial: &Trial) -> Result<Candidate, ProposeError> {
        let architecture = self.space.parse_architecture(trial.architecture())?;
        Ok(Candidate::lower(&self.space, &architecture)?)
    }
}

/// How many trials, counted from the first, must be finished before the trial of that index is proposed: those alone
/// decide about it, also about giving up its training.
pub fn known(index: usize, in_flight: usize) -> usize {
    (index + 1).saturating_sub(in_flight)
}

/// What the strategy is told of a finished trial: each objective where it is known, and by how much bounds are broken.
fn finished(
    space: &Space,
    objectives: &[Objective],
    trial: &Trial,
) -> Result<Finished, ProposeError> {
    let architecture = space.parse_architecture(trial.architecture())?;
    let violation = match trial.state() {
        TrialState::Scored { .. } | TrialState::Complete { .. } | TrialState::Stopped { .. } => 0.0,
        TrialState::Infeasible { violation, .. } => *violation,
        TrialState::Proposed | TrialState::Measured { .. } | TrialState::Failed { .. } => {
            return Ok(Finished::failed(architecture));
        }
    };
    let values = objectives.iter().map(|objective| objective.value_of(trial));
    let score = |error: bespoke_search::pareto::ScoreError| ProposeError::Score {
        trial: trial.id(),
        reason: error.to_string(),
    };
    Finished::new(architecture, values.collect(), violation).map_err(score)
}

// === impl Candidate ===

impl Candidate {
    /// The network that an architecture stands for.
    ///
    /// # Errors
    /// When it stands for none.
    pub fn lower(space: &Space, architecture: &Architecture) -> Result<Self, SpaceError> {
        let graph = space.lower(architecture)?.live();
        Ok(Self {
            architecture: space.format_architecture(architecture),
            hash: graph.hash(),
            cost: graph.cost(),
            graph,
        })
    }
}

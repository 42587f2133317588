//! What a study's proposals follow from beside its files and its trials.

use bespoke_measure::PriceSource;
use bespoke_search::{Finished, RelatedTask, pareto::pareto_front};
use bespoke_space::{Architecture, Decision, Space};
use bespoke_store::{Store, StoredPredictor};
use bespoke_study::{
    EarlierStudy, Objective, Round, Source, Study, StudyName, StudySpec, StudyState, Trial,
};

use crate::{CoordinatorError, proposer::ProposeError};

/// What a study knew before its first trial, and what it learned beside its trials.
#[derive(Debug, Clone, Default)]
pub struct Beforehand {
    /// The predictor of each target that the study began with; none unless it asks for them.
    pub(crate) predictors: Vec<StoredPredictor>,
    /// The earlier studies that it starts from, as they stood when it was created.
    pub(crate) earlier: Vec<EarlierStudy>,
    /// The distributions that its trials were proposed by so far, where one is learned.
    pub(crate) rounds: Vec<Round>,
}

/// What earlier studies tell a strategy.
#[derive(Debug)]
pub(crate) struct Recalled {
    /// Their trials of which anything is known that the study asks for.
    pub finished: Vec<Finished>,
    /// Of the networks of which everything is known, those that keep the study's bounds and that no other beats.
    pub front: Vec<Architecture>,
    /// By what they judged their networks, of each that judged in another way than the study does: other data, other
    /// training, a score.
    pub related: Vec<RelatedTask>,
}

// === impl Beforehand ===

impl Beforehand {
    /// What the store keeps of it.
    ///
    /// # Errors
    /// When a predictor of the study is not there, or something cannot be read.
    pub fn of_study(store: &dyn Store, study: &Study) -> Result<Self, CoordinatorError> {
        let mut predictors = Vec::with_capacity(study.predictors.len());
        for (target, version) in study.targets.iter().zip(&study.predictors) {
            let stored = store.predictor(target, *version)?;
            predictors.push(stored.ok_or(CoordinatorError::NoPredictor { target: *target })?);
        }
        let spec = study.spec()?;
        let earlier = match spec.warm_start.is_empty() {
            true => Vec::new(),
            false => store.earlier(&spec.name)?,
        };
        let rounds = match spec.strategy.differentiable() {
            None => Vec::new(),
            Some(_) => store.rounds(&spec.name)?,
        };
        Ok(Self {
            predictors,
            earlier,
            rounds,
        })
    }

    /// Nothing, of a study that knows nothing beforehand and learns from its trials alone.
    ///
    /// # Errors
    /// When it knows something, or learns beside its trials.
    pub fn none(study: &Study) -> Result<Self, CoordinatorError> {
        let spec = study.spec()?;
        let learns_beside = spec.strategy.differentiable().is_some();
        match study.predictors.is_empty() && spec.warm_start.is_empty() && !learns_beside {
            true => Ok(Self::default()),
            false => Err(CoordinatorError::NotAtHand { name: spec.name }),
        }
    }

    /// What the earlier studies tell the strategy of a study that is bound to its targets.
    ///
    /// # Errors
    /// When an earlier study's record cannot be read.
    pub(crate) fn recalled(
        &self,
        space: &Space,
        study: &Study,
        spec: &StudySpec,
    ) -> Result<Recalled, CoordinatorError> {
        let objectives = spec.search_objectives();
        let mut finished: Vec<Finished> = Vec::new();
        let mut related = Vec::new();
        for EarlierStudy {
            study: earlier,
            trials,
        } in &self.earlier
        {
            let memory = Memory::new(study, spec, earlier)?;
            for trial in trials {
                finished.extend(memory.finished(space, &objectives, trial)?);
            }
            if !memory.judges_by(objectives[0]) {
                related.push(memory.related(space, trials)?);
            }
        }
        let complete = finished.iter().filter_map(|one| {
            let score = one.score().filter(|score| score.is_feasible())?;
            Some((one.architecture(), score.objectives()))
        });
        let (architectures, points): (Vec<&Architecture>, Vec<&[f64]>) = complete.unzip();
        let mut front: Vec<Architecture> = Vec::new();
        for index in pareto_front(&points) {
            if !front.contains(architectures[index]) {
                front.push(architectures[index].clone());
            }
        }
        Ok(Recalled {
            finished,
            front,
            related,
        })
    }
}

/// An earlier study as a later one sees it.
struct Memory {
    /// The later study's specification with those of its targets that the earlier one had.
    spec: StudySpec,
    /// For each of the later study's targets, its place among the earlier one's.
    places: Vec<Option<usize>>,
    /// Whether networks learned the same in the same way.
    is_same_lesson: bool,
    /// Whether they were scored by the same.
    is_same_score: bool,
    /// What the earlier study judged by: the error or a score.
    judge: Objective,
}

// === impl Memory ===

impl Memory {
    fn new(study: &Study, spec: &StudySpec, earlier: &Study) -> Result<Self, CoordinatorError> {
        let before = earlier.spec()?;
        let is_same_space = study.submission.space.text == earlier.submission.space.text;
        let place = |target| {
            let mut places = earlier.targets.iter();
            places.position(|other| is_same_space && other == target)
        };
        let places: Vec<Option<usize>> = study.targets.iter().map(place).collect();
        let targets = spec.targets.iter().zip(&places);
        let targets = targets.filter_map(|(bound, place)| place.map(|_| bound.clone()));
        Ok(Self {
            spec: StudySpec {
                targets: targets.collect(),
                ..spec.clone()
            },
            places,
            is_same_lesson: is_same_space
                && spec.data == before.data
                && spec.recipe == before.recipe
                && spec.evaluator.supernet() == before.evaluator.supernet()
                // Weights that a search has learned are its own.
                && !spec.trials_are_tuned()
                && !before.trials_are_tuned(),
            judge: before.search_objectives()[0],
            is_same_score: is_same_space
                && spec.data == before.data
                && spec.evaluator == before.evaluator
                && (spec.evaluator.supernet().is_none() || spec.recipe == before.recipe),
        })
    }

    /// Whether the earlier study judged by this, and in the same way.
    fn judges_by(&self, judge: Objective) -> bool {
        self.judge == judge && self.has(judge)
    }

    /// By what the earlier study judged its networks, as a task of its own.
    fn related(&self, space: &Space, trials: &[Trial]) -> Result<RelatedTask, ProposeError> {
        let mut errors = Vec::new();
        for trial in trials {
            if let Some(error) = self.judge.value_of(trial) {
                errors.push((space.parse_architecture(trial.architecture())?, error));
            }
        }
        Ok(RelatedTask { errors })
    }

    /// Whether an objective is one that the earlier study found out by trying.
    fn has(&self, objective: Objective) -> bool {
        match objective {
            Objective::Error => self.is_same_lesson,
            Objective::Score => self.is_same_score,
            Objective::Latency(target) | Objective::Energy(target) => self.place(target).is_some(),
            Objective::Parameters | Objective::Macs | Objective::PeakActivationBytes => false,
        }
    }

    /// What an earlier trial tells, if that is anything. Where not all is known and no bound broken, its network may be
    /// tried again.
    fn finished(
        &self,
        space: &Space,
        objectives: &[Objective],
        trial: &Trial,
    ) -> Result<Option<Finished>, ProposeError> {
        let values = objectives.iter().map(|of| self.value(*of, trial));
        let values: Vec<Option<f64>> = values.collect();
        // What is counted of its graph is known of any network.
        let mut found = objectives.iter().zip(&values);
        if !found.any(|(of, value)| value.is_some() && self.has(*of)) {
            return Ok(None);
        }
        let violation = self.violation(trial);
        let is_settled = violation > 0.0 || values.iter().all(Option::is_some);
        let architecture = space.parse_architecture(trial.architecture())?;
        let finished = Finished::new(architecture, values, violation);
        let finished = finished.map_err(|error| ProposeError::Score {
            trial: trial.id(),
            reason: error.to_string(),
        })?;
        Ok(Some(match is_settled {
            true => finished,
            false => finished.elsewhere(),
        }))
    }

    /// What an earlier trial tells of an objective of the later study.
    fn value(&self, objective: Objective, trial: &Trial) -> Option<f64> {
        let there = match objective {
            Objective::Error if !self.is_same_lesson => return None,
            Objective::Score if !self.is_same_score => return None,
            Objective::Latency(target) => Objective::Latency(self.place(target)?),
            Objective::Energy(target) => Objective::Energy(self.place(target)?),
            other => other,
        };
        there.value_of(trial)
    }

    /// Sum of the relative excesses over those bounds of the later study of which the trial tells.
    fn violation(&self, trial: &Trial) -> f64 {
        let places = || self.places.iter().flatten();
        let is_measured = trial.price_source() == Some(PriceSource::Measured);
        let latencies: Vec<_> = match is_measured {
            true => places().map(|place| trial.latencies()[*place]).collect(),
            false => Vec::new(),
        };
        let energies_mj: Vec<_> = places().map(|place| trial.energy_mj(*place)).collect();
        let broken = [
            self.spec.cost_violation(trial.cost()),
            self.spec.measured_violation(&latencies, &energies_mj),
        ];
        broken.into_iter().flatten().map(|(_, excess)| excess).sum()
    }

    fn place(&self, target: usize) -> Option<usize> {
        self.places.get(target).copied().flatten()
    }
}

// === remembering ===

/// The earlier studies that a study names, as they stand now.
///
/// # Errors
/// When there is none of a name, it still runs, or other decisions are taken in its space; the file is that of the
/// study.
pub(crate) fn remembered(
    store: &dyn Store,
    file: &str,
    spec: &StudySpec,
    space: &Source,
) -> Result<Vec<EarlierStudy>, CoordinatorError> {
    let remember = |name: &StudyName| {
        let fail = |reason: &str| CoordinatorError::WarmStart {
            file: file.to_owned(),
            name: name.clone(),
            reason: reason.to_owned(),
        };
        let study = store.study(name)?.ok_or_else(|| fail("is not there"))?;
        if study.state == StudyState::Running {
            return Err(fail("still runs: wait for its end, or cancel it"));
        }
        let earlier = &study.submission.space;
        if earlier.text != space.text && decisions(earlier)? != decisions(space)? {
            return Err(fail("is of a space of other decisions"));
        }
        let mut trials = store.trials(name)?;
        trials.retain(Trial::is_finished);
        Ok(EarlierStudy { study, trials })
    };
    spec.warm_start.iter().map(remember).collect()
}

fn decisions(space: &Source) -> Result<Vec<Decision>, CoordinatorError> {
    let space = Space::parse(&space.file, &space.text)?;
    Ok(space.decisions().to_vec())
}

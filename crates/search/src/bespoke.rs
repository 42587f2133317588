//! Our own strategy: surrogate-assisted search for several objectives.
//!
//! Gaussian processes on decisions and on features of the live graph expect each objective that no forecast knows
//! beforehand; what is forecast (latencies, by a table or a predictor) is not learned again. The next proposal is the
//! candidate with the greatest expected gain of hypervolume within the bounds, by turns in values and in scores. A bound
//! says which end of the front is wanted: where there is one, two proposals in four are the most accurate of those that
//! are likely to keep it, one is that with the greatest expected improvement of the error, and one gains hypervolume.
//!
//! Candidates are changes of the best architectures so far, random ones, and neighbours of the most promising of both.
//! Pending trials count as if they had ended as expected (the kriging believer of Ginsbourger, Le Riche and Carraro
//! 2010), so that proposals made at once differ.
//!
//! The error is learned by rank, on a normal scale, so that a few networks that do not learn at all spoil nothing; costs
//! are learned as logarithms. What is known of the error on related tasks, by rank as well, counts by how far the trials
//! agree with it.
//!
//! Of long histories the best trials and an even choice of the others are learned from, so that a proposal takes about
//! as long after 10,000 trials as after 400.

mod accuracy;
mod candidates;
mod encoder;
mod gain;
mod gaussian;
mod kernel;
mod model;
#[cfg(test)]
mod tests;
mod warp;

use bespoke_space::{Architecture, Space};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{
    BespokeSettings, Finished, Problem, RelatedTask, Strategy, pareto::Score, proposals::Proposals,
};

pub use self::accuracy::{AccuracyError, AccuracyPredictor, ExpectedAccuracy, TrainedNetwork};
use self::{
    encoder::Encoder,
    gaussian::{Point, Task},
    kernel::Kernel,
    model::{Model, Seeks, kept},
    warp::Warp,
};

/// Networks of related tasks that are learned from at most.
const MOST_RELATED: usize = 256;
/// Trials from which on related tasks are left alone: by then, near the front, they tell less than the trials.
const RELATED_UNTIL: usize = 48;

/// Surrogate-assisted search.
#[derive(Debug)]
pub struct Bespoke {
    settings: BespokeSettings,
    rng: ChaCha8Rng,
    proposals: Proposals,
    encoder: Option<Encoder>,
    /// Empty once they were read.
    tasks: Vec<RelatedTask>,
    /// What was read of them, the best first.
    related: Vec<Related>,
    trials: Vec<Trial>,
    /// Proposed and not yet reported.
    pending: Vec<Architecture>,
    proposed: usize,
    /// By objective; learned again when so many trials are known.
    kernels: Vec<Kernel>,
    learn_at: usize,
    /// What the trials so far say; none when another was reported since.
    model: Option<Model>,
}

/// A network of a related task.
#[derive(Debug)]
struct Related {
    architecture: Architecture,
    point: Point,
    /// Of its error there.
    score: f64,
}

/// A trial that ended with something known.
#[derive(Debug)]
struct Trial {
    architecture: Architecture,
    /// Read when it is first needed.
    point: Option<Point>,
    objectives: Vec<Option<f64>>,
    /// None where neither all objectives nor any violation is known.
    score: Option<Score>,
}

// === impl Bespoke ===

impl Bespoke {
    /// Starts a search with settings that were checked.
    pub fn new(settings: BespokeSettings, seed: u64, mut problem: Problem) -> Self {
        Self {
            settings,
            tasks: std::mem::take(&mut problem.related),
            related: Vec::new(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            proposals: Proposals::new(problem),
            encoder: None,
            trials: Vec::new(),
            pending: Vec::new(),
            proposed: 0,
            kernels: Vec::new(),
            learn_at: 0,
            model: None,
        }
    }

    /// The candidate that promises most, or none while too little is known to promise anything.
    fn promising(&mut self, space: &Space) -> Option<Architecture> {
        if self.model.is_none() {
            self.model = self.learn(space);
        }
        let model = self.model.as_mut()?;
        let seeks = Seeks::next(self.proposals.bounds(), model.is_forecast(), self.proposed);
        model.seeks = seeks;
        let mut best = model.best(&self.proposals)?;
        if best.1 == 0.0 && seeks != Seeks::Volume {
            model.seeks = Seeks::Volume;
            best = model.best(&self.proposals)?;
        }
        self.proposals.admit(best.0)
    }

    fn learn(&mut self, space: &Space) -> Option<Model> {
        let known = self.known(space);
        let is_all_known = !known.is_empty() && known.iter().all(|is_known| *is_known);
        if self.proposed < self.settings.initial && !is_all_known {
            return None;
        }
        let rng = &mut self.rng;
        let encoder = self.encoder.get_or_insert_with(|| Encoder::new(space, rng));
        if !self.tasks.is_empty() {
            self.related = related(&std::mem::take(&mut self.tasks), encoder);
        }
        let kept = kept(&self.trials);
        for index in &kept {
            let trial = &mut self.trials[*index];
            if trial.point.is_none() {
                trial.point = Some(encoder.point(Task::Own, &trial.architecture));
            }
        }
        let kept: Vec<&Trial> = kept.iter().map(|index| &self.trials[*index]).collect();
        let related = match self.trials.len() < RELATED_UNTIL {
            true => self.related.as_slice(),
            false => &[],
        };
        let mut model = Model::new(&kept, related, &known, self.proposals.bounds())?;
        if self.trials.len() >= self.learn_at {
            self.kernels = model.learned_kernels(&self.kernels);
            self.learn_at = self.trials.len() + self.trials.len() / 5 + 1;
        }
        model.observe(&self.kernels);
        model.seeks = Seeks::next(self.proposals.bounds(), is_all_known, self.proposed);
        model.confidence = self.proposals.confidence();
        for architecture in &self.pending {
            let point = encoder.point(Task::Own, architecture);
            model.believe(point, architecture, &mut self.proposals);
        }
        model.gather(space, encoder, &mut self.proposals, &mut self.rng);
        Some(model)
    }

    /// For each objective whether the forecast knows it.
    fn known(&mut self, space: &Space) -> Vec<bool> {
        let some = space.sample(&mut self.rng);
        let forecast = self.proposals.expect(&[some]).remove(0);
        let observed = self.trials.iter().map(|trial| trial.objectives.len());
        let count = observed.fold(
            forecast.len().max(self.proposals.bounds().len()),
            usize::max,
        );
        let is_known = |index: usize| forecast.get(index).is_some_and(Option::is_some);
        (0..count).map(is_known).collect()
    }
}

impl Strategy for Bespoke {
    fn name(&self) -> &'static str {
        "bespoke"
    }

    fn suggest(&mut self, space: &Space) -> Option<Architecture> {
        let chosen = match self.promising(space) {
            Some(chosen) => chosen,
            None => self.proposals.random(space, &mut self.rng)?,
        };
        self.proposed += 1;
        if let (Some(model), Some(encoder)) = (&mut self.model, &mut self.encoder) {
            let point = encoder.point(Task::Own, &chosen);
            model.believe(point, &chosen, &mut self.proposals);
        }
        self.pending.push(chosen.clone());
        Some(chosen)
    }

    fn update(&mut self, finished: &Finished) {
        self.proposals.note(finished);
        self.pending
            .retain(|pending| pending != finished.architecture());
        self.model = None;
        if finished.objectives().iter().any(Option::is_some) {
            self.trials.push(Trial {
                architecture: finished.architecture().clone(),
                point: None,
                objectives: finished.objectives().to_vec(),
                score: finished.score().cloned(),
            });
        }
    }
}

// === impl Trial ===

impl Trial {
    /// Its objectives where all are known and no bound is broken.
    fn feasible(&self) -> Option<Vec<f64>> {
        let is_feasible = self.score.as_ref().is_some_and(Score::is_feasible);
        is_feasible.then(|| self.objectives.iter().copied().collect())?
    }
}

// === helpers ===

/// The networks of related tasks, each task on a scale of its own, the best first; an even choice where they are many.
fn related(tasks: &[RelatedTask], encoder: &mut Encoder) -> Vec<Related> {
    let mut scored: Vec<(&Architecture, f64)> = Vec::new();
    for RelatedTask { errors } in tasks.iter().filter(|task| !task.errors.is_empty()) {
        let warp = Warp::by_rank(errors.iter().map(|(_, error)| *error).collect());
        let scores = errors.iter().map(|(one, error)| (one, warp.score(*error)));
        scored.extend(scores);
    }
    scored.sort_by(|a, b| a.1.total_cmp(&b.1));
    let step = scored.len().div_ceil(MOST_RELATED).max(1);
    let related = |(architecture, score): (&Architecture, f64)| Related {
        architecture: architecture.clone(),
        point: encoder.point(Task::Related, architecture),
        score,
    };
    scored.into_iter().step_by(step).map(related).collect()
}

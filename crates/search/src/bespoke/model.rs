//! What the trials so far say of the others.

use std::collections::HashSet;

use bespoke_space::{Architecture, Space};
use rand::Rng;

use super::{
    Related, Trial,
    candidates::{Parents, neighbours},
    encoder::Encoder,
    gain::{Gain, Normal},
    gaussian::{Expectation, Point, Process, Task},
    kernel::Kernel,
    warp::Warp,
};
use crate::{
    Expected,
    pareto::{Score, constrained_non_dominated_sort, pareto_front},
    proposals::Proposals,
};

/// Trials that are learned from at most: the best, and of the others an even choice.
const BEST: usize = 288;
const OTHERS: usize = 96;
/// Candidates that are looked at before the neighbours of the most promising.
const CANDIDATES: usize = 512;
/// Spaces of no more architectures are looked at as a whole where the forecast knows every objective.
const WHOLE: usize = 20_000;
/// A network that meets the bounds with this probability is all but sure to, and improvements count from this share
/// behind the error of the best of those.
const SURE: f64 = 0.97;
const BEHIND: f64 = 0.05;
/// How often at most the neighbours of so many of the most promising candidates are looked at as well.
const ROUNDS: usize = 12;
const PROMISING: usize = 3;

/// The trials, the processes that they teach, and candidates.
#[derive(Debug)]
pub(crate) struct Model {
    objectives: Vec<Objective>,
    /// Points that were observed, with the scores of their objectives where these are known. What is known of related
    /// tasks comes first.
    observed: Vec<(Point, Vec<Option<f64>>)>,
    /// Over the front in values, and in scores.
    by_value: Gain,
    by_score: Gain,
    parents: Parents,
    candidates: Vec<Candidate>,
    gathered: HashSet<Architecture>,
    /// Of the candidates, in their order.
    points: Vec<Point>,
    /// What the next choice is to improve.
    pub seeks: Seeks,
    /// How likely a network is to meet the bounds if it is to be tried.
    pub confidence: f64,
    /// Counts what was believed.
    version: u32,
}

/// What a proposal is to improve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seeks {
    /// The hypervolume of the front.
    Volume,
    /// The same with learned objectives on the scale of their scores: what is rare counts for more.
    VolumeOfScores,
    /// The error, within the bounds.
    Error,
    /// The same of those that are likely to meet the bounds, however likely: to try costs no more than to be sure.
    LikelyError,
}

// === impl Seeks ===

impl Seeks {
    const COUNT: usize = 4;

    /// What a proposal is to improve that comes after so many others.
    pub fn next(bounds: &[Option<f64>], is_forecast: bool, proposed: usize) -> Self {
        let is_bounded = bounds.iter().any(Option::is_some);
        match (is_bounded, is_forecast, proposed % 4) {
            (true, true, _) | (true, _, 1) => Self::Error,
            (true, _, 0 | 2) => Self::LikelyError,
            (false, _, 1 | 3) => Self::VolumeOfScores,
            _ => Self::Volume,
        }
    }
}

#[derive(Debug)]
struct Objective {
    /// None where the forecast knows the objective, which then keeps its own scale.
    learned: Option<Learned>,
}

#[derive(Debug)]
struct Learned {
    warp: Warp,
    process: Process,
    /// Of the candidates.
    expectation: Expectation,
}

#[derive(Debug)]
struct Candidate {
    architecture: Architecture,
    /// By objective, what the forecast says.
    forecast: Vec<Option<Expected>>,
    /// Whether it may be proposed.
    is_within: bool,
    /// For each aim, what the candidate promised last and in which version.
    promises: [Option<(f64, u32)>; Seeks::COUNT],
}

// === impl Model ===

impl Model {
    /// A model by the trials that [`kept`] chose and by related tasks, both best first; the objectives that are `known` are
    /// forecast. None while an objective that has to be learned was never observed.
    pub fn new(
        kept: &[&Trial],
        related: &[Related],
        known: &[bool],
        bounds: &[Option<f64>],
    ) -> Option<Self> {
        let mut objectives = Vec::with_capacity(known.len());
        for (index, is_known) in known.iter().enumerate() {
            let values = kept
                .iter()
                .filter_map(|trial| trial.objectives.get(index).copied()?);
            let values: Vec<f64> = values.collect();
            objectives.push(Objective::new(index, *is_known, values)?);
        }
        let complete = kept.iter();
        let complete = complete.filter_map(|trial| Some((&trial.architecture, trial.feasible()?)));
        let complete: Vec<(&Architecture, Vec<f64>)> = complete.collect();
        let values: Vec<&[f64]> = complete
            .iter()
            .map(|(_, values)| values.as_slice())
            .collect();
        let front = pareto_front(&values);
        let bounds = (0..known.len()).map(|index| bounds.get(index).copied().flatten());
        let bounds: Vec<Option<f64>> = bounds.collect();
        let front: Vec<(&Architecture, Vec<f64>)> = front
            .into_iter()
            .map(|index| complete[index].clone())
            .collect();
        let scored = |values: &[Option<f64>]| -> Vec<Option<f64>> {
            let values = values.iter().zip(&objectives);
            values
                .map(|(value, objective)| Some(objective.score((*value)?)))
                .collect()
        };
        let observed: Vec<&[Option<f64>]> = kept.iter().map(|t| t.objectives.as_slice()).collect();
        let scores: Vec<Vec<Option<f64>>> = observed.iter().map(|values| scored(values)).collect();
        let of_front = front.iter().map(|(_, values)| {
            let values = values.iter().zip(&objectives);
            values
                .map(|(value, objective)| objective.score(*value))
                .collect()
        });
        let by_score = Gain::new(of_front.collect(), &scores, scored(&bounds));
        let by_value = Gain::new(
            front.iter().map(|(_, values)| values.clone()).collect(),
            &observed,
            bounds,
        );
        let mut parents: Vec<Architecture> = front.iter().map(|(one, _)| (*one).clone()).collect();
        let promising = kept.iter().map(|trial| &trial.architecture);
        let elsewhere = related.iter().map(|one| &one.architecture);
        parents.extend(promising.take(PROMISING).cloned());
        parents.extend(elsewhere.take(PROMISING).cloned());
        let point = |trial: &&Trial| trial.point.clone().expect("all trials were read");
        let related = related
            .iter()
            .map(|one| (one.point.clone(), vec![Some(one.score)]));
        Some(Self {
            observed: related.chain(kept.iter().map(point).zip(scores)).collect(),
            objectives,
            by_value,
            by_score,
            parents: Parents(parents),
            candidates: Vec::new(),
            gathered: HashSet::new(),
            points: Vec::new(),
            seeks: Seeks::Volume,
            confidence: 0.5,
            version: 0,
        })
    }

    /// The kernels that make the observations most likely, beginning at those given.
    pub fn learned_kernels(&self, begin: &[Kernel]) -> Vec<Kernel> {
        let of_objective = |(index, objective): (usize, &Objective)| {
            let kernel = begin.get(index).copied().unwrap_or_default();
            if objective.learned.is_none() {
                return kernel;
            }
            let (points, values) = self.observations(index);
            kernel.learned(&points, &values)
        };
        self.objectives
            .iter()
            .enumerate()
            .map(of_objective)
            .collect()
    }

    /// Whether every objective is forecast, so that trials teach nothing but the forecast.
    pub fn is_forecast(&self) -> bool {
        self.objectives.iter().all(|one| one.learned.is_none())
    }

    fn observations(&self, objective: usize) -> (Vec<Point>, Vec<f64>) {
        let known = self.observed.iter();
        let known =
            known.filter_map(|(point, values)| Some((point.clone(), (*values.get(objective)?)?)));
        known.unzip()
    }

    /// Teaches the processes, which have these kernels, what was observed.
    pub fn observe(&mut self, kernels: &[Kernel]) {
        for (index, kernel) in kernels.iter().enumerate() {
            let (points, values) = self.observations(index);
            if let Some(learned) = &mut self.objectives[index].learned {
                learned.process = Process::taught(*kernel, points, values);
            }
        }
    }

    /// Takes an architecture that was proposed as if it had ended as is expected.
    pub fn believe(
        &mut self,
        point: Point,
        architecture: &Architecture,
        proposals: &mut Proposals,
    ) {
        let forecast = proposals
            .expect(std::slice::from_ref(architecture))
            .remove(0);
        let mut values = Vec::with_capacity(self.objectives.len());
        for (index, objective) in self.objectives.iter_mut().enumerate() {
            values.push(match &mut objective.learned {
                None => forecast
                    .get(index)
                    .copied()
                    .flatten()
                    .map(|expected| expected.value),
                Some(learned) => {
                    let expected = learned.process.expect(std::slice::from_ref(&point));
                    learned.process.observe(point.clone(), expected.means[0]);
                    learned.expectation.catch_up(&learned.process, &self.points);
                    Some(learned.warp.value(expected.means[0]))
                }
            });
        }
        if let Some(values) = values.into_iter().collect::<Option<Vec<f64>>>() {
            let scores = values.iter().zip(&self.objectives);
            let scores = scores.map(|(value, objective)| objective.score(*value));
            self.by_score.add(scores.collect());
            self.by_value.add(values);
        }
        self.version += 1;
    }

    /// Gathers candidates.
    pub fn gather(
        &mut self,
        space: &Space,
        encoder: &mut Encoder,
        proposals: &mut Proposals,
        rng: &mut impl Rng,
    ) {
        let size = space.size().parse();
        if self.is_forecast() && size.is_ok_and(|size: usize| size <= WHOLE) {
            let all = space.architectures().collect();
            self.add(all, encoder, proposals);
            return self.begin();
        }
        let drawn = (0..CANDIDATES).map(|index| {
            if index % 4 == 0 {
                proposals.drawn(space, rng)
            } else {
                self.parents.child(space, rng)
            }
        });
        let drawn = drawn.collect();
        self.add(drawn, encoder, proposals);
        self.begin();
        let mut best = f64::NEG_INFINITY;
        for _ in 0..ROUNDS {
            let mut order: Vec<(usize, f64)> = (0..self.candidates.len())
                .map(|index| (index, self.refreshed(index)))
                .collect();
            order.sort_by(|a, b| b.1.total_cmp(&a.1));
            match order.first() {
                Some((_, promise)) if *promise > best => best = *promise,
                _ => break,
            }
            let near = order.iter().take(PROMISING).flat_map(|(index, _)| {
                neighbours(space, &self.candidates[*index].architecture, rng)
            });
            let near = near.collect();
            self.add(near, encoder, proposals);
        }
    }

    /// Counts the first improvement from what is all but sure to be had: counted from far behind, whatever keeps the
    /// bounds would seem as good as any other, and the surest be tried first.
    fn begin(&mut self) {
        if !self.is_forecast() {
            return;
        }
        let error = |candidate| {
            let expected = self.all_expected(candidate)?;
            (self.by_value.meeting(&expected) >= SURE).then(|| expected[0].at(0.0))
        };
        let errors = (0..self.candidates.len()).filter_map(error);
        if let Some(least) = errors.reduce(f64::min) {
            self.by_value.begin_at(least * (1.0 + BEHIND));
        }
    }

    fn add(
        &mut self,
        mut architectures: Vec<Architecture>,
        encoder: &mut Encoder,
        proposals: &mut Proposals,
    ) {
        architectures.retain(|architecture| {
            !proposals.is_seen(architecture) && self.gathered.insert(architecture.clone())
        });
        let forecasts = proposals.expect(&architectures);
        // Only processes ask for points.
        let read = architectures.iter().filter(|_| !self.is_forecast());
        let new: Vec<Point> = read.map(|one| encoder.point(Task::Own, one)).collect();
        for learned in self
            .objectives
            .iter_mut()
            .filter_map(|objective| objective.learned.as_mut())
        {
            learned.expectation.extend(learned.process.expect(&new));
        }
        self.points.extend(new);
        let candidates = architectures.into_iter().zip(forecasts);
        self.candidates
            .extend(candidates.map(|(architecture, forecast)| Candidate {
                is_within: proposals.is_within(&architecture, &forecast),
                architecture,
                forecast,
                promises: [None; Seeks::COUNT],
            }));
    }

    /// The most promising candidate that may be proposed, and what it promises. What is believed only lowers promises,
    /// so that those that were lower before need not be looked at again.
    pub fn best(&mut self, proposals: &Proposals) -> Option<(Architecture, f64)> {
        let may_be = |index: &usize| {
            let candidate = &self.candidates[*index];
            candidate.is_within && !proposals.is_seen(&candidate.architecture)
        };
        let mut order: Vec<(usize, f64)> = (0..self.candidates.len())
            .filter(may_be)
            .map(|index| (index, self.last_promise(index)))
            .collect();
        order.sort_by(|a, b| b.1.total_cmp(&a.1));
        let mut best: Option<(usize, f64)> = None;
        for (index, before) in order {
            if best.is_some_and(|(_, promise)| promise >= before) {
                break;
            }
            let promise = self.refreshed(index);
            if best.is_none_or(|(_, greatest)| promise > greatest) {
                best = Some((index, promise));
            }
        }
        best.map(|(index, promise)| (self.candidates[index].architecture.clone(), promise))
    }

    /// What a candidate promised when it was last looked at.
    fn last_promise(&self, candidate: usize) -> f64 {
        let promise = self.candidates[candidate].promises[self.seeks as usize];
        promise.map_or(f64::INFINITY, |(promise, _)| promise)
    }

    /// What a candidate promises now.
    fn refreshed(&mut self, candidate: usize) -> f64 {
        let aim = self.seeks as usize;
        match self.candidates[candidate].promises[aim] {
            Some((promise, version)) if version == self.version => promise,
            _ => {
                let promise = self.promise(candidate);
                self.candidates[candidate].promises[aim] = Some((promise, self.version));
                promise
            }
        }
    }

    fn promise(&self, candidate: usize) -> f64 {
        if !self.candidates[candidate].is_within {
            return 0.0;
        }
        let Some(expected) = self.all_expected(candidate) else {
            return 0.0;
        };
        match self.seeks {
            Seeks::Volume => self.by_value.of_volume(&expected),
            Seeks::VolumeOfScores => self.by_score.of_volume(&expected),
            Seeks::Error => self.by_value.of_error(&expected),
            Seeks::LikelyError => self.by_value.of_likely_error(&expected, self.confidence),
        }
    }

    fn all_expected(&self, candidate: usize) -> Option<Vec<Normal<'_>>> {
        let indices = 0..self.objectives.len();
        indices
            .map(|index| self.expected(index, candidate))
            .collect()
    }

    /// What is expected of an objective of a candidate, if anything is.
    fn expected(&self, objective: usize, candidate: usize) -> Option<Normal<'_>> {
        if let Some(learned) = &self.objectives[objective].learned {
            let stays_scored = self.seeks == Seeks::VolumeOfScores;
            return Some(Normal {
                mean: learned.expectation.means[candidate],
                deviation: learned.expectation.variances[candidate].sqrt(),
                warp: (!stays_scored).then_some(&learned.warp),
            });
        }
        let forecast = self.candidates[candidate].forecast.get(objective);
        let forecast = forecast.copied().flatten()?;
        Some(Normal {
            mean: forecast.value,
            deviation: forecast.deviation,
            warp: None,
        })
    }
}

// === impl Objective ===

impl Objective {
    fn new(index: usize, is_known: bool, values: Vec<f64>) -> Option<Self> {
        if is_known {
            return Some(Self { learned: None });
        }
        if values.is_empty() {
            return None;
        }
        let by_magnitude = (index > 0).then(|| Warp::by_magnitude(&values)).flatten();
        Some(Self {
            learned: Some(Learned {
                warp: by_magnitude.unwrap_or_else(|| Warp::by_rank(values)),
                process: Process::new(Kernel::default()),
                expectation: Expectation::default(),
            }),
        })
    }

    /// The score of a value; the value itself where the objective is not learned.
    fn score(&self, value: f64) -> f64 {
        self.learned
            .as_ref()
            .map_or(value, |learned| learned.warp.score(value))
    }
}

/// The positions of the trials that are learned from, the best first.
pub(crate) fn kept(trials: &[Trial]) -> Vec<usize> {
    let (scored, others): (Vec<usize>, Vec<usize>) =
        (0..trials.len()).partition(|index| trials[*index].score.is_some());
    let scores = scored
        .iter()
        .filter_map(|index| trials[*index].score.clone());
    let ranked = constrained_non_dominated_sort(&scores.collect::<Vec<Score>>()).concat();
    let mut kept: Vec<usize> = ranked.into_iter().map(|rank| scored[rank]).collect();
    kept.extend(others);
    if kept.len() > BEST + OTHERS {
        let others = kept.split_off(BEST);
        let step = others.len().div_ceil(OTHERS);
        kept.extend(others.into_iter().step_by(step));
    }
    kept
}

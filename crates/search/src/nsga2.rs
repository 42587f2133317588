//! NSGA-II.
//!
//! Deb, Pratap, Agarwal and Meyarivan, "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II" (2002):
//! binary tournaments on rank and crowding choose parents; of the parents and their offspring together the
//! best P live on; bounds enter by constrained domination.
//!
//! Unlike the paper:
//! - trials run at the same time: a generation is complete when P trials have been reported, whichever
//!   population proposed them, and proposals use the newest complete population. Until the first is complete
//!   they are random;
//! - crossover is uniform over the decisions and makes one child; mutation gives each decision another option with
//!   probability one over their number; a child is never an architecture that was tried before;
//! - a trial that failed is no offspring, so that a population may be smaller than P.

use bespoke_space::{Architecture, Space};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{
    Finished, Nsga2Settings, Problem, Strategy,
    pareto::{Score, constrained_non_dominated_sort, crowding_distance},
    proposals::Proposals,
};

/// NSGA-II with population P.
#[derive(Debug)]
pub struct Nsga2 {
    settings: Nsga2Settings,
    rng: ChaCha8Rng,
    proposals: Proposals,
    /// The newest complete population, the best first.
    population: Vec<Individual>,
    /// Those reported since.
    offspring: Vec<(Architecture, Score)>,
    /// Trials reported since, failed ones included.
    reported: usize,
}

#[derive(Debug)]
struct Individual {
    architecture: Architecture,
    score: Score,
    rank: usize,
    crowding: f64,
}

// === impl Nsga2 ===

impl Nsga2 {
    /// Starts a search with settings that were checked.
    pub fn new(settings: Nsga2Settings, seed: u64, problem: Problem) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        let (population, offspring) = (Vec::new(), Vec::new());
        Self {
            settings,
            rng,
            proposals: Proposals::new(problem),
            population,
            offspring,
            reported: 0,
        }
    }
}

impl Strategy for Nsga2 {
    fn name(&self) -> &'static str {
        "nsga2"
    }

    fn suggest(&mut self, space: &Space) -> Option<Architecture> {
        let Self {
            settings,
            rng,
            proposals,
            population,
            ..
        } = self;
        if population.is_empty() {
            return proposals.random(space, rng);
        }
        proposals.unseen(space, || child(space, population, settings, rng))
    }

    fn update(&mut self, finished: &Finished) {
        self.proposals.note(finished);
        if let Some(score) = finished.score() {
            self.offspring
                .push((finished.architecture().clone(), score.clone()));
        }
        self.reported += 1;
        if self.reported == self.settings.population {
            let parents = self
                .population
                .drain(..)
                .map(|parent| (parent.architecture, parent.score));
            let all = parents.chain(self.offspring.drain(..)).collect();
            self.population = select(all, self.settings.population);
            self.reported = 0;
        }
    }
}

/// Environmental selection: whole fronts while they fit, and of the first that does not the least crowded.
fn select(candidates: Vec<(Architecture, Score)>, population: usize) -> Vec<Individual> {
    let (architectures, scores): (Vec<_>, Vec<_>) = candidates.into_iter().unzip();
    let mut selected = Vec::new();
    for (rank, front) in constrained_non_dominated_sort(&scores)
        .into_iter()
        .enumerate()
    {
        let mut ranked: Vec<(usize, f64)> = front
            .iter()
            .copied()
            .zip(crowding(&front, &scores))
            .collect();
        // Stable: of equally crowded candidates the older live on.
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        ranked.truncate(population - selected.len());
        selected.extend(ranked.into_iter().map(|(index, crowding)| Individual {
            architecture: architectures[index].clone(),
            score: scores[index].clone(),
            rank,
            crowding,
        }));
    }
    selected
}

/// Crowding distances of a front. The infeasible are not spread along a front: they count as equally crowded.
fn crowding(front: &[usize], scores: &[Score]) -> Vec<f64> {
    if front.iter().any(|&index| !scores[index].is_feasible()) {
        return vec![0.0; front.len()];
    }
    crowding_distance(
        &front
            .iter()
            .map(|&index| scores[index].objectives())
            .collect::<Vec<_>>(),
    )
}

fn child(
    space: &Space,
    population: &[Individual],
    settings: &Nsga2Settings,
    rng: &mut impl Rng,
) -> Architecture {
    let first = tournament(population, rng);
    let second = tournament(population, rng);
    let crossed = if rng.random_bool(settings.crossover) {
        space.crossover(&first.architecture, &second.architecture, rng)
    } else {
        first.architecture.clone()
    };
    let decisions = space.decisions().len().max(1) as f64;
    let mutation = settings.mutation.unwrap_or(1.0 / decisions);
    // A mutation of the space always changes something, where one of the paper often does not.
    if rng.random_bool((1.0 - mutation).powf(decisions)) {
        return crossed;
    }
    space.mutate(&crossed, rng, mutation)
}

/// The better of two members drawn with replacement: of lower rank or, in the same front, less crowded.
fn tournament<'a>(population: &'a [Individual], rng: &mut impl Rng) -> &'a Individual {
    let [a, b] = [(); 2].map(|()| &population[rng.random_range(0..population.len())]);
    let by_crowding = || b.crowding.total_cmp(&a.crowding);
    if a.rank.cmp(&b.rank).then_with(by_crowding).is_le() {
        a
    } else {
        b
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::test_spaces::wide;

    fn score(objectives: &[f64], violation: f64) -> Score {
        Score::new(objectives.to_vec(), violation).expect("a possible score")
    }

    #[test]
    fn the_best_fronts_live_on_and_of_the_last_the_least_crowded() {
        let scores = [
            score(&[3.0, 3.0], 0.0),
            score(&[0.0, 9.0], 0.5),
            score(&[1.0, 9.0], 0.0),
            score(&[2.0, 2.0], 0.0),
            score(&[1.9, 3.0], 0.0),
            score(&[9.0, 1.0], 0.0),
        ];
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let space = wide();
        let candidates = scores.map(|score| (space.sample(&mut rng), score)).to_vec();
        let scores_of = |population| {
            let selected = select(candidates.clone(), population);
            selected
                .iter()
                .map(|individual| individual.score.objectives()[0])
                .collect::<Vec<_>>()
        };
        assert_eq!(scores_of(3), [1.0, 9.0, 2.0]);
        assert_eq!(scores_of(5), [1.0, 9.0, 2.0, 1.9, 3.0]);
        assert_eq!(scores_of(9), [1.0, 9.0, 2.0, 1.9, 3.0, 0.0]);
    }

    #[test]
    fn proposals_use_the_newest_complete_population() {
        let space = wide();
        let settings = Nsga2Settings {
            population: 4,
            ..Nsga2Settings::default()
        };
        let mut strategy = Nsga2::new(settings, 1, Problem::default());
        let report = |strategy: &mut Nsga2, objective: f64| {
            let proposal = strategy.suggest(&space).expect("the space is large");
            let finished = Finished::new(proposal.clone(), vec![Some(objective)], 0.0);
            strategy.update(&finished.expect("a finite objective"));
            proposal
        };
        let population = |strategy: &Nsga2| -> HashSet<Architecture> {
            strategy
                .population
                .iter()
                .map(|individual| individual.architecture.clone())
                .collect()
        };
        let first: Vec<Architecture> = (0..4)
            .map(|i| report(&mut strategy, f64::from(i)))
            .collect();
        assert_eq!(population(&strategy), first.iter().cloned().collect());
        let mut second: Vec<Architecture> = (0..3).map(|_| report(&mut strategy, 0.5)).collect();
        assert_eq!(population(&strategy), first.iter().cloned().collect());
        report(&mut strategy, 9.0);
        // The four best of eight: the three of 0.5 and, of the first population, the one of 0.
        second.push(first[0].clone());
        assert_eq!(population(&strategy), second.into_iter().collect());
    }
}

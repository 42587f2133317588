//! Regularized (aging) evolution.
//!
//! Real, Aggarwal, Huang and Le, "Regularized Evolution for Image Classifier Architecture Search" (AAAI
//! 2019), algorithm 1: of a sample of S out of a population of P the best is mutated; its child joins the
//! population and the oldest dies.
//!
//! Unlike the paper:
//! - trials run at the same time: a child joins when it is reported, and parents are drawn from those
//!   reported so far;
//! - a mutation gives one decision another option, decisions and then options being equally likely; decisions
//!   that become active by it are drawn at random; the child is never an architecture that was tried before;
//! - a trial that failed does not join the population;
//! - with bounds, an infeasible candidate loses to a feasible one and to one that violates less (Deb et al.
//!   2002);
//! - with several objectives, each tournament is judged by the augmented Chebyshev scalarisation with weights
//!   drawn anew from the simplex (Knowles, "ParEGO", 2006, whose ρ is 0.05), over the objectives scaled to
//!   the range of the living and feasible. A winner is never dominated by another of its sample, and all
//!   parts of a front are sought, also where it is not convex.

use std::{cmp::Ordering, collections::VecDeque};

use bespoke_space::{Architecture, Space};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{
    Finished, Problem, RegularizedEvolutionSettings, Strategy, pareto::Score, proposals::Proposals,
};

/// Weight of the sum that the Chebyshev scalarisation is augmented by.
const RHO: f64 = 0.05;

/// Regularized evolution with population P and sample S.
#[derive(Debug)]
pub struct RegularizedEvolution {
    settings: RegularizedEvolutionSettings,
    rng: ChaCha8Rng,
    proposals: Proposals,
    proposed: usize,
    /// The oldest first.
    population: VecDeque<(Architecture, Score)>,
}

/// A single objective made of several: smaller is better.
struct Scalarisation {
    weights: Vec<f64>,
    least: Vec<f64>,
    range: Vec<f64>,
}

// === impl RegularizedEvolution ===

impl RegularizedEvolution {
    /// Starts a search with settings that were checked.
    pub fn new(settings: RegularizedEvolutionSettings, seed: u64, problem: Problem) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Self {
            settings,
            rng,
            proposals: Proposals::new(problem),
            proposed: 0,
            population: VecDeque::new(),
        }
    }
}

impl Strategy for RegularizedEvolution {
    fn name(&self) -> &'static str {
        "regularized_evolution"
    }

    fn suggest(&mut self, space: &Space) -> Option<Architecture> {
        let Self {
            settings,
            rng,
            proposals,
            proposed,
            population,
        } = self;
        *proposed += 1;
        if *proposed <= settings.population || population.is_empty() {
            return proposals.random(space, rng);
        }
        proposals.unseen(space, || child(space, population, settings.sample, rng))
    }

    fn update(&mut self, finished: &Finished) {
        self.proposals.note(finished);
        if let Some(score) = finished.score() {
            self.population
                .push_back((finished.architecture().clone(), score.clone()));
            if self.population.len() > self.settings.population {
                self.population.pop_front();
            }
        }
    }
}

/// A mutation of the best of a sample drawn with replacement.
fn child(
    space: &Space,
    population: &VecDeque<(Architecture, Score)>,
    sample: usize,
    rng: &mut impl Rng,
) -> Architecture {
    let drawn: Vec<usize> = (0..sample)
        .map(|_| rng.random_range(0..population.len()))
        .collect();
    let scalarisation = Scalarisation::draw(population.iter().map(|(_, score)| score), rng);
    let better =
        |a: &usize, b: &usize| compare(&population[*a].1, &population[*b].1, &scalarisation);
    let best = drawn
        .into_iter()
        .min_by(better)
        .expect("a sample has at least one member, as checked");
    // With probability 0 nothing changes but the one decision that has to.
    space.mutate(&population[best].0, rng, 0.0)
}

/// Orders by violation, and the feasible by the scalarisation.
fn compare(a: &Score, b: &Score, scalarisation: &Scalarisation) -> Ordering {
    let by_violation = a.violation().total_cmp(&b.violation());
    if a.is_feasible() && b.is_feasible() {
        return scalarisation
            .value(a.objectives())
            .total_cmp(&scalarisation.value(b.objectives()));
    }
    by_violation
}

// === impl Scalarisation ===

impl Scalarisation {
    /// Draws weights for the objectives of the feasible among the living. Without any there is nothing to
    /// weigh.
    fn draw<'a>(living: impl Iterator<Item = &'a Score>, rng: &mut impl Rng) -> Self {
        let mut feasible = living
            .filter(|score| score.is_feasible())
            .map(Score::objectives);
        let Some(first) = feasible.next() else {
            return Self {
                weights: Vec::new(),
                least: Vec::new(),
                range: Vec::new(),
            };
        };
        let (mut least, mut greatest) = (first.to_vec(), first.to_vec());
        for objectives in feasible {
            for (index, &value) in objectives.iter().enumerate() {
                least[index] = least[index].min(value);
                greatest[index] = greatest[index].max(value);
            }
        }
        let range = least
            .iter()
            .zip(&greatest)
            .map(|(least, greatest)| greatest - least)
            .collect();
        // Exponential variates are uniform on the simplex once divided by their sum, which the comparison
        // does not need.
        let weights = first
            .iter()
            .map(|_| -(1.0 - rng.random::<f64>()).ln())
            .collect();
        Self {
            weights,
            least,
            range,
        }
    }

    /// The greatest weighted excess over the least, and a little of the sum of all.
    fn value(&self, objectives: &[f64]) -> f64 {
        let scaled = |(index, &value): (usize, &f64)| match self.range[index] {
            range if range > 0.0 => self.weights[index] * (value - self.least[index]) / range,
            _ => 0.0,
        };
        let weighted = objectives.iter().enumerate().map(scaled);
        let (greatest, sum) = weighted.fold((0.0, 0.0), |(greatest, sum), value| {
            (value.max(greatest), sum + value)
        });
        greatest + RHO * sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_spaces::wide;

    fn score(objectives: &[f64], violation: f64) -> Score {
        Score::new(objectives.to_vec(), violation).expect("a possible score")
    }

    #[test]
    fn a_tournament_prefers_the_feasible_then_the_least_violation() {
        let (feasible, close, far) = (
            score(&[9.0, 9.0], 0.0),
            score(&[1.0, 1.0], 0.1),
            score(&[0.0, 0.0], 0.2),
        );
        let scalarisation = Scalarisation::draw(
            [&feasible, &close, &far].into_iter(),
            &mut ChaCha8Rng::seed_from_u64(0),
        );
        assert_eq!(compare(&feasible, &close, &scalarisation), Ordering::Less);
        assert_eq!(compare(&far, &close, &scalarisation), Ordering::Greater);
    }

    #[test]
    fn a_dominated_score_never_wins_and_every_part_of_a_concave_front_may() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let scores = [
            score(&[0.0, 1.0], 0.0),
            score(&[0.6, 0.6], 0.0),
            score(&[1.0, 0.0], 0.0),
            score(&[0.7, 0.6], 0.0),
        ];
        let mut wins = [0; 4];
        for _ in 0..200 {
            let scalarisation = Scalarisation::draw(scores.iter(), &mut rng);
            let best = (0..4).min_by(|&a, &b| compare(&scores[a], &scores[b], &scalarisation));
            wins[best.expect("four scores")] += 1;
        }
        assert!(wins[..3].iter().all(|&wins| wins > 20), "{wins:?}");
        assert_eq!(wins[3], 0);
    }

    #[test]
    fn the_oldest_dies_however_good_it_is() {
        let space = wide();
        let settings = RegularizedEvolutionSettings {
            population: 2,
            sample: 1,
        };
        let mut strategy = RegularizedEvolution::new(settings, 1, Problem::default());
        for objective in [0.0, 1.0, 2.0] {
            let proposal = strategy.suggest(&space).expect("the space is large");
            let finished = Finished::new(proposal, vec![Some(objective)], 0.0);
            strategy.update(&finished.expect("a finite objective"));
        }
        let alive: Vec<f64> = strategy
            .population
            .iter()
            .map(|(_, score)| score.objectives()[0])
            .collect();
        assert_eq!(alive, [1.0, 2.0]);
    }

    #[test]
    fn a_child_differs_from_a_living_parent_in_one_decision() {
        let space = wide();
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let parent = space.sample(&mut rng);
        let population = VecDeque::from([(parent.clone(), score(&[1.0], 0.0))]);
        for _ in 0..50 {
            let child = child(&space, &population, 2, &mut rng);
            assert!(space.neighbours(&parent).contains(&child));
        }
    }
}

//! The evolution of Once-for-All.
//!
//! Cai, Gan, Wang, Zhang and Han, "Once-for-All: Train One Network and Specialize it for Efficient Deployment" (ICLR
//! 2020), with the settings of its code: of a population the most accurate quarter lives on; half of a hundred children
//! are mutations of a parent, each decision being redrawn with probability 0.1, the others take each decision from one
//! of two parents. A child that breaks the bound on latency is drawn again.
//!
//! Unlike the paper:
//! - accuracies are those of trials, not of a predictor, and trials run at the same time: a generation is complete when
//!   a population's size of trials was reported, whichever parents they have. Until the first is complete proposals are
//!   random;
//! - a child is drawn again a bounded number of times, so that a bound that nothing meets does not hold the search up,
//!   and is never an architecture that was tried before; a mutation changes something;
//! - what was measured to break a bound comes after all that meets it, those first that violate it least (Deb et al.
//!   2002).

use std::cmp::Ordering;

use bespoke_space::{Architecture, Space};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{Finished, OnceForAllSettings, Problem, Strategy, pareto::Score, proposals::Proposals};

/// Evolution of the most accurate within the bounds.
#[derive(Debug)]
pub struct OnceForAll {
    settings: OnceForAllSettings,
    rng: ChaCha8Rng,
    proposals: Proposals,
    /// Those that live on, the best first.
    parents: Vec<(Architecture, Score)>,
    /// Those reported since.
    children: Vec<(Architecture, Score)>,
    /// Trials reported since, failed ones included.
    reported: usize,
}

// === impl OnceForAll ===

impl OnceForAll {
    /// Starts a search with settings that were checked.
    pub fn new(settings: OnceForAllSettings, seed: u64, problem: Problem) -> Self {
        Self {
            settings,
            rng: ChaCha8Rng::seed_from_u64(seed),
            proposals: Proposals::new(problem),
            parents: Vec::new(),
            children: Vec::new(),
            reported: 0,
        }
    }
}

impl Strategy for OnceForAll {
    fn name(&self) -> &'static str {
        "once_for_all"
    }

    fn suggest(&mut self, space: &Space) -> Option<Architecture> {
        let Self {
            settings,
            rng,
            proposals,
            parents,
            ..
        } = self;
        if parents.is_empty() {
            return proposals.random(space, rng);
        }
        let is_mutation = rng.random_bool(settings.mutation_share);
        proposals.unseen(space, || {
            let parent = random_parent(parents, rng);
            if is_mutation {
                space.mutate(parent, rng, settings.mutation)
            } else {
                let other = random_parent(parents, rng);
                space.crossover(parent, other, rng)
            }
        })
    }

    fn update(&mut self, finished: &Finished) {
        self.proposals.note(finished);
        if let Some(score) = finished.score() {
            self.children
                .push((finished.architecture().clone(), score.clone()));
        }
        self.reported += 1;
        if self.reported == self.settings.population {
            let share = self.settings.parents * self.settings.population as f64;
            self.parents.append(&mut self.children);
            // Stable: of equals the older live on.
            self.parents.sort_by(|(_, a), (_, b)| compare(a, b));
            self.parents.truncate((share.round() as usize).max(1));
            self.reported = 0;
        }
    }
}

fn random_parent<'a>(parents: &'a [(Architecture, Score)], rng: &mut impl Rng) -> &'a Architecture {
    &parents[rng.random_range(0..parents.len())].0
}

/// Orders by violation, and the feasible by the first objective, the error.
fn compare(a: &Score, b: &Score) -> Ordering {
    let error = |score: &Score| match score.is_feasible() {
        true => score.objectives()[0],
        false => 0.0,
    };
    a.violation()
        .total_cmp(&b.violation())
        .then_with(|| error(a).total_cmp(&error(b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_spaces::wide;

    #[test]
    fn the_most_accurate_within_the_bounds_live_on() {
        let space = wide();
        let settings = OnceForAllSettings {
            population: 8,
            ..OnceForAllSettings::default()
        };
        let mut strategy = OnceForAll::new(settings, 1, Problem::default());
        let errors = |strategy: &OnceForAll| -> Vec<f64> {
            let parents = strategy.parents.iter();
            parents.map(|(_, score)| score.objectives()[0]).collect()
        };
        let report = |strategy: &mut OnceForAll, ends: [(f64, f64); 8]| {
            for (error, violation) in ends {
                let proposal = strategy.suggest(&space).expect("the space is large");
                let finished = Finished::new(proposal, vec![Some(error), Some(1.0)], violation);
                strategy.update(&finished.expect("finite objectives"));
            }
        };
        let mut first = [(9.0, 0.0); 8];
        first[2] = (1.0, 0.5);
        first[4] = (7.0, 0.0);
        report(&mut strategy, first);
        assert_eq!(errors(&strategy), [7.0, 9.0]);
        let mut second = [(10.0, 0.0); 8];
        second[7] = (8.0, 0.0);
        report(&mut strategy, second);
        assert_eq!(errors(&strategy), [7.0, 8.0]);
    }

    #[test]
    fn without_anything_feasible_the_least_violation_lives_on() {
        let score = |violation| Score::infeasible(violation).expect("a possible violation");
        assert_eq!(compare(&score(0.1), &score(0.2)), Ordering::Less);
    }

    #[test]
    fn children_are_mutations_and_crossings_in_the_asked_shares() {
        let space = wide();
        let settings = OnceForAllSettings {
            population: 2,
            parents: 1.0,
            mutation_share: 0.25,
            mutation: 0.01,
        };
        let mut strategy = OnceForAll::new(settings, 1, Problem::default());
        let mut parents = Vec::new();
        for _ in 0..2 {
            let proposal = strategy.suggest(&space).expect("the space is large");
            let finished = Finished::new(proposal.clone(), vec![Some(1.0)], 0.0);
            strategy.update(&finished.expect("a finite objective"));
            parents.push(proposal);
        }
        let is_mixed = |child: &Architecture| {
            let mut choices = child.choices().iter().enumerate();
            choices.all(|(i, choice)| parents.iter().any(|p| p.choices()[i] == *choice))
        };
        let children = (0..40).map(|_| strategy.suggest(&space).expect("the space is large"));
        let mixed = children.filter(is_mixed).count();
        assert!((24..=38).contains(&mixed), "{mixed}");
    }
}

//! Local search.
//!
//! White, Nolen and Savani, "Exploring the Loss Landscape in Neural Architecture Search" (UAI 2021): from the best of
//! ten random architectures to a better neighbour, until none is better; then again from others. Den Ottelander,
//! Dushatskiy, Virgolin and Bosman, "Local Search is a Remarkably Strong Baseline for Neural Architecture Search" (EMO
//! 2021), for several objectives: neighbours in random order.
//!
//! Unlike these papers:
//! - several objectives are searched by Pareto local search (Paquete, Chiarandini and Stützle 2004) in place of
//!   weighted sums: from every architecture that no other of this search dominates, to neighbours in random order. With
//!   one objective that is the first paper's variant that moves on as soon as a neighbour is better;
//! - trials run at the same time. When every neighbour was tried, the search begins anew though some are pending; those
//!   count for the search in which they are reported;
//! - what violates a bound is dominated by what violates it less (Deb et al. 2002).

use bespoke_space::{Architecture, Space};
use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use crate::{
    Finished, LocalSearchSettings, Problem, Strategy,
    pareto::{Score, constrained_dominates},
    proposals::Proposals,
};

/// Pareto local search, begun again when its neighbourhoods are spent.
#[derive(Debug)]
pub struct LocalSearch {
    settings: LocalSearchSettings,
    rng: ChaCha8Rng,
    proposals: Proposals,
    /// Random proposals of this search that are still to be made.
    initial: usize,
    /// Members of this search that no other dominates.
    front: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    architecture: Architecture,
    score: Score,
    /// The neighbours that were not tried from here, in random order; unknown before the first is wanted.
    neighbours: Option<Vec<Architecture>>,
}

// === impl LocalSearch ===

impl LocalSearch {
    /// Starts a search with settings that were checked.
    pub fn new(settings: LocalSearchSettings, seed: u64, problem: Problem) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            proposals: Proposals::new(problem),
            initial: settings.initial,
            front: Vec::new(),
            settings,
        }
    }

    /// A neighbour, not yet tried, of a member drawn at random.
    fn neighbour(&mut self, space: &Space) -> Option<Architecture> {
        let mut open: Vec<usize> = (0..self.front.len()).collect();
        while !open.is_empty() {
            let drawn = self.rng.random_range(0..open.len());
            let member = &mut self.front[open[drawn]];
            let found = std::iter::from_fn(|| member.next_neighbour(space, &mut self.rng))
                .find_map(|neighbour| self.proposals.admit(neighbour));
            if found.is_some() {
                return found;
            }
            open.swap_remove(drawn);
        }
        None
    }
}

impl Strategy for LocalSearch {
    fn name(&self) -> &'static str {
        "local_search"
    }

    fn suggest(&mut self, space: &Space) -> Option<Architecture> {
        if self.initial == 0 {
            if let Some(neighbour) = self.neighbour(space) {
                return Some(neighbour);
            }
            self.front.clear();
            self.initial = self.settings.initial;
        }
        self.initial -= 1;
        self.proposals.random(space, &mut self.rng)
    }

    fn update(&mut self, finished: &Finished) {
        self.proposals.note(finished);
        let Some(score) = finished.score() else {
            return;
        };
        let mut members = self.front.iter();
        if members.any(|member| constrained_dominates(&member.score, score)) {
            return;
        }
        self.front
            .retain(|member| !constrained_dominates(score, &member.score));
        self.front.push(Member {
            architecture: finished.architecture().clone(),
            score: score.clone(),
            neighbours: None,
        });
    }
}

// === impl Member ===

impl Member {
    fn next_neighbour(&mut self, space: &Space, rng: &mut ChaCha8Rng) -> Option<Architecture> {
        let neighbours = self.neighbours.get_or_insert_with(|| {
            let mut neighbours = space.neighbours(&self.architecture);
            neighbours.shuffle(rng);
            neighbours
        });
        neighbours.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_spaces::wide;

    fn start(initial: usize) -> LocalSearch {
        LocalSearch::new(LocalSearchSettings { initial }, 1, Problem::default())
    }

    fn report(strategy: &mut LocalSearch, architecture: &Architecture, objectives: &[f64]) {
        let objectives = objectives.iter().copied().map(Some).collect();
        let finished = Finished::new(architecture.clone(), objectives, 0.0);
        strategy.update(&finished.expect("finite objectives"));
    }

    #[test]
    fn a_better_neighbour_is_moved_to_and_a_worse_one_is_not() {
        let space = wide();
        let mut strategy = start(1);
        let mut best = strategy.suggest(&space).expect("the space is large");
        report(&mut strategy, &best, &[5.0]);
        for objective in [7.0, 6.0, 4.0, 8.0, 3.0, 9.0] {
            let neighbour = strategy.suggest(&space).expect("the space is large");
            assert!(space.neighbours(&best).contains(&neighbour));
            report(&mut strategy, &neighbour, &[objective]);
            if objective < 5.0 {
                best = neighbour;
            }
        }
    }

    #[test]
    fn neighbours_of_every_member_of_the_front_are_tried() {
        let space = wide();
        let mut strategy = start(2);
        let starts: Vec<Architecture> = (0..2)
            .map(|_| strategy.suggest(&space).expect("the space is large"))
            .collect();
        report(&mut strategy, &starts[0], &[0.0, 1.0]);
        report(&mut strategy, &starts[1], &[1.0, 0.0]);
        let mut tried = [0; 2];
        for _ in 0..20 {
            let neighbour = strategy.suggest(&space).expect("the space is large");
            for (tried, start) in tried.iter_mut().zip(&starts) {
                *tried += usize::from(space.neighbours(start).contains(&neighbour));
            }
            report(&mut strategy, &neighbour, &[2.0, 2.0]);
        }
        assert!(tried.iter().all(|&tried| tried > 4), "{tried:?}");
        assert_eq!(tried[0] + tried[1], 20);
    }

    #[test]
    fn a_spent_neighbourhood_is_left_for_another_start() {
        let space = wide();
        let mut strategy = start(1);
        let first = strategy.suggest(&space).expect("the space is large");
        report(&mut strategy, &first, &[0.0]);
        let around = space.neighbours(&first);
        for _ in 0..around.len() {
            let neighbour = strategy.suggest(&space).expect("the space is large");
            assert!(around.contains(&neighbour));
            report(&mut strategy, &neighbour, &[1.0]);
        }
        let again = strategy.suggest(&space).expect("the space is large");
        assert!(!around.contains(&again));
        report(&mut strategy, &again, &[2.0]);
        let next = strategy.suggest(&space).expect("the space is large");
        assert!(space.neighbours(&again).contains(&next));
    }
}

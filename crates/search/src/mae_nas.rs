//! The evolution of MAE-NAS.
//!
//! Z. Sun et al.: MAE-DET: Revisiting Maximum Entropy Principle in Zero-Shot NAS for Efficient Object Detection (ICML
//! 2022), with the settings of DAMO-YOLO's searches (arXiv 2211.15444): a population of 512 that begins with random
//! networks; 500,000 times a random member has one decision of one random block changed; what keeps the budgets joins
//! the population, of which those with the greatest entropy live on. Nothing is trained or measured for that.
//!
//! Unlike the paper:
//! - proposals are the population from the best on, not the best alone, so that measurements decide among them; when all
//!   were tried, the evolution goes on from where it was;
//! - the budget on latency is the study's bound as a forecast sees it, where there is one, and those on parameters and
//!   the like count too;
//! - what exceeds the budgets may join a population that holds nothing better, so that it need not begin within them.

use std::cmp::Ordering;

use bespoke_graph::Entropy;
use bespoke_space::{Architecture, Chain, PieceId, Space};
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use crate::{Finished, MaeNasSettings, Problem, Strategy, proposals::Proposals};

/// How many times the evolution goes on when all of its population was tried, before a proposal is random.
const ROUNDS: usize = 2;

/// Evolution of the maximum entropy within budgets.
#[derive(Debug)]
pub struct MaeNas {
    settings: MaeNasSettings,
    rng: ChaCha8Rng,
    proposals: Proposals,
    /// The best first, all different.
    population: Vec<Member>,
    scored: Option<Scored>,
}

/// One network of the population.
#[derive(Debug, Clone)]
struct Member {
    architecture: Architecture,
    /// By how much it exceeds the budgets, in shares of them; 0 within.
    excess: f64,
    entropy: f64,
}

/// What the scores of a space's networks are worked out from.
#[derive(Debug)]
struct Scored {
    chain: Chain,
    pieces: Vec<PieceId>,
    /// The decisions of each block: those whose paths begin alike.
    blocks: Vec<Vec<usize>>,
}

// === impl MaeNas ===

impl MaeNas {
    /// Starts a search with settings that were checked.
    pub fn new(settings: MaeNasSettings, seed: u64, problem: Problem) -> Self {
        Self {
            settings,
            rng: ChaCha8Rng::seed_from_u64(seed),
            proposals: Proposals::new(problem),
            population: Vec::new(),
            scored: None,
        }
    }

    /// Scores as many mutations as the settings say.
    fn evolve(&mut self, space: &Space) {
        let mut scored = self.scored.take().unwrap_or_else(|| Scored::new(space));
        if self.population.is_empty() {
            for _ in 0..self.settings.population {
                let drawn = self.proposals.drawn(space, &mut self.rng);
                self.enter(&mut scored, drawn);
            }
        }
        for _ in 0..self.settings.mutations {
            let Some(parent) = self.population.choose(&mut self.rng) else {
                break;
            };
            let child = scored.mutated(space, &parent.architecture, &mut self.rng);
            self.enter(&mut scored, child);
        }
        self.scored = Some(scored);
    }

    /// Lets an architecture into the population at its place, if it has one and is not there.
    fn enter(&mut self, scored: &mut Scored, architecture: Architecture) {
        let Some(entropy) = scored.entropy(&architecture) else {
            return;
        };
        let layers = match self.settings.max_layers {
            Some(most) => (f64::from(entropy.layers()) / f64::from(most) - 1.0).max(0.0),
            None => 0.0,
        };
        let mut member = Member {
            architecture,
            excess: layers,
            entropy: entropy.score_by(&self.settings.ratios),
        };
        let most = self.settings.population;
        let is_full = |population: &[Member]| population.len() >= most;
        // What has no place by what is cheap to know need not be forecast.
        let last = self.population.last();
        if is_full(&self.population) && last.is_some_and(|last| member.order(last).is_gt()) {
            return;
        }
        member.excess += self.proposals.excess_of_one(&member.architecture);
        let place = self
            .population
            .partition_point(|other| other.order(&member).is_lt());
        let equals = self.population[place..].iter();
        let mut equals = equals.take_while(|other| other.order(&member).is_eq());
        if equals.any(|other| other.architecture == member.architecture) {
            return;
        }
        self.population.insert(place, member);
        self.population.truncate(most);
    }

    /// The best of the population that may be proposed.
    fn best(&mut self) -> Option<Architecture> {
        let Self {
            population,
            proposals,
            ..
        } = self;
        let within = population.iter().filter(|member| member.excess == 0.0);
        within
            .map(|member| member.architecture.clone())
            .find_map(|architecture| proposals.admit(architecture))
    }
}

impl Strategy for MaeNas {
    fn name(&self) -> &'static str {
        "mae_nas"
    }

    fn suggest(&mut self, space: &Space) -> Option<Architecture> {
        if self.population.is_empty() {
            self.evolve(space);
        }
        for _ in 0..ROUNDS {
            if let Some(best) = self.best() {
                return Some(best);
            }
            self.evolve(space);
        }
        let best = self.best();
        best.or_else(|| self.proposals.random(space, &mut self.rng))
    }

    fn update(&mut self, finished: &Finished) {
        self.proposals.note(finished);
    }
}

// === impl Member ===

impl Member {
    /// Those within the budgets first, then those that exceed them least; of equals the greatest entropy.
    fn order(&self, other: &Self) -> Ordering {
        let by_excess = self.excess.total_cmp(&other.excess);
        by_excess.then(other.entropy.total_cmp(&self.entropy))
    }
}

// === impl Scored ===

impl Scored {
    fn new(space: &Space) -> Self {
        let mut blocks: Vec<(&str, Vec<usize>)> = Vec::new();
        for (index, decision) in space.decisions().iter().enumerate() {
            let block = decision.path().split('.').next().unwrap_or_default();
            match blocks.iter_mut().find(|(name, _)| *name == block) {
                Some((_, decisions)) => decisions.push(index),
                None => blocks.push((block, vec![index])),
            }
        }
        Self {
            chain: space.chain(),
            pieces: Vec::new(),
            blocks: blocks.into_iter().map(|(_, decisions)| decisions).collect(),
        }
    }

    /// What an architecture's network comes to; nothing of what is no network.
    fn entropy(&mut self, architecture: &Architecture) -> Option<Entropy> {
        self.chain.trace(architecture, &mut self.pieces).ok()?;
        let pieces = self.pieces.iter().map(|id| &self.chain.piece(*id).graph);
        Some(pieces.fold(Entropy::at_input(), |before, piece| {
            piece.entropy_after(before)
        }))
    }

    /// The architecture with another option of one decision of one block that counts; decisions that come to count by
    /// that take their first.
    fn mutated(
        &self,
        space: &Space,
        architecture: &Architecture,
        rng: &mut impl Rng,
    ) -> Architecture {
        let active = space.active(architecture);
        let is_free = |decision: &usize| {
            active[*decision] && space.decisions()[*decision].options().len() > 1
        };
        let blocks: Vec<&Vec<usize>> = (self.blocks.iter())
            .filter(|block| block.iter().any(is_free))
            .collect();
        let Some(block) = blocks.choose(rng) else {
            return architecture.clone();
        };
        let free: Vec<usize> = block.iter().copied().filter(is_free).collect();
        let decision = *free.choose(rng).expect("the block has one");
        let options = space.decisions()[decision].options().len();
        let mut choices = architecture.choices().to_vec();
        let step = rng.random_range(1..options);
        let option = (usize::from(choices[decision]) + step) % options;
        choices[decision] = u16::try_from(option).expect("the number of options is bounded");
        let changed = space.architecture(&choices);
        space.canonical(&changed.expect("every choice is an option"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_spaces::{SumOfChoices, sum, wide, within};

    fn settings() -> MaeNasSettings {
        MaeNasSettings {
            population: 16,
            mutations: 600,
            ..MaeNasSettings::default()
        }
    }

    fn entropy(space: &Space, architecture: &Architecture) -> Entropy {
        space.lower(architecture).expect("a network").entropy()
    }

    #[test]
    fn the_network_of_greatest_entropy_is_proposed_first() {
        // The largest kernel in each of twelve layers.
        let space = wide();
        let mut strategy = MaeNas::new(settings(), 1, Problem::default());
        let best = strategy.suggest(&space).expect("the space is large");
        assert!(best.choices().iter().all(|choice| *choice == 3), "{best:?}");
        let next = strategy.suggest(&space).expect("the space is large");
        let score = |of: &Architecture| entropy(&space, of).score();
        assert!(score(&next) <= score(&best));
    }

    #[test]
    fn scores_by_pieces_are_those_of_whole_networks() {
        let space = Space::builtin("maenas").expect("it is shipped");
        let mut scored = Scored::new(&space);
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        for _ in 0..20 {
            let architecture = space.sample(&mut rng);
            let by_pieces = scored.entropy(&architecture).expect("a network");
            let whole = entropy(&space, &architecture);
            assert!((by_pieces.score() - whole.score()).abs() < 1e-9);
            assert_eq!(by_pieces.layers(), whole.layers());
        }
    }

    #[test]
    fn a_mutation_changes_one_decision() {
        let space = wide();
        let scored = Scored::new(&space);
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let parent = space.sample(&mut rng);
        for _ in 0..50 {
            let child = scored.mutated(&space, &parent, &mut rng);
            let pairs = child.choices().iter().zip(parent.choices());
            assert_eq!(pairs.filter(|(a, b)| a != b).count(), 1);
        }
    }

    #[test]
    fn budgets_on_layers_and_on_what_is_forecast_are_kept() {
        let space = Space::builtin("maenas").expect("it is shipped");
        let settings = MaeNasSettings {
            max_layers: Some(25),
            ..settings()
        };
        let mut strategy = MaeNas::new(settings, 1, within(20.0, SumOfChoices(0.0)));
        for _ in 0..8 {
            let proposal = strategy.suggest(&space).expect("the space is large");
            assert!(entropy(&space, &proposal).layers() <= 25);
            assert!(sum(&proposal) <= 20.0);
        }
    }
}

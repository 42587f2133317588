//! Proposals of FBNet and ProxylessNAS: networks drawn from a distribution that is learned beside the trials.
//!
//! B. Wu et al.: FBNet: Hardware-Aware Efficient ConvNet Design via Differentiable Neural Architecture Search (CVPR
//! 2019) draws its networks; H. Cai et al.: ProxylessNAS (ICLR 2019) takes the most likely one. Here that comes first,
//! and draws follow. Unlike the papers, no architecture is proposed twice, and none that a forecast says breaks a bound:
//! once the distribution has so little left to decide that its draws repeat, their neighbours are proposed.

use bespoke_space::{Architecture, Space};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{Finished, Problem, Strategy, proposals::Proposals};

/// Draws from the latest distribution that it was given; before the first, uniformly.
#[derive(Debug)]
pub struct Learned {
    name: &'static str,
    rng: ChaCha8Rng,
    proposals: Proposals,
    /// Of each option of each decision.
    probabilities: Vec<Vec<f64>>,
    /// Whether the most likely architecture is yet to be proposed.
    is_new: bool,
}

// === impl Learned ===

impl Learned {
    /// Starts proposing under the name of what learns the distribution.
    pub fn new(name: &'static str, seed: u64, problem: Problem) -> Self {
        Self {
            name,
            rng: ChaCha8Rng::seed_from_u64(seed),
            proposals: Proposals::new(problem),
            probabilities: Vec::new(),
            is_new: false,
        }
    }
}

impl Strategy for Learned {
    fn name(&self) -> &'static str {
        self.name
    }

    fn suggest(&mut self, space: &Space) -> Option<Architecture> {
        let Self {
            rng,
            proposals,
            probabilities,
            ..
        } = self;
        if std::mem::take(&mut self.is_new) {
            let likeliest = space.architecture(&chosen(probabilities, likeliest));
            let admitted = likeliest.and_then(|architecture| proposals.admit(architecture));
            if admitted.is_some() {
                return admitted;
            }
        }
        proposals.unseen(space, || {
            // Nothing was learned of a space that has other decisions.
            let choices = chosen(probabilities, |p| drawn(p, rng));
            let drawn = space.architecture(&choices);
            drawn.unwrap_or_else(|| space.sample(rng))
        })
    }

    fn update(&mut self, finished: &Finished) {
        self.proposals.note(finished);
    }

    fn follow(&mut self, probabilities: &[Vec<f64>]) {
        self.probabilities = probabilities.to_vec();
        self.is_new = true;
    }
}

// === helpers ===

/// An option of each decision.
fn chosen(probabilities: &[Vec<f64>], mut choose: impl FnMut(&[f64]) -> usize) -> Vec<u16> {
    let options = probabilities.iter().map(|p| choose(p));
    let options = options.map(|option| u16::try_from(option).unwrap_or(u16::MAX));
    options.collect()
}

/// The first of the greatest.
fn likeliest(probabilities: &[f64]) -> usize {
    let greater = |best: usize, at: usize| match probabilities[at] > probabilities[best] {
        true => at,
        false => best,
    };
    (0..probabilities.len()).fold(0, greater)
}

/// A position, drawn by its probability.
fn drawn(probabilities: &[f64], rng: &mut impl Rng) -> usize {
    let mut left = rng.random::<f64>() * probabilities.iter().sum::<f64>();
    let mut before = probabilities.iter();
    let found = before.position(|probability| {
        left -= probability;
        left < 0.0
    });
    found.unwrap_or(probabilities.len().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_spaces::wide;

    fn learned() -> Learned {
        Learned::new("fbnet", 1, Problem::default())
    }

    /// Of each decision, the last option has this probability.
    fn leaning(space: &Space, last: f64) -> Vec<Vec<f64>> {
        let of_decision = |count: usize| {
            let mut p = vec![(1.0 - last) / (count - 1) as f64; count];
            p[count - 1] = last;
            p
        };
        let decisions = space.decisions().iter();
        decisions
            .map(|decision| of_decision(decision.options().len()))
            .collect()
    }

    fn last(space: &Space) -> Vec<u16> {
        let decisions = space.decisions().iter();
        decisions
            .map(|decision| u16::try_from(decision.options().len() - 1).expect("few"))
            .collect()
    }

    #[test]
    fn most_likely_network_comes_first_and_draws_follow_the_distribution() {
        let space = wide();
        let mut learned = learned();
        learned.follow(&leaning(&space, 0.7));
        let first = learned.suggest(&space).expect("the space is large");
        assert_eq!(first.choices(), last(&space));
        let draws: Vec<Architecture> = (0..50).filter_map(|_| learned.suggest(&space)).collect();
        let all: usize = draws.iter().map(|draw| draw.choices().len()).sum();
        let are_last = |draw: &Architecture| {
            let pairs = draw.choices().iter().zip(last(&space));
            pairs.filter(|(choice, last)| *choice == last).count()
        };
        let share = draws.iter().map(are_last).sum::<usize>() as f64 / all as f64;
        assert!((0.6..0.8).contains(&share), "{share}");
    }

    #[test]
    fn certain_distribution_is_followed_by_its_neighbours() {
        let space = wide();
        let mut learned = learned();
        learned.follow(&leaning(&space, 1.0));
        let first = learned.suggest(&space).expect("the space is large");
        let second = learned.suggest(&space).expect("the space is large");
        assert!(space.neighbours(&first).contains(&second));
    }

    #[test]
    fn most_likely_network_that_was_proposed_before_is_not_proposed_again() {
        let space = wide();
        let mut learned = learned();
        learned.follow(&leaning(&space, 0.7));
        let first = learned.suggest(&space);
        learned.follow(&leaning(&space, 0.8));
        assert_ne!(learned.suggest(&space), first);
    }
}

//! How many architectures there are, and how to draw among them evenly.
//!
//! Decisions form a forest: each is active under some options of at most one earlier decision. The configurations
//! below an option are the product of the totals of the decisions that are active under it, the total of a decision is
//! the sum over its options, and the size of the space is the product over the decisions without condition. Drawing
//! each active decision in order, an option with probability (configurations below it) / (total), gives every
//! architecture probability 1 / size: the factors cancel along the way. All of it in whole numbers, so it is exact.

use std::collections::BTreeMap;

use num_bigint::BigUint;
use rand::Rng;

use crate::Decision;

/// Size of a space and the weights of its options.
#[derive(Debug, Clone)]
pub(crate) struct Counts {
    size: BigUint,
    draws: Vec<Draw>,
}

/// How one decision is drawn.
#[derive(Debug, Clone)]
enum Draw {
    /// Equally many configurations below each of so many options.
    Even(u16),
    /// Running sums of the configurations below the options.
    Weighted(Vec<BigUint>),
}

// === impl Counts ===

impl Counts {
    pub fn of(decisions: &[Decision]) -> Self {
        let (below, size) = tally(decisions, 0..decisions.len(), |_, _| true);
        let draws = below.into_values().map(Draw::of).collect();
        Self { size, draws }
    }

    pub fn size(&self) -> &BigUint {
        &self.size
    }

    /// An option of the decision, weighted by the configurations below it.
    pub fn draw(&self, decision: usize, rng: &mut (impl Rng + ?Sized)) -> u16 {
        match &self.draws[decision] {
            Draw::Even(options) => rng.random_range(0..*options),
            Draw::Weighted(sums) => {
                let total = sums.last().expect("a decision has at least one option");
                let point = below(total, rng);
                let option = sums.partition_point(|sum| *sum <= point);
                u16::try_from(option).expect("the number of options is bounded")
            }
        }
    }
}

/// Exact number of configurations of some decisions, with which come those that they depend on; only options that are
/// allowed are taken.
pub(crate) fn configurations(
    decisions: &[Decision],
    among: &[usize],
    allows: impl Fn(usize, usize) -> bool,
) -> BigUint {
    tally(decisions, among.iter().copied(), allows).1
}

// === impl Draw ===

impl Draw {
    fn of(weights: Vec<BigUint>) -> Self {
        if weights.iter().all(|weight| *weight == weights[0]) {
            let options = u16::try_from(weights.len());
            return Self::Even(options.expect("the number of options is bounded"));
        }
        let sums = weights.into_iter().scan(BigUint::ZERO, |sum, weight| {
            *sum += weight;
            Some(sum.clone())
        });
        Self::Weighted(sums.collect())
    }
}

/// The configurations below each option of the decisions given, and of all these decisions together.
fn tally(
    decisions: &[Decision],
    among: impl DoubleEndedIterator<Item = usize> + Clone,
    allows: impl Fn(usize, usize) -> bool,
) -> (BTreeMap<usize, Vec<BigUint>>, BigUint) {
    let weights = |decision: usize| {
        let options = 0..decisions[decision].options().len();
        let weights = options.map(|option| BigUint::from(u32::from(allows(decision, option))));
        (decision, weights.collect())
    };
    let mut below: BTreeMap<usize, Vec<BigUint>> = among.clone().map(weights).collect();
    let mut size = BigUint::from(1_u32);
    for index in among.rev() {
        let total: BigUint = below[&index].iter().sum();
        let Some(condition) = decisions[index].condition() else {
            size *= total;
            continue;
        };
        let parent = below.get_mut(&condition.decision);
        let parent = parent.expect("what a decision depends on is tallied with it");
        for (weight, is_active) in parent.iter_mut().zip(&condition.options) {
            if *is_active {
                *weight *= &total;
            }
        }
    }
    (below, size)
}

/// A number below the bound, all equally likely: draws of as many bits as the bound has, until one is below it.
fn below(bound: &BigUint, rng: &mut (impl Rng + ?Sized)) -> BigUint {
    let bits = bound.bits();
    let words = bits.div_ceil(32);
    let mask = u32::MAX >> (words * 32 - bits);
    loop {
        let mut digits: Vec<u32> = (0..words).map(|_| rng.random()).collect();
        if let Some(most_significant) = digits.last_mut() {
            *most_significant &= mask;
        }
        let number = BigUint::new(digits);
        if number < *bound {
            return number;
        }
    }
}

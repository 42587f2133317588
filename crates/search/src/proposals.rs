//! What may be proposed: no architecture twice, and none that a forecast says breaks a bound while others are found.

use std::{
    collections::{BTreeMap, HashSet},
    slice,
};

use bespoke_space::{Architecture, Space};
use rand::RngCore;

use crate::{Expected, Finished, Problem, normal};

#[cfg(test)]
mod tests;

/// How often a strategy draws before the neighbourhood of its best draw is walked instead.
const DRAWS: usize = 64;

/// How many architectures are walked through in search of one that meets the bounds, once another was found.
const STEPS: usize = 64;

/// The architectures that a strategy has seen, and the problem that it solves.
#[derive(Debug)]
pub(crate) struct Proposals {
    problem: Problem,
    /// How many deviations above its mean a forecast has to meet the bounds.
    deviations: f64,
    seen: HashSet<Architecture>,
    exhausted: bool,
}

/// A walk over neighbours from one architecture, those first that exceed the bounds least.
struct Walk {
    reached: HashSet<Architecture>,
    /// How many were ever put on the frontier.
    count: usize,
    /// By excess, whose bits are ordered as itself is, being no less than 0; of equals the first reached.
    frontier: BTreeMap<(u64, usize), Architecture>,
    /// Excess and architecture of the best that was not seen.
    best: Option<(f64, Architecture)>,
}

// === impl Proposals ===

impl Proposals {
    /// Nothing seen of a problem that was checked.
    pub(crate) fn new(problem: Problem) -> Self {
        Self {
            deviations: normal::quantile(problem.confidence),
            problem,
            seen: HashSet::new(),
            exhausted: false,
        }
    }

    /// Notes what was reported, wherever it was proposed.
    pub(crate) fn note(&mut self, finished: &Finished) {
        let is_seen = finished.may_return() || self.seen.contains(finished.architecture());
        if !is_seen {
            self.seen.insert(finished.architecture().clone());
        }
        if let Some(forecast) = &mut self.problem.forecast {
            forecast.update(finished);
        }
    }

    /// An unseen architecture drawn at random: from those that meet the bounds where the forecast can draw them, else
    /// from all.
    pub(crate) fn random(&mut self, space: &Space, rng: &mut impl RngCore) -> Option<Architecture> {
        self.first_admitted(space, |problem| problem.draw(space, rng))
    }

    /// The first draw that was never seen and is expected to meet the bounds. When a bounded number of draws gave none,
    /// the first such that a walk over neighbours from the best of them finds; when that is none either, the unseen
    /// one that exceeds the bounds least. `None` when the space holds no unseen architecture.
    pub(crate) fn unseen(
        &mut self,
        space: &Space,
        mut draw: impl FnMut() -> Architecture,
    ) -> Option<Architecture> {
        self.first_admitted(space, |_| draw())
    }

    /// The bounds of the problem.
    pub(crate) fn bounds(&self) -> &[Option<f64>] {
        &self.problem.bounds
    }

    /// How likely a proposal is to meet each bound, where a forecast says so.
    pub(crate) fn confidence(&self) -> f64 {
        self.problem.confidence
    }

    /// Whether an architecture was proposed or reported.
    pub(crate) fn is_seen(&self, architecture: &Architecture) -> bool {
        self.seen.contains(architecture)
    }

    /// For each architecture, what is expected of its objectives: nothing without a forecast.
    pub(crate) fn expect(&mut self, architectures: &[Architecture]) -> Vec<Vec<Option<Expected>>> {
        match &mut self.problem.forecast {
            Some(forecast) => forecast.expect(architectures),
            None => vec![Vec::new(); architectures.len()],
        }
    }

    /// By how much what is expected of an architecture exceeds the bounds, in shares of them, with the asked
    /// confidence; 0 where nothing is known.
    pub(crate) fn excess_of_one(&mut self, architecture: &Architecture) -> f64 {
        self.excess(slice::from_ref(architecture))[0]
    }

    /// Whether an architecture, of whose objectives this is expected, meets the bounds with the asked confidence, where
    /// it is known.
    pub(crate) fn is_within(
        &mut self,
        architecture: &Architecture,
        expected: &[Option<Expected>],
    ) -> bool {
        self.excess_of(architecture, expected) == 0.0
    }

    /// A random architecture, seen or not: of those that meet the bounds where the forecast can draw them.
    pub(crate) fn drawn(&mut self, space: &Space, rng: &mut impl RngCore) -> Architecture {
        self.problem.draw(space, rng)
    }

    /// The architecture, if it was never seen and is expected to meet the bounds.
    pub(crate) fn admit(&mut self, architecture: Architecture) -> Option<Architecture> {
        let is_admitted = !self.seen.contains(&architecture)
            && self.excess(slice::from_ref(&architecture)) == [0.0];
        is_admitted.then(|| self.propose(architecture))
    }

    fn first_admitted(
        &mut self,
        space: &Space,
        mut draw: impl FnMut(&mut Problem) -> Architecture,
    ) -> Option<Architecture> {
        if self.exhausted {
            return None;
        }
        let mut best: Option<(f64, Architecture)> = None;
        for _ in 0..DRAWS {
            let drawn = draw(&mut self.problem);
            let excess = match self.seen.contains(&drawn) {
                true => f64::INFINITY,
                false => self.excess(slice::from_ref(&drawn))[0],
            };
            if excess == 0.0 {
                return Some(self.propose(drawn));
            }
            if best.as_ref().is_none_or(|(least, _)| excess <= *least) {
                best = Some((excess, drawn));
            }
        }
        let (_, start) =
            best.expect("there is at least one draw, and the first is the best so far");
        let found = self.walk(space, start);
        self.exhausted = found.is_none();
        found.map(|architecture| self.propose(architecture))
    }

    /// Walks to the first unseen architecture that is expected to meet the bounds, or for a number of steps, or as long
    /// as it takes to find one that is unseen. Single changes lead from each architecture to each other, so that this
    /// finds an unseen one if there is one.
    fn walk(&mut self, space: &Space, start: Architecture) -> Option<Architecture> {
        let mut walk = Walk::new();
        walk.reach(self, vec![start]);
        for step in 0.. {
            match &walk.best {
                Some((excess, _)) if *excess == 0.0 || step >= STEPS => break,
                _ => {}
            }
            let Some((_, nearest)) = walk.frontier.pop_first() else {
                break;
            };
            walk.reach(self, space.neighbours(&nearest));
        }
        walk.best.map(|(_, architecture)| architecture)
    }

    /// Sum over the bounds of the share by which each architecture is expected to exceed them; 0 where it meets all of
    /// them with the asked confidence, or nothing is known.
    fn excess(&mut self, architectures: &[Architecture]) -> Vec<f64> {
        let expected = match self.problem.bounds.iter().any(Option::is_some) {
            true => self.expect(architectures),
            false => vec![Vec::new(); architectures.len()],
        };
        let pairs = architectures.iter().zip(&expected);
        pairs
            .map(|(architecture, expected)| self.excess_of(architecture, expected))
            .collect()
    }

    fn excess_of(&mut self, architecture: &Architecture, expected: &[Option<Expected>]) -> f64 {
        let forecast = self.problem.forecast.as_mut();
        let beside = forecast.map_or(0.0, |forecast| forecast.excess(architecture));
        let pairs = self.problem.bounds.iter().zip(expected);
        let known = pairs.filter_map(|(bound, expected)| Some(((*bound)?, (*expected)?)));
        known.fold(beside, |sum, (bound, expected)| {
            sum + expected.excess(bound, self.deviations)
        })
    }

    fn propose(&mut self, architecture: Architecture) -> Architecture {
        self.seen.insert(architecture.clone());
        architecture
    }
}

// === impl Walk ===

impl Walk {
    fn new() -> Self {
        Self {
            reached: HashSet::new(),
            count: 0,
            frontier: BTreeMap::new(),
            best: None,
        }
    }

    /// Puts architectures that were not reached before on the frontier.
    fn reach(&mut self, proposals: &mut Proposals, architectures: Vec<Architecture>) {
        let mut new = architectures;
        new.retain(|architecture| self.reached.insert(architecture.clone()));
        for (excess, architecture) in proposals.excess(&new).into_iter().zip(new) {
            let is_better = self.best.as_ref().is_none_or(|(least, _)| excess < *least);
            if is_better && !proposals.seen.contains(&architecture) {
                self.best = Some((excess, architecture.clone()));
            }
            self.count += 1;
            self.frontier
                .insert((excess.to_bits(), self.count), architecture);
        }
    }
}

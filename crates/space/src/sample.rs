//! Drawing architectures and moving between them.

use rand::Rng;

use crate::{
    Architecture, Space,
    decision::{Decision, walk},
};

impl Space {
    /// An architecture drawn uniformly over all distinct ones.
    pub fn sample(&self, rng: &mut (impl Rng + ?Sized)) -> Architecture {
        let (choices, _) = walk(self.decisions(), |decision| self.counts.draw(decision, rng));
        Architecture::new(choices)
    }

    /// All architectures, in lexicographic order of their choices. Only sensible for small spaces.
    pub fn architectures(&self) -> impl Iterator<Item = Architecture> + '_ {
        let first = vec![0; self.decisions().len()];
        std::iter::successors(Some(first), |choices| self.successor(choices)).map(Architecture::new)
    }

    /// All architectures that differ in a single decision. Decisions that become active take their first option,
    /// those that become inactive no longer count.
    pub fn neighbours(&self, architecture: &Architecture) -> Vec<Architecture> {
        let active = self.active(architecture);
        let mut neighbours = Vec::new();
        for (index, decision) in self.decisions().iter().enumerate() {
            let current = architecture.choices()[index];
            for option in options(decision) {
                if active[index] && option != current {
                    let mut choices = architecture.choices().to_vec();
                    choices[index] = option;
                    let (choices, _) = walk(self.decisions(), |decision| choices[decision]);
                    neighbours.push(Architecture::new(choices));
                }
            }
        }
        neighbours
    }

    /// Each active decision takes another of its options with the probability given, all others equally likely, and
    /// at least one does. Decisions that become active by it are drawn as [`Space::sample`] draws them. The same
    /// architecture comes back only when the space has no other.
    pub fn mutate(
        &self,
        architecture: &Architecture,
        rng: &mut (impl Rng + ?Sized),
        probability: f64,
    ) -> Architecture {
        let probability = probability.clamp(0.0, 1.0);
        let active = self.active(architecture);
        let free: Vec<usize> = (0..active.len())
            .filter(|index| active[*index] && self.decisions()[*index].options().len() > 1)
            .collect();
        if free.is_empty() {
            return self.canonical(architecture);
        }
        let mut changes = vec![false; active.len()];
        for index in &free {
            changes[*index] = rng.random_bool(probability);
        }
        // The changes may all lie in decisions that an earlier change makes inactive, but the earlier one then stands.
        if !changes.contains(&true) {
            changes[free[rng.random_range(0..free.len())]] = true;
        }
        let (choices, _) = walk(self.decisions(), |index| {
            let current = architecture.choices()[index];
            match (active[index], changes[index]) {
                (false, _) => self.counts.draw(index, rng),
                (true, false) => current,
                (true, true) => other_option(&self.decisions()[index], current, rng),
            }
        });
        Architecture::new(choices)
    }

    /// Uniform crossover: each decision comes from either parent with equal probability, or from the one in which it
    /// is active where it is not in both. It is active in at least one, since the choice that makes it active comes
    /// from a parent in which it did the same.
    pub fn crossover(
        &self,
        one: &Architecture,
        other: &Architecture,
        rng: &mut (impl Rng + ?Sized),
    ) -> Architecture {
        let (in_one, in_other) = (self.active(one), self.active(other));
        let (choices, _) = walk(self.decisions(), |index| {
            let from_one = in_one[index] && (!in_other[index] || rng.random_bool(0.5));
            let parent = if from_one { one } else { other };
            parent.choices()[index]
        });
        Architecture::new(choices)
    }

    /// The next choices in lexicographic order.
    fn successor(&self, choices: &[u16]) -> Option<Vec<u16>> {
        let (_, active) = walk(self.decisions(), |index| choices[index]);
        let last = (0..choices.len()).rev().find(|index| {
            let options = self.decisions()[*index].options().len();
            active[*index] && usize::from(choices[*index]) + 1 < options
        })?;
        let mut next = choices[..last].to_vec();
        next.push(choices[last] + 1);
        next.resize(choices.len(), 0);
        Some(next)
    }
}

fn options(decision: &Decision) -> impl Iterator<Item = u16> + use<> {
    let count = u16::try_from(decision.options().len());
    0..count.expect("the number of options is bounded")
}

fn other_option(decision: &Decision, current: u16, rng: &mut (impl Rng + ?Sized)) -> u16 {
    let others: Vec<u16> = options(decision).filter(|o| *o != current).collect();
    others[rng.random_range(0..others.len())]
}

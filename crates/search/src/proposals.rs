//! What was proposed or reported already, so that no architecture is tried twice.

use std::collections::{HashSet, VecDeque};

use bespoke_space::{Architecture, Space};

/// How often a strategy draws before the neighbourhood of its last draw is walked instead.
const DRAWS: usize = 64;

/// The architectures that a strategy has seen.
#[derive(Debug, Default)]
pub(crate) struct Proposals {
    seen: HashSet<Architecture>,
    exhausted: bool,
}

impl Proposals {
    /// Notes an architecture that was reported, wherever it was proposed.
    pub(crate) fn note(&mut self, architecture: &Architecture) {
        if !self.seen.contains(architecture) {
            self.seen.insert(architecture.clone());
        }
    }

    /// The first draw that was never seen or, when a bounded number of draws were all seen, the nearest
    /// unseen architecture to the last of them. `None` when the space holds no other.
    pub(crate) fn unseen(
        &mut self,
        space: &Space,
        mut draw: impl FnMut() -> Architecture,
    ) -> Option<Architecture> {
        if self.exhausted {
            return None;
        }
        let mut drawn = draw();
        for _ in 1..DRAWS {
            if self.seen.insert(drawn.clone()) {
                return Some(drawn);
            }
            drawn = draw();
        }
        let found = self.nearest_unseen(space, drawn);
        match &found {
            Some(architecture) => self.note(architecture),
            None => self.exhausted = true,
        }
        found
    }

    /// Walks breadth-first through seen architectures to the first unseen one. Single changes lead from each
    /// architecture to each other, so that this finds one if there is one, and expands no more architectures
    /// than were seen.
    fn nearest_unseen(&self, space: &Space, start: Architecture) -> Option<Architecture> {
        if !self.seen.contains(&start) {
            return Some(start);
        }
        let mut reached = HashSet::from([start.clone()]);
        let mut queue = VecDeque::from([start]);
        while let Some(architecture) = queue.pop_front() {
            for neighbour in space.neighbours(&architecture) {
                if !self.seen.contains(&neighbour) {
                    return Some(neighbour);
                }
                if reached.insert(neighbour.clone()) {
                    queue.push_back(neighbour);
                }
            }
        }
        None
    }
}

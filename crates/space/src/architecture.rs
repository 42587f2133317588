//! Architectures: one choice for each decision.

use std::{
    cmp::Ordering,
    hash::{Hash, Hasher},
};

/// One network of a search space: an option for each decision.
///
/// Two architectures are equal when their active choices are: inactive decisions count as their first option. What a
/// published string says about inactive decisions (Once-for-All prints twenty kernels even when fewer layers exist)
/// is remembered beside the choices, so that the string prints back as it came, and has no part in comparisons.
///
/// An architecture belongs to the space that made it; the methods of another space may panic on it.
#[derive(Debug, Clone)]
pub struct Architecture {
    /// The option of each decision; the first where the decision is inactive.
    choices: Vec<u16>,
    /// Inactive decisions and the options that a text gave for them, where not the first.
    remembered: Vec<(usize, u16)>,
}

// === impl Architecture ===

impl Architecture {
    pub(crate) fn new(choices: Vec<u16>) -> Self {
        Self {
            choices,
            remembered: Vec::new(),
        }
    }

    pub(crate) fn remembering(choices: Vec<u16>, remembered: Vec<(usize, u16)>) -> Self {
        Self {
            choices,
            remembered,
        }
    }

    /// Index of the chosen option for each decision, 0 where the decision is inactive.
    pub fn choices(&self) -> &[u16] {
        &self.choices
    }

    /// The option to print for a decision, active or not.
    pub(crate) fn printed(&self, decision: usize) -> usize {
        let remembered = self.remembered.iter().find(|(index, _)| *index == decision);
        usize::from(remembered.map_or(self.choices[decision], |(_, option)| *option))
    }
}

impl PartialEq for Architecture {
    fn eq(&self, other: &Self) -> bool {
        self.choices == other.choices
    }
}

impl Eq for Architecture {}

impl PartialOrd for Architecture {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Architecture {
    fn cmp(&self, other: &Self) -> Ordering {
        self.choices.cmp(&other.choices)
    }
}

impl Hash for Architecture {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.choices.hash(state);
    }
}
